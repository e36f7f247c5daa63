import { get as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Storage } from '../../src/entries/storage.ts';
import {
  ArgumentError,
  type CacheMiddleware,
  type CacheOptions,
  type KeyPart,
  OptionError,
  redisCache,
  StoreError,
} from '../../src/index.ts';
import { createValueStore } from '../../src/values/value-store.ts';
import { Warnings } from '../../src/warnings.ts';
import { newCache } from '../support/app.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

/* Values of the user's own beside the responses: `cache.store`. */

const redis = process.env.TEST_REDIS_URL as string;
const MINUTE = { ttl: '1m' } as const;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** All that Redis holds under a prefix, seen from outside. */
async function inRedis<T>(look: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(redis);
  try {
    return await look(client);
  } finally {
    client.disconnect();
  }
}

async function listed(cache: CacheMiddleware): Promise<KeyPart[]> {
  const keys: KeyPart[] = [];
  for await (const key of cache.store.keys()) keys.push(key);
  return keys;
}

/** Asks a handler behind the cache that answers `made N` the Nth time. */
async function site(cache: CacheMiddleware): Promise<(path?: string) => Promise<string>> {
  let runs = 0;
  const server = createServer((req, res) => cache(req, res, () => res.end(`made ${++runs}`)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  return (path = '/') =>
    new Promise((resolve, reject) => {
      ask({ port, path, agent: false }, (res) => {
        let body = '';
        res.on('data', (text) => {
          body += text;
        });
        res.on('end', () => resolve(body));
      }).on('error', reject);
    });
}

const PROTO = JSON.parse('{"__proto__":{"polluted":true},"a":1}') as KeyPart;
const STORES = [
  ['Redis', (options: CacheOptions = {}) => newCache({ redis, prefix: uniquePrefix(), ...options })],
  ['the in-process store', (options: CacheOptions = {}) => newCache(options)],
] as const;

describe.each(STORES)('in %s', (_name, cacheOf) => {
  describe('a value', () => {
    test.each<[string, unknown]>([
      ['null', null],
      ['true', true],
      ['false', false],
      ['zero', 0],
      ['a small number', -1.5e-7],
      ['a large number', 1e21],
      ['no text', ''],
      ['text', 'text'],
      ['odd text', '\u0000 \ud83d\ude00 \u2028 "quoted"\n'],
      ['half a character', '\ud800 alone'],
      ['an empty list', []],
      ['an empty object', {}],
      ['lists in lists', [[1, [2, [3, { four: [null, ''] }]]]]],
      ['names out of order', { b: { c: [true] }, a: 'z' }],
      ['a name that is special', PROTO],
      ['half a megabyte', 'x'.repeat(500_000)],
    ])('is given back as it was: %s', async (_what, value) => {
      const { store } = cacheOf();
      expect(await store.set('key', value, MINUTE)).toBe(true);
      expect(await store.has('key')).toBe(true);
      const found = await store.get('key');
      expect(found).toEqual(value);
      expect(JSON.stringify(found)).toBe(JSON.stringify(value));
    });

    test.each<[string, Uint8Array]>([
      ['every byte', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
      ['none', Buffer.alloc(0)],
      ['no text', Buffer.from('c328fffe00', 'hex')],
      ['what looks like JSON', Buffer.from('{"a":1}')],
      ['an array of bytes', Uint8Array.of(0, 1, 254, 255)],
      ['a part of a larger buffer', Uint8Array.from([9, 9, 1, 2, 3, 9]).subarray(2, 5)],
      ['half a megabyte', Buffer.alloc(500_000, 0xab)],
    ])('of bytes is given back as a Buffer of the same: %s', async (_what, bytes) => {
      const { store } = cacheOf();
      expect(await store.set('key', bytes, MINUTE)).toBe(true);
      const found = await store.get('key');
      expect(Buffer.isBuffer(found)).toBe(true);
      expect(Buffer.compare(found as Buffer, bytes)).toBe(0);
    });

    test('is a copy, on its way in and out', async () => {
      const { store } = cacheOf();
      const given = { list: [1] };
      const bytes = Buffer.from('abc');
      await Promise.all([store.set('json', given, MINUTE), store.set('bytes', bytes, MINUTE)]);
      given.list.push(2);
      bytes[0] = 0;
      const found = await store.get<typeof given>('json');
      found?.list.push(3);
      (await store.get<Buffer>('bytes'))?.fill(0);
      expect(await store.get('json')).toEqual({ list: [1] });
      expect(String(await store.get('bytes'))).toBe('abc');
    });

    test('takes the place of the one before, whatever that was', async () => {
      const { store } = cacheOf();
      for (const value of [1, Buffer.from('b'), null, { c: 1 }]) {
        expect(await store.set('key', value, MINUTE)).toBe(true);
        expect(await store.get('key')).toEqual(value);
      }
    });

    test('that is not there is undefined, and deleting it is nothing', async () => {
      const { store } = cacheOf();
      expect(await store.get('none')).toBeUndefined();
      expect(await store.has('none')).toBe(false);
      expect(await store.delete('none')).toBe(false);
      expect(await store.clear()).toBe(0);
    });

    test('that is deleted is gone, and no other', async () => {
      const { store } = cacheOf();
      await Promise.all(['a', 'b'].map((key) => store.set(key, key, MINUTE)));
      expect(await store.delete('a')).toBe(true);
      expect(await store.delete('a')).toBe(false);
      expect([await store.get('a'), await store.has('a'), await store.get('b')]).toEqual([
        undefined,
        false,
        'b',
      ]);
    });
  });

  describe('a key', () => {
    const KEYS: KeyPart[] = [
      '',
      'x',
      ' x',
      '"x"',
      ['x'],
      [['x']],
      [],
      {},
      { x: 1 },
      { x: '1' },
      { x: [1] },
      { x: 1, y: 2 },
      { x: { y: 2 } },
      PROTO,
      { a: 1 },
      null,
      'null',
      0,
      '0',
      1.5,
      true,
      'true',
      false,
      'a{b}c',
      '*?[x]\\',
      'new\nline',
      'caf\u00e9',
      '@x',
      '#x',
      'x|leases',
      '|leases',
      'k'.repeat(300),
      `${'k'.repeat(300)}l`,
      ['long', 'k'.repeat(5000)],
      '__proto__',
      'constructor',
    ];

    test('is told from every other, and listed as it was given', async () => {
      const cache = cacheOf();
      for (const [i, key] of KEYS.entries())
        expect(await cache.store.set(key, `value ${i}`, MINUTE)).toBe(true);
      for (const [i, key] of KEYS.entries()) expect(await cache.store.get(key)).toBe(`value ${i}`);
      const texts = (keys: readonly KeyPart[]): string[] => keys.map((key) => JSON.stringify(key)).sort();
      expect(texts(await listed(cache))).toEqual(texts(KEYS));
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
      for (const key of KEYS.slice(0, 5)) expect(await cache.store.delete(key)).toBe(true);
      expect(await cache.store.clear()).toBe(KEYS.length - 5);
      expect(await listed(cache)).toEqual([]);
    });

    test('is the same whatever the order of its names', async () => {
      const { store } = cacheOf();
      await store.set({ a: 1, b: { c: 2, d: [3] } }, 'found', MINUTE);
      expect(await store.get({ b: { d: [3], c: 2 }, a: 1 })).toBe('found');
      expect(await store.get({ b: { d: [3], c: 2 }, a: 2 })).toBeUndefined();
      expect(await store.delete({ b: { d: [3], c: 2 }, a: 1 })).toBe(true);
    });

    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    test.each<[string, unknown]>([
      ['undefined', undefined],
      ['NaN', Number.NaN],
      ['an infinity', Number.POSITIVE_INFINITY],
      ['a bigint', 5n],
      ['a symbol', Symbol('key')],
      ['a function', () => 'key'],
      ['a Date', new Date(0)],
      ['a Map', new Map()],
      ['bytes', Buffer.from('key')],
      ['a part that is undefined', { a: undefined }],
      ['a hole', new Array(1)],
      ['a cycle', cyclic],
    ])('that is not plain JSON is an ArgumentError: %s', async (_what, bad) => {
      const cache = cacheOf();
      const key = bad as KeyPart;
      const { store } = cache;
      await expect(store.get(key)).rejects.toThrow(ArgumentError);
      await expect(store.set(key, 1, MINUTE)).rejects.toThrow(ArgumentError);
      await expect(store.has(key)).rejects.toThrow(ArgumentError);
      await expect(store.delete(key)).rejects.toThrow(ArgumentError);
      expect(await listed(cache)).toEqual([]);
    });
  });

  describe('what cannot be kept', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;

    test.each<[string, unknown]>([
      ['undefined', undefined],
      ['a function', () => 1],
      ['a symbol', Symbol('value')],
      ['a bigint', 5n],
      ['a bigint inside', { deep: [5n] }],
      ['a cycle', cyclic],
      ['a string that is too large', 'x'.repeat(1024)],
      ['bytes that are too many', Buffer.alloc(1025)],
    ])('is an ArgumentError, and what was there stays: %s', async (_what, value) => {
      const { store } = cacheOf({ maxBodySize: '1kb' });
      await store.set('key', 'before', MINUTE);
      await expect(store.set('key', value, MINUTE)).rejects.toThrow(ArgumentError);
      await expect(store.set('other', value, MINUTE)).rejects.toThrow(ArgumentError);
      expect(await store.get('key')).toBe('before');
      expect(await store.has('other')).toBe(false);
    });

    test('is told from what just fits by the bytes of the value alone', async () => {
      const { store } = cacheOf({ maxBodySize: '1kb' });
      const text = 'x'.repeat(1022);
      expect(await store.set('text', text, MINUTE)).toBe(true);
      expect(await store.get('text')).toBe(text);
      expect(await store.set('bytes', Buffer.alloc(1024), MINUTE)).toBe(true);
      await expect(store.set('text', `${text}x`, MINUTE)).rejects.toThrow(
        'The value has 1025 bytes, but may have at most 1024: raise the option "maxBodySize".',
      );
    });

    test.each<[unknown]>([
      [undefined],
      [null],
      [{}],
      [{ ttl: undefined }],
      [{ ttl: 0 }],
      [{ ttl: -1 }],
      [{ ttl: 0.5 }],
      [{ ttl: '0s' }],
      [{ ttl: Number.NaN }],
      [{ ttl: Number.POSITIVE_INFINITY }],
      [{ ttl: '60' }],
      [{ ttl: 'soon' }],
      [{ ttl: '' }],
      [{ ttl: true }],
      [{ ttl: null }],
      [{ ttl: 2 ** 31 * 1000 + 1 }],
      [5],
      ['1m'],
    ])('for want of a lifetime is an OptionError: %j', async (options) => {
      const cache = cacheOf();
      await expect(cache.store.set('key', 1, options as typeof MINUTE)).rejects.toThrow(
        /Option "set.ttl"|must be an object \{ ttl \}/,
      );
      await expect(cache.store.set('key', 1, options as typeof MINUTE)).rejects.toThrow(OptionError);
      expect(await listed(cache)).toEqual([]);
    });
  });

  describe('a lifetime', () => {
    test('ends when it is over', async () => {
      const cache = cacheOf();
      const { store } = cache;
      await store.set('short', 1, { ttl: 1500 });
      await store.set('long', 2, { ttl: '1m' });
      expect([await store.get('short'), await store.get('long')]).toEqual([1, 2]);
      await sleep(1600);
      expect(await listed(cache)).toEqual(['long']);
      expect([await store.get('short'), await store.has('short')]).toEqual([undefined, false]);
      expect(await store.delete('short')).toBe(false);
      expect(await store.clear()).toBe(1);
    });

    test('is measured by the clock of the cache', async () => {
      let now = 1_700_000_000_000;
      const { store } = cacheOf({ clock: () => now });
      await store.set('key', 'value', { ttl: '10 minutes' });
      now += 599_999;
      expect([await store.get('key'), await store.has('key')]).toEqual(['value', true]);
      now += 1;
      expect([await store.get('key'), await store.has('key')]).toEqual([undefined, false]);
    });

    test('begins anew when the value is set anew', async () => {
      let now = 1_700_000_000_000;
      const { store } = cacheOf({ clock: () => now });
      await store.set('key', 1, MINUTE);
      now += 50_000;
      await store.set('key', 2, MINUTE);
      now += 50_000;
      expect(await store.get('key')).toBe(2);
    });

    test.each([1000, '1s', '1 hour', '2w', 2 ** 31 * 1000] as const)(
      'is a duration as everywhere: %j',
      async (ttl) => {
        expect(await cacheOf().store.set('key', 1, { ttl })).toBe(true);
      },
    );
  });

  describe('beside responses', () => {
    test('a value and a response of the same key do not touch each other', async () => {
      const cache = cacheOf({ key: () => 'x' });
      const fetch = await site(cache);
      expect(await fetch()).toBe('made 1');
      await cache.idle();
      expect(await cache.store.get('x')).toBeUndefined();
      await cache.store.set('x', 'value', MINUTE);
      expect(await fetch()).toBe('made 1');
      expect(await listed(cache)).toEqual(['x']);
      expect(await cache.store.delete('x')).toBe(true);
      expect(await fetch()).toBe('made 1');
    });

    test('a value under the URL of a response does not touch the response', async () => {
      const cache = cacheOf();
      const fetch = await site(cache);
      await fetch('/a');
      await cache.store.set('/a', 1, MINUTE);
      expect(await cache.purge({ prefix: '/' })).toBe(1);
      expect(await cache.store.get('/a')).toBe(1);
      expect(await fetch('/a')).toBe('made 2');
    });

    test('`clear` takes the values, and `purge({ all })` takes both', async () => {
      const cache = cacheOf({ hashKeys: true });
      const fetch = await site(cache);
      await fetch('/a');
      await cache.idle();
      await Promise.all(
        ['v', { hashed: 'w' }, 'x'.repeat(300)].map((key) => cache.store.set(key, 1, MINUTE)),
      );
      expect(await cache.store.clear()).toBe(3);
      expect(await cache.store.has('v')).toBe(false);
      expect(await fetch('/a')).toBe('made 1');
      await cache.store.set('v', 1, MINUTE);
      expect(await cache.purge({ all: true })).toBe(2);
      expect(await cache.store.has('v')).toBe(false);
      expect(await fetch('/a')).toBe('made 2');
    });

    test('`purge({ key })` takes both that have it', async () => {
      const cache = cacheOf({ key: () => ['x', 1] });
      const fetch = await site(cache);
      await fetch();
      await cache.idle();
      await cache.store.set(['x', 1], 'value', MINUTE);
      await cache.store.set(['x', 2], 'other', MINUTE);
      expect(await cache.purge({ key: ['x', 1] })).toBe(2);
      expect(await cache.store.get(['x', 1])).toBeUndefined();
      expect(await cache.store.get(['x', 2])).toBe('other');
      expect(await fetch()).toBe('made 2');
    });

    test('a soft purge ends a value as a hard one does', async () => {
      const cache = cacheOf();
      for (const target of [{ key: 'x' }, { all: true }] as const) {
        await cache.store.set('x', 'value', MINUTE);
        expect(await cache.purge(target, { soft: true })).toBe(1);
        expect([await cache.store.get('x'), await cache.store.has('x')]).toEqual([undefined, false]);
        await cache.store.set('x', 'anew', MINUTE);
        expect(await cache.store.get('x')).toBe('anew');
      }
    });
  });

  test('two thousand keys are listed, each once, long ones and short ones', async () => {
    const cache = cacheOf({ timeout: '10s' });
    const keys = Array.from({ length: 2000 }, (_, i) => (i % 2 ? ['short', i] : { long: 'x'.repeat(i), i }));
    await Promise.all(keys.map((key) => cache.store.set(key, 1, MINUTE)));
    const found = (await listed(cache)).map((key) => JSON.stringify(key));
    expect(found).toHaveLength(2000);
    const sorted = keys.map((key) => JSON.stringify(Array.isArray(key) ? key : { i: key.i, long: key.long }));
    expect(found.sort()).toEqual(sorted.sort());
    expect(await cache.store.clear()).toBe(2000);
    expect(await listed(cache)).toEqual([]);
  });

  test('values are those of the cache: its routes have no others', async () => {
    const cache = cacheOf();
    await cache.with({ ttl: '1s' }).store.set('key', 1, MINUTE);
    expect(await cache.store.get('key')).toBe(1);
  });

  test('a closed cache has none, and says of nothing that it was done', async () => {
    const cache = cacheOf();
    await cache.store.set('key', 1, MINUTE);
    await cache.close();
    expect(await cache.store.get('key')).toBeUndefined();
    expect(await cache.store.has('key')).toBe(false);
    expect(await cache.store.set('key', 2, MINUTE)).toBe(false);
    await expect(cache.store.delete('key')).rejects.toThrow(StoreError);
    await expect(cache.store.clear()).rejects.toThrow(StoreError);
    await expect(listed(cache)).rejects.toThrow(StoreError);
    await expect(cache.store.set('key', undefined, MINUTE)).rejects.toThrow(ArgumentError);
  });
});

describe('two caches', () => {
  test('on one Redis have the same values', async () => {
    const shared = { redis, prefix: uniquePrefix() };
    const [one, other] = [newCache(shared), newCache(shared)];
    await one.store.set({ a: 1 }, Buffer.from('bytes'), MINUTE);
    expect(await other.store.get({ a: 1 })).toEqual(Buffer.from('bytes'));
    expect(await listed(other)).toEqual([{ a: 1 }]);
    await other.store.set({ a: 1 }, 2, MINUTE);
    expect(await one.store.get({ a: 1 })).toBe(2);
    expect(await one.store.delete({ a: 1 })).toBe(true);
    expect(await other.store.has({ a: 1 })).toBe(false);
    await one.store.set('b', 1, MINUTE);
    expect(await other.store.clear()).toBe(1);
    expect(await one.store.has('b')).toBe(false);
  });

  test('with prefixes of their own have nothing in common', async () => {
    const prefix = uniquePrefix();
    const [one, other] = [newCache({ redis, prefix }), newCache({ redis, prefix: `${prefix}2:` })];
    await one.store.set('key', 1, MINUTE);
    expect(await other.store.has('key')).toBe(false);
    expect(await listed(other)).toEqual([]);
    expect(await other.store.clear()).toBe(0);
    expect(await one.store.get('key')).toBe(1);
  });

  test('in one process and without Redis have nothing in common either', async () => {
    const [one, other] = [newCache(), newCache()];
    await one.store.set('key', 1, MINUTE);
    expect(await other.store.has('key')).toBe(false);
  });
});

describe('in Redis', () => {
  test('every key ends by itself, when the value does', async () => {
    const prefix = uniquePrefix();
    const { store } = newCache({ redis, prefix });
    await store.set('key', 1, { ttl: '1h' });
    await store.set({ hashed: true }, 2, { ttl: '8s' });
    await store.set('key', 3, { ttl: '10s' });
    const lifetimes = await inRedis(async (client) => {
      const keys = await client.keys(`${prefix}*`);
      return Promise.all(keys.map((key) => client.pttl(key)));
    });
    expect(lifetimes).toHaveLength(2);
    for (const ms of lifetimes) expect(ms).toBeGreaterThan(1000);
    for (const ms of lifetimes) expect(ms).toBeLessThanOrEqual(10_000);
  });

  const damage: [string, (client: Redis, key: string) => Promise<unknown>][] = [
    ['bytes of no kind', (client, key) => client.hset(key, '', 'foreign')],
    ['no bytes', (client, key) => client.hset(key, '', '')],
    [
      'one bit that has changed',
      async (client, key) => {
        const bytes = (await client.hgetBuffer(key, '')) as Buffer;
        bytes[bytes.length - 1]! ^= 1;
        await client.hset(key, '', bytes);
      },
    ],
    [
      'a part of it',
      async (client, key) => {
        const bytes = (await client.hgetBuffer(key, '')) as Buffer;
        await client.hset(key, '', bytes.subarray(0, -1));
      },
    ],
    [
      'another type of key',
      async (client, key) => {
        await client.del(key);
        await client.lpush(key, 'foreign');
      },
    ],
  ];
  test.each(damage)('what is damaged is not there, and can be set anew: %s', async (_what, hurt) => {
    const prefix = uniquePrefix();
    const cache = newCache({ redis, prefix });
    await cache.store.set('key', { a: 1 }, MINUTE);
    await inRedis((client) => hurt(client, `${prefix}{VALUE "key"}`));
    expect(await cache.store.get('key')).toBeUndefined();
    expect(await cache.store.has('key')).toBe(false);
    expect(await cache.store.set('key', { a: 2 }, MINUTE)).toBe(true);
    expect(await cache.store.get('key')).toEqual({ a: 2 });
    await inRedis((client) => hurt(client, `${prefix}{VALUE "key"}`));
    await cache.store.delete('key');
    expect(await listed(cache)).toEqual([]);
  });

  test.each<[string, CacheOptions, RegExp]>([
    ['readable by default', {}, /\{VALUE "v"\}/],
    ['hashed with hashKeys', { hashKeys: true }, /\{#[0-9a-f]{40}\}/],
    ['hashed with encrypt', { encrypt: { keys: [{ id: 'k', key: Buffer.alloc(32) }] } }, /\{#[0-9a-f]{64}\}/],
  ])('keys are %s', async (_how, options, form) => {
    const prefix = uniquePrefix();
    const cache = newCache({ redis, prefix, ...options });
    await cache.store.set('v', 1, MINUTE);
    await cache.wrap('w', () => 2, MINUTE);
    const keys = await inRedis((client) => client.keys(`${prefix}*`));
    expect(keys.some((key) => form.test(key))).toBe(true);
    expect(keys.filter((key) => key.includes('VALUE'))).toHaveLength(form.source.includes('VALUE') ? 2 : 0);
    expect([await cache.store.get('v'), await cache.store.get('w')]).toEqual([1, 2]);
    expect((await listed(cache)).sort()).toEqual(['v', 'w']);
    expect(await cache.purge({ key: 'v' })).toBe(1);
    expect(await cache.store.delete('w')).toBe(true);
  });

  test('a name that is damaged keeps no other value from being listed and cleared', async () => {
    const prefix = uniquePrefix();
    const cache = newCache({ redis, prefix });
    await cache.store.set('whole', 1, MINUTE);
    await cache.store.set({ hashed: true }, 2, MINUTE);
    await inRedis(async (client) => {
      const [hashed = ''] = await client.keys(`${prefix}{#*`);
      expect(await client.hget(hashed, '@')).toBe('VALUE {"hashed":true}');
      await client.hset(hashed, '@', 'VALUE {"hash');
    });
    expect(await listed(cache)).toContain('whole');
    await cache.store.clear();
    expect(await cache.store.has('whole')).toBe(false);
  });

  test('a key that the store meets twice is listed once', async () => {
    const keys = async function* (): AsyncGenerator<string[], void> {
      yield ['VALUE "a"', 'GET http://h/', 'VALUE ["b"]'];
      yield ['VALUE ["b"]', 'VALUE "a"', 'VALUE "c"'];
    };
    const listed: KeyPart[] = [];
    const storage = { store: { inventory: { keys } } } as unknown as Storage;
    for await (const key of createValueStore(storage, 1, new Warnings(new Set(), () => true)).keys())
      listed.push(key);
    expect(listed).toEqual(['a', ['b'], 'c']);
  });

  test('the value of another key in its place is none of it', async () => {
    const prefix = uniquePrefix();
    const { store } = newCache({ redis, prefix });
    await store.set('one', 1, MINUTE);
    await inRedis((client) => client.rename(`${prefix}{VALUE "one"}`, `${prefix}{VALUE "two"}`));
    expect(await store.get('two')).toBeUndefined();
  });
});

describe('with a Redis that', () => {
  const TIMEOUT = 50;
  const MARGIN = 3000;
  const PATIENT = 20 * TIMEOUT + MARGIN;

  async function server(
    timeout: number = TIMEOUT,
  ): Promise<{ cache: CacheMiddleware; process: RedisProcess }> {
    const process = await startRedis();
    closing.push(() => process.stop());
    const cache = redisCache({ redis: process.url, timeout });
    closing.push(() => cache.close());
    expect(await cache.store.set('key', 1, MINUTE)).toBe(true);
    return { cache, process };
  }

  async function expectAway({ store, ...cache }: CacheMiddleware, bound: number): Promise<void> {
    const timed = async (expected: () => Promise<unknown>, most: number): Promise<void> => {
      const startedAt = performance.now();
      await expected();
      expect(performance.now() - startedAt).toBeLessThan(most);
    };
    await timed(async () => expect(await store.get('key')).toBeUndefined(), Math.min(bound, MARGIN));
    await timed(async () => expect(await store.has('key')).toBe(false), Math.min(bound, MARGIN));
    await timed(async () => expect(await store.set('key', 2, MINUTE)).toBe(false), bound);
    await timed(() => expect(store.delete('key')).rejects.toThrow(StoreError), bound);
    await timed(() => expect(store.clear()).rejects.toThrow(StoreError), bound);
    await timed(
      () => expect(listed({ store, ...cache } as CacheMiddleware)).rejects.toThrow(StoreError),
      bound,
    );
  }

  test('is down there is no value, and none is set', async () => {
    const { cache, process } = await server();
    await process.kill();
    await expectAway(cache, MARGIN);
    await process.start();
    await until(() => cache.store.set('key', 3, MINUTE));
    await until(async () => (await cache.store.get('key')) === 3);
  });

  test('hangs there is no value either, in bounded time', async () => {
    const { cache, process } = await server();
    process.pause();
    await expectAway(cache, PATIENT);
    process.resume();
  });

  test('is full nothing is set, and what is there is given', async () => {
    const { cache, process } = await server(5000);
    await process.cli('CONFIG', 'SET', 'maxmemory', 1);
    expect(await cache.store.set('other', 2, MINUTE)).toBe(false);
    expect(await cache.store.set('key', 2, MINUTE)).toBe(false);
    expect(await cache.store.has('other')).toBe(false);
    expect(await cache.store.get('key')).toBe(1);
    expect(await cache.store.delete('key')).toBe(true);
  });

  test('goes away while keys are listed is told of', async () => {
    const { cache, process } = await server();
    await expect(
      (async () => {
        for await (const _key of cache.store.keys()) await process.kill();
      })(),
    ).rejects.toThrow(StoreError);
  });
});
