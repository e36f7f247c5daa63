import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CacheOptions } from '../../src/index.ts';
import { type App, startApp, untilHit } from '../faults/support/app.ts';
import { quietly } from '../support/quietly.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

/* A process that has found nothing for long asks for the lease at once where it has not looked before. */

let redis: RedisProcess;
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(() => redis.stop());
quietly();

let items = 0;
/** Runs of the private handler that are under way, and how many there were at most. */
const runs = { now: 0, most: 0 };
/** Two apps have two ports: the same key for both. */
const SHARED: CacheOptions = { key: (req) => (req as { url?: string }).url ?? '' };

/** An app that has had nothing but misses, and expects another. */
async function expectant(options: CacheOptions = {}): Promise<App> {
  const app = await startApp({ redis: redis.url, timeout: 5000, ...options }, (express) => {
    express.get('/slow/:id', async (_req, res) => {
      await sleep(300);
      res.set('x-process', String(process.pid)).send(String(items++));
    });
    express.get('/private/:id', async (_req, res) => {
      runs.most = Math.max(runs.most, ++runs.now);
      await sleep(300);
      runs.now--;
      res.set('Cache-Control', 'private').send(String(items++));
    });
  });
  for (let i = 0; i < 60; i++) await app.item(`expected-${items++}`);
  await app.cache.idle();
  return app;
}

/** How often each command was sent since the last reset; commands of scripts are among them. */
async function sent(): Promise<{ hget: number; evalsha: number }> {
  const stats = String(await redis.cli('INFO', 'commandstats'));
  const calls = (name: string): number =>
    Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  return { hget: calls('hget'), evalsha: calls('evalsha') };
}

const leases = async (): Promise<string[]> => (await redis.cli('KEYS', '*|leases')) as string[];

test('a miss sends two commands, the lease and the commit, and the next request is a hit', async () => {
  const app = await expectant();
  await redis.cli('CONFIG', 'RESETSTAT');
  expect((await app.item('new')).cacheStatus).toContain('fwd=uri-miss; stored');
  await app.cache.idle();
  // Each script reads one field: the purge log, and the lease.
  expect(await sent()).toEqual({ hget: 2, evalsha: 2 });
  expect((await app.item('new')).hit).toBe(true);
  expect(await leases()).toEqual([]);
});

test('a process that has just started looks up first', async () => {
  const app = await startApp({ redis: redis.url });
  await app.item('first');
  await app.cache.idle();
  await redis.cli('CONFIG', 'RESETSTAT');
  await app.item('second');
  await app.cache.idle();
  expect(await sent()).toEqual({ hget: 3, evalsha: 2 });
});

describe('what another process', () => {
  test('has stored is served, and after some of it the process looks up first', async () => {
    const other = await startApp({ redis: redis.url, timeout: 5000, ...SHARED });
    for (let i = 0; i < 20; i++) await untilHit(other, i);
    const app = await expectant(SHARED);
    const calls = app.calls();
    for (let i = 0; i < 20; i++) expect((await app.item(i)).hit).toBe(true);
    expect(app.calls()).toBe(calls);
    expect(await leases()).toEqual([]);
    await redis.cli('CONFIG', 'RESETSTAT');
    await app.item('new');
    await app.cache.idle();
    expect((await sent()).hget).toBe(3);
  });

  test('is making is waited for', async () => {
    const [app, other] = [await expectant(SHARED), await expectant(SHARED)];
    const first = other.get('/slow/1');
    await until(async () => (await leases()).length === 1);
    const [second, third] = [app.get('/slow/1'), app.get('/slow/1')];
    const { body } = await first;
    expect([(await second).body, (await third).body]).toEqual([body, body]);
  });

  test('has found not to be shared is not waited for', async () => {
    const [app, other] = [await expectant(SHARED), await expectant(SHARED)];
    await other.get('/private/1');
    runs.most = 0;
    const answers = await Promise.all(Array.from({ length: 4 }, () => app.get('/private/1')));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(4);
    expect(runs.most).toBeGreaterThan(1);
  });
});

test('requests at once run the handler once', async () => {
  const app = await expectant();
  const answers = await Promise.all(Array.from({ length: 20 }, () => app.get('/slow/1')));
  expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
});

test('a purge revokes the fill', async () => {
  const app = await expectant();
  const answer = app.get('/slow/1');
  await until(async () => (await leases()).length === 1);
  await app.cache.purge({ url: `${app.origin}/slow/1` });
  await answer;
  await app.cache.idle();
  expect((await app.get('/slow/1')).hit).toBe(false);
});

test.each<[string, CacheOptions, RequestInit]>([
  ['a HEAD request', {}, { method: 'HEAD' }],
  ['a request for what is stored alone', {}, { headers: { 'Cache-Control': 'only-if-cached' } }],
])('%s takes no lease', async (_what, options, init) => {
  const app = await expectant(options);
  await redis.cli('CONFIG', 'RESETSTAT');
  await fetch(`${app.origin}/item/new`, init);
  await app.cache.idle();
  expect(await sent()).toEqual({ hget: 1, evalsha: 0 });
});

test.each<[string, CacheOptions]>([
  ['where requests are not collapsed', { collapse: false }],
  ['in shadow mode', { mode: 'shadow' }],
])('%s it looks up first', async (_where, options) => {
  const app = await expectant(options);
  await redis.cli('CONFIG', 'RESETSTAT');
  await app.item('new');
  await app.cache.idle();
  expect(await sent()).toEqual({ hget: 3, evalsha: 2 });
});

test('a client that leaves before the lease is given has it given back', async () => {
  const app = await expectant();
  redis.pause();
  const controller = new AbortController();
  const calls = app.calls();
  const left = fetch(`${app.origin}/item/left`, { signal: controller.signal }).catch(() => 'left');
  await sleep(100);
  controller.abort();
  expect(await left).toBe('left');
  await sleep(100);
  redis.resume();
  await until(async () => (await leases()).length === 0 && app.requests.at(-1)?.result === 'abandoned');
  expect(app.calls()).toBe(calls);
});

test('a server that is full is read from, and the fault is that of the lease', async () => {
  const other = await startApp({ redis: redis.url, timeout: 5000, ...SHARED });
  await untilHit(other, 1);
  const app = await expectant(SHARED);
  await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  await redis.cli('CONFIG', 'SET', 'maxmemory', '1');
  expect((await app.item(1)).hit).toBe(true);
  expect((await app.item('new')).cacheStatus).toContain('fwd=uri-miss; detail=OOM');
  expect(app.faults.map(({ step, code }) => `${step} ${code}`)).toEqual(['acquire OOM', 'acquire OOM']);
});
