import { beforeAll, describe } from '@jest/globals';
import { type CacheMiddleware, type CacheOptions, PurgeError } from '../../src/index.ts';
import { bare, type Handler, newCache, serve } from './app.ts';
import { type Answer, type Asked, ask } from './client.ts';
import { sharedCluster } from './cluster.ts';
import { uniquePrefix } from './prefix.ts';
import { awake, until } from './until.ts';

export const redis: string = process.env.TEST_REDIS_URL as string;

/** Options of a store that nothing is in. */
export type Open = () => CacheOptions;

/** The same tests for a cache in Redis, in a Cluster and in process. */
export function everywhere(run: (open: Open) => void): void {
  describe('in Redis', () => run(() => ({ redis, prefix: uniquePrefix() })));
  describe('in a Cluster', () => {
    let nodes: string[];
    beforeAll(async () => {
      nodes = await sharedCluster();
    });
    run(() => ({ redis: { cluster: nodes }, prefix: uniquePrefix() }));
  });
  describe('in process', () => run(() => ({})));
}

/** A cache in front of some pages, and a client. */
export interface Site {
  readonly cache: CacheMiddleware;
  readonly port: number;
  /** Asks, and waits until what is stored is stored. */
  get(asked: Asked | string): Promise<Answer>;
  /** Which of these a request would be answered with, however stale, without anything being made. */
  stored(asked: readonly (Asked | string)[]): Promise<(Asked | string)[]>;
}

export async function site(options: CacheOptions, ...layers: readonly Handler[]): Promise<Site> {
  const cache = newCache(options);
  return siteOf(cache, await serve(bare(cache, ...layers)));
}

export function siteOf(cache: CacheMiddleware, port: number): Site {
  const get: Site['get'] = async (asked) => {
    const answer = await ask(port, asked);
    await cache.idle();
    return answer;
  };
  return {
    cache,
    port,
    get,
    async stored(asked) {
      const found = await Promise.all(
        asked.map(async (one) => {
          const request = typeof one === 'string' ? { path: one } : one;
          const headers = { ...request.headers, 'Cache-Control': 'only-if-cached, max-stale' };
          return (await get({ ...request, headers })).status !== 504;
        }),
      );
      return asked.filter((_, i) => found[i]);
    },
  };
}

/** A handler that is let go on by hand, behind several caches: as many processes, but for the memory. */
export interface Fleet {
  readonly caches: readonly CacheMiddleware[];
  /** The requests whose handlers run, or have run. */
  readonly running: { req: Parameters<Handler>[0]; res: Parameters<Handler>[1] }[];
  ask(process: number, asked?: Asked | string): Promise<Answer>;
  /** Waits until as many handlers have been begun. */
  runs(count: number): Promise<void>;
}

export async function fleet(processes: number, options: CacheOptions): Promise<Fleet> {
  const running: Fleet['running'] = [];
  const caches = Array.from({ length: processes }, () => newCache(options));
  const handler: Handler = (req, res) => running.push({ req, res });
  const ports = await Promise.all(caches.map((cache) => serve(bare(cache, handler))));
  return {
    caches,
    running,
    ask: (process, asked) => ask(ports[process] as number, asked),
    async runs(count) {
      await until(() => running.length >= count);
    },
  };
}

/** Long enough for requests that were sent to have come to where they wait. */
export const settled = (): Promise<void> => awake(100);

/** What a purge of this answers. */
export async function refusalOf(cache: CacheMiddleware, target: unknown): Promise<unknown> {
  const [outcome] = await Promise.allSettled([cache.purge(target as never)]);
  if (outcome?.status === 'fulfilled') return outcome.value;
  return outcome?.reason instanceof PurgeError ? 'PurgeError' : outcome?.reason;
}
