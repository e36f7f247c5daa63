import { brotliCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { encode } from '../../../src/codec/format.ts';
import type {
  CacheMiddleware,
  CacheOptions,
  DamagedEntry,
  Entry,
  EntryQuery,
  EntryRef,
  EntrySummary,
} from '../../../src/index.ts';
import type { Near } from '../../../src/store/near/near-cache.ts';
import { keepingNear } from '../../../src/store/near/near-store.ts';
import type { Handler } from '../../support/apps.ts';
import { clientOf, storeOf } from '../../support/cluster-of-one.ts';
import { type RedisProcess, startRedis } from '../../support/redis.ts';
import { HEAD } from '../../support/stored-head.ts';
import { site } from '../../support/stores.ts';

/* `cache.entries` of what is sealed (`encrypt`) and of what is stored in encodings (`compress`). */

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

type Listed = EntrySummary | DamagedEntry;

async function listed(cache: CacheMiddleware, query: EntryQuery = {}): Promise<Listed[]> {
  const all = new Map<string, Listed>();
  let cursor: string | undefined;
  do {
    const page = await cache.entries.list(cursor === undefined ? query : { ...query, cursor });
    for (const entry of page.entries) all.set(`${entry.id} ${entry.variant}`, entry);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return [...all.values()];
}

async function whole(cache: CacheMiddleware, query?: EntryQuery): Promise<Entry> {
  const entries = await listed(cache, query);
  expect(entries).toHaveLength(1);
  const entry = await cache.entries.get(entries[0] as Listed);
  expect(entry).toMatchObject({ damaged: false });
  return entry as Entry;
}

const bytesOf = async ({ id, variant }: EntryRef): Promise<Buffer> =>
  (await client.hgetBuffer(`rrc:{${id}}`, variant)) as Buffer;

const on = (options: CacheOptions): CacheOptions => ({ redis: redis.url, timeout: '2s', ...options });

describe('what is sealed', () => {
  test.each<[string, CacheOptions]>([
    ['under hashes', {}],
    ['under its keys', { hashKeys: false }],
    ['in encodings', { compress: true }],
  ])('is listed, found, shown and purged like anything else: %s', async (_name, options) => {
    const { cache, get } = await site(on({ ...keys('one'), ...options }), app);
    await get('/tagged');
    for (const tenant of ['a', 'b']) await get({ path: '/varied', headers: { 'X-Tenant': tenant } });
    await cache.store.set('token', { a: 1 }, { ttl: '1m' });
    await cache.idle();

    expect((await listed(cache)).map(({ key }) => key).sort()).toEqual([
      'GET http://test.example/tagged',
      'GET http://test.example/varied',
      'GET http://test.example/varied',
      'VALUE "token"',
    ]);
    const varied = (await listed(cache, { search: 'VARIED' })) as EntrySummary[];
    expect(varied.map(({ variesOn }) => variesOn['x-tenant']).sort()).toEqual(['a', 'b']);
    expect(await cache.entries.list({ id: (varied[0] as Listed).id })).toMatchObject({
      entries: [{ key: varied[0]?.key }, { key: varied[0]?.key }],
      cursor: undefined,
    });
    const entry = await whole(cache, { tag: 'leads', status: 200 });
    const size = `/tagged ${TEXT}`.length;
    expect(entry).toMatchObject({ size, sealedBy: 'one', tags: ['leads'], stale: false });
    expect(entry.body.toString()).toBe(`/tagged ${TEXT}`);
    expect(entry.headers).toContainEqual(['ETag', '"of-the-app"']);
    expect(await cache.entries.measure()).toMatchObject({
      responses: { count: 3 },
      values: { count: 1 },
      unreadable: { count: 0 },
    });
    expect(await cache.entries.purge(entry)).toBe(1);
    expect(await listed(cache, { tag: 'leads' })).toEqual([]);
    expect(await listed(cache)).toHaveLength(3);
  });

  test('is updated as long as it is what was seen, and sealed again', async () => {
    const { cache, get } = await site(on(keys('one')), app);
    await get('/a');
    const seen = await whole(cache);
    expect(await cache.entries.update(seen, { body: 'CANARY' })).toBe(true);
    expect(await cache.entries.update(seen, { body: 'too late' })).toBe(false);
    expect((await bytesOf(seen)).includes('CANARY')).toBe(false);
    expect(await get('/a')).toMatchObject({ body: 'CANARY', said: expect.stringMatching(/^hit/) });
    expect(await cache.entries.update(await whole(cache), { ttl: '5h' })).toBe(true);
    expect((await get('/a')).said).toMatch(/^hit; ttl=1(8000|7999)$/);
  });

  test('keeps a soft purge through an update, unless it gets a lifetime', async () => {
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

  test('opens with an older key, and is sealed with the newest when it is changed', async () => {
    const old = await site(on(keys('old')), app);
    await old.get('/a');
    const { cache } = await site(on(keys('new', 'old')), app);
    const entry = await whole(cache);
    expect(entry.sealedBy).toBe('old');
    expect(await cache.entries.update(entry, { ttl: '2h' })).toBe(true);
    expect((await whole(cache)).sealedBy).toBe('new');
  });

  test.each<[string, CacheOptions, CacheOptions, Partial<DamagedEntry>]>([
    ['sealed with another key', keys('one'), keys('two'), { reason: 'sealed', sealedBy: 'one' }],
    ['sealed, for a process without keys', keys('one'), {}, { reason: 'sealed', sealedBy: 'one' }],
    [
      'not sealed, for a process with keys',
      {},
      { ...keys('two'), hashKeys: false },
      { reason: 'unsealed', sealedBy: undefined },
    ],
  ])('is listed where it cannot be read, left alone, and can be purged: %s', async (_n, by, to, expected) => {
    const one = await site(on(by), app);
    await one.get('/large');
    const { cache } = await site(on(to), app);
    const [entry] = (await listed(cache)) as [DamagedEntry];
    expect(entry).toMatchObject({ damaged: true, ...expected });
    expect(entry.storedBytes).toBeGreaterThan(900_000);
    // A key that nobody knows matches nothing.
    expect(await listed(cache, { search: 'test.example' })).toHaveLength(entry.key === undefined ? 0 : 1);
    expect(await listed(cache, { status: 200 })).toEqual([]);
    expect(await cache.entries.get(entry)).toMatchObject({ damaged: true, ...expected });
    const seen = (await bytesOf(entry)).toString('base64url', 0, 24);
    expect(await cache.entries.update({ ...entry, seen }, { ttl: '1h' })).toBe(false);
    expect(await cache.entries.measure()).toMatchObject({ unreadable: { count: 1 }, damaged: { count: 0 } });
    expect((await one.get('/large')).said).toMatch(/^hit/);
    expect(await cache.entries.purge(entry)).toBe(1);
    expect((await one.get('/large')).said).toMatch(/^fwd=uri-miss/);
  });

  test('is damaged where it was changed', async () => {
    const { cache, get } = await site(on(keys('one')), app);
    await get('/a');
    const entry = await whole(cache);
    const bytes = await bytesOf(entry);
    bytes[bytes.length - 1]! ^= 1;
    await client.hset(`rrc:{${entry.id}}`, entry.variant, bytes);
    expect(await listed(cache)).toMatchObject([{ damaged: true, reason: 'damaged', sealedBy: 'one' }]);
    expect((await cache.entries.measure()).damaged.count).toBe(1);
  });

  test('is read a few megabytes at a time; without a key its heads alone', async () => {
    const { cache, get } = await site(on(keys('one')), app);
    await Promise.all(Array.from({ length: 24 }, (_, i) => get(`/large/${i}`)));
    let most = 0;
    const gauge = setInterval(async () => {
      const clients = await client.client('LIST');
      for (const [, bytes] of String(clients).matchAll(/ omem=(\d+)/g)) most = Math.max(most, Number(bytes));
    }, 2);
    expect((await listed(cache, { limit: 1000 })).every(({ damaged }) => !damaged)).toBe(true);
    clearInterval(gauge);
    expect(most).toBeLessThan(12_000_000);
    const other = await site(on({}), app);
    await client.config('RESETSTAT');
    expect(await listed(other.cache)).toHaveLength(24);
    const sent = Number(/total_net_output_bytes:(\d+)/.exec(await client.info('stats'))?.[1]);
    expect(sent).toBeLessThan(100_000);
  });
});

describe('what is stored in encodings', () => {
  const compressed = (): CacheOptions => on({ compress: true });

  test('is shown as the app sent it, and says what it is stored in', async () => {
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

  test('stays so with another lifetime', async () => {
    const { cache, get } = await site(compressed(), app);
    await get('/a');
    await cache.idle();
    const { encodings } = await whole(cache);
    expect(await cache.entries.update(await whole(cache), { ttl: '3h' })).toBe(true);
    expect((await whole(cache)).encodings).toEqual(encodings);
    const answer = await get(inBrotli);
    expect(answer.said).toMatch(/^hit; ttl=10(800|799)$/);
    expect(answer.header('content-encoding')).toBe('br');
  });

  test('is plain with another body, and as it was with the same', async () => {
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

  test('is damaged where it is not what it claims, and never larger than that', async () => {
    const { cache } = await site(compressed(), app);
    const key = 'GET http://h/bomb';
    for (const [size, real] of [
      [100, 1_000_000],
      [1e12, 1_000_000],
    ] as const) {
      const body = brotliCompressSync(Buffer.alloc(real));
      const encodings = { size, list: [['br', body.length]] as const };
      const bytes = encode({ ...HEAD, key, bornAt: Date.now(), encodings }, [body]);
      await client.hset(`rrc:{${key}}`, '', bytes);
      expect(await listed(cache)).toMatchObject([{ damaged: false, size }]);
      expect(await cache.entries.get({ id: key, variant: '' })).toMatchObject({ reason: 'damaged' });
      const seen = bytes.subarray(0, 24).toString('base64url');
      expect(await cache.entries.update({ id: key, variant: '', seen }, { body: 'x' })).toBe(false);
    }
  });
});

describe('what is near', () => {
  test.each<[string, CacheOptions]>([
    ['as it is', {}],
    ['sealed', keys('one')],
  ])('is not, once it was changed in the same process: %s', async (_name, options) => {
    const { cache, get } = await site(on({ near: true, ...options }), app);
    for (let i = 0; i < 5; i++) {
      for (let asked = 0; !(await get('/a')).said.includes('near'); asked++) expect(asked).toBeLessThan(300);
      expect(await cache.entries.update(await whole(cache), { body: `edit ${i}` })).toBe(true);
      expect((await get('/a')).body).toBe(`edit ${i}`);
    }
  });

  test('is forgotten by the call itself, whenever Redis says so', async () => {
    const forgotten: string[] = [];
    const near = { forget: (id: string) => forgotten.push(id) } as unknown as Near;
    const store = keepingNear(storeOf(client), near);
    const gone = { id: 'k', variant: '', seen: Buffer.alloc(24), bytes: Buffer.alloc(24), tags: [], ttl: 1 };
    expect(await store.entries.replace(gone)).toBe(false);
    expect(forgotten).toEqual(['k']);
  });
});
