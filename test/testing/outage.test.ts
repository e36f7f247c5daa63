import { afterEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { ArgumentError, type CacheMiddleware, StoreError } from '../../src/index.ts';
import {
  expectForwarded,
  expectHit,
  expectMiss,
  type OutageKind,
  type TestCache,
  testCache,
} from '../../src/testing/index.ts';
import { type Handler, newCache } from '../support/app.ts';
import { quietly } from '../support/quietly.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

/** How a real Redis gets into each state. */
const REAL: Readonly<Record<OutageKind, (redis: RedisProcess) => unknown>> = {
  away: (redis) => redis.kill(),
  hung: (redis) => redis.pause(),
  full: (redis) => redis.cli('CONFIG', 'SET', 'maxmemory', '1'),
  'read-only': (redis) => redis.cli('REPLICAOF', '127.0.0.1', 1),
};

const KINDS = Object.keys(REAL) as OutageKind[];

let redis: RedisProcess | undefined;
const caches: CacheMiddleware[] = [];
afterEach(async () => {
  await redis?.stop();
  redis = undefined;
  for (const cache of caches.splice(0)) await cache.close();
});
quietly();

function cacheOf(): TestCache {
  const cache = testCache({ ttl: '1h', timeout: 50 });
  caches.push(cache);
  return cache;
}

function appOf(cache: CacheMiddleware): express.Express {
  return express().use(cache as Handler & CacheMiddleware, (req, res) => void res.send(`made ${req.url}`));
}

/** What seven requests for something stored, and two for something new, are answered. */
async function statuses(app: express.Express): Promise<string[]> {
  const all: string[] = [];
  for (const path of [...Array<string>(7).fill('/known'), '/new', '/new']) {
    const { status, text, headers } = await request(app).get(path).set('Host', 'api.example.com');
    expect({ status, text }).toEqual({ status: 200, text: `made ${path}` });
    all.push(String(headers['cache-status']).replace(/; ttl=\d+/, ''));
  }
  return all;
}

async function fill(app: express.Express, cache: CacheMiddleware): Promise<void> {
  const get = async (): Promise<string> =>
    String((await request(app).get('/known').set('Host', 'api.example.com')).headers['cache-status']);
  await until(async () => {
    await cache.idle();
    return / hit/.test(await get());
  });
}

describe.each(KINDS)('outage(%j)', (kind) => {
  test('has the app answer, with the same Cache-Status as with a Redis in that state', async () => {
    const cache = cacheOf();
    const app = appOf(cache);
    await fill(app, cache);
    cache.outage(kind);
    const simulated = await statuses(app);

    redis = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
    // Where a Redis replies, a busy machine may be late.
    const real = newCache({ redis: redis.url, ttl: '1h', timeout: kind === 'hung' ? 50 : 2000 });
    const realApp = appOf(real);
    await fill(realApp, real);
    await REAL[kind](redis);
    // The connection is lost a moment after the server is gone.
    if (kind === 'away')
      await until(async () =>
        /unavailable/.test(String((await request(realApp).get('/')).headers['cache-status'])),
      );
    const observed = await statuses(realApp);
    if (kind === 'hung') redis.resume();
    expect(simulated).toEqual(observed);
  });

  test('ends by end(), and by the end of a using block; what was stored is there again', async () => {
    const cache = cacheOf();
    const app = appOf(cache);
    expectMiss(await request(app).get('/'));
    await cache.idle();
    const outage = cache.outage(kind);
    expect(outage.kind).toBe(kind);
    for (let i = 0; i < 6; i++) await request(app).get(`/${i}`);
    outage.end();
    expectHit(await request(app).get('/'));

    const other = cache.outage(kind);
    await request(app).get('/other');
    other[Symbol.dispose]();
    expectMiss(await request(app).get('/other'));
    await cache.idle();
    expectHit(await request(app).get('/other'));
  });

  test('ends with reset() of the test cache', async () => {
    const cache = cacheOf();
    const app = appOf(cache);
    cache.outage(kind);
    await request(app).get('/');
    await cache.reset();
    expectMiss(await request(app).get('/'));
    await cache.idle();
    expectHit(await request(app).get('/'));
  });
});

test('an outage replaces another one, whose end() ends it no more', async () => {
  const cache = cacheOf();
  const app = appOf(cache);
  const away = cache.outage('away');
  const full = cache.outage('full');
  away.end();
  expectForwarded(await request(app).get('/'), 'OOM');
  full.end();
  full.end();
  expectMiss(await request(app).get('/'));
});

test('a purge during an outage rejects, as in production', async () => {
  const cache = cacheOf();
  for (const kind of ['away', 'hung', 'read-only'] as const) {
    const outage = cache.outage(kind);
    for (const target of [{ all: true }, { tag: 'leads' }, { url: 'http://localhost/' }] as const)
      await expect(cache.purge(target)).rejects.toThrow(StoreError);
    outage.end();
  }
  cache.outage('full');
  expect(await cache.purge({ all: true })).toBe(0);
});

test('an unknown outage is refused', () => {
  expect(() => cacheOf().outage('gone' as 'away')).toThrow(ArgumentError);
});
