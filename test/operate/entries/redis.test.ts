import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { encode } from '../../../src/codec/format.ts';
import {
  type CacheMiddleware,
  type CacheOptions,
  type Entry,
  type EntryQuery,
  type EntrySummary,
  redisCache,
  StoreError,
  type UnreadableEntry,
} from '../../../src/index.ts';
import { fill as fillStore } from '../../stores/support/values.ts';
import { sharedCluster } from '../../support/cluster.ts';
import { enveloped, fieldsOf } from '../../support/envelope.ts';
import { sized } from '../../support/long.ts';
import { type RedisProcess, startRedis } from '../../support/redis.ts';
import { client5Of, clientOf, clusterOf, storeOf } from '../../support/store.ts';
import { HEAD } from '../../support/stored-head.ts';

/* `cache.entries` on Redis: how much is read, damaged values, and a Redis that does not reply. */

let redis: RedisProcess;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = clientOf(redis);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(() => client.flushall());

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function cacheOf(options: CacheOptions = { redis: redis.url }): CacheMiddleware {
  const cache = redisCache(options);
  closing.push(() => cache.close());
  return cache;
}

/** Stores a response, as a fill would have left it. */
function stored(key: string, body = 'body', tags: string[] = []): Buffer {
  return encode({ ...HEAD, key, bornAt: Date.now(), tags }, [Buffer.from(body)]);
}

async function fill(count: number, nameOf: (i: number) => string): Promise<void> {
  const pipeline = client.pipeline();
  for (let i = 0; i < count; i++) {
    const key = `GET http://h${nameOf(i)}`;
    pipeline.hset(`rrc:{${key}}`, ...fieldsOf('', stored(key), 60_000)).pexpire(`rrc:{${key}}`, 60_000);
  }
  await pipeline.exec();
}

async function all(cache: CacheMiddleware, query: EntryQuery = {}): Promise<Map<string, EntrySummary>> {
  const found = new Map<string, EntrySummary>();
  let cursor: string | undefined;
  do {
    const page = await cache.entries.list(cursor === undefined ? query : { ...query, cursor });
    for (const entry of page.entries) found.set(entry.key as string, entry as EntrySummary);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

const MANY = sized(13_000, 20_000);

describe(`cache.entries.list of ${MANY} entries`, () => {
  beforeEach(() => fill(MANY, (i) => (i === 12_345 ? '/needle' : `/hay/${i}`)));

  test('one page scans few keys, later pages find a rare match, and all entries are listed', async () => {
    const cache = cacheOf();
    await client.config('RESETSTAT');
    const page = await cache.entries.list();
    expect(page.entries.length).toBeGreaterThan(25);
    expect(page.scanned).toBeLessThan(300);
    expect(page.cursor?.length).toBeLessThan(2000);

    let pages = 0;
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const step = await cache.entries.list({ search: 'needle', ...(cursor !== undefined && { cursor }) });
      found.push(...step.entries.map(({ key }) => key as string));
      expect(step.scanned).toBeLessThan(6500);
      cursor = step.cursor;
      pages++;
    } while (cursor !== undefined);
    expect(new Set(found)).toEqual(new Set(['GET http://h/needle']));
    expect(pages).toBeGreaterThan(2);
    // Keys that do not match are not read.
    expect(await calls('evalsha')).toBeLessThan(300);

    expect((await all(cache, { limit: 1000 })).size).toBe(MANY);
    expect(await calls('keys')).toBe(0);
    expect(await calls('hgetall')).toBe(0);
  });

  async function calls(command: string): Promise<number> {
    const stats = await client.info('commandstats');
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  }
});

describe('cache.entries.measure', () => {
  test('counts each entry, reports each step, and ends on abort', async () => {
    await fill(4000, (i) => `/${i}`);
    let steps = 0;
    const cache = cacheOf();
    const { responses, total } = await cache.entries.measure({ onProgress: () => steps++ });
    expect([responses.count, total]).toEqual([4000, 4000]);
    expect(steps).toBeGreaterThan(6);
    const stop = new AbortController();
    const stopped = cache.entries.measure({ onProgress: () => stop.abort(), signal: stop.signal });
    await expect(stopped).rejects.toThrow('aborted');
  });
});

test('a key with many large variants is listed in pages of the limit, without reading the bodies', async () => {
  const cache = cacheOf();
  const key = 'GET http://h/large';
  const body = 'x'.repeat(1024 * 1024);
  for (let i = 0; i < 20; i++)
    await client.hset(`rrc:{${key}}`, ...fieldsOf(`v${i}`, stored(key, body), 60_000));
  await client.config('RESETSTAT');
  const variants = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await cache.entries.list({ limit: 6, ...(cursor !== undefined && { cursor }) });
    expect(page.entries.length).toBeLessThanOrEqual(6);
    for (const { variant } of page.entries) variants.add(variant);
    cursor = page.cursor;
  } while (cursor !== undefined);
  expect(variants.size).toBe(20);
  // Redis sent the heads alone.
  const sent = Number(/total_net_output_bytes:(\d+)/.exec(await client.info('stats'))?.[1]);
  expect(sent).toBeLessThan(512 * 1024);
});

