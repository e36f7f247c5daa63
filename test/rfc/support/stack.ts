import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CacheMiddleware, CacheOptions } from '../../../src/index.ts';
import { redisCache } from '../../../src/index.ts';
import { type Answer, Connection, type Line } from '../../support/client.ts';
import { type Fields, flat } from './fields.ts';
import { Origin } from './origin.ts';
import { proxyTo, type Style } from './proxy.ts';

/** client -> http server -> redisCache -> proxy -> origin, and the one clock that they all go by. */
export class Stack {
  readonly clock: { now: number } = { now: Math.floor(Date.now() / 1000) * 1000 };
  readonly origin: Origin = new Origin(this.clock);
  readonly cache: CacheMiddleware;
  port = 0;
  #server: Server | undefined;
  #connection: Connection | undefined;
  readonly #style: Style;

  constructor(style: Style, options: CacheOptions = {}) {
    this.#style = style;
    // `ttl: false` and `guard: 'off'`: the RFC alone decides. A slow machine is no reason to bypass.
    this.cache = redisCache({
      ttl: false,
      guard: 'off',
      timeout: '5s',
      ...options,
      clock: () => this.clock.now,
    });
  }

  async open(): Promise<this> {
    const proxy = proxyTo(await this.origin.listen(), this.#style);
    this.#server = createServer((req, res) => this.cache(req, res, () => proxy(req, res)));
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** Sends one request and reads the answer to its end, however that comes. */
  ask(
    path: string,
    { method = 'GET', headers, body }: { method?: string; headers?: Fields; body?: string },
  ): Promise<Answer> {
    if (!this.#connection || this.#connection.closed) this.#connection = new Connection(this.port);
    const list = flat(headers, this.clock.now);
    const lines = list.flatMap((name, i): Line[] => (i % 2 === 0 ? [[name, list[i + 1] as string]] : []));
    return this.#connection.ask({ method, path, headers: lines, ...(body && { body }) });
  }

  async close(): Promise<void> {
    this.#connection?.close();
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
    await this.origin.close();
    await this.cache.close();
  }
}
