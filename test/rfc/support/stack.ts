import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CacheMiddleware, CacheOptions } from '../../../src/index.ts';
import { redisCache } from '../../../src/index.ts';
import { hangUpAll } from './client.ts';
import { Origin } from './origin.ts';
import { proxyTo, type Style } from './proxy.ts';

/** client -> http server -> redisCache -> proxy -> origin, and the one clock that they all go by. */
export class Stack {
  readonly clock: { now: number } = { now: Math.floor(Date.now() / 1000) * 1000 };
  readonly origin: Origin = new Origin(this.clock);
  readonly cache: CacheMiddleware;
  port = 0;
  #server: Server | undefined;
  readonly #style: Style;

  constructor(style: Style, options: CacheOptions = {}) {
    this.#style = style;
    // `ttl: false`: the RFC alone decides. A slow machine is no reason to bypass.
    this.cache = redisCache({ ttl: false, timeout: '5s', ...options, clock: () => this.clock.now });
  }

  async open(): Promise<this> {
    const proxy = proxyTo(await this.origin.listen(), this.#style);
    this.#server = createServer((req, res) => this.cache(req, res, () => proxy(req, res)));
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async close(): Promise<void> {
    hangUpAll();
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
    await this.origin.close();
    await this.cache.close();
  }
}
