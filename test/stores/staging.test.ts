import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { Commit, Lease, Store, ToStore } from '../../src/store/store.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { Stepped } from '../support/stepped.ts';
import { clientOf, stagingStoreOf, storeOf } from '../support/store.ts';
import { at, commitOf, fill, MINUTE, NOTHING, purgeTag, response } from './support/values.ts';

/* A large value is sent beside the script that stores it, to a key that nothing reads. */

let redis: RedisProcess;
let client: Redis;
let store: Store;
/** Stages large values alone. */
let plain: Store;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  client = clientOf(redis);
  store = stagingStoreOf(client);
  plain = storeOf(clientOf(redis));
  await client.flushall();
});
afterEach(async () => {
  await store.connection.close();
  await plain.connection.close();
});

async function leased(parts: Parameters<typeof commitOf>[1] = {}, in_ = store): Promise<ToStore<Commit>> {
  const commit = commitOf('id', parts);
  const { kind, purgeState, isFirst } = await in_.leases.acquire(commit.lease, NOTHING, MINUTE);
  expect(kind).toBe('leader');
  const given: Lease = { ...commit.lease, purgeState, isFirst };
  return { ...commit, lease: given };
}

/** The keys of the id, each of which must expire. */
async function keys(): Promise<string[]> {
  const keys = (await client.keys('rrc:{id}*')).sort();
  for (const key of keys) expect([key, (await client.pttl(key)) > 0]).toEqual([key, true]);
  return keys;
}

/** How often a command was run since the last `client.config('RESETSTAT')`. */
async function calls(command: string): Promise<number> {
  const stats = await client.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

test('a value of 16 KiB is staged, a shorter one is not, and neither leaves another key', async () => {
  for (const [bytes, staged] of [
    [16_200, 0],
    [16_384, 1],
  ] as const) {
    await client.flushall();
    await client.config('RESETSTAT');
    const value = randomBytes(bytes);
    expect(await plain.responses.commit(await leased({ bytes: value }, plain))).toBe(true);
    expect(await calls('hstrlen')).toBe(staged);
    expect(await at(plain, 'id')).toEqual(value);
    expect(await keys()).toEqual(['rrc:{id}']);
  }
});

test('a response expires when it was told to, and not with its staging key', async () => {
  await store.responses.commit(await leased({ ttlMs: 10 * MINUTE }));
  expect(await client.pttl('rrc:{id}')).toBeGreaterThan(9 * MINUTE);
  await store.responses.purge('id');
  await store.responses.commit(await leased({ ttlMs: 1000 }));
  expect(await client.pttl('rrc:{id}')).toBeLessThanOrEqual(1000);
});

describe('is not stored, and nothing is left,', () => {
  test.each<[string, (commit: ToStore<Commit>) => Promise<unknown>]>([
    ['after a purge', () => store.responses.purge('id')],
    ['after the lease was given back', ({ lease }) => store.leases.release(lease, 0)],
    ['after a purge of its tag', () => purgeTag(store, 't')],
  ])('%s', async (_when, revoke) => {
    const commit = await leased({ tags: ['t'] });
    await revoke(commit);
    expect(await store.responses.commit(commit)).toBe(false);
    expect(await at(store, 'id')).toBeUndefined();
    expect((await keys()).filter((key) => key !== 'rrc:{id}|leases')).toEqual([]);
  });
});

describe('is stored all the same', () => {
  test('where another variant of the id was stored meanwhile', async () => {
    const commit = await leased();
    expect(await fill(store, 'id', { declaredVariant: 'other' })).toBe(true);
    expect(await store.responses.commit(commit)).toBe(true);
    expect([await at(store, 'id'), await at(store, 'id', 'other')]).toEqual(Array(2).fill(response('text')));
    expect(await keys()).toEqual(['rrc:{id}']);
  });

  test('where it varies, behind a marker', async () => {
    expect(await store.responses.commit(await leased({ names: ['dnt'], variant: 'v' }))).toBe(true);
    expect(await at(store, 'id', 'v')).toEqual(response('text'));
    expect((await store.responses.get('id', ['']))[0]?.specs).toEqual([['dnt']]);
  });

  test('where the server has forgotten the scripts', async () => {
    await fill(store, 'other');
    const commit = await leased();
    await client.script('FLUSH');
    expect(await store.responses.commit(commit)).toBe(true);
    expect(await at(store, 'id')).toEqual(response('text'));
    expect((await keys()).includes('rrc:{id}')).toBe(true);
  });

  test.each<[string, (key: string) => Promise<unknown>]>([
    ['is gone', (key) => client.unlink(key)],
    ['has another value', (key) => client.hset(key, '', 'short')],
    ['has another type', (key) => client.multi().unlink(key).lpush(key, 'a').pexpire(key, 1000).exec()],
  ])('where the staging key %s by the time of the commit', async (_what, damage) => {
    const stepped = new Stepped(client);
    const slow = stagingStoreOf(stepped.client);
    const commit = await leased();
    const committing = slow.responses.commit(commit);
    // The script that opens the key, as text, and the value.
    expect([await stepped.step(), await stepped.step()]).toEqual([true, true]);
    const [key] = (await keys()).filter((key) => key === 'rrc:{id}|token');
    expect(key).toBeDefined();
    await damage(key as string);
    let isDone = false;
    void committing.finally(() => {
      isDone = true;
    });
    while (!isDone) await stepped.step();
    expect(await committing).toBe(true);
    expect(await at(store, 'id')).toEqual(response('text'));
    expect(await keys()).toEqual(['rrc:{id}']);
  });
});

test('no value is staged for a while after four in a row that Redis did not keep', async () => {
  await client.acl('SETUSER', 'without', 'on', 'nopass', '~*', '&*', '+@all', '-hstrlen');
  const limited = clientOf(redis, { username: 'without', password: 'any' });
  const without = stagingStoreOf(limited);
  await fill(store, 'other');
  await fill(without, 'other', { declaredVariant: 'not the first' });
  const staged: number[] = [];
  for (let i = 0; i < 6; i++) {
    const id = `id${i}`;
    const commit = commitOf(id);
    const { purgeState, isFirst } = await without.leases.acquire(commit.lease, NOTHING, MINUTE);
    await client.config('RESETSTAT');
    expect(
      await without.responses.commit({ ...commit, lease: { ...commit.lease, purgeState, isFirst } }),
    ).toBe(true);
    staged.push(await calls('eval'));
    expect(await at(store, id)).toEqual(response('text'));
  }
  limited.disconnect();
  expect(staged).toEqual([1, 1, 1, 1, 0, 0]);
});

test('values that came too late to be the first ones do not end staging', async () => {
  const late = await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map(async (variant) => {
      const commit = commitOf('id', { declaredVariant: variant, token: variant });
      const { purgeState, isFirst } = await store.leases.acquire(commit.lease, NOTHING, MINUTE);
      expect(isFirst).toBe(true);
      return { ...commit, lease: { ...commit.lease, purgeState, isFirst } };
    }),
  );
  for (const commit of late) expect(await store.responses.commit(commit)).toBe(true);
  const next = commitOf('next');
  const { purgeState, isFirst } = await store.leases.acquire(next.lease, NOTHING, MINUTE);
  await client.config('RESETSTAT');
  expect(await store.responses.commit({ ...next, lease: { ...next.lease, purgeState, isFirst } })).toBe(true);
  expect(await calls('hstrlen')).toBe(1);
});

