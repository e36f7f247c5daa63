import { once } from 'node:events';
import { createServer } from 'node:http';
import { get as askTls, createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { Express, RequestHandler } from 'express';
import express5 from 'express';
import { type CacheOptions, redisCache } from '../../src/index.ts';
import { BEHIND, counting, HIT, refreshes, STALE, stage, timed } from '../fresh-and-stale/support/stage.ts';
import { frameworks, newCache, serve, type TestApp } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { expresses } from '../support/expresses.ts';
import { certificates } from '../support/tls.ts';

/* The front door answers as the same cache does within the app, and the app is not entered for it. */

describe.each(frameworks)('$name', ({ app }) => {
  const door = (handler: ReturnType<typeof counting>, options?: CacheOptions): Promise<TestApp> =>
    stage((cache) => cache.before(app(handler)), options);

  test('hits never enter the app', async () => {
    const handler = counting();
    const { settled } = await door(handler);
    expect(await settled()).toMatchObject({ body: 'run 1', cacheStatus: 'fwd=uri-miss; stored' });
    expect(await settled()).toMatchObject({ ...HIT, body: 'run 1' });
    expect(handler.runs).toHaveLength(1);
  });

  test('HEAD, conditional requests and ranges are answered from what GET stored', async () => {
    const handler = counting((_run, _req, res) => {
      res.setHeader('ETag', '"1"');
      res.end('0123456789');
    });
    const { settled } = await door(handler);
    await settled();
    expect(await settled({ method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    expect(await settled({ headers: { 'If-None-Match': '"1"' } })).toMatchObject({ status: 304 });
    const part = await settled({ headers: { Range: 'bytes=2-3' } });
    expect(part).toMatchObject({ status: 206, body: '23' });
    expect(handler.runs).toHaveLength(1);
  });

  test('unsafe methods reach the app with their body, and invalidate', async () => {
    const handler = counting(async (run, req, res) => {
      res.end(`run ${run} ${await text(req)}`);
    });
    const { settled } = await door(handler);
    await settled('/a');
    const posted = await settled({ method: 'POST', path: '/a', body: 'posted' });
    expect(posted).toMatchObject({ body: 'run 2 posted', cacheStatus: 'fwd=method' });
    expect((await settled('/a')).body).toBe('run 3 ');
  });

  test('is purged by a request header', async () => {
    const authorize = { header: 'x-secret', secret: 'sixteen characters' };
    const handler = counting();
    const { settled } = await door(handler, { invalidation: { header: 'x-purge', authorize } });
    await settled();
    const headers = { 'X-Purge': 'invalidate', 'X-Secret': authorize.secret };
    expect((await settled({ headers })).body).toBe('{"purged":1}');
    expect((await settled()).body).toBe('run 2');
  });

  test('what is stale is sent and refreshed behind the answer', async () => {
    const handler = counting();
    await refreshes(await door(handler));
    expect(handler.runs.map(({ forNobody }) => forNobody)).toEqual([false, true]);
  });

  test('what is hot is refreshed before it is stale', async () => {
    const handler = counting(async (run, _req, res) => {
      await sleep(5);
      res.end(`run ${run}`);
    });
    const { settled, later } = await door(handler, { earlyRefresh: true });
    await settled();
    // As long before its end as the handler takes: about every third hit refreshes it.
    later(59_995);
    for (let i = 0; i < 50 && handler.runs.length < 2; i++) await settled();
    expect(handler.runs.map(({ forNobody }) => forNobody)).toEqual([false, true]);
  });

  test('what is stale stands in for an app that hangs', async () => {
    const handler = counting((run, _req, res) => void (run === 1 && res.end('run 1')));
    const options = { staleWhileRevalidate: 0, staleIfError: '1d', originTimeout: 20 } as const;
    const { ask, later, cache } = await door(handler, { ...options, refresh: { timeout: 100 } });
    await ask();
    await cache.idle();
    later(STALE);
    expect(await ask()).toMatchObject({ body: 'run 1', cacheStatus: 'fwd=stale; detail=origin-timeout' });
  });

  test('requests for what is being made wait for it', async () => {
    const handler = counting(async (run, _req, res) => {
      await sleep(20);
      res.end(`run ${run}`);
    });
    const { ask } = await door(handler);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['run 1']));
    expect(handler.runs).toHaveLength(1);
  });

  test('warms up in process', async () => {
    const handler = counting();
    const { cache } = timed();
    const listener = cache.before(app(handler));
    const port = await serve(listener);
    const url = `http://test.example/warm`;
    expect(await cache.warm([url], { app: listener })).toMatchObject({ done: 1, failed: 0 });
    expect(await ask(port, '/warm')).toMatchObject(HIT);
  });

  test('another policy of the same cache', async () => {
    const handler = counting();
    const { settled } = await stage((cache) => cache.with({ ttl: '5s' }).before(app(handler)));
    await settled();
    expect((await settled()).cacheStatus).toMatch(/^hit; ttl=[45]$/);
  });

  test('a cache that is closed forwards', async () => {
    const handler = counting();
    const { cache, ask } = await door(handler);
    await ask();
    await cache.close();
    expect(await ask()).toMatchObject({ body: 'run 2', cacheStatus: '' });
  });

  test('the same cache within the app is harmless', async () => {
    const handler = counting();
    const { settled, requests } = await stage((cache) => cache.before(app(cache, handler)));
    expect((await settled()).cacheStatus).toBe('fwd=uri-miss; stored');
    expect(await settled()).toMatchObject(HIT);
    expect(requests).toHaveLength(2);
  });

  test('a listener among others of a server', async () => {
    const handler = counting();
    const cache = newCache();
    const server = createServer().on('request', cache.before(app(handler)));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      await ask(port);
      await cache.idle();
      expect((await ask(port)).header('cache-status')).toMatch(/hit/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe.each(expresses)('%s', (_name, make) => {
  const express = (): Express => make().set('env', 'test');

  test('is not entered for a hit', async () => {
    let entered = 0;
    const app = express();
    app.use((_req, _res, next) => {
      entered++;
      next();
    });
    app.get('/a', (_req, res) => void res.json({ a: 1 }));
    const { settled, later } = await stage((cache) => cache.before(app));
    const miss = await settled('/a');
    later(50_000);
    const hit = await settled('/a');
    expect(entered).toBe(1);
    const names = ['content-type', 'etag', 'x-powered-by', 'content-length'];
    const fields = (answer: typeof hit): unknown[] => names.map((name) => answer.header(name));
    expect(fields(hit)).toEqual(fields(miss));
    // When it was made: by the clock of the cache, and by Node's, which goes on meanwhile.
    const dates = [miss, hit].map((answer) => Date.parse(answer.header('date') ?? ''));
    expect(Math.abs((dates[0] as number) - (dates[1] as number))).toBeLessThan(20_000);
    expect(hit.body).toBe('{"a":1}');
  });

  test.each<[string, RequestHandler]>([
    ['404s', (_req, _res, next) => next()],
    [
      'what is thrown',
      () => {
        throw Object.assign(new Error('thrown'), { stack: 'thrown' });
      },
    ],
    [
      'errors that are handed on',
      (_req, _res, next) => next(Object.assign(new Error('e'), { status: 418, stack: 'e' })),
    ],
    ['redirects', (_req, res) => res.redirect('/elsewhere')],
    ['files', (_req, res) => res.sendFile(__filename)],
  ])('answers %s as without the door', async (_what, handler) => {
    const build = (): Express => express().use(handler);
    const alone = await ask(await serve(build()), '/x');
    const { settled } = await stage((cache) => cache.before(build()));
    const told = await settled('/x');
    const own = /^(?:cache-status|date|age|connection|keep-alive)$/i;
    const lines = (answer: typeof alone) => answer.lines.filter(([name]) => !own.test(name)).sort();
    expect([told.status, lines(told), told.body]).toEqual([alone.status, lines(alone), alone.body]);
  });

  test("a request is the app's own behind the door, and its URL as it came", async () => {
    const app = express();
    const inner = make.Router();
    inner.get('/leads/:id', (req, res) => {
      const { baseUrl, path, originalUrl, params, query, hostname } = req;
      res.json({ baseUrl, path, originalUrl, params, query, hostname, own: req.app === app });
    });
    app.use('/api', inner);
    const asks: CacheOptions = { when: () => true };
    for (const options of [{}, asks]) {
      const { settled, later } = await stage((cache) => cache.before(app), options);
      const made = await settled('/api/leads/7?a=1');
      expect(JSON.parse(made.body)).toEqual({
        baseUrl: '/api',
        path: '/leads/7',
        originalUrl: '/api/leads/7?a=1',
        params: { id: '7' },
        query: { a: '1' },
        hostname: 'test.example',
        own: true,
      });
      later(STALE);
      expect(await settled('/api/leads/7?a=1')).toMatchObject(BEHIND);
      expect(await settled('/api/leads/7?a=1')).toMatchObject({ ...HIT, body: made.body });
    }
  });

  test('keeps `res.locals`', async () => {
    const handler = counting((_run, _req, res) => {
      res.locals.kept = 'kept';
      res.end('x');
    });
    const { settled, cache } = await stage((cache) => cache.before(express().use(handler)), {
      locals: ['kept'],
    });
    await settled();
    const locals: unknown[] = [];
    const door = cache.before(express());
    const port = await serve((req, res) => {
      res.on('finish', () => locals.push((res as unknown as { locals: unknown }).locals));
      door(req, res);
    });
    expect(await ask(port)).toMatchObject(HIT);
    expect(locals).toEqual([{ kept: 'kept' }]);
  });

  test('the fields of a listener in front are those of the request at hand', async () => {
    const { cache } = timed();
    const door = cache.before(express().use((_req, res) => void res.end('x')));
    let count = 0;
    const port = await serve((req, res) => {
      res.setHeader('X-Request-Id', String(++count));
      door(req, res);
    });
    await ask(port);
    await cache.idle();
    const hit = await ask(port);
    expect(hit).toMatchObject(HIT);
    expect(hit.header('x-request-id')).toBe('2');
  });
});

test('https: the key knows it', async () => {
  const { cert, key } = await certificates('127.0.0.1');
  const handler = counting((run, req, res) => res.end(`run ${run} ${req.protocol}`));
  const { cache, later, requests } = timed();
  const server = createTlsServer({ cert, key }, cache.before(express5().use(handler)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const get = async (): Promise<string> => {
    const body = await new Promise<string>((resolve, reject) => {
      const asked = askTls({ port, rejectUnauthorized: false, agent: false }, (res) => resolve(text(res)));
      asked.on('error', reject);
    });
    await cache.idle();
    return body;
  };
  try {
    expect(await get()).toBe('run 1 https');
    later(STALE);
    expect([await get(), await get()]).toEqual(['run 1 https', 'run 2 https']);
    expect(requests[0]?.key).toMatch(/^GET https:\/\//);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test.each([undefined, null, {}, 'app', createServer()])('refuses %p for an app', (app) => {
  const cache = redisCache();
  expect(() => cache.before(app as never)).toThrow(
    expect.objectContaining({
      name: 'ArgumentError',
      message: expect.stringMatching(/listener/),
    }),
  );
});
