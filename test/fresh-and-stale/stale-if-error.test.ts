import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { ErrorRequestHandler, Express, RequestHandler } from 'express';
import type { CacheMiddleware, CacheOptions } from '../../src/index.ts';
import { bare, frameworks, type TestApp } from '../support/app.ts';
import { expresses } from '../support/expresses.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { until } from '../support/until.ts';
import { counting, STALE, stage } from './support/stage.ts';

/* A stale response that stands in for an error (RFC 5861 section 4). */

const STOOD_IN: object = { status: 200, body: 'run 1' };
const says = (status: number): string => `fwd=stale; fwd-status=${status}; detail=stale-if-error`;

/** An app that answers its first request, and every other one with this status. */
function failing(status: number, options: CacheOptions = {}, fields: object = {}): Promise<TestApp> {
  const handler = counting((run, _req, res) => {
    if (run > 1) res.statusCode = status;
    for (const [name, value] of Object.entries(fields)) res.setHeader(name, value);
    res.end(`run ${run}`);
  });
  return stage((cache) => bare(cache, handler), {
    staleWhileRevalidate: 0,
    staleIfError: '10m',
    ...options,
  });
}

describe.each([500, 502, 503, 504])('a %d', (status) => {
  test('is not shown while something stale may stand in for it', async () => {
    const { settled, later, requests } = await failing(status);
    await settled();
    later(STALE);
    const answer = await settled();
    expect(answer).toMatchObject({ ...STOOD_IN, cacheStatus: says(status) });
    expect(answer.header('age')).toBe('70');
    expect(requests.at(-1)).toMatchObject({
      kind: 'forward',
      fwd: 'stale',
      stored: false,
      detail: 'stale-if-error',
      status: 200,
    });
  });

  test('is shown when the window has ended', async () => {
    const { settled, later } = await failing(status);
    await settled();
    later(659_999);
    expect(await settled()).toMatchObject(STOOD_IN);
    later(1);
    expect(await settled()).toMatchObject({ status, body: 'run 3' });
  });
});

test.each([400, 401, 403, 404, 410, 429, 501, 505])('a %d is an answer like any other', async (status) => {
  const { settled, later } = await failing(status);
  await settled();
  later(STALE);
  expect(await settled()).toMatchObject({ status, body: 'run 2' });
});

describe.each(frameworks)('$name', ({ app }) => {
  test('what the failed answer set is not shown, and what middleware in front set is', async () => {
    const handler = counting((run, _req, res) => {
      if (run > 1) {
        res.writeHead(503, 'Gone Fishing', { 'Set-Cookie': 'a=b', 'X-Why': 'secret', 'Retry-After': '5' });
        res.write('the reason ');
      }
      res.end(`run ${run}`);
    });
    let requests = 0;
    const { settled, later } = await stage(
      (cache) =>
        app(
          (_req, res, next) => {
            res.setHeader('X-Request-Id', ++requests);
            next();
          },
          cache,
          handler,
        ),
      { staleWhileRevalidate: 0, staleIfError: '10m' },
    );
    await settled();
    later(STALE);
    const answer = await settled();
    expect(answer).toMatchObject({ ...STOOD_IN, message: 'OK', cacheStatus: says(503) });
    for (const name of ['set-cookie', 'x-why', 'retry-after']) expect(answer.header(name)).toBeUndefined();
    expect(answer.header('x-request-id')).toBe('2');
  });

  test('a handler that begins a failure and never ends it is stood in for', async () => {
    const handler = counting((run, _req, res) => {
      if (run === 1) return res.end('run 1');
      res.statusCode = 500;
      return res.write('failing');
    });
    const { ask, settled, later } = await stage((cache) => app(cache, handler), {
      staleWhileRevalidate: 0,
      staleIfError: '10m',
    });
    await settled();
    later(STALE);
    expect(await ask()).toMatchObject(STOOD_IN);
  });
});

