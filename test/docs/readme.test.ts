import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import express, { type Express } from 'express';
import request from 'supertest';
import { type CacheMiddleware, type CacheOptions, redisCache } from '../../src/index.ts';
import { expectHit, expectStored, testCache } from '../../src/testing/index.ts';
import { uniquePrefix } from '../support/prefix.ts';

const README = readFileSync('README.md', 'utf8');
const redis = process.env.TEST_REDIS_URL as string;

const open: CacheMiddleware[] = [];
afterEach(async () => {
  for (const cache of open.splice(0)) {
    await cache.purge({ all: true });
    await cache.close();
  }
});

function cacheOf(options: CacheOptions = {}): CacheMiddleware {
  const cache = redisCache({ redis, prefix: uniquePrefix(), timeout: '2s', ...options });
  open.push(cache);
  return cache;
}

/** The README's first program, with a count of what its slow and metered function was asked. */
function quickStart(cache: CacheMiddleware): { app: Express; calls: () => number } {
  let calls = 0;
  const slowAndMetered = async (query: unknown): Promise<unknown> => {
    calls++;
    await sleep(20);
    return query;
  };
  const app = express();
  app.use(cache);
  app.get('/leads', async (req, res) => {
    res.json(await slowAndMetered(req.query));
  });
  return { app, calls: () => calls };
}

describe('the README', () => {
  test('shows what the first and the second request are answered', async () => {
    const now = Date.now();
    const cache = cacheOf({ ttl: '1h', clock: () => now });
    const { app, calls } = quickStart(cache);
    const first = await request(app).get('/leads?country=DE');
    expect(first.headers['cache-status']).toBe('redis-response-cache; fwd=uri-miss; stored');
    await cache.idle();
    // A server of its own for each request, as supertest does it, has a port and so a host of its own.
    const host = new URL(first.request.url).host;
    const second = await request(app).get('/leads?country=DE').set('Host', host);
    expect(second.headers['cache-status']).toMatch(/^redis-response-cache; hit; ttl=(?:3600|3599)$/);
    expect(second.headers.age).toBe('0');
    expect(second.body).toEqual({ country: 'DE' });
    expect(calls()).toBe(1);
  });

  test('says that parameters in another order and HEAD are answered by the same', async () => {
    const cache = testCache();
    const { app, calls } = quickStart(cache);
    expectStored(await request(app).get('/leads?a=1&b=2'));
    await cache.idle();
    expectHit(await request(app).get('/leads?b=2&a=1'));
    expectHit(await request(app).head('/leads?a=1&b=2'));
    expect(calls()).toBe(1);
  });

  test('says that a purge by URL takes all variants, and that no order of parameters hides one', async () => {
    const cache = testCache({ vary: { headers: ['accept-language'] } });
    const { app } = quickStart(cache);
    for (const language of ['de', 'en'])
      expectStored(await request(app).get('/leads?page=1&size=2').set('Accept-Language', language));
    await cache.idle();
    expect(await cache.purge({ url: 'http://127.0.0.1/leads?size=2&page=1' })).toBe(2);
  });

  test('says that without redis the cache lives in the process', async () => {
    const cache = redisCache({ ttl: '10s' });
    open.push(cache);
    const { app, calls } = quickStart(cache);
    for (let i = 0; i < 3; i++) await request(app).get('/leads').set('Host', 'api.example.com');
    expect(calls()).toBe(1);
  });

  test('lists ten options, each with the default that docs/options.md has', () => {
    const page = readFileSync('docs/options.md', 'utf8');
    const documented = [...page.matchAll(/^\| \[`(\w+)`\]\(#\w+\) \| ([^|]*) \|/gm)];
    const defaults = new Map(documented.map(([, name, value]) => [name, value]));
    const rows = [...README.matchAll(/^\| `(\w+)` \| (.*?) \| .* \|$/gm)];
    expect(rows).toHaveLength(10);
    for (const [, name, value] of rows) {
      const described = defaults.get(name);
      expect([name, described]).toEqual([name, expect.any(String)]);
      // Some defaults are described in words.
      if (described?.startsWith('`')) expect([name, value]).toEqual([name, described]);
    }
  });

  test('has at most 160 lines', () => {
    expect(README.split('\n').length).toBeLessThanOrEqual(160);
  });

  test('says what the entries weigh at most, with all of their dependencies', () => {
    const budgets = readFileSync('scripts/size.mjs', 'utf8');
    const [, index, prometheus, otel] =
      /BUDGETS = \{ index: (\d+), prometheus: (\d+), otel: (\d+),/.exec(budgets) ?? [];
    expect(README).toContain(`At most ${index} kB minified and gzipped`);
    expect(otel).toBe(prometheus);
    expect(README).toContain(`\`/prometheus\` and \`/otel\` at most ${otel} kB`);
  });
});
