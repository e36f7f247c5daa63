import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { type CacheMiddleware, type CacheOptions, type PurgeEvent, redisCache } from '../../src/index.ts';
import { PendingInvalidations } from '../../src/lifecycle/pending-invalidations.ts';
import { Reporter } from '../../src/observe/reporter.ts';
import { GuardedStore } from '../../src/store/guarded-store.ts';
import { adapterOf } from '../../src/store/redis/clients/index.ts';
import { redisStore } from '../../src/store/redis/redis-store.ts';
import { type SlowNetwork, startProxy } from '../support/chaos.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { UNSEALED } from '../support/unsealed.ts';
import { awake, until } from '../support/until.ts';

/*
 * "A cache MUST invalidate the target URI when it receives a non-error status code in response to an unsafe request
 * method" (RFC 9111 §4.4): whatever becomes of Redis meanwhile, who asks the process that received it is never answered
 * with what was stored before, and others are so only until that process can tell Redis.
 */

/** Two processes of an app as far as anybody can tell: only one of them loses Redis. */
type Name = 'here' | 'there';

let redis: RedisProcess;
let server: Server;
let network: SlowNetwork;
/** The connection of the one here. */
let client: Redis;
const caches = new Map<string, CacheMiddleware>();
const purges: PurgeEvent[] = [];
/** What the app has at each path. */
const versions = new Map<string, number>();