describe.each(expresses)('%s', (name, make) => {
  const ways: [string, RequestHandler][] = [
    [
      'throws',
      () => {
        throw failure();
      },
    ],
    ['passes an error on', (_req, _res, next) => next(failure())],
    ['passes an error on later', (_req, _res, next) => void setTimeout(() => next(failure()), 5)],
  ];
  if (name === 'Express 5') {
    ways.push([
      'rejects',
      async () => {
        await sleep(5);
        throw failure();
      },
    ]);
  }
  const app = (build: (app: Express) => Express) =>
    stage(
      (cache) =>
        build(
          make()
            .set('env', 'test')
            .use(cache as CacheMiddleware),
        ),
      {
        staleWhileRevalidate: 0,
        staleIfError: '10m',
      },
    );

  describe.each(ways)('a handler that %s', (_how, fail) => {
    const handler = (): RequestHandler =>
      counting((run, req, res, next) => (run === 1 ? res.send('run 1') : fail(req, res, next)));

    test("is stood in for in place of Express's own answer", async () => {
      const { settled, later } = await app((express) => express.use(handler()));
      await settled();
      later(STALE);
      const answer = await settled();
      expect(answer).toMatchObject({ ...STOOD_IN, cacheStatus: says(500) });
      expect(answer.header('content-security-policy')).toBeUndefined();
    });

    test('is stood in for in place of what error middleware answers', async () => {
      const errors: unknown[] = [];
      const inner: ErrorRequestHandler = (error, _req, res, next) => {
        errors.push(error);
        res.set('X-Inner', '1');
        next(error);
      };
      const outer: ErrorRequestHandler = (_error, _req, res, _next) => {
        res.status(502).cookie('a', 'b').json({ failed: true });
      };
      const { settled, later } = await app((express) => {
        const router = make.Router();
        router.use(handler()).use(inner);
        return express.use(router).use(outer);
      });
      await settled();
      later(STALE);
      const answer = await settled();
      expect(answer).toMatchObject({ ...STOOD_IN, cacheStatus: says(502) });
      for (const field of ['x-inner', 'set-cookie']) expect(answer.header(field)).toBeUndefined();
      expect(answer.header('content-type')).toBe('text/html; charset=utf-8');
      expect(errors).toEqual([expect.objectContaining({ message: 'failed' })]);
    });

    test('is shown where error middleware makes a good answer of it', async () => {
      const mending: ErrorRequestHandler = (_error, _req, res, _next) => void res.send('mended');
      const { settled, later } = await app((express) => express.use(handler()).use(mending));
      await settled();
      later(STALE);
      expect(await settled()).toMatchObject({
        body: 'mended',
        cacheStatus: 'fwd=stale; fwd-status=200; stored',
      });
    });
  });

  test('a route may have a window of its own, or none', async () => {
    const fails = (): RequestHandler =>
      counting((run, _req, res) => void (run === 1 ? res.send('run 1') : res.sendStatus(500)));
    const { settled, later } = await stage(
      (cache) =>
        make()
          .use(cache as CacheMiddleware)
          .get('/none', cache.with({ staleIfError: 0 }), fails())
          .get('/long', cache.with({ staleIfError: '1d' }), fails()),
      { staleWhileRevalidate: 0, staleIfError: '10m' },
    );
    for (const path of ['/none', '/long']) await settled(path);
    later(3_600_000);
    expect((await settled('/none')).status).toBe(500);
    expect(await settled('/long')).toMatchObject(STOOD_IN);
  });
});

/** Without a stack, which a framework would show. */
function failure(): Error {
  return Object.assign(new Error('failed'), { stack: '' });
}

describe('the response', () => {
  test.each(['must-revalidate', 'proxy-revalidate', 's-maxage=60', 'no-cache'])(
    'that says %s never stands in',
    async (directive) => {
      const fields = { 'Cache-Control': `max-age=60, ${directive}`, ETag: '"1"' };
      const { settled, later } = await failing(503, {}, fields);
      await settled();
      later(STALE);
      expect((await settled()).status).toBe(503);
    },
  );

  test('has the last word on its window', async () => {
    const fields = { 'Cache-Control': 'max-age=60, stale-if-error=5' };
    const { settled, later } = await failing(503, {}, fields);
    await settled();
    later(64_999);
    expect(await settled()).toMatchObject(STOOD_IN);
    later(1);
    expect((await settled()).status).toBe(503);
  });

  test('may have a window where the option gives none', async () => {
    const fields = { 'Cache-Control': 'max-age=60, stale-if-error=60' };
    const { settled, later } = await failing(503, { staleIfError: 0 }, fields);
    await settled();
    later(STALE);
    expect(await settled()).toMatchObject(STOOD_IN);
  });

  test('has no say where directives are overridden', async () => {
    const fields = { 'Cache-Control': 'max-age=1, must-revalidate, stale-if-error=1' };
    const { settled, later } = await failing(503, { directives: 'override' }, fields);
    await settled();
    later(STALE);
    expect(await settled()).toMatchObject(STOOD_IN);
  });

  test('that is an error itself stands in for none', async () => {
    const handler = counting((run, _req, res) => {
      res.writeHead(run === 1 ? 501 : 503, { 'Cache-Control': 'max-age=10, stale-if-error=600' });
      res.end(`run ${run}`);
    });
    const { settled, later } = await stage((cache) => bare(cache, handler), { staleIfError: '10m' });
    await settled();
    later(11_000);
    expect(await settled()).toMatchObject({ status: 503, body: 'run 2' });
  });

  test('that was purged softly stands in from then on, for as long', async () => {
    const { settled, later, cache } = await failing(503);
    await settled();
    await cache.purge({ all: true }, { soft: true });
    expect(await settled()).toMatchObject(STOOD_IN);
    later(599_000);
    expect(await settled()).toMatchObject(STOOD_IN);
    later(2000);
    expect((await settled()).status).toBe(503);
  });

  test('that was purged does not', async () => {
    const { settled, cache } = await failing(503);
    await settled();
    await cache.purge({ all: true });
    expect((await settled()).status).toBe(503);
  });
});

