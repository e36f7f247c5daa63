import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { Store } from '../../src/store/store.ts';
import { startCluster } from '../support/cluster.ts';
import { enveloped } from '../support/envelope.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { clientOf, storeOf } from '../support/store.ts';
import { until } from '../support/until.ts';
import {
  acquire,
  at,
  commitOf,
  fill,
  lease,
  MINUTE,
  NOTHING,
  purgeAll,
  purgeTag,
  response,
  valueAt,
} from './support/values.ts';

/* What only Redis can be asked: which keys there are, of which slot, for how long, and which commands ran. */

let redis: RedisProcess;
let client: Redis;
let store: Store;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  client = clientOf(redis);
  store = storeOf(client, 'rrc:', 10_000);
  await client.flushall();
  await client.config('RESETSTAT');
});
afterEach(() => store.connection.close());

/** A bit of everything, under one id. */
async function life(id: string): Promise<void> {
  await fill(store, id, { declaredVariant: 'declared' });
  await fill(store, id);
  await fill(store, id, { names: ['dnt'], variant: 'v1', ttlMs: 2000 });
  await fill(store, id, { names: ['dnt', 'accept'], variant: 'v2', field: 'v2' });
  await fill(store, id, { variant: 'unvaried', field: 'unvaried', ttlMs: 500 });
  await store.leases.acquire(lease(id, 'v3', 'one'), NOTHING, 200);
  await store.leases.renew(lease(id, 'v3', 'one'), MINUTE);
  await store.leases.acquire(lease(id, 'v4', 'two'), NOTHING, 100);
  await store.leases.release(lease(id, 'v3', 'one'), 0);
  await store.responses.discard({ id, variant: 'v1' });
  await fill(store, 'other', { tags: ['t', 'u'] });
  await purgeTag(store, 't');
  await fill(store, id, { declaredVariant: 'tagged', tags: ['t', 'u'] });
  await purgeTag(store, 'u', { staleSince: 1 });
  await store.responses.put({
    id: 'value',
    key: 'value',
    bytes: response('value'),
    headBytes: 20,
    ttlMs: MINUTE,
  });
  await store.responses.purge('value');
  await store.leases.acquire(lease(id, 'v5'), NOTHING, MINUTE);
}

describe('keys', () => {
  test('of any kind expire, after any sequence of verbs', async () => {
    await life('id');
    const keys = await client.keys('*');
    expect(keys.sort()).toEqual([
      'rrc:{@t}',
      'rrc:{@u}',
      'rrc:{@}|entries',
      'rrc:{@}|expiries',
      'rrc:{@}|purged',
      'rrc:{id}',
      'rrc:{id}|leases',
    ]);
    for (const key of keys) expect([key, (await client.pttl(key)) > 0]).toEqual([key, true]);
  });

  test('expire to the millisecond that was asked for', async () => {
    await fill(store, 'id', { ttlMs: 123_456 });
    const left = await client.pttl('rrc:{id}');
    expect(left).toBeLessThanOrEqual(123_456);
    expect(left).toBeGreaterThan(123_456 - 5000);
  });

  test('of bookkeeping last as long as what they are about', async () => {
    await fill(store, 'id', { names: ['dnt'], variant: 'long', ttlMs: 10 * MINUTE });
    await fill(store, 'id', { names: ['dnt'], variant: 'short', field: 'short', ttlMs: MINUTE });
    await store.leases.acquire(lease('id', 'a'), NOTHING, 10 * MINUTE);
    await store.leases.acquire(lease('id', 'b'), NOTHING, MINUTE);
    for (const key of ['rrc:{id}', 'rrc:{id}|leases']) {
      expect([key, (await client.pttl(key)) > 9 * MINUTE]).toEqual([key, true]);
    }
  });

  test('leave nothing behind once the last lease and the last response are gone', async () => {
    await life('id');
    await store.responses.purge('id');
    const left = await client.keys('*');
    expect(left.filter((key) => !key.startsWith('rrc:{@'))).toEqual([]);
  });

  test('of one id are of one slot, so that scripts can touch them together', async () => {
    const cluster = await startRedis({ args: ['--cluster-enabled', 'yes'] });
    try {
      await life('some-id');
      const slots = new Set<unknown>();
      for (const key of await client.keys('*some-id*'))
        slots.add(await cluster.cli('CLUSTER', 'KEYSLOT', key));
      expect(slots.size).toBe(1);
    } finally {
      await cluster.stop();
    }
  });
});

