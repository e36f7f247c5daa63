import { describe, expect, test } from '@jest/globals';
import type { Request } from 'express';
import session from 'express-session';
import { frameworks, type Layer, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { expresses } from '../support/expresses.ts';
import { cookieParser, type Known, passport } from './support/people.ts';

/* Sessions and parsers in front of the cache and behind it, and apps within apps. */

const sessions = (): Layer =>
  session({ secret: 'secret', resave: false, saveUninitialized: false }) as unknown as Layer;
const COOKIE = { headers: { Cookie: 'theme=dark' } };

describe.each(frameworks)('on $name', ({ app }) => {
  test('express-session in front reads its session in writeHead and end, and what reads none is stored', async () => {
    const cache = newCache();
    const port = await serve(app(sessions(), cache, (_req, res) => res.end('for all')));
    expect((await ask(port)).header('cache-status')).toMatch(/stored/);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
  });

  test('express-session in front, touched in front, has its cookie set on a hit as on a miss, and none is stored', async () => {
    const cache = newCache();
    const counting: Layer = (req, _res, next) => {
      const { session: own } = req as Request & { session: { visits?: number } };
      own.visits = (own.visits ?? 0) + 1;
      next();
    };
    const port = await serve(app(sessions(), counting, cache, (_req, res) => res.end('for all')));
    const miss = await ask(port);
    await cache.idle();
    const hit = await ask(port);
    expect(hit.header('cache-status')).toMatch(/; hit;/);
    expect(miss.header('set-cookie')).toMatch(/^connect\.sid=/);
    expect(hit.header('set-cookie')).toMatch(/^connect\.sid=/);
    expect(hit.header('set-cookie')).not.toBe(miss.header('set-cookie'));
  });

  test.each<[string, () => Layer]>([
    ['express-session', sessions],
    ['a cookie parser', cookieParser],
  ])('%s behind the cache reads the cookie, which is named', async (_name, layer) => {
    const cache = newCache();
    const port = await serve(app(cache, layer(), (_req, res) => res.end('for one')));
    const answer = await ask(port, COOKIE);
    expect(answer.header('cache-status')).toMatch('detail="depends-on-credentials: cookie"');
  });

  test('authentication behind the cache finds nobody in a request without credentials: that is stored for strangers', async () => {
    const cache = newCache();
    const port = await serve(app(cache, passport, (_req, res) => res.end('for guests')));
    expect((await ask(port)).header('cache-status')).toMatch(/stored$/);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
    const ann = await ask(port, { headers: { Authorization: 'Bearer ann' } });
    expect(ann.header('cache-status')).toMatch('detail="depends-on-credentials: authorization"');
  });

  test('what a cache behind a cache reads for itself is not read by the app', async () => {
    const near = newCache();
    const far = newCache();
    let runs = 0;
    const port = await serve(
      app(near, far, (_req, res) => {
        runs++;
        res.end('for all');
      }),
    );
    expect((await ask(port, COOKIE)).header('cache-status')).toMatch(/detail=verifying, .*detail=verifying$/);
    await near.idle();
    await far.idle();
    expect((await ask(port, COOKIE)).header('cache-status')).toMatch(/; hit;/);
    expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
    expect(runs).toBe(2);
  });

  test('what a middleware in front does as part of writeHead, write and end is its own business', async () => {
    const cache = newCache();
    const wrapped: Layer = (req: Known, res, next) => {
      const { writeHead, write, end } = res;
      const reading = (method: unknown) =>
        function wrapper(this: unknown, ...args: unknown[]): unknown {
          void req.user;
          void req.headers.cookie;
          return Reflect.apply(method as (...args: unknown[]) => unknown, this, args);
        };
      Object.assign(res, { writeHead: reading(writeHead), write: reading(write), end: reading(end) });
      next();
    };
    const port = await serve(
      app(wrapped, cache, (_req, res) => {
        res.write('for ');
        res.end('all');
      }),
    );
    expect((await ask(port, COOKIE)).header('cache-status')).toMatch(/detail=verifying$/);
    await cache.idle();
    expect((await ask(port, COOKIE)).header('cache-status')).toMatch(/; hit;/);
  });

  test('a body made in front for one caller is not stored, though a method of the response makes it', async () => {
    const cache = newCache();
    const greeting: Layer = (req: Known, res, next) => {
      req.user = new (class User {})();
      Object.assign(res, { greet: () => res.end(`hello ${typeof req.user}`) });
      next();
    };
    const port = await serve(
      app(greeting, cache, (_req, res) => (res as unknown as { greet(): void }).greet()),
    );
    expect((await ask(port, COOKIE)).header('cache-status')).toMatch(
      'detail="depends-on-credentials: req.user, res.greet"',
    );
  });
});

describe.each(expresses)('on %s', (_name, express) => {
  /** An instance of a class for each request. */
  const placing: Layer = (req: Known, _res, next) => {
    req.user = new (class User {})();
    next();
  };
  const page = (req: unknown, res: { end(body: string): unknown }): void =>
    void res.end(`a user: ${Boolean((req as Known).user)}`);
  const READ = 'detail="varies: req.user"';

  test('an app mounted behind the cache is watched like any other', async () => {
    const cache = newCache();
    const outer = express();
    const inner = express();
    inner.get('/page', page);
    outer.use(placing as never, cache as never);
    outer.use('/inner', inner);
    const answer = await ask(await serve(outer), '/inner/page');
    expect([answer.body, answer.header('cache-status')]).toEqual([
      'a user: true',
      expect.stringContaining(READ),
    ]);
  });

  test('so is what comes after an app that did not answer', async () => {
    const cache = newCache();
    const outer = express();
    outer.use(placing as never, cache as never);
    outer.use('/', express());
    outer.get('/page', page);
    expect((await ask(await serve(outer), '/page')).header('cache-status')).toMatch(READ);
  });

  test('a whole app behind a cache on node:http is watched too', async () => {
    const cache = newCache();
    const app = express();
    app.get('/page', page);
    const port = await serve((req, res) => placing(req, res, () => cache(req, res, () => app(req, res))));
    expect((await ask(port, '/page')).header('cache-status')).toMatch(READ);
  });

  test('an accessor that the app defines for all its requests still answers, and what it reads counts', async () => {
    const cache = newCache();
    const app = express();
    Object.defineProperty(app.request, 'user', {
      configurable: true,
      get(this: Request) {
        return { name: this.headers.cookie };
      },
    });
    app.use(cache as never);
    app.get('/page', (req, res) => void res.end((req as unknown as { user: { name: string } }).user.name));
    const answer = await ask(await serve(app), { path: '/page', headers: { Cookie: 'sid=1' } });
    expect(answer.body).toBe('sid=1');
    expect(answer.header('cache-status')).toMatch('detail="depends-on-credentials: cookie"');
  });
});