describe('a damaged value', () => {
  const key = 'GET http://h/a';
  const cut = (bytes: Buffer): Buffer => bytes.subarray(0, -1);
  const forged = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes);
    copy.writeUInt32BE(0xffff_ffff, 8);
    return copy;
  };

  const later = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([9]), bytes.subarray(1)]);

  test.each<[string, (bytes: Buffer) => { raw: Buffer; length: number }]>([
    ['of another format', () => ({ raw: Buffer.from('{"not":"ours"}'), length: 14 })],
    ['of no bytes', () => ({ raw: Buffer.alloc(0), length: 0 })],
    ['without its last byte', (bytes) => ({ raw: enveloped(cut(bytes)), length: bytes.length - 1 })],
    ['with a wrong length', (bytes) => ({ raw: enveloped(forged(bytes)), length: bytes.length })],
    ['of a later version', (bytes) => ({ raw: enveloped(later(bytes)), length: bytes.length })],
    ['of version 0.1.0', (bytes) => ({ raw: bytes, length: bytes.length })],
  ])('%s is listed as damaged, counted, not updated, and purged', async (_name, damage) => {
    const cache = cacheOf();
    const { raw, length } = damage(stored(key));
    await client.hset(`rrc:{${key}}`, '', raw);
    await fill(1, () => '/whole');
    const found = await all(cache);
    expect(found.get(key)).toEqual({
      id: key,
      variant: '',
      readable: false,
      reason: 'damaged',
      encryptedWith: undefined,
      key,
      storedBytes: length,
      expiresInMs: 0,
    });
    expect(found.get('GET http://h/whole')).toMatchObject({ readable: true });
    const got = await cache.entries.get({ id: key, variant: '' });
    expect(got).toMatchObject({ readable: false, key, storedBytes: length });
    for (const version of ['', 'version'])
      expect(await cache.entries.update({ id: key, variant: '', version }, { ttl: 1 })).toBe(false);
    expect((await cache.entries.measure()).damaged.count).toBe(1);
    await cache.entries.purge({ id: key });
    expect([...(await all(cache)).keys()]).toEqual(['GET http://h/whole']);
  });

  test('with a damaged body alone is listed as readable, and get finds the damage', async () => {
    const cache = cacheOf();
    const bytes = stored(key);
    bytes[bytes.length - 1] = 0;
    await client.hset(`rrc:{${key}}`, ...fieldsOf('', bytes, 60_000));
    expect((await all(cache)).get(key)).toMatchObject({ readable: true });
    expect(await cache.entries.get({ id: key, variant: '' })).toMatchObject({ readable: false });
  });

  test('of another Redis type is listed as damaged and purged', async () => {
    const cache = cacheOf();
    await client.lpush(`rrc:{${key}}`, 'a');
    const entry = (await all(cache)).get(key) as unknown as UnreadableEntry;
    expect(entry).toMatchObject({ readable: false, storedBytes: 0 });
    expect(await cache.entries.get(entry)).toMatchObject({ readable: false });
    await cache.entries.purge(entry);
    expect(await client.exists(`rrc:{${key}}`)).toBe(0);
  });
});

test('an entry with a longer ttl still counts for maxEntries', async () => {
  const cache = cacheOf({ maxEntries: 2 });
  const keep = (name: string) => cache.wrap(name, () => name, { ttl: 2500 });
  await keep('a');
  const [a] = [...(await all(cache)).values()] as [EntrySummary];
  const entry = (await cache.entries.get(a)) as Entry;
  expect(await cache.entries.update(entry, { ttl: '1h' })).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 2600));
  // Its first ttl is over. As the oldest of three entries it is evicted.
  for (const name of ['b', 'c']) await keep(name);
  expect([...(await all(cache)).keys()].sort()).toEqual(['VALUE "b"', 'VALUE "c"']);
});