test('what is staged is invisible and expires, wherever the process stops', async () => {
  for (let steps = 1; steps <= 2; steps++) {
    await client.flushall();
    const stepped = new Stepped(client);
    const commit = await leased();
    void stagingStoreOf(stepped.client).responses.commit(commit);
    for (let i = 0; i < steps; i++) await stepped.step();
    expect(await keys()).toEqual(['rrc:{id}|leases', 'rrc:{id}|token']);
    expect(await at(store, 'id')).toBeUndefined();
    expect((await store.inventory.scan(undefined, 100, undefined)).ids).toEqual([]);
    expect(await store.responses.purge('id')).toBe(0);
  }
});

test('what is staged expires after the server has forgotten the scripts, wherever the process stops', async () => {
  const stepped = new Stepped(client);
  const slow = stagingStoreOf(stepped.client);
  // The store has sent its scripts by now.
  const first = slow.responses.commit(await leased());
  let isDone = false;
  void first
    .catch(() => {})
    .finally(() => {
      isDone = true;
    });
  while (!isDone) await stepped.step();
  await client.flushall();
  const commit = await leased();
  await client.script('FLUSH');
  void slow.responses.commit(commit);
  for (let steps = 0; steps < 2; steps++) {
    await stepped.step();
    expect(await keys()).toEqual(['rrc:{id}|leases', 'rrc:{id}|token']);
  }
});

test('a full server refuses a staged value as any other', async () => {
  const commit = await leased();
  await client.config('SET', 'maxmemory-policy', 'noeviction');
  await client.config('SET', 'maxmemory', '1');
  try {
    await expect(store.responses.commit(commit)).rejects.toThrow('OOM');
  } finally {
    await client.config('SET', 'maxmemory', '0');
  }
  expect(await keys()).toEqual(['rrc:{id}|leases']);
  expect(await store.responses.commit(commit)).toBe(true);
});
