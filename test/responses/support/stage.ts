import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import connect from 'connect';
import express, { type Request, type Response } from 'express';
import { Redis } from 'ioredis';
import { type CacheMiddleware, type CacheOptions, redisCache } from '../../../src/index.ts';
import { uniquePrefix } from '../../support/prefix.ts';

/* Real servers of four frameworks, with whatever middleware in front of one handler, and a cache on real Redis. */

type Next = (error?: unknown) => void;
export type Layer = (req: IncomingMessage, res: ServerResponse, next: Next) => void;
/** With Express's own methods on Express, and only Node's elsewhere. */
export type Handler = (req: Request, res: Response, next: Next) => unknown;

export interface Framework {
  readonly name: string;
  readonly express: boolean;
  /** @param bare without the fields that the framework adds by itself. */
  app(layers: readonly Layer[], handler: Handler, bare?: boolean): App;
}

/** `use` is there on all frameworks but `node:http`. */
type App = RequestListener & { use?(layer: unknown): unknown };

const express4 = require('express4') as typeof express;

export const frameworks: readonly Framework[] = [
  { name: 'Express 5', express: true, app: expressApp(express) },
  { name: 'Express 4', express: true, app: expressApp(express4) },
  {
    name: 'Connect',
    express: false,
    app(layers, handler) {
      const app = connect();
      for (const layer of layers) app.use(layer);
      return app.use(handler as Layer);
    },
  },
  {
    name: 'node:http',
    express: false,
    app: (layers, handler) => (req, res) => {
      const run = (i: number): void => {
        const layer = layers[i];
        if (layer) layer(req, res, () => run(i + 1));
        else handler(req as Request, res as Response, () => {});
      };
      run(0);
    },
  },
];

export const expresses: readonly Framework[] = frameworks.filter((framework) => framework.express);

function expressApp(make: typeof express): Framework['app'] {
  return (layers, handler, bare = false) => {
    const app = make();
    // Express's own answer to an error prints it everywhere but in a test.
    app.set('env', 'test');
    if (bare) app.disable('x-powered-by');
    for (const layer of layers) app.use(layer);
    app.use(handler);
    return app;
  };
}

/** A server under test: where it listens, and how often its handler ran. */
export interface Stage {
  readonly app: App;
  readonly port: number;
  readonly runs: () => number;
  /** Resolves when the handler has run this often. */
  ran(times: number): Promise<void>;
  /** Resolves when the server is through with every response, and the handler with what it promised. */
  closed(): Promise<void>;
}

const servers = new Set<Server>();
let redis: Redis;

beforeAll(async () => {
  redis = new Redis(process.env.TEST_REDIS_URL as string);
  await redis.ping();
});
afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
  servers.clear();
});
afterAll(() => redis.disconnect());

/** A cache of its own on the Redis of the run. Its patience is that of a busy machine. */
export function newCache(options: CacheOptions = {}): CacheMiddleware {
  return redisCache({ redis, prefix: uniquePrefix(), timeout: '5s', ...options });
}

export async function stage(
  framework: Framework,
  layers: readonly Layer[],
  handler: Handler,
  bare?: boolean,
): Promise<Stage> {
  let runs = 0;
  const closed: Promise<unknown>[] = [];
  const waiting = new Set<() => void>();
  const counted: Handler = (req, res, next) => {
    runs++;
    for (const wake of waiting) wake();
    const result = handler(req, res, next);
    closed.push(Promise.resolve(result).catch(() => {}));
    return result;
  };
  const watch: Layer = (_req, res, next) => {
    closed.push(new Promise((resolve) => res.once('close', resolve)));
    next();
  };
  const app = framework.app([watch, ...layers], counted, bare);
  const server = createServer(app);
  servers.add(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    app,
    port: (server.address() as AddressInfo).port,
    runs: () => runs,
    async ran(times) {
      while (runs < times) await new Promise<void>((resolve) => waiting.add(resolve));
    },
    async closed() {
      await Promise.all(closed);
    },
  };
}