test('a new ttl of a variant also extends the marker, the key and the tag index', async () => {
  const store = storeOf(client);
  const key = 'GET http://h/varied';
  const bytes = stored(key, 'body', ['t']);
  await fillStore(store, key, { names: ['dnt'], variant: 'v1', tags: ['t'], bytes });
  const cache = cacheOf();
  const { version } = (await cache.entries.get({ id: key, variant: 'v1' })) as Entry;
  expect(await cache.entries.update({ id: key, variant: 'v1', version }, { ttl: '5h' })).toBe(true);
  const later = Date.now() + 4 * 3_600_000;
  for (const field of ['!', '!v1'])
    expect(Number((await client.hget(`rrc:{${key}}`, field))?.slice(1, 14))).toBeGreaterThan(later);
  expect(await client.pttl(`rrc:{${key}}`)).toBeGreaterThan(4 * 3_600_000);
  expect(Number(await client.zscore('rrc:{@t}', key))).toBeGreaterThan(later);
  expect((await client.hgetBuffer(`rrc:{${key}}`, ''))?.[0]).toBe(4);
});

test('list, get, update, purge and measure work with any ioredis client', async () => {
  const [url] = (await sharedCluster()) as [string];
  const clients = [
    client5Of(redis),
    clientOf(redis, { keyPrefix: 'app[1]*?:' }),
    clientOf(redis, { enableAutoPipelining: true, keyPrefix: 'auto:' }),
    clientOf(redis, { stringNumbers: true, keyPrefix: 'text:' }),
    clusterOf({ url }, 'app:'),
  ];
  for (const one of clients as Redis[]) {
    closing.push(() => one.disconnect());
    const cache = cacheOf({ redis: one as CacheOptions['redis'] & object, hashKeys: true });
    for (const name of ['a', 'b', 'c']) await cache.store.set(name, name, { ttl: '1m' });
    await cache.wrap('d', () => 'd', { ttl: '1m', tags: ['t'] });
    expect((await all(cache, { limit: 2 })).size).toBe(4);
    const entry = (await all(cache, { tag: 't' })).get('VALUE "d"') as EntrySummary;
    expect(entry.expiresInMs).toBeGreaterThan(50_000);
    const whole = await cache.entries.get(entry);
    expect(whole).toMatchObject({ readable: true, expiresInMs: expect.any(Number) });
    expect(await cache.entries.update(whole as Entry, { body: '"e"' })).toBe(true);
    expect(await cache.store.get('d')).toBe('e');
    expect(await cache.entries.purge(entry)).toBe(1);
    expect((await cache.entries.measure()).values.count).toBe(3);
  }
});

test('every method rejects with a StoreError when Redis does not reply', async () => {
  const away = await startRedis();
  closing.push(() => away.stop());
  const cache = cacheOf({ redis: away.url, timeout: 50 });
  await cache.entries.list();
  away.pause();
  const { entries } = cache;
  const ref = { id: 'a', variant: '', version: '' };
  const calls = [entries.list(), entries.get(ref), entries.purge(ref), entries.measure()];
  for (const call of [...calls, entries.update(ref, { ttl: 1 })])
    await expect(call).rejects.toThrow(StoreError);
  away.resume();
});

test('an update never replaces a value that was stored or purged at the same time', async () => {
  const cache = cacheOf();
  const other = cacheOf();
  for (let i = 0; i < 50; i++) {
    await cache.store.set('k', 'old', { ttl: '1m' });
    const [entry] = [...(await all(cache)).values()] as [EntrySummary];
    const old = (await cache.entries.get(entry)) as Entry;
    const [updated] = await Promise.all([
      cache.entries.update(old, { body: '"edited"' }),
      i % 2 === 0 ? other.store.set('k', 'new', { ttl: '1m' }) : other.purge({ key: 'k' }),
    ]);
    expect(await cache.store.get('k')).toBe(i % 2 === 0 ? 'new' : undefined);
    expect(typeof updated).toBe('boolean');
  }
});
