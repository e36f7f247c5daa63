import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { FaultEvent } from '../../src/index.ts';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { payloadAt } from '../support/envelope.ts';
import { uniquePrefix } from '../support/prefix.ts';

/* Names that JavaScript has plans for, bytes that nobody wrote, and who may purge. */

let redis: Redis;
beforeAll(() => {
  redis = new Redis(process.env.TEST_REDIS_URL as string);
});
afterAll(() => redis.disconnect());

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf'];

describe('S15, names of prototypes', () => {
  function pollution(): unknown[] {
    return [Object.keys(Object.prototype), ({} as Record<string, unknown>).polluted];
  }

  test.each(NAMES)(
    '%s as a path, a parameter, a host, a field, a cookie and a value is any other text',
    async (name) => {
      const cache = newCache({ vary: { cookies: [name], headers: [name] } });
      const faults: FaultEvent[] = [];
      cache.on('fault', (fault) => faults.push(fault));
      const echo: Handler = (req, res) =>
        res.setHeader('Vary', `Accept, ${name}`).end(`${req.url} ${req.headers.accept}`);
      const port = await serve(bare(cache, echo));
      const before = pollution();
      const host = name.replace(/[^a-z_]/gi, 'x');
      const asked = [
        { path: `/${name}` },
        { path: `/?${name}=1&${name}[polluted]=1` },
        { path: '/', headers: { Host: host } },
        { path: '/', headers: { [name]: 'polluted' } },
        { path: '/', headers: { Cookie: `${name}=polluted; a=${name}` } },
        { path: '/', headers: { Accept: name } },
      ];
      for (const one of [...asked, ...asked]) {
        const accept = (one.headers as Record<string, string> | undefined)?.Accept;
        const answer = await ask(port, one);
        expect([answer.status, answer.body]).toEqual([200, `${one.path} ${accept}`]);
        await cache.idle();
      }
      // Node loses a request field of this name: what varies on it can be stored for nobody.
      const lost = name === '__proto__';
      const status = (await ask(port, `/${name}`)).header('cache-status');
      expect(status).toMatch(lost ? /detail=vary/ : /; hit;/);
      expect(await cache.purge({ url: `http://test.example/${name}` })).toBe(lost ? 0 : 1);
      expect(pollution()).toEqual(before);
      expect(faults).toEqual([]);
    },
  );

  test.each(NAMES)(
    '%s in a key function, in kept locals and in a response field is text too',
    async (name) => {
      const cache = newCache({ key: () => [name, JSON.parse(`{"${name}": 1}`)], locals: [name] });
      const faults: FaultEvent[] = [];
      cache.on('fault', (fault) => faults.push(fault));
      const port = await serve(bare(cache, (_req, res) => res.setHeader(name, 'polluted').end('made')));
      const before = pollution();
      await ask(port);
      await cache.idle();
      const hit = await ask(port);
      expect(hit.header('cache-status')).toMatch(/; hit;/);
      expect(hit.header(name)).toBe('polluted');
      expect(pollution()).toEqual(before);
      expect(faults).toEqual([]);
    },
  );
});

