import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';

/* What caches have taken for the same, or for the answer to all. */

let redis: Redis;
beforeAll(() => {
  redis = new Redis(process.env.TEST_REDIS_URL as string);
});
afterAll(() => redis.disconnect());

const echo: Handler = (req, res) => res.end(`${req.headers.host} ${req.url}`);

describe('S7, two requests make one key', () => {
  test('hosts, paths and queries that only look alike when they are put together', async () => {
    const cache = newCache();
    const port = await serve(bare(cache, echo));
    const asked = [
      ['a.example', '/b?c=d'],
      ['a.example', '/b%3Fc=d'],
      ['a.example', '/b?c%3Dd'],
      ['a.example', '/b?c=d&e'],
      ['a.example', '/b?c=d%26e'],
      ['a.example', '/b?c=d&e='],
      ['a.example', '//b?c=d'],
      ['a.example', '/b/?c=d'],
      ['a.example', '/b?'],
      ['a.example', '/b'],
      ['a.example', '/B'],
      ['a.example', '/a.example/b'],
    ] as const;
    for (const round of [1, 2]) {
      for (const [host, path] of asked) {
        const answer = await ask(port, { path, headers: { Host: host } });
        expect(answer.body).toBe(`${host} ${path}`);
        await cache.idle();
        if (round === 2) expect(answer.header('cache-status')).toMatch(/hit/);
      }
    }
  });

  test('parts of a key function that only look alike when they are joined', async () => {
    const cache = newCache({ key: (req) => JSON.parse(String(req.headers['x-key'])) });
    const port = await serve(bare(cache, (req, res) => res.end(req.headers['x-key'])));
    const keys = [
      '["a","b"]',
      '["a,b"]',
      '"a,b"',
      '["a",["b"]]',
      '[["a"],"b"]',
      '{"a":"b"}',
      '1',
      '"1"',
      '[1]',
      '""',
    ];
    for (const key of [...keys, ...keys]) {
      expect((await ask(port, { headers: { 'X-Key': key } })).body).toBe(key);
      await cache.idle();
    }
  });

  test('values of Vary and of vary.headers that hold what separates them', async () => {
    const cache = newCache({ vary: { headers: ['x-c'] } });
    const three: Handler = (req, res) => {
      const { 'x-a': a, 'x-b': b, 'x-c': c } = req.headers;
      res.setHeader('Vary', 'X-A, X-B').end(JSON.stringify([a, b, c]));
    };
    const port = await serve(bare(cache, three));
    const texts = ['a', 'a","b', 'null', 'a;b', 'a:b', '|', '\\"'];
    for (const a of texts) {
      for (const b of texts.slice(0, 3)) {
        const headers = { 'X-A': a, 'X-B': b, 'X-C': a };
        expect((await ask(port, { headers })).body).toBe(JSON.stringify([a, b, a]));
        await cache.idle();
      }
    }
  });

  test('a key that is long beyond all measure is hashed whole, not cut', async () => {
    const cache = newCache();
    const port = await serve(bare(cache, (req, res) => res.end(req.url?.slice(-1))));
    for (const last of ['a', 'b', 'a', 'b']) {
      expect((await ask(port, `/${'x'.repeat(8000)}${last}`)).body).toBe(last);
      await cache.idle();
    }
  });

  test('a response that stands at the place of another, as after a collision, is a miss', async () => {
    const prefix = uniquePrefix();
    const cache = newCache({ redis, prefix });
    const port = await serve(bare(cache, echo));
    await ask(port, '/secret');
    await cache.idle();
    const bytes = await redis.hgetBuffer(`${prefix}{GET http://test.example/secret}`, '');
    expect(bytes).not.toBeNull();
    await redis.hset(`${prefix}{GET http://test.example/public}`, '', bytes as Buffer);
    const answer = await ask(port, '/public');
    expect(answer.body).toBe('test.example /public');
    expect(answer.header('cache-status')).toMatch(/uri-miss/);
  });
});

describe('S8, what is not in the key shapes what is stored', () => {
  test('an error that one client provokes is not the page of all', async () => {
    const cache = newCache();
    const port = await serve(
      bare(cache, (req, res) => {
        if (req.headers['x-broken']) res.statusCode = Number(req.headers['x-broken']);
        res.end('made');
      }),
    );
    for (const status of ['400', '403', '408', '413', '417', '431', '500', '502', '503']) {
      await ask(port, { headers: { 'X-Broken': status } });
      await cache.idle();
      const next = await ask(port, { headers: {} });
      expect([next.status, next.body]).toEqual([200, 'made']);
      await cache.purge({ all: true });
    }
  });

  test('an error that is stored outlives no minute', async () => {
    let now = Date.now();
    const cache = newCache({ clock: () => now });
    let status = 404;
    const port = await serve(bare(cache, (_req, res) => res.writeHead(status).end()));
    await ask(port);
    await cache.idle();
    status = 200;
    now += 60_001;
    expect((await ask(port)).status).toBe(200);
  });
});