describe('the request', () => {
  const asking = (directives: string) => ({ headers: { 'Cache-Control': directives } });

  test.each([{ ETag: '"1"' }, {}])(
    'may ask for a window with stale-if-error, of a response with %j',
    async (f) => {
      const { settled, later } = await failing(503, { staleIfError: 0 }, f);
      await settled();
      later(STALE);
      expect(await settled(asking('stale-if-error=11'))).toMatchObject(STOOD_IN);
      later(1000);
      expect((await settled(asking('stale-if-error=11'))).status).toBe(503);
    },
  );

  test('makes no window shorter', async () => {
    const { settled, later } = await failing(503);
    await settled();
    later(STALE);
    expect(await settled(asking('stale-if-error=1'))).toMatchObject(STOOD_IN);
  });

  test('is not heard where its directives do not count', async () => {
    const { settled, later } = await failing(503, { staleIfError: 0, directives: 'ignore' }, { ETag: '"1"' });
    await settled();
    later(STALE);
    expect((await settled(asking('stale-if-error=600'))).status).toBe(503);
  });

  test('is answered in the form that it asks for', async () => {
    const { settled, later } = await failing(503, {}, { ETag: '"1"' });
    await settled();
    later(STALE);
    expect(await settled({ headers: { 'If-None-Match': '"1"' } })).toMatchObject({ status: 304, body: '' });
    expect(await settled({ headers: { Range: 'bytes=0-2' } })).toMatchObject({ status: 206, body: 'run' });
  });

  test('is one of many at once, and each of them is stood in for', async () => {
    const handler = counting(async (run, _req, res) => {
      if (run > 1) await sleep(100);
      res.statusCode = run === 1 ? 200 : 503;
      res.end(`run ${run}`);
    });
    const { ask, settled, later } = await stage((cache) => bare(cache, handler), {
      staleWhileRevalidate: 0,
      staleIfError: '10m',
    });
    await settled();
    later(STALE);
    // Those that wait for the first, and those that come when it is known to have failed.
    for (let round = 0; round < 2; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    }
  });

  test('at each of two processes is answered with the stale response while the handler fails', async () => {
    const prefix = uniquePrefix();
    const options: CacheOptions = { prefix, staleWhileRevalidate: 0, staleIfError: '10m' };
    const handler = counting(async (run, _req, res) => {
      if (run > 1) await sleep(100);
      res.statusCode = run === 1 ? 200 : 503;
      res.end(`run ${run}`);
    });
    const one = await stage((cache) => bare(cache, handler), options);
    const other = await stage((cache) => bare(cache, handler), options);
    await one.settled();
    one.later(STALE);
    other.later(STALE);
    const answers = await Promise.all([one.ask(), other.ask(), one.ask(), other.ask()]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });
});

describe('with originTimeout', () => {
  const options: CacheOptions = { staleWhileRevalidate: 0, staleIfError: '10m', originTimeout: '10s' };

  test('an error of the app is stood in for, and no handler runs twice', async () => {
    const handler = counting((run, _req, res) => {
      res.statusCode = run === 1 ? 200 : 500;
      res.end(`run ${run}`);
    });
    const { settled, later } = await stage((cache) => bare(cache, handler), options);
    await settled();
    later(STALE);
    expect(await settled()).toMatchObject({ ...STOOD_IN, cacheStatus: 'fwd=stale; detail=stale-if-error' });
    expect(handler.runs).toHaveLength(2);
  });

  test.each<[string, Record<string, string>]>([
    ['says private', { 'Cache-Control': 'private' }],
    ['says no-store', { 'Cache-Control': 'no-store' }],
    ['sets a cookie', { 'Set-Cookie': 'a=b' }],
  ])('an app that is well and now %s has each of its answers shown', async (_how, fields) => {
    const handler = counting((run, _req, res) => {
      if (run > 1) for (const [name, value] of Object.entries(fields)) res.setHeader(name, value);
      res.end(run === 1 ? 'old' : 'new');
    });
    const { settled, later } = await stage((cache) => bare(cache, handler), options);
    await settled();
    later(STALE);
    const bodies: string[] = [];
    for (let i = 0; i < 4; i++) bodies.push((await settled()).body);
    expect(bodies).toEqual(['new', 'new', 'new', 'new']);
  });

  test('an app that now answers 404 has that shown', async () => {
    const handler = counting((run, _req, res) => {
      res.statusCode = run === 1 ? 200 : 404;
      res.end(`run ${run}`);
    });
    const { settled, later } = await stage((cache) => bare(cache, handler), options);
    await settled();
    later(STALE);
    for (let i = 0; i < 3; i++) expect((await settled()).status).toBe(404);
  });

  test('each client that asks while the app hangs waits no longer than that', async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const handler = counting(async (run, _req, res) => {
      if (run > 1) await released;
      res.end(`run ${run}`);
    });
    const { ask, settled, later, cache } = await stage((cache) => bare(cache, handler), {
      ...options,
      originTimeout: 100,
    });
    await settled();
    later(STALE);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
    for (const answer of answers) {
      expect(answer).toMatchObject({ ...STOOD_IN, cacheStatus: 'fwd=stale; detail=origin-timeout' });
    }
    expect(handler.runs).toHaveLength(2);
    release();
    await cache.idle();
    expect((await ask()).body).toBe('run 2');
  });

  test('what is stale when the app is late is not what was when it was asked', async () => {
    const handler = counting(async (run, _req, res) => {
      // The window ends meanwhile.
      if (run === 2) later(600_000);
      if (run === 2) await sleep(200);
      res.end(`run ${run}`);
    });
    const { settled, later } = await stage((cache) => bare(cache, handler), {
      ...options,
      originTimeout: 50,
    });
    await settled();
    later(STALE);
    expect((await settled()).body).toBe('run 2');
  });

  test('a response that another process is refreshing is served stale at once, and says so', async () => {
    const prefix = uniquePrefix();
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const handler = counting(async (run, _req, res) => {
      if (run > 1) await released;
      res.end(`run ${run}`);
    });
    const fleet = await Promise.all(
      [1, 2].map(() =>
        stage((cache) => bare(cache, handler), { ...options, prefix, originTimeout: '10s', key: () => 'k' }),
      ),
    );
    const [one, other] = fleet as [TestApp, TestApp];
    await one.settled();
    for (const { later } of fleet) later(STALE);
    const late = one.ask();
    await until(() => handler.runs.length === 2);
    expect(await other.ask()).toMatchObject({
      ...STOOD_IN,
      cacheStatus: 'fwd=stale; detail=refresh-under-way',
    });
    expect(other.requests.at(-1)?.result).toBe('stale');
    release();
    expect((await late).body).toBe('run 2');
  });

  test('a response whose refresh finds the queue full is served stale at once, and says so', async () => {
    let hangs = false;
    const handler = counting((run, _req, res) => void (hangs || res.end(`run ${run}`)));
    const { ask, later } = await stage((cache) => bare(cache, handler), {
      ...options,
      redis: undefined as never,
      refresh: { concurrency: 1, timeout: '1h' },
      originTimeout: 1,
    });
    const paths = Array.from({ length: 1002 }, (_, i) => `/${i}`);
    const askAll = async (): Promise<string[]> => {
      const says: string[] = [];
      for (let i = 0; i < paths.length; i += 50)
        says.push(
          ...(await Promise.all(paths.slice(i, i + 50).map(async (path) => (await ask(path)).cacheStatus))),
        );
      return says;
    };
    await askAll();
    hangs = true;
    later(STALE);
    const says = await askAll();
    const count = (detail: string): number => says.filter((one) => one.endsWith(`detail=${detail}`)).length;
    expect([count('origin-timeout'), count('refresh-queue-full')]).toEqual([1001, 1]);
  });

  test('a window to revalidate goes first', async () => {
    const handler = counting(async (run, _req, res) => {
      if (run > 1) await sleep(50);
      res.end(`run ${run}`);
    });
    const { settled, later } = await stage((cache) => bare(cache, handler), {
      ...options,
      staleWhileRevalidate: '1m',
      originTimeout: 1,
    });
    await settled();
    later(STALE);
    expect((await settled()).cacheStatus).toBe('hit; ttl=-10; detail=stale-while-revalidate');
    later(2 * STALE);
    expect((await settled()).cacheStatus).toBe('fwd=stale; detail=origin-timeout');
    expect((await settled()).body).toBe('run 3');
  });
});