describe('S16, bytes that nobody wrote', () => {
  async function filled(): Promise<{
    port: number;
    key: string;
    bytes: Buffer;
    faults: FaultEvent[];
    idle(): Promise<void>;
  }> {
    const prefix = uniquePrefix();
    const cache = newCache({ redis, prefix });
    const faults: FaultEvent[] = [];
    cache.on('fault', (fault) => faults.push(fault));
    const port = await serve(
      bare(cache, (_req, res) => res.setHeader('X-Field', 'value').end('the whole body')),
    );
    await ask(port);
    await cache.idle();
    const key = `${prefix}{GET http://test.example/}`;
    return {
      port,
      key,
      bytes: (await redis.hgetBuffer(key, '')) as Buffer,
      faults,
      idle: () => cache.idle(),
    };
  }

  async function expectMiss(stored: Awaited<ReturnType<typeof filled>>, bytes: Buffer): Promise<void> {
    await redis.hset(stored.key, '', bytes);
    const answer = await ask(stored.port);
    expect([answer.status, answer.body]).toEqual([200, 'the whole body']);
    expect(answer.header('x-field')).toBe('value');
    expect(answer.header('cache-status')).toMatch(/fwd=/);
    await stored.idle();
  }

  test('any byte that is flipped makes a miss, and is repaired by it', async () => {
    const stored = await filled();
    for (let i = 0; i < stored.bytes.length; i++) {
      // No response depends on the version.
      if (i >= 10 && i < payloadAt(stored.bytes)) continue;
      const bytes = Buffer.from(stored.bytes);
      bytes[i] = (bytes[i] as number) ^ (1 << (i % 8));
      await expectMiss(stored, bytes);
    }
    expect((await ask(stored.port)).header('cache-status')).toMatch(/; hit;/);
    expect(stored.faults.length).toBeGreaterThan(100);
  });

  test('any length that is cut or grown makes a miss', async () => {
    const stored = await filled();
    for (let length = 0; length < stored.bytes.length; length += 3)
      await expectMiss(stored, stored.bytes.subarray(0, length));
    await expectMiss(stored, Buffer.concat([stored.bytes, Buffer.from('x')]));
    await expectMiss(stored, Buffer.concat([stored.bytes, stored.bytes]));
  });

  test.each([
    ['a list', (key: string) => redis.lpush(key, 'x')],
    ['a hash', (key: string) => redis.hset(key, 'x', '1')],
    ['a set', (key: string) => redis.sadd(key, 'x')],
  ])('%s in the place of a response makes a miss', async (_name, put) => {
    const stored = await filled();
    await redis.del(stored.key);
    await put(stored.key);
    const answer = await ask(stored.port);
    expect([answer.status, answer.body]).toEqual([200, 'the whole body']);
    await stored.idle();
    expect((await ask(stored.port)).header('cache-status')).toMatch(/; hit;/);
  });

  test.each([
    '\x02',
    '\x02*',
    '\x02__proto__',
    '\x02a b,\r\n',
    `\x02${'x,'.repeat(2000)}`,
    '\x02\n\n\n\n\n\n\n\n',
  ])('a list of names that nobody wrote, %j, makes a miss', async (marker) => {
    const stored = await filled();
    await expectMiss(stored, Buffer.from(marker, 'latin1'));
  });
});

describe('S18, who may purge', () => {
  test.each(['PURGE', 'BAN', 'REFRESH', 'FOO', 'DELETE', 'POST'])(
    'a %s that the app refuses purges nothing',
    async (method) => {
      const cache = newCache();
      const port = await serve(
        bare(cache, (req, res) => {
          if (req.method !== 'GET') res.statusCode = 405;
          res.end('made');
        }),
      );
      await ask(port);
      await cache.idle();
      await ask(port, { method });
      await cache.idle();
      expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
    },
  );

  test.each([
    ['Cache-Control', 'no-cache'],
    ['Cache-Control', 'no-store'],
    ['Pragma', 'no-cache'],
    ['X-Purge', '1'],
    ['Surrogate-Key', '*'],
    ['Clear-Site-Data', '"cache"'],
  ])('no field of a request deletes what is stored: %s: %s', async (name, value) => {
    const cache = newCache();
    let runs = 0;
    const port = await serve(bare(cache, (_req, res) => res.end(`${++runs}`)));
    await ask(port);
    await cache.idle();
    await ask(port, { headers: { [name]: value } });
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
  });

  test('an answer that names another host purges nothing there', async () => {
    const cache = newCache();
    const port = await serve(
      bare(cache, (req, res) => {
        if (req.method === 'POST') res.setHeader('Location', 'http://victim.example/').statusCode = 201;
        res.end('made');
      }),
    );
    const victim = { headers: { Host: 'victim.example' } };
    await ask(port, victim);
    await cache.idle();
    await ask(port, { method: 'POST', body: '' });
    await cache.idle();
    expect((await ask(port, victim)).header('cache-status')).toMatch(/; hit;/);
  });

  test('Cache-Status shows no key where it is not asked for', async () => {
    const cache = newCache();
    const port = await serve(bare(cache, (_req, res) => res.end('made')));
    const miss = await ask(port, '/?token=secret');
    await cache.idle();
    const hit = await ask(port, '/?token=secret');
    expect(`${miss.header('cache-status')} ${hit.header('cache-status')}`).not.toMatch(/secret|key=/);
  });
});
