import { afterEach } from '@jest/globals';
import express from 'express';
import { Redis } from 'ioredis';
import type { CacheMiddleware, CacheOptions, FaultEvent } from '../../../src/index.ts';
import { testApp } from '../../support/app.ts';

/* A deployment that seals what it stores: an app on Express 5, and what stands in Redis. */

export const url: string = process.env.TEST_REDIS_URL as string;

/** The bytes of a key for each name. */
export const keyOf = (id: string): { id: string; key: Buffer } => ({ id, key: Buffer.alloc(32, id) });
export const sealedBy = (...ids: string[]): CacheOptions => ({ encrypt: { keys: ids.map(keyOf) } });

/** Nothing of these may be read in Redis. */
export const BODY = 'CANARY-body';
export const FIELD = 'CANARY-field';

export interface Deployment {
  readonly cache: CacheMiddleware;
  readonly faults: FaultEvent[];
  /** How often the app was asked. */
  runs(): number;
  /** Resolves when what came of it is stored. */
  ask(path: string, headers?: Record<string, string>): Promise<{ status: string; body: string }>;
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

export async function deploy(options: CacheOptions): Promise<Deployment> {
  const app = express();
  let runs = 0;
  const { cache, faults, settled } = await testApp(
    (cache) => {
      app.use(cache);
      app.get('/varying{/*rest}', (_req, res, next) => {
        res.set('Vary', 'X-Tenant');
        next();
      });
      app.get('{/*path}', (req, res) => {
        runs++;
        res.set({ 'X-Field': FIELD, ETag: '"one"', 'Cache-Tag': 'leads' });
        if (req.headers['if-none-match'] === '"one"') return void res.sendStatus(304);
        res.send(`${BODY} of ${req.url} ${req.headers['x-tenant'] ?? ''}`.trim());
      });
      return app;
    },
    { redis: url, clock: Date.now, ...options },
  );
  return {
    cache,
    faults,
    runs: () => runs,
    async ask(path, headers = {}) {
      const { cacheStatus, body } = await settled({ path, headers });
      return { status: cacheStatus.replace(/ttl=\d+/, 'ttl'), body };
    },
  };
}

/** A connection of the test's own. */
export function direct(): Redis {
  const client = new Redis(url);
  closing.push(async () => client.disconnect());
  return client;
}

/** The hashes of stored responses under a prefix. */
export async function keysOf(client: Redis, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const batch of client.scanStream({ match: `${prefix}{*}`, count: 1000 })) keys.push(...batch);
  return [...new Set(keys)].filter((key) => !key.includes('{@')).sort();
}

/** Everything under a prefix, names and values, as one. */
export async function everythingOf(client: Redis, prefix: string): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const batch of client.scanStream({ match: `${prefix}*`, count: 1000 })) {
    for (const key of batch as string[]) {
      all.push(Buffer.from(key));
      const kind = await client.type(key);
      if (kind === 'hash') all.push(...((await client.callBuffer('HGETALL', key)) as Buffer[]));
      else if (kind === 'zset') all.push(...((await client.callBuffer('ZRANGE', key, 0, -1)) as Buffer[]));
      else all.push((await client.getBuffer(key)) as Buffer);
    }
  }
  return Buffer.concat(all.flatMap((part) => [part, Buffer.from('\n')]));
}
