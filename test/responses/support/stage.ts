import type { RequestListener } from 'node:http';
import { afterAll, beforeAll } from '@jest/globals';
import { Redis } from 'ioredis';
import { onceUnnoticed } from '../../../src/exchange/disconnect-watch.ts';
import type { CacheMiddleware, CacheOptions } from '../../../src/index.ts';
import { type Framework, frameworks, type Handler, type Layer, newCache, serve } from '../../support/app.ts';
import { uniquePrefix } from '../../support/prefix.ts';

/* A server of any framework, with whatever middleware in front of one handler, and a cache on real Redis. */

export const expressApps: readonly Framework[] = frameworks.filter(({ express }) => express);

/** A server under test: where it listens, and how often its handler ran. */
export interface Stage {
  /** `use` is there on all frameworks but `node:http`. */
  readonly app: RequestListener & { use?(layer: unknown): unknown };
  readonly port: number;
  readonly runs: () => number;
  /** Resolves when the handler has run this often. */
  ran(times: number): Promise<void>;
  /** Resolves when the server is through with every response, and the handler with what it promised. */
  closed(): Promise<void>;
}

let redis: Redis;

beforeAll(async () => {
  redis = new Redis(process.env.TEST_REDIS_URL as string);
  await redis.ping();
});
afterAll(() => redis.disconnect());

/** A cache on the Redis of the run, through one client for all caches of a suite. */
export function redisBacked(options: CacheOptions = {}): CacheMiddleware {
  return newCache({ redis, prefix: uniquePrefix(), ...options });
}

/** @param bare without the field that Express adds by itself. */
export async function stage(
  framework: Framework,
  layers: readonly Layer[],
  handler: Handler,
  bare = false,
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
    // A listener of middleware in front could tell the app.
    closed.push(new Promise<void>((resolve) => onceUnnoticed(res, 'close', resolve)));
    next();
  };
  const app = (bare ? framework.bareApp : framework.app)(watch, ...layers, counted);
  return {
    app,
    port: await serve(app),
    runs: () => runs,
    async ran(times) {
      while (runs < times) await new Promise<void>((resolve) => waiting.add(resolve));
    },
    async closed() {
      await Promise.all(closed);
    },
  };
}