describe('the end of a lease', () => {
  const ENDS: [string, () => Promise<unknown>][] = [
    ['a commit', () => store.responses.commit(commitOf('id'))],
    ['a release', () => store.leases.release(lease('id'), 0)],
    ['a release of a fill with nothing to share', () => store.leases.release(lease('id'), MINUTE)],
    ['a purge', () => store.responses.purge('id')],
    [
      'a put',
      () =>
        store.responses.put({
          ...{ id: 'id', key: 'id', bytes: response('put'), headBytes: 20, ttlMs: MINUTE },
        }),
    ],
  ];
  /** Resolves once the mark of a waiting process is in Redis. */
  const marked = () => until(async () => /^\d+\+ /.test((await client.hget('rrc:{id}|leases', '')) ?? ''));
  const published = async (): Promise<number> =>
    Number(/cmdstat_publish:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);

  test.each(ENDS)('by %s wakes whoever waits, and is not published where nobody does', async (_how, end) => {
    await acquire(store, lease('id'), NOTHING, MINUTE);
    await end();
    expect(await published()).toBe(0);
    await acquire(store, lease('id'), await valueAt(store, 'id'), MINUTE);
    const waiting = store.leases.wait({ id: 'id', variant: '' }, 10 * MINUTE);
    await marked();
    await end();
    await waiting;
  });

  test('wakes whoever has waited since before a renewal, or since before another took over', async () => {
    await acquire(store, lease('id'), NOTHING, MINUTE);
    const waiting = store.leases.wait({ id: 'id', variant: '' }, 10 * MINUTE);
    await marked();
    expect(await store.leases.renew(lease('id'), 50)).toBe(true);
    await until(async () => (await acquire(store, lease('id', '', 'next'), NOTHING, MINUTE)) === 'leader');
    await store.leases.release(lease('id', '', 'next'), 0);
    await waiting;
  });

  test('is told at once to whoever begins to wait after it', async () => {
    await acquire(store, lease('id'), NOTHING, MINUTE);
    await store.leases.release(lease('id'), 0);
    await store.leases.wait({ id: 'id', variant: '' }, 10 * MINUTE);
    expect(await client.exists('rrc:{id}|leases')).toBe(0);
  });
});

test('leases of fills that ended somehow do not pile up', async () => {
  for (let i = 0; i < 60; i++) await store.leases.acquire(lease('id', `v${i}`), NOTHING, 1);
  await store.leases.acquire(lease('id', 'last'), NOTHING, MINUTE);
  expect(await client.hlen('rrc:{id}|leases')).toBeLessThanOrEqual(33);
});

test('a server that has forgotten the scripts is given them again, whatever the verb', async () => {
  const flush = () => client.script('FLUSH');
  for (const [i, id] of ['a', 'b'].entries()) {
    await flush();
    expect(await acquire(store, lease(id), NOTHING, MINUTE)).toBe('leader');
    await flush();
    expect(await store.leases.renew(lease(id), MINUTE)).toBe(true);
    await flush();
    if (i > 0) await store.leases.release(lease(id), 0);
    await flush();
    expect(await store.responses.commit(commitOf(id))).toBe(i === 0);
    await flush();
    expect(await store.responses.purge(id)).toBe(i === 0 ? 1 : 0);
  }
});

