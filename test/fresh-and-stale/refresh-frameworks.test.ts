import { once } from 'node:events';
import { get as askTls, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import compression from 'compression';
import type { ErrorRequestHandler, Express, RequestHandler } from 'express';
import session from 'express-session';
import type { CacheMiddleware } from '../../src/index.ts';
import { bare, frameworks, type Handler, newCache, serve } from '../support/app.ts';
import { type Answer, type Asked, ask } from '../support/client.ts';
import { expresses } from '../support/expresses.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { certificates } from '../support/tls.ts';
import {
  BEHIND,
  counting,
  HIT,
  refreshes,
  STALE,
  stage,
  stopMonotonicClock,
  timed,
} from './support/stage.ts';

/* Refreshing behind an answer, whatever the app is made of. */

describe.each(frameworks)('$name', ({ app }) => {
  test('a handler is run again behind the answer', async () => {
    const handler = counting();
    await refreshes(await stage((cache) => app(cache, handler)));
    expect(handler.runs.map(({ forNobody }) => forNobody)).toEqual([false, true]);
  });

  test('a stream is read again to its end', async () => {
    const handler = counting((run, _req, res) => Readable.from(['run ', String(run)]).pipe(res));
    await refreshes(await stage((cache) => app(cache, handler)));
  });

  test('what a handler begins and never ends leaves the stale response standing', async () => {
    const handler = counting((run, _req, res) => (run === 1 ? res.end('run 1') : res.write('run')));
    const options = { refresh: { timeout: 50 } };
    const { settled, later, cache } = await stage((cache) => app(cache, handler), options);
    let refreshes = 0;
    cache.on('refresh', () => refreshes++);
    await settled();
    later(STALE);
    stopMonotonicClock();
    for (let i = 0; i < 3; i++) expect(await settled()).toMatchObject({ ...BEHIND, body: 'run 1' });
    expect(refreshes).toBe(1);
  });

  test('a handler that fails at once leaves the stale response standing', async () => {
    const handler = counting((run, _req, res, next) => (run === 1 ? res.end('run 1') : next(failure())));
    const failed: Handler = Object.assign((_error: unknown, _req: unknown, res: Failing, _next: unknown) => {
      res.statusCode = 500;
      res.end('failed');
    }) as unknown as Handler;
    const { settled, later } = await stage((cache) => app(cache, handler, failed));
    await settled();
    later(STALE);
    stopMonotonicClock();
    for (let i = 0; i < 3; i++) expect(await settled()).toMatchObject({ ...BEHIND, body: 'run 1' });
    expect(handler.runs).toHaveLength(2);
  });
});

interface Failing {
  statusCode: number;
  end(body: string): void;
}

/** Without a stack, which a framework would print. */
function failure(): Error {
  return Object.assign(new Error('failed'), { stack: '' });
}

test('node:http: what a handler throws in a refresh ends nothing but the refresh', async () => {
  const handler = counting((run, _req, res) => {
    if (run > 1) throw failure();
    res.end('run 1');
  });
  const { settled, later } = await stage((cache) => bare(cache, handler));
  await settled();
  later(STALE);
  stopMonotonicClock();
  for (let i = 0; i < 3; i++) expect(await settled()).toMatchObject({ ...BEHIND, body: 'run 1' });
  expect(handler.runs).toHaveLength(2);
});

test('https: a refresh is as much of https as its original', async () => {
  const { cert, key } = await certificates('127.0.0.1');
  const handler = counting((run, req, res) => {
    res.end(`run ${run} ${(req.socket as { encrypted?: boolean }).encrypted}`);
  });
  const { cache, later } = timed();
  const server = createServer({ cert, key }, bare(cache as unknown as Handler, handler));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const asked = askTls({ port, rejectUnauthorized: false, agent: false }, (res) => resolve(text(res)));
      asked.on('error', reject);
    });
  try {
    expect(await ask()).toBe('run 1 true');
    await cache.idle();
    later(STALE);
    expect(await ask()).toBe('run 1 true');
    await cache.idle();
    expect(await ask()).toBe('run 2 true');
    expect(handler.runs).toHaveLength(2);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

describe.each(expresses)('%s', (_name, make) => {
  const express = (): Express => make().set('env', 'test');
  const text = 'compress me '.repeat(500);

  test('routers in routers and apps in apps are reached by the way of the original', async () => {
    const handler = counting((run, req, res) => {
      const { baseUrl, path, originalUrl, params } = req;
      res.json({ run, baseUrl, path, originalUrl, id: params.id });
    });
    const { port, settled, later } = await stage((cache) => {
      const inner = make.Router();
      inner.get('/leads/:id', handler);
      const app = express();
      const sub = express();
      sub.use('/v1', inner);
      app.use('/api', cache as CacheMiddleware, sub);
      return app;
    });
    const asked = '/api/v1/leads/7?b=1&a=2';
    const { run, ...seen } = JSON.parse((await settled(asked)).body);
    expect(seen).toMatchObject({ baseUrl: '/api/v1', path: '/leads/7', originalUrl: asked, id: '7' });
    later(STALE);
    expect(await settled(asked)).toMatchObject(BEHIND);
    const answer = await ask(port, asked);
    expect(answer).toMatchObject(HIT);
    expect(JSON.parse(answer.body)).toEqual({ ...seen, run: 2 });
  });

  test('a route of its own policy alone', async () => {
    const handler = counting();
    const app = await stage((cache) => express().get('/a', cache.with({ ttl: '1m' }), handler), {
      ttl: '1s',
    });
    await refreshes(app, '/a');
  });

  test('a route that refines the cache in front', async () => {
    const handler = counting();
    const app = await stage(
      (cache) =>
        express()
          .use(cache as CacheMiddleware)
          .get('/a', cache.with({ ttl: '1m', staleWhileRevalidate: '1h' }), handler),
      { ttl: '1s', staleWhileRevalidate: 0 },
    );
    await refreshes(app, '/a');
  });

  test('a route that turns off what the cache in front has', async () => {
    const handler = counting();
    const { settled, later } = await stage((cache) =>
      express()
        .use(cache as CacheMiddleware)
        .get('/a', cache.with({ staleWhileRevalidate: 0 }), handler),
    );
    await settled('/a');
    later(STALE);
    expect(await settled('/a')).toMatchObject({ body: 'run 2', cacheStatus: 'fwd=stale; stored' });
  });

  test('a route that makes another key than the cache in front', async () => {
    const handler = counting();
    const app = await stage((cache) =>
      express()
        .use(cache as CacheMiddleware)
        .get('/a', cache.with({ vary: { headers: ['x-tenant'] } }), handler),
    );
    await app.settled('/a');
    app.later(STALE);
    expect((await app.settled('/a')).body).toBe('run 1');
    // Behind that answer and not by this request.
    expect(handler.runs).toHaveLength(2);
    expect((await app.settled('/a')).body).toBe('run 2');
    expect(handler.runs.map(({ forNobody }) => forNobody)).toEqual([false, true]);
  });

  test('an async handler, and one that fails later', async () => {
    let failing = false;
    const handler = counting(async (run, _req, res, next) => {
      await sleep(5);
      if (failing) next(failure());
      else res.send(`run ${run}`);
    });
    let errors = 0;
    const onError: ErrorRequestHandler = (_error, _req, res, _next) => {
      errors++;
      res.status(500).send('failed');
    };
    const app = await stage((cache) =>
      express()
        .use(cache as CacheMiddleware)
        .use(handler)
        .use(onError),
    );
    await refreshes(app);
    failing = true;
    app.later(STALE);
    for (let i = 0; i < 3; i++) expect(await app.settled()).toMatchObject({ ...BEHIND, body: 'run 2' });
    expect(errors).toBe(1);
  });

  test.each<[string, RequestHandler]>([
    [
      'throws',
      () => {
        throw failure();
      },
    ],
    ['passes an error on', (_req, _res, next) => next(failure())],
    ...(make === expresses[0]?.[1]
      ? [['rejects', async () => Promise.reject(failure())] as [string, RequestHandler]]
      : []),
  ])('a handler that %s in a refresh goes to the error middleware, and nowhere else', async (_how, fail) => {
    const handler = counting((run, req, res, next) => (run === 1 ? res.send('run 1') : fail(req, res, next)));
    const errors: unknown[] = [];
    const onError: ErrorRequestHandler = (error, _req, res, _next) => {
      errors.push(error);
      res.status(500).send('failed');
    };
    const { settled, later, requests } = await stage((cache) =>
      express()
        .use(cache as CacheMiddleware)
        .use(handler)
        .use(onError),
    );
    await settled();
    later(STALE);
    for (let i = 0; i < 3; i++) expect(await settled()).toMatchObject({ ...BEHIND, body: 'run 1' });
    expect(errors).toHaveLength(1);
    const refresh = requests.filter((event) => event.refresh);
    expect(refresh).toEqual([expect.objectContaining({ kind: 'forward', stored: false, status: 500 })]);
    expect(handler.runs).toHaveLength(2);
  });

  test("Express's own answer to an error is no refresh", async () => {
    const handler = counting((run, _req, res) => {
      if (run > 1) throw failure();
      res.send('run 1');
    });
    const { settled, later } = await stage((cache) =>
      express()
        .use(cache as CacheMiddleware)
        .use(handler),
    );
    await settled();
    later(STALE);
    for (let i = 0; i < 3; i++) expect(await settled()).toMatchObject({ ...BEHIND, body: 'run 1' });
  });

  test('with compression in front, each client gets its own coding of one response', async () => {
    const handler = counting((run, _req, res) => res.type('text').send(`run ${run} ${text}`));
    const app = await stage((cache) =>
      express()
        .use(compression())
        .use(cache as CacheMiddleware)
        .use(handler),
    );
    await app.settled({ headers: { 'Accept-Encoding': 'gzip' } });
    app.later(STALE);
    for (const [body, about] of [
      [`run 1 ${text}`, BEHIND],
      [`run 2 ${text}`, HIT],
    ] as const) {
      const zipped = await app.settled({ headers: { 'Accept-Encoding': 'gzip' } });
      expect(zipped).toMatchObject(about);
      expect(gunzipSync(Buffer.from(zipped.body, 'latin1')).toString()).toBe(body);
    }
    expect(await app.ask()).toMatchObject({ ...HIT, body: `run 2 ${text}` });
    expect(handler.runs).toHaveLength(2);
  });

  test('with compression behind, each coding is refreshed on its own', async () => {
    const handler = counting((run, _req, res) => res.type('text').send(`run ${run} ${text}`));
    const app = await stage((cache) =>
      express()
        .use(cache as CacheMiddleware)
        .use(compression())
        .use(handler),
    );
    const plain = async () => (await app.settled()).body.slice(0, 5);
    const zipped = async () => {
      const { body } = await app.settled({ headers: { 'Accept-Encoding': 'gzip' } });
      return gunzipSync(Buffer.from(body, 'latin1')).toString().slice(0, 5);
    };
    expect([await plain(), await zipped()]).toEqual(['run 1', 'run 2']);
    app.later(STALE);
    expect([await plain(), await zipped()]).toEqual(['run 1', 'run 2']);
    expect([await plain(), await zipped()]).toEqual(['run 3', 'run 4']);
    expect(handler.runs).toHaveLength(4);
  });

  describe('with sessions in front', () => {
    const sessions = (): RequestHandler =>
      session({ secret: 'of a test', resave: false, saveUninitialized: false });
    const login: RequestHandler = (req, res) => {
      Object.assign(req.session, { user: req.query.user });
      res.end();
    };
    const user = (req: { session?: object }): string | undefined => (req.session as { user?: string })?.user;
    const only: RequestHandler = (req, res, next) => (user(req) ? next() : res.sendStatus(401));

    /** One for everyone, whoever asks. */
    const forEveryone = () =>
      counting((run, _req, res) => res.set('Cache-Control', 'public').end(`run ${run}`));

    test('where a login in front rejects requests without a cookie, the client after a stale answer waits for a new one', async () => {
      const handler = forEveryone();
      const { ask, settled, later } = await stage((cache) =>
        express()
          .use(sessions())
          .get('/login', login)
          .use(only)
          .use(cache as CacheMiddleware)
          .use(handler),
      );
      const Cookie = (await ask('/login?user=ann')).header('set-cookie')?.split(';')[0] ?? '';
      const asked = { headers: { Cookie } };
      expect((await settled(asked)).body).toBe('run 1');
      for (let run = 1; run < 4; run++) {
        later(STALE);
        // The first does not know yet that nobody is turned away.
        if (run === 1) expect(await settled(asked)).toMatchObject({ ...BEHIND, body: 'run 1' });
        expect(await settled(asked)).toMatchObject({
          body: `run ${run + 1}`,
          cacheStatus: 'fwd=stale; stored',
        });
      }
      expect(handler.runs.filter(({ forNobody }) => forNobody)).toEqual([]);
      expect((await ask()).status).toBe(401);
    });

    test('where a login in front rejects requests without a cookie, nothing is stored, and the handler runs for clients alone', async () => {
      const handler = counting();
      const { ask, settled } = await stage((cache) =>
        express()
          .use(sessions())
          .get('/login', login)
          .use(only)
          .use(cache as CacheMiddleware)
          .use(handler),
      );
      const Cookie = (await ask('/login?user=ann')).header('set-cookie')?.split(';')[0] ?? '';
      const asked = { headers: { Cookie } };
      expect(await settled(asked)).toMatchObject({
        body: 'run 1',
        cacheStatus: 'fwd=uri-miss; detail=verifying',
      });
      for (const body of ['run 2', 'run 3']) {
        expect(await settled(asked)).toMatchObject({
          body,
          cacheStatus: 'fwd=uri-miss; detail=depends-on-credentials',
        });
      }
      expect(handler.runs.filter(({ forNobody }) => forNobody)).toEqual([]);
    });

    test('under a key that names the caller, a refresh is for the same caller', async () => {
      const users: unknown[] = [];
      const handler = counting((run, req, res) => {
        users.push(user(req));
        res.send(`run ${run} for ${user(req)}`);
      });
      const { ask, settled, later } = await stage(
        (cache) =>
          express()
            .use(sessions())
            .get('/login', login)
            .use(only)
            .use(cache as CacheMiddleware)
            .use(handler),
        { vary: { caller: (req) => (req as { session?: { user?: string } }).session?.user ?? null } },
      );
      const of = async (name: string) => {
        const Cookie = (await ask(`/login?user=${name}`)).header('set-cookie')?.split(';')[0] ?? '';
        return { headers: { Cookie } };
      };
      const [ann, bob] = [await of('ann'), await of('bob')];
      expect((await settled(ann)).body).toBe('run 1 for ann');
      expect((await settled(bob)).body).toBe('run 2 for bob');
      later(STALE);
      expect(await settled(ann)).toMatchObject({ ...BEHIND, body: 'run 1 for ann' });
      expect(await settled(bob)).toMatchObject({ ...BEHIND, body: 'run 2 for bob' });
      expect(await settled(ann)).toMatchObject({ ...HIT, body: 'run 3 for ann' });
      expect(await settled(bob)).toMatchObject({ ...HIT, body: 'run 4 for bob' });
      expect(users).toEqual(['ann', 'bob', 'ann', 'bob']);
    });
  });

  test('with a login in front that goes by a header, the client after a stale answer waits for a new one', async () => {
    const handler = counting((run, _req, res) => res.set('Cache-Control', 'public').end(`run ${run}`));
    const only: RequestHandler = (req, res, next) =>
      req.get('X-Api-Key') ? next() : res.redirect(302, '/login');
    const { settled, later } = await stage((cache) =>
      express()
        .use(only)
        .use(cache as CacheMiddleware)
        .use(handler),
    );
    const asked = { headers: { 'X-Api-Key': 'secret' } };
    await settled(asked);
    later(STALE);
    expect(await settled(asked)).toMatchObject({ ...BEHIND, body: 'run 1' });
    expect(await settled(asked)).toMatchObject({ body: 'run 2', cacheStatus: 'fwd=stale; stored' });
  });

  test('a key that only a client makes is not made anew by nobody, and the handler is not run for nobody', async () => {
    const handler = counting();
    const { settled, later } = await stage(
      (cache) =>
        express()
          .use((req, _res, next) => {
            if (req.get('X-Request-Id')) Object.assign(req, { tenant: req.get('X-Request-Id') });
            next();
          })
          .use(cache as CacheMiddleware)
          .use(handler),
      { key: (req) => (req as { tenant?: string }).tenant },
    );
    const asked = { headers: { 'X-Request-Id': 'a' } };
    await settled(asked);
    later(STALE);
    expect((await settled(asked)).body).toBe('run 1');
    expect(handler.runs.filter(({ forNobody }) => forNobody)).toEqual([]);
    expect((await settled(asked)).body).toBe('run 2');
  });

  test('two caches: what the outer one refreshes, the inner one answers', async () => {
    const handler = counting();
    const outer = timed({ name: 'outer' });
    const inner = timed({ name: 'inner', ttl: '2m' });
    const port = await serve(
      express()
        .use(outer.cache as CacheMiddleware)
        .use(inner.cache as CacheMiddleware)
        .use(handler),
    );
    const settled = async (): Promise<Answer> => {
      const answer = await ask(port);
      await outer.cache.idle();
      await inner.cache.idle();
      await outer.cache.idle();
      return answer;
    };
    await settled();
    outer.later(STALE);
    inner.later(STALE);
    // Fresh in the inner one.
    await settled();
    expect(handler.runs).toHaveLength(1);
    const bodies: string[] = [];
    for (let round = 0; round < 4; round++) {
      outer.later(2 * STALE);
      inner.later(2 * STALE);
      const answer = await settled();
      // Nobody waits.
      expect(answer.cacheStatus).toMatch(/outer; hit; ttl=-\d+; detail=stale-while-revalidate$/);
      bodies.push(answer.body);
    }
    expect(bodies.at(-1)).not.toBe('run 1');
    expect(handler.runs.slice(1).every(({ forNobody }) => forNobody)).toBe(true);
  });

  test('two caches: the outer one lets the refresh of the inner one through, though it could answer it', async () => {
    const handler = counting();
    const outer = timed({
      ...{ name: 'outer', ttl: '1h' },
      when: (req) => req.headers['x-skips-outer'] === undefined,
    });
    const inner = timed({ name: 'inner' });
    const port = await serve(
      express()
        .use(outer.cache as CacheMiddleware)
        .use(inner.cache as CacheMiddleware)
        .use(handler),
    );
    const settled = async (asked: Asked = {}): Promise<string> => {
      const { body } = await ask(port, asked);
      await inner.cache.idle();
      await outer.cache.idle();
      return body;
    };
    const skipsOuter = { headers: { 'X-Skips-Outer': 'yes' } };
    await settled();
    inner.later(STALE);
    expect(await settled(skipsOuter)).toBe('run 1');
    expect(await settled(skipsOuter)).toBe('run 2');
    expect(await settled()).toBe('run 1');
    expect(handler.runs.map(({ forNobody }) => forNobody)).toEqual([false, true]);
  });

  test('two caches: what the inner one refreshes, the outer one lets through', async () => {
    const handler = counting();
    const outer = timed({ name: 'outer', ttl: '10s', staleWhileRevalidate: 0 });
    const inner = timed({ name: 'inner' });
    const port = await serve(
      express()
        .use(outer.cache as CacheMiddleware)
        .use(inner.cache as CacheMiddleware)
        .use(handler),
    );
    const settled = async (): Promise<string> => {
      const { body } = await ask(port);
      await inner.cache.idle();
      await outer.cache.idle();
      return body;
    };
    const later = (ms: number): void => {
      outer.later(ms);
      inner.later(ms);
    };
    expect(await settled()).toBe('run 1');
    later(STALE);
    expect(await settled()).toBe('run 1');
    later(11_000);
    expect(await settled()).toBe('run 2');
    expect(handler.runs.map(({ forNobody }) => forNobody)).toEqual([false, true]);
  });
});

describe('in the form that the client asks for', () => {
  test('HEAD is answered with what is stale, and a GET refreshes it', async () => {
    const handler = counting();
    const { settled, later } = await stage((cache) => bare(cache, handler));
    await settled();
    later(STALE);
    const head = await settled({ method: 'HEAD' });
    expect(head).toMatchObject({ ...BEHIND, body: '' });
    expect(head.header('content-length')).toBe('5');
    expect(handler.runs.map(({ method }) => method)).toEqual(['GET', 'GET']);
    expect(await settled()).toMatchObject({ ...HIT, body: 'run 2' });
  });

  test('a condition is met by what is stale, and the refresh asks by the validator that is stored', async () => {
    const handler = counting((run, _req, res) => res.setHeader('ETag', `"${run}"`).end(`run ${run}`));
    const { settled, later } = await stage((cache) => bare(cache, handler));
    await settled();
    later(STALE);
    const headers = { 'If-None-Match': 'W/"1", "x"' };
    expect(await settled({ headers })).toMatchObject({ ...BEHIND, status: 304, body: '' });
    expect(handler.runs[1]?.headers['if-none-match']).toBe('"1"');
    expect(await settled({ headers })).toMatchObject({ status: 200, body: 'run 2' });
  });

  test('a condition of the client is not repeated where nothing is there to confirm', async () => {
    const handler = counting();
    const { settled, later } = await stage((cache) => bare(cache, handler));
    await settled();
    later(STALE);
    const headers = {
      'If-None-Match': '"x"',
      'If-Modified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT',
      Range: 'bytes=0-1',
      'If-Range': '"x"',
    };
    expect(await settled({ headers })).toMatchObject({ ...BEHIND, body: 'run 1' });
    expect(Object.values(handler.runs[1]?.headers ?? {})).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('a range is cut out of what is stale, and the refresh asks for the whole', async () => {
    const handler = counting();
    const { settled, later } = await stage((cache) => bare(cache, handler));
    await settled();
    later(STALE);
    const range = await settled({ headers: { Range: 'bytes=4-4' } });
    expect(range).toMatchObject({ ...BEHIND, status: 206, body: '1' });
    expect(range.header('content-range')).toBe('bytes 4-4/5');
    expect(handler.runs[1]?.headers.range).toBeUndefined();
    expect(await settled({ headers: { Range: 'bytes=4-4' } })).toMatchObject({ status: 206, body: '2' });
    expect(await settled()).toMatchObject({ ...HIT, body: 'run 2' });
  });

  test('a stored part is not made anew from a whole that is too large to be stored', async () => {
    const whole = 'x'.repeat(2000);
    const handler = counting((_run, req, res) => {
      res.setHeader('Cache-Control', 'max-age=60').setHeader('ETag', '"1"');
      const range = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '');
      if (!range) return res.end(whole);
      const [first, last] = [Number(range[1]), Number(range[2])];
      res.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/${whole.length}` });
      return res.end(whole.slice(first, last + 1));
    });
    const { settled, later } = await stage((cache) => bare(cache, handler), { maxBodySize: 1000 });
    const asked = { headers: { Range: 'bytes=0-9' } };
    await settled();
    expect(await settled(asked)).toMatchObject({ status: 206, body: 'x'.repeat(10) });
    expect(await settled(asked)).toMatchObject({ status: 206, cacheStatus: expect.stringMatching(/^hit/) });
    later(STALE);
    const runs = handler.runs.length;
    expect(await settled(asked)).toMatchObject({ status: 206, body: 'x'.repeat(10) });
    // The whole for nobody, and for nothing.
    expect(handler.runs.slice(runs).filter(({ headers }) => headers.range === undefined)).toEqual([]);
  });

  test('each variant is refreshed on its own, by the fields that it varies on', async () => {
    const handler = counting((run, req, res) => {
      res.setHeader('Vary', 'Accept-Language').end(`run ${run} ${req.headers['accept-language']}`);
    });
    const { settled, later } = await stage((cache) => bare(cache, handler));
    const de = { headers: { 'Accept-Language': 'de' } };
    const en = { headers: { 'Accept-Language': 'en' } };
    await settled(de);
    await settled(en);
    later(STALE);
    expect(await settled(de)).toMatchObject({ ...BEHIND, body: 'run 1 de' });
    expect(handler.runs).toHaveLength(3);
    expect(await settled(en)).toMatchObject({ ...BEHIND, body: 'run 2 en' });
    expect(await settled(de)).toMatchObject({ ...HIT, body: 'run 3 de' });
    expect(await settled(en)).toMatchObject({ ...HIT, body: 'run 4 en' });
    expect(handler.runs).toHaveLength(4);
  });

  test.each([
    ['says that it varies on', 'X-Region'],
    ['is made of', undefined],
  ])('a response that %s another field than before is found by its value', async (_how, vary) => {
    const handler = counting((run, req, res) => {
      if (run === 1) return res.end('run 1');
      if (vary !== undefined) res.setHeader('Vary', vary);
      return res.end(`run ${run} ${req.headers['x-region']}`);
    });
    const { settled, later } = await stage((cache) => bare(cache, handler));
    const region = { headers: { 'X-Region': 'a' } };
    await settled(region);
    later(STALE);
    expect(await settled(region)).toMatchObject({ ...BEHIND, body: 'run 1' });
    expect(await settled(region)).toMatchObject({ ...HIT, body: 'run 2 a' });
    expect(await settled()).toMatchObject({ body: 'run 3 undefined' });
    expect(await settled(region)).toMatchObject({ ...HIT, body: 'run 2 a' });
  });

  test('what a POST is keyed by cannot be asked again, so it is made anew for who asks', async () => {
    const handler = counting();
    const front: Handler = (req, _res, next) => {
      req.body = 'q';
      next();
    };
    const { settled, later } = await stage((cache) => bare(front, cache, handler), {
      methods: ['GET', 'POST'],
      key: (req) => [req.method ?? '', req.url ?? '', (req as { body?: string }).body ?? ''],
    });
    const asked = { method: 'POST', path: '/search', body: 'q' };
    await settled(asked);
    expect(await settled(asked)).toMatchObject({ ...HIT, body: 'run 1' });
    later(STALE);
    expect(await settled(asked)).toMatchObject({ body: 'run 2', cacheStatus: 'fwd=stale; stored' });
    expect(handler.runs.filter(({ forNobody }) => forNobody)).toEqual([]);
  });

  test.each(['no-cache', 'max-age=0', 'max-age=65', 'min-fresh=1', 'max-age=60, max-stale'])(
    'a client that asks for %s is not given what is stale',
    async (directives) => {
      const handler = counting();
      const { settled, later } = await stage((cache) => bare(cache, handler));
      await settled();
      later(STALE);
      expect(await settled({ headers: { 'Cache-Control': directives } })).toMatchObject({ body: 'run 2' });
      expect(handler.runs).toHaveLength(2);
    },
  );

  test('a client that only wants what is stored is given what is stale', async () => {
    const handler = counting();
    const { settled, later } = await stage((cache) => bare(cache, handler));
    await settled();
    later(STALE);
    const headers = { 'Cache-Control': 'only-if-cached' };
    expect(await settled({ headers })).toMatchObject({ ...BEHIND, body: 'run 1' });
    expect(await settled({ headers })).toMatchObject({ ...HIT, body: 'run 2' });
  });
});

test('a client that hangs up at once does not keep its response from being refreshed', async () => {
  const handler = counting();
  const app = await stage((cache) => bare(cache, handler));
  await app.settled();
  app.later(STALE);
  const controller = new AbortController();
  const asked = fetch(`http://127.0.0.1:${app.port}/`, {
    headers: { Host: 'test.example' },
    signal: controller.signal,
  }).catch(() => {});
  setImmediate(() => controller.abort());
  await asked;
  await app.cache.idle();
  expect((await app.settled()).body).toMatch(/^run [12]$/);
  expect((await app.settled()).body).toBe('run 2');
});

test('the in-process store refreshes likewise', async () => {
  const handler = counting();
  const { redis: _, ...options } = { redis: undefined, prefix: uniquePrefix(), ttl: '1m' } as const;
  let now = Date.now();
  const cache = newCache({ ...options, staleWhileRevalidate: '1h', clock: () => now });
  const port = await serve(bare(cache as unknown as Handler, handler));
  expect((await ask(port)).body).toBe('run 1');
  await cache.idle();
  now += STALE;
  expect(await ask(port)).toMatchObject({ ...BEHIND, body: 'run 1' });
  await cache.idle();
  expect(await ask(port)).toMatchObject({ ...HIT, body: 'run 2' });
});
