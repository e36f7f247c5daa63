import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import compression from 'compression';
import { Redis } from 'ioredis';
import { bare, express5app, type Handler, type Layer, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';

/* What caches have kept that was shared, unreadable, or without end. */

let redis: Redis;
beforeAll(() => {
  redis = new Redis(process.env.TEST_REDIS_URL as string);
});
afterAll(() => redis.disconnect());

describe('S9, what is stored is shared or empty', () => {
  test('a buffer that the handler writes over is stored as it was sent', async () => {
    const cache = newCache();
    const shared = Buffer.alloc(5);
    const port = await serve(
      bare(cache, (_req, res) => {
        res.write(shared.fill('a'));
        res.end(shared.fill('b'), () => shared.fill('c'));
      }),
    );
    await ask(port);
    await cache.idle();
    expect((await ask(port)).body).toBe('aaaaabbbbb');
  });

  test('what one hit does to its fields is not seen by the next', async () => {
    const cache = newCache();
    const spoil: Layer = (_req, res, next) => {
      const { writeHead } = res;
      Object.assign(res, {
        writeHead(status: number, fields: unknown[]) {
          const answer = Reflect.apply(writeHead, res, [status, [...fields, 'X-Spoilt', '1']]) as unknown;
          fields.length = 0;
          return answer;
        },
      });
      next();
    };
    const port = await serve(
      bare(
        (req, res, next) => (req.url === '/?spoil' ? spoil(req, res, next) : next()),
        newCache().with({}),
        (_req, res, next) => (res.headersSent ? undefined : next()),
        cache.with({ vary: { query: false } }),
        (_req, res) => res.setHeader('X-Of-App', ['1', '2']).end('made'),
      ),
    );
    await ask(port, '/');
    await cache.idle();
    const plain = await ask(port, '/');
    expect(plain.header('x-of-app')).toBe('1, 2');
    expect(plain.header('x-spoilt')).toBeUndefined();
  });

  test.each([204, 304])('a %d has no body to be the body of anything else', async (status) => {
    const cache = newCache();
    let runs = 0;
    const port = await serve(
      bare(cache, (_req, res) => {
        res.setHeader('Cache-Control', 'max-age=60');
        if (runs++ === 0) res.writeHead(status).end();
        else res.end('made');
      }),
    );
    expect((await ask(port)).status).toBe(status);
    await cache.idle();
    const next = await ask(port);
    expect([next.status, next.body]).toEqual(status === 204 ? [204, ''] : [200, 'made']);
  });

  test('a server error is not stored for the time of a page', async () => {
    const cache = newCache({ ttl: '1y' as never });
    const port = await serve(bare(cache, (_req, res) => res.writeHead(500).end()));
    await ask(port);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).not.toMatch(/hit/);
  });
});

describe('S10, a coding that the client cannot read', () => {
  const long = 'text '.repeat(1000);

  test('compression behind the cache is stored once for each coding', async () => {
    const cache = newCache();
    const page: Handler = (_req, res) => void res.type('text').send(long);
    const port = await serve(express5app(cache, compression() as unknown as Layer, page));
    for (const coding of ['gzip', undefined, 'gzip', undefined, 'identity']) {
      const answer = await ask(port, { headers: coding ? { 'Accept-Encoding': coding } : {} });
      expect(answer.header('content-encoding')).toBe(coding === 'gzip' ? 'gzip' : undefined);
      await cache.idle();
    }
  });

  test('a coded response is for those who asked alike, though it does not say so', async () => {
    const cache = newCache();
    const careless: Handler = (req, res) => {
      if (!req.headers['accept-encoding']?.includes('gzip')) return res.end(long);
      res.setHeader('Content-Encoding', 'gzip').end(gzipSync(long));
    };
    const port = await serve(bare(cache, careless));
    const gzip = { headers: { 'Accept-Encoding': 'gzip' } };
    await ask(port, gzip);
    await cache.idle();
    const plain = await ask(port);
    expect(plain.header('content-encoding')).toBeUndefined();
    expect(plain.body).toBe(long);
    await cache.idle();
    const hit = await ask(port, gzip);
    expect(hit.header('cache-status')).toMatch(/; hit;/);
  });
});

describe('S11, a flood of keys', () => {
  async function stored(prefix: string): Promise<string[]> {
    return redis.keys(`${prefix}{[^@]*`);
  }

  test('one URL keeps a bounded number of variants', async () => {
    const prefix = uniquePrefix();
    const cache = newCache({ redis, prefix });
    const port = await serve(bare(cache, (_req, res) => res.setHeader('Vary', 'X-Any').end('made')));
    for (let i = 0; i < 300; i += 50) {
      const some = Array.from({ length: 50 }, (_, j) => ask(port, { headers: { 'X-Any': `${i + j}` } }));
      await Promise.all(some);
      await cache.idle();
    }
    expect((await stored(prefix)).length).toBeLessThanOrEqual(131);
  });

  test('one URL keeps a bounded number of Vary field lists', async () => {
    const cache = newCache();
    const port = await serve(
      bare(cache, (req, res) => res.setHeader('Vary', String(req.headers['x-names'])).end('made')),
    );
    for (let i = 0; i < 40; i++) {
      await ask(port, { headers: { 'X-Names': `X-${i}` } });
      await cache.idle();
    }
    const startedAt = performance.now();
    expect((await ask(port, { headers: { 'X-Names': 'X-41' } })).body).toBe('made');
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });

  test('nothing stays in Redis for ever, and no key is longer than it need be', async () => {
    const prefix = uniquePrefix();
    const cache = newCache({ redis, prefix, vary: { headers: ['x-any'] } });
    const port = await serve(
      bare(cache, (req, res) => res.setHeader('Vary', 'Accept').end(`made for ${req.headers.accept}`)),
    );
    for (const path of ['/', '/?a=1', `/${'x'.repeat(5000)}`, '/{}', '/%00', '/*'])
      await ask(port, { path, headers: { 'X-Any': 'y'.repeat(3000) } });
    await cache.idle();
    const keys = await stored(prefix);
    expect(keys.length).toBeGreaterThanOrEqual(6);
    for (const key of keys) {
      expect(key.length).toBeLessThan(prefix.length + 500);
      expect(await redis.pttl(key)).toBeGreaterThan(0);
    }
  });
});