beforeEach(async () => {
  redis = await startRedis();
  network = await startProxy(redis);
  client = new Redis(network.url, { disconnectTimeout: 100 });
  client.on('error', () => {});
  await until(() => client.status === 'ready');
  versions.clear();
  purges.length = 0;
  server = createServer((req, res) => {
    const path = req.url as string;
    caches.get(req.headers['x-process'] as string)?.(req, res, () => {
      if (req.method === 'PUT') {
        versions.set(path, version(path) + 1);
        if (path === '/group') res.setHeader('Cache-Group-Invalidation', '"members"');
        else if (path === '/fails') res.statusCode = 500;
      } else {
        res.setHeader('Cache-Control', 'max-age=60');
        if (path.startsWith('/member')) res.setHeader('Cache-Groups', '"members"');
      }
      res.end(`${version(path.startsWith('/member') ? '/group' : path)}`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await Promise.all([...caches.values()].map((cache) => cache.close()));
  caches.clear();
  client.disconnect();
  network.stop();
  await redis.stop();
});

function version(path: string): number {
  return versions.get(path) ?? 0;
}

function open(options: CacheOptions = {}): void {
  const prefix = uniquePrefix();
  const here = redisCache({ timeout: 200, prefix, redis: client, ...options });
  here.on('purge', (purge) => purges.push(purge));
  caches.set('here', here);
  caches.set('there', redisCache({ timeout: 200, prefix, redis: redis.url }));
}

/** The one here loses Redis, until `client.connect()`. */
async function away(): Promise<void> {
  client.disconnect();
  await once(client, 'end');
}

async function ask(name: Name, path: string, method = 'GET'): Promise<{ version: number; status: string }> {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { 'x-process': name } });
  return {
    version: Number(await response.text()),
    status: response.headers.get('cache-status')?.replace('redis-response-cache; ', '') ?? '',
  };
}

/** Asks until what is stored is the answer. */
async function untilHit(name: Name, path: string): Promise<void> {
  await until(async () => (await ask(name, path)).status.startsWith('hit'));
}

describe.each<[string, CacheOptions]>([
  ['plainly', {}],
  ['with a near cache', { near: true }],
])('an unsafe request while Redis is away, %s', (_name, options) => {
  test('is remembered: here nothing older is answered, there only until Redis is back', async () => {
    open(options);
    await untilHit('here', '/a');
    await untilHit('there', '/a');
    await away();
    expect(await ask('here', '/a', 'PUT')).toEqual({ version: 1, status: 'fwd=method' });
    expect(await ask('here', '/a')).toMatchObject({ version: 1 });
    // The price of not being in the way.
    expect(await ask('there', '/a')).toMatchObject({ version: 0, status: expect.stringMatching(/^hit/) });

    await client.connect();
    const told: string[] = [];
    await until(async () => {
      const { version, status } = await ask('here', '/a');
      expect(version).toBe(1);
      told.push(status);
      return status.startsWith('hit');
    });
    expect(told[0]).toBe('fwd=bypass; detail=invalidating');
    expect(await ask('there', '/a')).toMatchObject({ version: 1 });
    // The URL, its form with a slash at the end, and the tag of its forms with upper case.
    await until(() => purges.length === 4);
    expect(purges.map(({ by, target, purged }) => [by, target, purged])).toEqual(
      expect.arrayContaining([
        ['unsafe-method', 'url', undefined],
        ['unsafe-method', 'url', 1],
        ['unsafe-method', 'url', 0],
        ['unsafe-method', 'tags', 0],
      ]),
    );
  });

  test('leaves everything else in use', async () => {
    open({ ...options, timeout: 2000 });
    await untilHit('here', '/a');
    await untilHit('here', '/b');
    await away();
    await ask('here', '/a', 'PUT');
    await client.connect();
    expect((await ask('here', '/b')).status).toMatch(/^hit/);
    expect((await ask('here', '/a')).version).toBe(1);
  });

  test('is remembered with the groups that it names', async () => {
    open(options);
    await untilHit('here', '/member/1');
    await untilHit('here', '/member/2');
    await untilHit('here', '/b');
    await away();
    await ask('here', '/group', 'PUT');
    await client.connect();
    expect(await ask('here', '/member/1')).toEqual({ version: 1, status: 'fwd=bypass; detail=invalidating' });
    expect((await ask('here', '/b')).status).toMatch(/^hit/);
    await until(async () => (await ask('there', '/member/2')).version === 1);
    await untilHit('here', '/member/1');
    expect((await ask('here', '/member/1')).version).toBe(1);
  });

  test('is told to Redis when the cache is closed, if that is possible by then', async () => {
    open(options);
    await untilHit('here', '/a');
    await away();
    await ask('here', '/a', 'PUT');
    await client.connect();
    await caches.get('here')?.close();
    expect((await ask('there', '/a')).version).toBe(1);
  });
});

test('more of them than are remembered one by one cost all that is stored, not their effect', async () => {
  const store = redisStore(adapterOf(client), uniquePrefix(), undefined, async () => {});
  const guard = new GuardedStore(store, 200, () => {}, UNSEALED);
  const owed = new PendingInvalidations(
    guard,
    200,
    new Reporter({ name: 'cache', showKey: false, clock: Date.now, store: 'memory', warnings: new Set() }),
    (tag) => guard.responses.purgeTag(tag),
  );
  const ids = ['first', 'other'];
  for (const id of ids) await guard.responses.put({ id, key: id, bytes: Buffer.from(id), ttlMs: 60_000 });
  await away();
  await owed.invalidate('first');
  expect([owed.includes('first'), owed.includes('other')]).toEqual([true, false]);
  for (let i = 0; i < 100_000; i++) await owed.invalidate(`${i}`);
  expect([owed.includes('first'), owed.includes('other')]).toEqual([true, true]);
  await client.connect();
  await owed.close();
  expect([owed.includes('first'), owed.includes('other')]).toEqual([false, false]);
  for (const id of ids) expect(await guard.responses.get({ spentMs: 0 }, id, [''])).toEqual([undefined]);
});

test('an unsafe request that fails invalidates nothing', async () => {
  open();
  await untilHit('here', '/fails');
  await away();
  await ask('here', '/fails', 'PUT');
  await client.connect();
  expect(await ask('here', '/fails')).toMatchObject({ version: 0, status: expect.stringMatching(/^hit/) });
});

test('Redis that reads and does not write costs the hits of what was changed, and no others', async () => {
  open({ timeout: 2000 });
  await untilHit('here', '/a');
  await untilHit('here', '/b');
  await redis.cli('REPLICAOF', '127.0.0.1', '1');
  await ask('here', '/a', 'PUT');
  for (let i = 0; i < 20; i++) {
    expect(await ask('here', '/a')).toEqual({ version: 1, status: 'fwd=bypass; detail=invalidating' });
    expect((await ask('here', '/b')).status).toMatch(/^hit/);
  }
  await redis.cli('REPLICAOF', 'NO', 'ONE');
  await untilHit('here', '/a');
  expect((await ask('here', '/a')).version).toBe(1);
  expect((await ask('there', '/a')).version).toBe(1);
});

test('who asks while the invalidation is on its way waits for it, and the unsafe request does not', async () => {
  open({ near: true, timeout: '1m' });
  await untilHit('here', '/a');
  await until(async () => (await ask('here', '/a')).status.includes('near'));
  for (let version = 1; version <= 5; version++) {
    network.hold();
    await ask('here', '/a', 'PUT');
    const asked = ask('here', '/a');
    expect(await Promise.race([asked, awake(50)])).toBeUndefined();
    network.release();
    expect(await asked).toMatchObject({
      version,
      status: expect.stringMatching(/^fwd=uri-miss/),
    });
  }
});

test('nothing older is answered while a purge of its group is on its way', async () => {
  open({ near: true });
  await untilHit('here', '/member/1');
  await until(async () => (await ask('here', '/member/1')).status.includes('near'));
  network.delay = 50;
  await ask('here', '/group', 'PUT');
  for (let i = 0; i < 5; i++) expect(await ask('here', '/member/1')).toMatchObject({ version: 1 });
  network.delay = 0;
  await untilHit('here', '/member/1');
});

test('an invalidation that hangs is not waited for longer than for anything else', async () => {
  open();
  await untilHit('here', '/a');
  redis.pause();
  await ask('here', '/a', 'PUT');
  const startedAt = performance.now();
  expect((await ask('here', '/a')).version).toBe(1);
  expect(performance.now() - startedAt).toBeLessThan(3000);
  redis.resume();
  await until(async () => {
    const { version, status } = await ask('here', '/a');
    expect(version).toBe(1);
    return status.startsWith('hit');
  });
});