describe('purgeAll', () => {
  const FOREIGN = [
    'rrc',
    'rrc:',
    'rrc:other',
    'rrc:other:{id}',
    'rrc:other:{id}|leases',
    'xrrc:{id}',
    'rr:{id}',
  ];

  test("leaves other keys of the server alone, those of other caches' prefixes too", async () => {
    for (const key of FOREIGN) await client.set(key, '\x01');
    const others = storeOf(clientOf(redis), 'rrc:2:');
    await fill(others, 'id');
    await life('id');
    await purgeAll(store);
    expect(await at(others, 'id')).toEqual(response('text'));
    const left = (await client.keys('*')).filter((key) => !/^rrc:(?:2:)?\{@/.test(key));
    expect(left.sort()).toEqual([...FOREIGN, 'rrc:2:{id}'].sort());
    await others.connection.close();
  });

  test('with a keyPrefix and a prefix of glob characters deletes its own keys alone', async () => {
    await client.set('aXpp:rrc:{id}', '\x01');
    const prefixed = storeOf(clientOf(redis, { keyPrefix: 'a?*pp[X]:' }));
    await fill(prefixed, 'id');
    expect(await client.exists('a?*pp[X]:rrc:{id}')).toBe(1);
    expect(await purgeAll(prefixed)).toBe(1);
    expect((await client.keys('*')).sort()).toEqual(['a?*pp[X]:rrc:{@}|purged', 'aXpp:rrc:{id}']);
    await prefixed.connection.close();
  });

  test('revokes all leases before it deletes the first response', async () => {
    await fill(store, 'stored');
    const fills = Array.from({ length: 1200 }, (_, i) => `id${i}`);
    await Promise.all(fills.map((id) => store.leases.acquire(lease(id), NOTHING, MINUTE)));
    for await (const count of store.responses.purgeMatching(() => true)) {
      if (count === 0) continue;
      expect(await client.keys('*|leases')).toEqual([]);
    }
    expect(await client.keys('rrc:{[^@]*')).toEqual([]);
  });

  test('walks in steps, and never blocks the server with KEYS or FLUSHDB', async () => {
    await Promise.all(Array.from({ length: 2500 }, (_, i) => fill(store, `id${i}`)));
    await client.config('RESETSTAT');
    let steps = 0;
    let count = 0;
    for await (const deleted of store.responses.purgeMatching(() => true)) {
      steps++;
      count += deleted;
    }
    expect(count).toBe(2500);
    expect(steps).toBeGreaterThan(4);
    const stats = await client.info('commandstats');
    expect(stats).toMatch(/cmdstat_scan:/);
    expect(stats).not.toMatch(/cmdstat_(keys|flushdb|flushall|del):/);
  });
});

describe('a key of another type', () => {
  test('where a response belongs reads as damage, and is overwritten', async () => {
    await client.lpush('rrc:{id}', 'a');
    expect(await at(store, 'id')).toEqual(Buffer.alloc(0));
    expect(await acquire(store, lease('id'), NOTHING, MINUTE)).toBe('leader');
    expect(await store.responses.commit(commitOf('id'))).toBe(true);
    expect(await at(store, 'id')).toEqual(response('text'));
  });

  test('is discarded as a whole', async () => {
    await client.lpush('rrc:{id}', 'a');
    await store.responses.discard({ id: 'id', variant: 'v' });
    expect(await client.keys('*')).toEqual([]);
  });

  test('where the leases belong is overwritten', async () => {
    await client.lpush('rrc:{id}|leases', 'a');
    expect(await store.leases.renew(lease('id'), MINUTE)).toBe(false);
    await store.leases.release(lease('id'), 0);
    expect(await store.responses.commit(commitOf('id'))).toBe(false);
    expect(await fill(store, 'id', { declaredVariant: 'declared' })).toBe(true);
    expect(await store.responses.purge('id')).toBe(1);
    expect(await client.keys('rrc:{[^@]*')).toEqual([]);
  });

  test('is no obstacle to a purge', async () => {
    await client.lpush('rrc:{id}', 'a');
    await client.set('rrc:{id}|leases', 'a');
    expect(await store.responses.purge('id')).toBe(0);
    await client.lpush('rrc:{id}', 'a');
    expect(await purgeAll(store)).toBe(0);
    expect(await client.keys('*')).toEqual([]);
  });
});

test('a lease that is no lease is taken over', async () => {
  await client.hset('rrc:{id}|leases', '', 'damaged');
  expect(await store.leases.renew(lease('id'), MINUTE)).toBe(false);
  expect(await store.responses.commit(commitOf('id'))).toBe(false);
  expect(await acquire(store, lease('id'), NOTHING, MINUTE)).toBe('leader');
  for (let i = 0; i < 40; i++) await client.hset('rrc:{id}|leases', `v${i}`, 'damaged');
  expect(await acquire(store, lease('id', 'another'), NOTHING, MINUTE)).toBe('leader');
  expect(await client.pttl('rrc:{id}|leases')).toBeGreaterThan(0);
});

describe('the version that acquire compares', () => {
  test('is of the value, where another program has written it', async () => {
    await fill(store, 'id');
    await client.hset('rrc:{id}', '', enveloped(response('foreign'), 'foreign'));
    const seen = await valueAt(store, 'id');
    expect(seen?.version).toBe('foreign');
    expect(await acquire(store, lease('id'), NOTHING, MINUTE)).toBe('changed');
    expect(await acquire(store, lease('id'), seen, MINUTE)).toBe('leader');
  });

  test('is of the value, where its record is lost', async () => {
    await fill(store, 'id');
    await client.hdel('rrc:{id}', '!');
    expect(await acquire(store, lease('id'), { version: 'gone' }, MINUTE)).toBe('changed');
    expect(await acquire(store, lease('id'), await valueAt(store, 'id'), MINUTE)).toBe('leader');
  });

  test('is none of a value without an envelope', async () => {
    await client.hset('rrc:{id}', '', 'damage');
    const seen = await valueAt(store, 'id');
    expect([seen?.version, seen?.bytes.length]).toEqual(['', 0]);
    expect(await acquire(store, lease('id'), seen, MINUTE)).toBe('leader');
  });
});

describe('a value of version 0.1.0', () => {
  const old = Buffer.concat([Buffer.from([1, 0, 0, 0]), Buffer.alloc(40, 7)]);
  const write = (variant: string, value: Buffer | string) =>
    client.hset(
      'rrc:{id}',
      variant,
      value,
      `!${variant}`,
      Buffer.concat([Buffer.from('r9999999999999 0 '), old]),
    );

  test.each<[string, Buffer | string]>([
    ['a response', old],
    ['a marker', '\x02accept'],
  ])('(%s) reads as nothing, and is replaced by the next fill', async (_what, value) => {
    await write('', value);
    expect(await valueAt(store, 'id')).toBeUndefined();
    expect(await fill(store, 'id')).toBe(true);
    expect(await at(store, 'id')).toEqual(response('text'));
    expect(await client.hkeys('rrc:{id}')).toHaveLength(2);
  });

  test('is deleted by the next commit for its key, and by a purge of either kind', async () => {
    await write('old', old);
    await fill(store, 'id', { declaredVariant: 'a' });
    await fill(store, 'id', { declaredVariant: 'b' });
    expect(await client.hexists('rrc:{id}', 'old')).toBe(0);
    await write('old', old);
    expect(await store.responses.purge('id', { staleSince: 1e12 })).toBe(2);
    expect(await client.hexists('rrc:{id}', 'old')).toBe(0);
    await write('old', old);
    expect(await store.responses.purge('id')).toBe(2);
    expect(await client.exists('rrc:{id}')).toBe(0);
  });
});

test('a client that does not know that its server is a Cluster stores, and is revoked by a purge of the tag', async () => {
  const cluster = await startCluster();
  const store = storeOf(clientOf(cluster));
  try {
    await purgeTag(store, 't');
    await fill(store, 'id', { tags: ['t'] });
    expect(await at(store, 'id')).toBeDefined();
    const claim = lease('other', '');
    const { kind, purgeState } = await store.leases.acquire(claim, NOTHING, MINUTE);
    expect(kind).toBe('leader');
    await purgeTag(store, 't');
    const begun = { ...claim, purgeState };
    expect(await store.responses.commit({ ...commitOf('other', { tags: ['t'] }), lease: begun })).toBe(false);
  } finally {
    await store.connection.close();
    await cluster.stop();
  }
});
