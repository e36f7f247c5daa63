import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { fingerprint } from '../../src/entry.ts';
import type { RedisStore } from '../../src/store/redis-store.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { clientOf, storeOf } from './servers.ts';
import { at, commitOf, fill, lease, MINUTE, NOTHING, purgeAll, response } from './values.ts';

/* What only Redis can be asked: which keys there are, of which slot, for how long, and which commands ran. */

let redis: RedisProcess;
let client: Redis;
let store: RedisStore;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  client = clientOf(redis);
  store = storeOf(client);
  await client.flushall();
  await client.config('RESETSTAT');
});
afterEach(() => store.close());

/** A bit of everything, under one tag. */
async function life(tag: string): Promise<void> {
  await fill(store, tag, { slot: 'declared' });
  await fill(store, tag);
  await fill(store, tag, { names: ['dnt'], variant: 'v1', ttl: 2000 });
  await fill(store, tag, { names: ['dnt', 'accept'], variant: 'v2', field: 'v2' });
  await fill(store, tag, { variant: 'unvaried', field: 'unvaried', ttl: 500 });
  await store.acquire(lease(tag, 'v3', 'one'), NOTHING, 200);
  await store.renew(lease(tag, 'v3', 'one'), MINUTE);
  await store.acquire(lease(tag, 'v4', 'two'), NOTHING, 100);
  await store.release(lease(tag, 'v3', 'one'), 0);
  await store.discard({ tag, variant: 'v1' });
}

describe('keys', () => {
  test('of any kind expire, after any sequence of verbs', async () => {
    await life('tag');
    const keys = await client.keys('*');
    expect(keys.sort()).toEqual([
      'rrc:{tag}',
      'rrc:{tag}:declared',
      'rrc:{tag}:unvaried',
      'rrc:{tag}:v2',
      'rrc:{tag}|index',
      'rrc:{tag}|leases',
    ]);
    for (const key of keys) expect([key, (await client.pttl(key)) > 0]).toEqual([key, true]);
  });

  test('expire to the millisecond that was asked for', async () => {
    await fill(store, 'tag', { ttl: 123_456 });
    const left = await client.pttl('rrc:{tag}');
    expect(left).toBeLessThanOrEqual(123_456);
    expect(left).toBeGreaterThan(123_456 - 5000);
  });

  test('of bookkeeping last as long as what they are about', async () => {
    await fill(store, 'tag', { names: ['dnt'], variant: 'long', ttl: 10 * MINUTE });
    await fill(store, 'tag', { names: ['dnt'], variant: 'short', field: 'short', ttl: MINUTE });
    await store.acquire(lease('tag', 'a'), NOTHING, 10 * MINUTE);
    await store.acquire(lease('tag', 'b'), NOTHING, MINUTE);
    for (const key of ['rrc:{tag}', 'rrc:{tag}|index', 'rrc:{tag}|leases']) {
      expect([key, (await client.pttl(key)) > 9 * MINUTE]).toEqual([key, true]);
    }
  });

  test('leave nothing behind once the last lease and the last response are gone', async () => {
    await life('tag');
    await store.purge('tag');
    expect(await client.keys('*')).toEqual([]);
  });

  test('of one tag are of one slot, so that scripts can touch them together', async () => {
    const cluster = await startRedis({ args: ['--cluster-enabled', 'yes'] });
    try {
      await life('some-tag');
      const slots = new Set<unknown>();
      for (const key of await client.keys('*')) slots.add(await cluster.cli('CLUSTER', 'KEYSLOT', key));
      expect(slots.size).toBe(1);
    } finally {
      await cluster.stop();
    }
  });
});

test('leases of fills that ended somehow do not pile up', async () => {
  for (let i = 0; i < 60; i++) await store.acquire(lease('tag', `v${i}`), NOTHING, 1);
  await store.acquire(lease('tag', 'last'), NOTHING, MINUTE);
  expect(await client.hlen('rrc:{tag}|leases')).toBeLessThanOrEqual(33);
});

test('a server that has forgotten the scripts is given them again, whatever the verb', async () => {
  const flush = () => client.script('FLUSH');
  for (const [i, tag] of ['a', 'b'].entries()) {
    await flush();
    expect(await store.acquire(lease(tag), NOTHING, MINUTE)).toBe('leader');
    await flush();
    expect(await store.renew(lease(tag), MINUTE)).toBe(true);
    await flush();
    if (i > 0) await store.release(lease(tag), 0);
    await flush();
    expect(await store.commit(commitOf(tag))).toBe(i === 0);
    await flush();
    expect(await store.purge(tag)).toBe(i === 0 ? 1 : 0);
  }
});

