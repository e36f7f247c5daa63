import { brotliCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { encode } from '../../../src/codec/format.ts';
import type { AnyEntry } from '../../../src/entries/types.ts';
import type {
  CacheMiddleware,
  CacheOptions,
  Entry,
  EntryQuery,
  EntryRef,
  EntrySummary,
  UnreadableEntry,
} from '../../../src/index.ts';
import type { NearCache } from '../../../src/store/near/near-cache.ts';
import { withNearCache } from '../../../src/store/near/near-store.ts';
import type { Handler } from '../../support/app.ts';
import { listedEntries } from '../../support/entries.ts';
import { fieldsOf, versionIn } from '../../support/envelope.ts';
import { type RedisProcess, startRedis } from '../../support/redis.ts';
import { clientOf, storeOf } from '../../support/store.ts';
import { HEAD } from '../../support/stored-head.ts';
import { site } from '../../support/stores.ts';

/* `cache.entries` with the options `encrypt`, `compress` and `near`. */

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

const TEXT = 'a word, again and again; '.repeat(200);
const keys = (...ids: string[]): CacheOptions => ({
  encrypt: { keys: ids.map((id) => ({ id, key: Buffer.alloc(32, id) })) },
});

const app: Handler = (req, res) => {
  res.setHeader('Content-Type', 'text/plain; charset=utf-8');
  res.setHeader('ETag', '"of-the-app"');
  if (req.url?.startsWith('/varied')) res.setHeader('Vary', 'X-Tenant');
  if (req.url?.startsWith('/tagged')) res.setHeader('Cache-Tag', 'leads');
  res.end(req.url?.startsWith('/large') ? 'x'.repeat(900_000) : `${req.url} ${TEXT}`);
};

async function whole(cache: CacheMiddleware, query?: EntryQuery): Promise<Entry> {
  const entries = await listedEntries(cache, query);
  expect(entries).toHaveLength(1);
  const entry = await cache.entries.get(entries[0] as AnyEntry);
  expect(entry).toMatchObject({ readable: true });
  return entry as Entry;
}

const bytesOf = async ({ id, variant }: EntryRef): Promise<Buffer> =>
  (await client.hgetBuffer(`rrc:{${id}}`, variant)) as Buffer;

const on = (options: CacheOptions): CacheOptions => ({ redis: redis.url, timeout: '2s', ...options });

describe('an encrypted entry', () => {
  test.each<[string, CacheOptions]>([
    ['under a hash', {}],
    ['under its key', { hashKeys: false }],
    ['and compressed', { compress: true }],
  ])('%s is listed, searched, read, counted and purged like any other', async (_name, options) => {
    const { cache, get } = await site(on({ ...keys('one'), ...options }), app);
    await get('/tagged');
    for (const tenant of ['a', 'b']) await get({ path: '/varied', headers: { 'X-Tenant': tenant } });
    await cache.store.set('token', { a: 1 }, { ttl: '1m' });
    await cache.idle();

    expect((await listedEntries(cache)).map(({ key }) => key).sort()).toEqual([
      'GET http://test.example/tagged',
      'GET http://test.example/varied',
      'GET http://test.example/varied',
      'VALUE "token"',
    ]);
    const varied = (await listedEntries(cache, { search: 'VARIED' })) as EntrySummary[];
    expect(varied.map(({ variesOn }) => variesOn['x-tenant']).sort()).toEqual(['a', 'b']);
    expect(await cache.entries.list({ id: (varied[0] as AnyEntry).id })).toMatchObject({
      entries: [{ key: varied[0]?.key }, { key: varied[0]?.key }],
      cursor: undefined,
    });
    const entry = await whole(cache, { tag: 'leads', status: 200 });
    const size = `/tagged ${TEXT}`.length;
    expect(entry).toMatchObject({ size, encryptedWith: 'one', tags: ['leads'], stale: false });
    expect(entry.body.toString()).toBe(`/tagged ${TEXT}`);
    expect(entry.headers).toContainEqual(['ETag', '"of-the-app"']);
    expect(await cache.entries.measure()).toMatchObject({
      responses: { count: 3 },
      values: { count: 1 },
      unknownKey: { count: 0 },
    });
    expect(await cache.entries.purge(entry)).toBe(1);
    expect(await listedEntries(cache, { tag: 'leads' })).toEqual([]);
    expect(await listedEntries(cache)).toHaveLength(3);
  });

  test('is updated only in the version given, and encrypted again', async () => {
    const { cache, get } = await site(on(keys('one')), app);
    await get('/a');
    const seen = await whole(cache);
    expect(await cache.entries.update(seen, { body: 'CANARY' })).toBe(true);
    expect(await cache.entries.update(seen, { body: 'too late' })).toBe(false);
    expect((await bytesOf(seen)).includes('CANARY')).toBe(false);
    expect(await get('/a')).toMatchObject({ body: 'CANARY', cacheStatus: expect.stringMatching(/^hit/) });
    expect(await cache.entries.update(await whole(cache), { ttl: '5h' })).toBe(true);
    expect((await get('/a')).cacheStatus).toMatch(/^hit; ttl=1(8000|7999)$/);
  });

  test('keeps a soft purge with a new body, and loses it with a new ttl', async () => {
    const { cache, get } = await site(on(keys('one')), app);
    await get('/a');
    const seen = await whole(cache);
    expect(await cache.entries.purge(seen, { soft: true })).toBe(1);
    expect(await cache.entries.update(seen, { body: 'late' })).toBe(false);
    expect(await cache.entries.update(await whole(cache), { body: 'new' })).toBe(true);
    expect(await whole(cache)).toMatchObject({ purged: true, stale: true, size: 3 });
    expect(await cache.entries.update(await whole(cache), { ttl: '1h' })).toBe(true);
    expect(await whole(cache)).toMatchObject({ purged: false, stale: false });
  });

  test('encrypted with an older key is readable, and an update encrypts it with the newest key', async () => {
    const old = await site(on(keys('old')), app);
    await old.get('/a');
    const { cache } = await site(on(keys('new', 'old')), app);
    const entry = await whole(cache);
    expect(entry.encryptedWith).toBe('old');
    expect(await cache.entries.update(entry, { ttl: '2h' })).toBe(true);
    expect((await whole(cache)).encryptedWith).toBe('new');
  });

  const UNKNOWN_KEY = { reason: 'unknown-key', encryptedWith: 'one' } as const;
  test.each<[string, CacheOptions, CacheOptions, Partial<UnreadableEntry>]>([
    ['encrypted with another key', keys('one'), keys('two'), UNKNOWN_KEY],
    ['encrypted, in a process without keys', keys('one'), {}, UNKNOWN_KEY],
    [
      'unencrypted, in a process with keys',
      {},
      { ...keys('two'), hashKeys: false },
      { reason: 'unencrypted', encryptedWith: undefined },
    ],
  ])('%s is listed as unreadable, counted, not updated, and purged', async (_n, by, to, expected) => {
    const one = await site(on(by), app);
    await one.get('/large');
    const { cache } = await site(on(to), app);
    const [entry] = (await listedEntries(cache)) as [UnreadableEntry];
    expect(entry).toMatchObject({ readable: false, ...expected });
    expect(entry.storedBytes).toBeGreaterThan(900_000);
    // An unknown cache key matches no search.
    expect(await listedEntries(cache, { search: 'test.example' })).toHaveLength(
      entry.key === undefined ? 0 : 1,
    );
    expect(await listedEntries(cache, { status: 200 })).toEqual([]);
    expect(await cache.entries.get(entry)).toMatchObject({ readable: false, ...expected });
    const version = versionIn(await bytesOf(entry));
    expect(await cache.entries.update({ ...entry, version }, { ttl: '1h' })).toBe(false);
    const { unknownKey, unencrypted, damaged } = await cache.entries.measure();
    expect([unknownKey.count, unencrypted.count, damaged.count]).toEqual(
      expected.reason === 'unknown-key' ? [1, 0, 0] : [0, 1, 0],
    );
    expect((await one.get('/large')).cacheStatus).toMatch(/^hit/);
    expect(await cache.entries.purge(entry)).toBe(1);
    expect((await one.get('/large')).cacheStatus).toMatch(/^fwd=uri-miss/);
  });

  test('with a changed byte is listed and counted as damaged', async () => {
    const { cache, get } = await site(on(keys('one')), app);
    await get('/a');
    const entry = await whole(cache);
    const bytes = await bytesOf(entry);
    bytes[bytes.length - 1]! ^= 1;
    await client.hset(`rrc:{${entry.id}}`, entry.variant, bytes);
    const [damaged] = await listedEntries(cache);
    expect(damaged).toMatchObject({
      readable: false,
      reason: 'damaged',
      encryptedWith: 'one',
      key: entry.key,
    });
    const { expiresInMs: _, ...facts } = damaged as UnreadableEntry;
    expect(await cache.entries.get(entry)).toMatchObject(facts);
    expect((await cache.entries.measure()).damaged.count).toBe(1);
  });

  test('is listed by reads of a few megabytes; without its key by heads alone', async () => {
    const { cache, get } = await site(on(keys('one')), app);
    await Promise.all(Array.from({ length: 24 }, (_, i) => get(`/large/${i}`)));
    let most = 0;
    const gauge = setInterval(async () => {
      const clients = await client.client('LIST');
      for (const [, bytes] of String(clients).matchAll(/ omem=(\d+)/g)) most = Math.max(most, Number(bytes));
    }, 2);
    expect((await listedEntries(cache, { limit: 1000 })).every(({ readable }) => readable)).toBe(true);
    clearInterval(gauge);
    expect(most).toBeLessThan(12_000_000);
    const other = await site(on({}), app);
    await client.config('RESETSTAT');
    expect(await listedEntries(other.cache)).toHaveLength(24);
    const sent = Number(/total_net_output_bytes:(\d+)/.exec(await client.info('stats'))?.[1]);
    expect(sent).toBeLessThan(100_000);
  });
});

describe('a compressed response', () => {
  const compressed = (): CacheOptions => on({ compress: true });

  test('is read as the app sent it, and lists its encodings', async () => {
    const { cache, get } = await site(compressed(), app);
    await get('/a');
    await cache.idle();
    const entry = await whole(cache);
    const { size, encodings, storedBytes } = entry;
    expect([size, Object.keys(encodings)]).toEqual([`/a ${TEXT}`.length, ['br', 'gzip']]);
    expect(entry.body.toString()).toBe(`/a ${TEXT}`);
    expect(entry.contentEncoding).toBeUndefined();
    expect((encodings.br as number) + (encodings.gzip as number)).toBeLessThan(storedBytes);
    expect(storedBytes).toBeLessThan(size);
  });

  const inBrotli = { path: '/a', headers: { 'Accept-Encoding': 'br' } };

  test('stays compressed with a new ttl', async () => {
    const { cache, get } = await site(compressed(), app);
    await get('/a');
    await cache.idle();
    const { encodings } = await whole(cache);
    expect(await cache.entries.update(await whole(cache), { ttl: '3h' })).toBe(true);
    expect((await whole(cache)).encodings).toEqual(encodings);
    const answer = await get(inBrotli);
    expect(answer.cacheStatus).toMatch(/^hit; ttl=10(800|799)$/);
    expect(answer.header('content-encoding')).toBe('br');
  });

  test('keeps its encodings with the same body, and loses them with another', async () => {
    const { cache, get } = await site(compressed(), app);
    await get('/a');
    await cache.idle();
    const entry = await whole(cache);
    expect(await cache.entries.update(entry, { body: entry.body })).toBe(true);
    expect((await whole(cache)).encodings).toEqual(entry.encodings);
    const old = (await get(inBrotli)).header('etag') as string;
    expect(await cache.entries.update(await whole(cache), { body: `other ${TEXT}` })).toBe(true);
    expect((await whole(cache)).encodings).toEqual({});
    const answer = await get({ path: '/a', headers: { 'Accept-Encoding': 'br', 'If-None-Match': old } });
    expect([answer.status, answer.body, answer.header('content-encoding')]).toEqual([
      200,
      `other ${TEXT}`,
      undefined,
    ]);
  });

  test('whose decoded size differs from the stored one is damaged; beyond 64 MB it is too large', async () => {
    const { cache } = await site(compressed(), app);
    const key = 'GET http://h/bomb';
    for (const [size, real, reason] of [
      [100, 1_000_000, 'damaged'],
      [1e12, 1_000_000, 'too-large'],
    ] as const) {
      const body = brotliCompressSync(Buffer.alloc(real));
      const encodings = { size, list: [['br', body.length]] as const };
      const bytes = encode({ ...HEAD, key, bornAt: Date.now(), encodings }, [body]);
      await client.hset(`rrc:{${key}}`, ...fieldsOf('', bytes, 60_000));
      expect(await listedEntries(cache)).toMatchObject([{ readable: true, size }]);
      expect(await cache.entries.get({ id: key, variant: '' })).toMatchObject({ reason, key });
      expect(await cache.entries.update({ id: key, variant: '', version: 'version' }, { body: 'x' })).toBe(
        false,
      );
    }
  });
});

describe('the near cache, with cache.entries.update', () => {
  test.each<[string, CacheOptions]>([
    ['without encryption', {}],
    ['with encryption', keys('one')],
  ])('%s serves a new body right after an update in the same process', async (_name, options) => {
    const { cache, get } = await site(on({ near: true, ...options }), app);
    for (let i = 0; i < 5; i++) {
      for (let asked = 0; !(await get('/a')).cacheStatus.includes('near'); asked++)
        expect(asked).toBeLessThan(300);
      expect(await cache.entries.update(await whole(cache), { body: `edit ${i}` })).toBe(true);
      expect((await get('/a')).body).toBe(`edit ${i}`);
    }
  });

  test('drops an entry when replace returns, without waiting for a message of Redis', async () => {
    const forgotten: string[] = [];
    const near = { forget: (id: string) => forgotten.push(id) } as unknown as NearCache;
    const store = withNearCache(storeOf(client), near);
    const gone = {
      id: 'k',
      variant: '',
      version: 'gone',
      bytes: Buffer.alloc(24),
      headBytes: 24,
      staleSince: undefined,
      tags: [],
      ttlMs: 1,
    };
    expect(await store.responses.replace(gone)).toBe(false);
    expect(forgotten).toEqual(['k']);
  });
});
