import { describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { payloadAt } from '../support/envelope.ts';
import { uniquePrefix } from '../support/prefix.ts';
import {
  BODY,
  type Deployment,
  deploy,
  direct,
  everythingOf,
  FIELD,
  keysOf,
  sealedBy,
  url,
} from './support/app.ts';

/* What stands in Redis with `encrypt`: nothing that can be read, and nothing that can be touched or moved unnoticed. */

async function sealed(options: object = {}): Promise<Deployment & { prefix: string; client: Redis }> {
  const prefix = uniquePrefix();
  return { ...(await deploy({ prefix, ...sealedBy('one'), ...options })), prefix, client: direct() };
}

const HIT = 'hit; ttl';
const MISS = 'fwd=uri-miss; stored';

describe('nothing can be read in Redis', () => {
  const SECRETS = [
    BODY,
    FIELD,
    'CANARY-tenant',
    'CANARY-path',
    'CANARY-query',
    'CANARY-cookie',
    'CANARY-value',
  ];
  const fillAll = async ({ ask, cache }: Deployment): Promise<void> => {
    await ask('/CANARY-path?q=CANARY-query', { Cookie: 'sid=CANARY-cookie' });
    await ask('/varying', { 'X-Tenant': 'CANARY-tenant', Cookie: 'sid=CANARY-cookie' });
    await cache.wrap(['CANARY-value'], () => BODY, { ttl: '1h', tags: ['leads'] });
    await cache.store.set('CANARY-value', { [FIELD]: BODY }, { ttl: '1h' });
  };

  test('of bodies, fields, URLs, selecting values, or of values and their keys', async () => {
    const one = await sealed({ vary: { cookies: ['sid'] }, maxEntries: 100 });
    await fillAll(one);
    const all = await everythingOf(one.client, one.prefix);
    expect(SECRETS.filter((secret) => all.includes(secret))).toEqual([]);
    // What can be is documented: names of tags, and of the fields that responses vary on.
    expect(all.includes('leads')).toBe(true);
    expect(all.includes('x-tenant')).toBe(true);
  });

  test('though all of it is there to be read without the option', async () => {
    const one = await sealed({ encrypt: undefined, vary: { cookies: ['sid'] } });
    await fillAll(one);
    const all = await everythingOf(one.client, one.prefix);
    expect(SECRETS.filter((secret) => !all.includes(secret))).toEqual([]);
  });

  test('while a fill is under way', async () => {
    const one = await sealed();
    let seen: Buffer | undefined;
    await one.cache.wrap('CANARY-value', async () => (seen = await everythingOf(one.client, one.prefix)), {
      ttl: '1h',
    });
    expect(seen?.includes('|leases')).toBe(true);
    expect(seen?.includes('CANARY')).toBe(false);
  });
});

describe('everything works as it does without', () => {
  test.each<[string, object]>([
    ['Redis', {}],
    ['the in-process store', { redis: undefined }],
    ['keys left as they are', { hashKeys: false }],
  ])('hits, variants and values, with %s', async (_name, options) => {
    const { ask, cache, runs } = await sealed(options);
    const pages = ['/a', '/a?b=c', `/${'long'.repeat(100)}`];
    for (const path of pages) expect((await ask(path)).status).toBe(MISS);
    // The third time it is recalled and not opened.
    for (const path of [...pages, ...pages, ...pages]) {
      expect(await ask(path)).toEqual({ status: HIT, body: `${BODY} of ${path}` });
    }
    for (const tenant of ['x', 'y']) await ask('/varying', { 'X-Tenant': tenant });
    for (const tenant of ['x', 'y', 'x', 'y']) {
      expect(await ask('/varying', { 'X-Tenant': tenant })).toEqual({
        status: HIT,
        body: `${BODY} of /varying ${tenant}`,
      });
    }
    expect(runs()).toBe(pages.length + 2);

    expect(await cache.wrap('w', () => ['made'], { ttl: '1h' })).toEqual(['made']);
    expect(await cache.wrap('w', () => ['again'], { ttl: '1h' })).toEqual(['made']);
    expect(await cache.store.set('s', Buffer.from([1, 2]), { ttl: '1h' })).toBe(true);
    expect(await cache.store.get('s')).toEqual(Buffer.from([1, 2]));
    expect((await listed(cache.store.keys())).sort()).toEqual(['s', 'w']);
    expect(await cache.store.delete('s')).toBe(true);
    expect(await cache.store.has('s')).toBe(false);
    expect(await cache.store.clear()).toBe(1);
    expect((await ask('/a')).status).toBe(HIT);
  });

  test('purges by URL, key, tag, prefix and of everything', async () => {
    const { ask, cache, prefix, client } = await sealed();
    const fill = async (): Promise<void> => {
      for (const path of ['/a/1', '/a/2', '/b']) await ask(path);
      await cache.store.set('s', 1, { ttl: '1h' });
    };
    await fill();
    expect(await cache.purge({ url: 'http://test.example/b' })).toBe(1);
    expect(await cache.purge({ key: 's' })).toBe(1);
    expect(await cache.purge({ prefix: '/a/' })).toBe(2);
    await fill();
    expect(await cache.purge({ tag: 'leads' })).toBe(3);
    expect(await cache.store.get('s')).toBe(1);
    await fill();
    expect(await cache.purge({ all: true })).toBe(4);
    expect(await keysOf(client, prefix)).toEqual([]);
  });

  test('soft purges, which a confirmation ends', async () => {
    const { ask, cache, runs, faults } = await sealed();
    await ask('/a');
    for (const target of [{ tag: 'leads' }, { prefix: '/' }, { url: 'http://test.example/a' }]) {
      expect(await cache.purge(target, { soft: true })).toBe(1);
      expect(await cache.purge(target, { soft: true })).toBe(0);
      const answer = await ask('/a');
      expect(answer).toEqual({ status: 'fwd=stale; fwd-status=304; stored', body: `${BODY} of /a` });
      expect((await ask('/a')).status).toBe(HIT);
    }
    expect([runs(), faults]).toEqual([4, []]);
  });
});

describe('what was touched in Redis', () => {
  const spoilt = async (spoil: (bytes: Buffer) => Buffer): Promise<void> => {
    const { ask, faults, client, prefix, runs } = await sealed();
    await ask('/a');
    const [key = ''] = await keysOf(client, prefix);
    const [field = ''] = (await client.hkeys(key)).filter((name) => !/^[!@]/.test(name));
    const bytes = (await client.hgetBuffer(key, field)) as Buffer;
    await client.hset(key, field, spoil(Buffer.from(bytes)));
    expect(await ask('/a')).toEqual({ status: MISS, body: `${BODY} of /a` });
    expect(faults).toEqual([
      { step: 'decrypt', code: 'tampered', message: expect.not.stringContaining('CANARY') },
      { step: 'decode', code: 'corrupt', message: 'a damaged value', key: expect.any(String) },
    ]);
    expect((await ask('/a')).status).toBe(HIT);
    expect(runs()).toBe(2);
  };
  const flip = (at: number) => (bytes: Buffer) => {
    const i = at < 0 ? bytes.length + at : payloadAt(bytes) + at;
    bytes[i] = (bytes[i] as number) ^ 1;
    return bytes;
  };

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['its nonce', flip(5)],
    ['the end of its nonce', flip(15)],
    ['its metadata', flip(60)],
    ['its body', flip(-20)],
    ['its tag', flip(-1)],
    ['its end', (bytes) => bytes.subarray(0, -1)],
  ])('is a miss, told of, and stored anew: %s', (_name, spoil) => spoilt(spoil));

  test('is not used where it was moved to: another URL, another variant, a value', async () => {
    const { ask, cache, client, prefix, faults } = await sealed();
    await ask('/a');
    const [a = ''] = await keysOf(client, prefix);
    await ask('/b');
    const [b = ''] = (await keysOf(client, prefix)).filter((key) => key !== a);
    await client.copy(a, b, 'REPLACE');
    expect(await ask('/b')).toEqual({ status: MISS, body: `${BODY} of /b` });

    await cache.store.set('s', 'mine', { ttl: '1h' });
    const [s = ''] = (await keysOf(client, prefix)).filter((key) => key !== a && key !== b);
    const value = (await client.hgetallBuffer(s)) as Record<string, Buffer>;
    const response = (await client.hgetallBuffer(a)) as Record<string, Buffer>;
    const slot = Object.keys(response).find((name) => !/^[!@]/.test(name)) as string;
    await client.hset(s, '', response[slot] as Buffer);
    expect(await cache.store.get('s')).toBeUndefined();
    await client.hset(a, slot, value[''] as Buffer);
    expect(await ask('/a')).toEqual({ status: MISS, body: `${BODY} of /a` });
    expect(new Set(faults.map(({ code }) => code))).toEqual(new Set(['tampered', 'corrupt']));
    // A value that was tampered with is made anew.
    expect(await cache.wrap('s', () => 'again', { ttl: '1h' })).toBe('again');
    expect(await cache.store.get('s')).toBe('again');

    for (const tenant of ['x', 'y']) await ask('/varying', { 'X-Tenant': tenant });
    const keys = await keysOf(client, prefix);
    const varying = keys.find((key) => ![a, b, s].includes(key)) as string;
    const fields = (await client.hgetallBuffer(varying)) as Record<string, Buffer>;
    const [x = '', y = ''] = Object.keys(fields).filter(
      (name) => !/^[!@]/.test(name) && fields[name]?.[0] === 3,
    );
    await client.hset(varying, x, fields[y] as Buffer, y, fields[x] as Buffer);
    for (const tenant of ['x', 'y']) {
      const answer = await ask('/varying', { 'X-Tenant': tenant });
      expect(answer).toEqual({ status: 'fwd=vary-miss; stored', body: `${BODY} of /varying ${tenant}` });
    }
  });

  test('is not used under another prefix', async () => {
    const [one, two] = [await sealed(), await sealed()];
    await one.ask('/a');
    await two.ask('/b');
    const [from = ''] = await keysOf(one.client, one.prefix);
    await one.client.copy(from, from.replace(one.prefix, two.prefix), 'REPLACE');
    expect((await two.ask('/a')).status).toBe(MISS);
    expect(two.faults[0]).toMatchObject({ code: 'tampered' });
  });
});

test('where Redis is away, requests are answered by the app', async () => {
  const { ask } = await sealed({ redis: url.replace(/:\d+/, ':1'), timeout: 50 });
  expect(await ask('/a')).toMatchObject({ body: `${BODY} of /a` });
});

async function listed(keys: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const key of keys) all.push(key);
  return all;
}