describe('purgeAll', () => {
  const FOREIGN = [
    'rrc',
    'rrc:',
    'rrc:other',
    'rrc:other:{tag}',
    'rrc:other:{tag}|leases',
    'xrrc:{tag}',
    'rr:{tag}',
  ];

  test("leaves other keys of the server alone, those of other caches' prefixes too", async () => {
    for (const key of FOREIGN) await client.set(key, '\x01');
    const others = storeOf(clientOf(redis), 'rrc:2:');
    await fill(others, 'tag');
    await life('tag');
    await purgeAll(store);
    expect(await at(others, 'tag')).toEqual(response('text'));
    expect((await client.keys('*')).sort()).toEqual([...FOREIGN, 'rrc:2:{tag}'].sort());
    await others.close();
  });

  test('with a keyPrefix and a prefix of glob characters deletes its own keys alone', async () => {
    await client.set('aXpp:rrc:{tag}', '\x01');
    const prefixed = storeOf(clientOf(redis, { keyPrefix: 'a?*pp[X]:' }));
    await fill(prefixed, 'tag');
    expect(await client.exists('a?*pp[X]:rrc:{tag}')).toBe(1);
    expect(await purgeAll(prefixed)).toBe(1);
    expect(await client.keys('*')).toEqual(['aXpp:rrc:{tag}']);
    await prefixed.close();
  });

  test('revokes all leases before it deletes the first response', async () => {
    await fill(store, 'stored');
    const fills = Array.from({ length: 1200 }, (_, i) => `tag${i}`);
    await Promise.all(fills.map((tag) => store.acquire(lease(tag), NOTHING, MINUTE)));
    for await (const count of store.purgeAll()) {
      if (count === 0) continue;
      expect(await client.keys('*|leases')).toEqual([]);
    }
    expect(await client.keys('*')).toEqual([]);
  });

  test('walks in steps, and never blocks the server with KEYS or FLUSHDB', async () => {
    await Promise.all(Array.from({ length: 2500 }, (_, i) => fill(store, `tag${i}`)));
    await client.config('RESETSTAT');
    let steps = 0;
    let count = 0;
    for await (const deleted of store.purgeAll()) {
      steps++;
      count += deleted;
    }
    expect(count).toBe(2500);
    expect(steps).toBeGreaterThan(4);
    const stats = await client.info('commandstats');
    expect(stats).toMatch(/cmdstat_scan:/);
    expect(stats).not.toMatch(/cmdstat_(keys|flushdb|flushall|del|eval|evalsha):/);
  });
});

describe('a key of another type', () => {
  test('where a response belongs reads as damage, and is overwritten', async () => {
    await client.lpush('rrc:{tag}', 'a');
    expect(await at(store, 'tag')).toEqual(NOTHING);
    expect(await store.acquire(lease('tag'), NOTHING, MINUTE)).toBe('leader');
    expect(await store.commit(commitOf('tag'))).toBe(true);
    expect(await at(store, 'tag')).toEqual(response('text'));
  });

  test('where a variant belongs is overwritten', async () => {
    await fill(store, 'tag', { names: ['dnt'], variant: 'v1' });
    await client.lpush('rrc:{tag}:v2', 'a');
    expect(await store.get('tag', ['v1', 'v2'])).toEqual([response('text'), undefined]);
    await store.acquire(lease('tag', 'v2'), NOTHING, MINUTE);
    expect(await store.commit(commitOf('tag', { names: ['dnt'], variant: 'v2', field: 'v2' }))).toBe(true);
    expect(await at(store, 'tag', 'v2')).toEqual(response('text'));
  });

  test.each(['leases', 'index'])('where the %s belong is overwritten', async (name) => {
    await client.lpush(`rrc:{tag}|${name}`, 'a');
    expect(await store.renew(lease('tag'), MINUTE)).toBe(false);
    await store.release(lease('tag'), 0);
    expect(await store.commit(commitOf('tag'))).toBe(false);
    expect(await fill(store, 'tag', { slot: 'declared' })).toBe(true);
    expect(await store.purge('tag')).toBe(1);
    expect(await client.keys('*')).toEqual([]);
  });

  test('is no obstacle to a purge', async () => {
    await client.lpush('rrc:{tag}', 'a');
    await client.set('rrc:{tag}|leases', 'a');
    await client.set('rrc:{tag}|index', 'a');
    expect(await store.purge('tag')).toBe(0);
    await client.lpush('rrc:{tag}', 'a');
    expect(await purgeAll(store)).toBe(0);
    expect(await client.keys('*')).toEqual([]);
  });
});

test('a lease that is no lease is taken over', async () => {
  await client.hset('rrc:{tag}|leases', '', 'damaged');
  expect(await store.renew(lease('tag'), MINUTE)).toBe(false);
  expect(await store.commit(commitOf('tag'))).toBe(false);
  expect(await store.acquire(lease('tag'), NOTHING, MINUTE)).toBe('leader');
  for (let i = 0; i < 40; i++) await client.hset('rrc:{tag}|leases', `v${i}`, 'damaged');
  expect(await store.acquire(lease('tag', 'another'), NOTHING, MINUTE)).toBe('leader');
  expect(await client.pttl('rrc:{tag}|leases')).toBeGreaterThan(0);
});

test('the fingerprint that acquire compares is of the bytes themselves', async () => {
  const bytes = Buffer.from([1, 0, 255, 254, 0, 13, 10, 0, 200, 201, 202, 203, 204, 205, 206, 0, 1]);
  await fill(store, 'tag', { bytes });
  expect(await store.acquire(lease('tag'), fingerprint(bytes), MINUTE)).toBe('leader');
});
