import { describe, expect, test } from '@jest/globals';
import { BoundedCounter } from '../../src/observe/bounded-counter.ts';
import { Histogram } from '../../src/observe/histogram.ts';
import { newCache } from '../support/app.ts';
import { startRedis } from '../support/redis.ts';
import { awake, until } from '../support/until.ts';
import { shop } from './support/shop.ts';

describe('cache.stats()', () => {
  test('counts requests by outcome, and responses by why they were not stored', async () => {
    const { cache, settled, ask, later, runs, gate } = await shop();
    const before = Date.now();
    await settled('/text');
    await settled('/text');
    await settled({ method: 'HEAD', path: '/text' });
    await settled({ path: '/text', headers: { 'If-None-Match': '*' } });
    await settled('/private');
    await settled('/cookie');
    await settled({ path: '/me', headers: { Authorization: 'Basic abc' } });
    await settled('/varies');
    await settled({ path: '/varies', headers: { 'Accept-Language': 'de' } });
    await settled('/text?unseen');
    await settled({ path: '/text', headers: { 'If-Match': '"a"' } });
    await settled({ method: 'POST', path: '/text' });
    await ask({ path: '/none', headers: { 'Cache-Control': 'only-if-cached' } });
    await settled('/behind');
    later(20_000);
    await settled('/behind');
    const runsBefore = runs();
    const gated = [settled('/gated'), settled('/gated')];
    await until(() => runs() > runsBefore);
    // The other request waits by then.
    await awake(100);
    gate.open();
    await Promise.all(gated);
    await settled('/short');
    later(5_000);
    await settled('/short');

    const stats = cache.stats();
    expect(stats.cache).toBe('redis-response-cache');
    expect(Math.abs(stats.startedAt - before)).toBeLessThan(60_000);
    expect(stats.requests).toEqual({
      ...{
        hit: 3,
        stale: 1,
        collapsed: 1,
        revalidated: 1,
        miss: 10,
        bypass: 2,
        unsatisfied: 1,
        abandoned: 0,
      },
      invalidated: 0,
    });
    expect(stats.hitRatio).toBeCloseTo(5 / 16);
    expect(stats.forwarded).toEqual({
      ...{ bypass: 1, method: 1, 'uri-miss': 10, 'vary-miss': 1, stale: 1, request: 0, partial: 0 },
    });
    expect(stats.details).toMatchObject({
      precondition: 1,
      'only-if-cached': 1,
      'stale-while-revalidate': 1,
    });
    expect(stats.refused).toEqual({ private: 1, 'set-cookie': 1, 'depends-on-credentials': 1 });
    // /text twice, /varies twice, /behind twice, /gated, /short twice.
    expect(stats.stored).toBe(9);
    // Two whole texts; a HEAD and a 304 have no body.
    expect(stats.bytes).toBe(25 + 'behind'.length + 'gated'.length + 'short'.length);
    expect(stats.savedMs).toBeGreaterThanOrEqual(40);
    expect(stats.latencyMs.lookup.count).toBeGreaterThanOrEqual(15);
    expect(stats.latencyMs.origin.count).toBe(12);
    expect(stats.latencyMs.hit.count).toBe(4);
    expect(stats.latencyMs.origin.p99).toBeGreaterThanOrEqual(40);
    expect(stats.purges).toEqual({ confirmed: 1, failed: 0, responses: 1 });
    expect(stats.refreshes).toMatchObject({ stored: 1, failed: 0 });
    expect(stats.faults).toEqual({});
  });

  test('has the counts of all middlewares of one cache, and does not change later', async () => {
    const { cache, settled } = await shop();
    const derived = cache.with({ ttl: '5s' });
    const before = derived.stats();
    await settled();
    expect(before.requests.miss).toBe(0);
    expect(derived.stats().requests.miss).toBe(1);
    expect(cache.stats()).toEqual(derived.stats());
  });

  test('counts a lookup that Redis does not answer as a fault, by step and code', async () => {
    const server = await startRedis();
    const cache = newCache({ redis: server.url, timeout: 100 });
    await cache.store.set('a', 1, { ttl: '1m' });
    server.pause();
    await cache.store.get('a');
    server.resume();
    await server.stop();
    expect(cache.stats().faults).toMatchObject({ lookup: { timeout: 1 } });
  });
});

describe('BoundedCounter', () => {
  test('counts words above the limit together as `other`', () => {
    const counter = new BoundedCounter(2);
    for (const word of ['a', 'b', 'c', 'a', 'd', '__proto__']) counter.add(word);
    expect(counter.snapshot()).toEqual({ a: 2, b: 1, other: 3 });
  });
});

describe('Histogram', () => {
  test('interpolates percentiles within its buckets, and counts cumulatively', () => {
    const histogram = new Histogram();
    expect(histogram.snapshot()).toMatchObject({ count: 0, sum: 0, p50: 0, p99: 0 });
    for (let ms = 1; ms <= 1000; ms++) histogram.add(ms);
    const { count, sum, p50, p90, p99, buckets } = histogram.snapshot();
    expect([count, sum]).toEqual([1000, 500_500]);
    for (const [figure, exact] of [
      [p50, 500],
      [p90, 900],
      [p99, 990],
    ] as const) {
      expect(Math.abs(figure - exact)).toBeLessThan(10);
    }
    expect(buckets.find(({ le }) => le === 100)?.count).toBe(100);
    histogram.add(1e9);
    expect(histogram.snapshot().buckets.at(-1)?.count).toBe(1000);
  });
});
