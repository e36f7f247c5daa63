import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { Store } from '../../src/store/store.ts';
import {
  at,
  commitOf,
  fill,
  lease,
  MINUTE,
  NOTHING,
  purgeAll,
  purgeTag,
  response,
} from '../stores/support/values.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { clientOf, storeOf } from '../support/store.ts';

/* What another program has written at the keys of the cache is overwritten or ignored. It stops nothing. */

let server: RedisProcess;
let client: Redis;
let store: Store;
beforeAll(async () => {
  server = await startRedis();
  client = clientOf(server);
  store = storeOf(client, 'rrc:', 100);
});
afterAll(async () => {
  await store.connection.close();
  await server.stop();
});
beforeEach(() => client.flushall());

const KEYS = [
  'rrc:{id}',
  'rrc:{id}|leases',
  'rrc:{@t}',
  'rrc:{@t}|purges',
  'rrc:{@}|purged',
  'rrc:{@}|entries',
  'rrc:{@}|expiries',
];
const TYPES: [string, (key: string) => Promise<unknown>][] = [
  ['a string', (key) => client.set(key, '1e20')],
  ['a list', (key) => client.rpush(key, '1e20', '')],
  ['a set', (key) => client.sadd(key, '1e20', '')],
  ['a sorted set', (key) => client.zadd(key, 1e20, '1e20', '+inf', '@', '-inf', '')],
  [
    'a hash',
    (key) => client.hset(key, { '': '1e20 token', '!': `R${'9'.repeat(20)} 0 v`, '@': '1e20', ':t': '1e20' }),
  ],
  ['a stream', (key) => client.xadd(key, '*', '', '1e20')],
];

/** Each verb on its own, so that each meets the damage. */
const VERBS: [string, () => Promise<unknown>][] = [
  ['a fill', () => fill(store, 'id', { tags: ['t'] })],
  ['a renewal', () => store.leases.renew(lease('id'), MINUTE)],
  ['a release', () => store.leases.release(lease('id'), 100)],
  ['a wait', () => store.leases.wait({ id: 'id', variant: '' }, 5)],
  [
    'a put',
    () => store.responses.put({ id: 'id', key: 'id', bytes: response('put'), headBytes: 20, ttlMs: MINUTE }),
  ],
  ['a discard', () => store.responses.discard({ id: 'id', variant: '' })],
  ['a purge by key', () => store.responses.purge('id')],
  ['a soft purge by key', () => store.responses.purge('id', { staleSince: 1e12 })],
  ['a purge by tag', () => purgeTag(store, 't')],
  ['a soft purge by tag', () => purgeTag(store, 't', { staleSince: 1e12 })],
  ['a purge of everything', () => purgeAll(store)],
  ['a look at a tag', () => store.inventory.scan(undefined, 10, 't')],
  ['a description', () => store.inventory.describe(['id'], false)],
  [
    'a replacement',
    () =>
      store.responses.replace({
        ...{ id: 'id', variant: '', version: 'v', bytes: response('new'), headBytes: 20 },
        ...{ tags: ['t'], staleSince: undefined, ttlMs: MINUTE },
      }),
  ],
];

describe.each(KEYS)('at %s', (key) => {
  test.each(TYPES)('%s stops nothing, and the next fills are stored and purged', async (_type, write) => {
    for (const [verb, run] of VERBS) {
      await client.flushall();
      // What is there is whole, but for this key.
      await fill(store, 'id', { tags: ['t'] });
      await client.unlink(key);
      await write(key);
      const outcome = await run().then(
        () => 'done',
        (error: unknown) => String(error),
      );
      expect([verb, outcome]).toEqual([verb, 'done']);
    }
    for (let i = 0; i < 3; i++) await fill(store, `other${i}`, { tags: ['t'] });
    expect(await store.responses.purge('id')).toBeLessThanOrEqual(1);
    expect(await fill(store, 'id', { tags: ['t'] })).toBe(true);
    expect(await at(store, 'id')).toEqual(response('text'));
    expect(await purgeTag(store, 't')).toBe(4);
    expect(await at(store, 'id')).toBeUndefined();
  });
});

test('a lease of another time is none', async () => {
  await client.hset('rrc:{id}|leases', '', `${Date.now() + 1e12} token`);
  expect(await store.leases.renew(lease('id'), MINUTE)).toBe(false);
  expect((await store.leases.acquire(lease('id', '', 'mine'), NOTHING, MINUTE)).kind).toBe('leader');
});

test('an order of storing that was damaged is an order again', async () => {
  await client.zadd('rrc:{@}|entries', 1e20, 'a', '+inf', 'b');
  for (let i = 0; i < 101; i++) await fill(store, `id${i}`);
  expect(await client.zcard('rrc:{@}|entries')).toBe(100);
  expect([await at(store, 'id0'), await at(store, 'id100')]).toEqual([undefined, response('text')]);
});

describe('a full server', () => {
  const full = async <T>(run: () => Promise<T>): Promise<T> => {
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    await client.config('SET', 'maxmemory', '1');
    try {
      await expect(client.set('a', 'b')).rejects.toThrow('OOM');
      return await run();
    } finally {
      await client.config('SET', 'maxmemory', '0');
    }
  };
  const SOFT = { staleSince: 1e12 };

  test.each<[string, () => Promise<number>]>([
    ['a tag', () => purgeTag(store, 't')],
    ['a tag, softly', () => purgeTag(store, 't', SOFT)],
    ['a key', () => store.responses.purge('id')],
    ['a key, softly', () => store.responses.purge('id', SOFT)],
    ['everything', () => purgeAll(store)],
  ])('purges by %s', async (_what, purge) => {
    await fill(store, 'id', { tags: ['t'] });
    expect(await full(purge)).toBe(1);
    const [value] = await store.responses.get('id', ['']);
    expect(value === undefined || value.staleSince !== undefined).toBe(true);
    for (const key of await client.keys('*'))
      expect([key, (await client.pttl(key)) > 0]).toEqual([key, true]);
  });

  test.each(['with a log', 'without a log'])('revokes the fills under way of a tag, %s', async (log) => {
    const claim = lease('id');
    const { purgeState } = await store.leases.acquire(claim, NOTHING, MINUTE);
    if (log === 'without a log') await client.unlink('rrc:{@}|purged');
    await full(() => purgeTag(store, 't'));
    const commit = { ...commitOf('id', { tags: ['t'] }), lease: { ...claim, purgeState } };
    expect(await store.responses.commit(commit)).toBe(false);
  });
});
