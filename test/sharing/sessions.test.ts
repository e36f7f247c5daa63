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
    expect((await ask(port, COOKIE)).header('cache-status')).toMatch(/stored/);
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

  test('express-session behind the cache is refused, and told to be mounted in front', async () => {
    const cache = newCache();
    const port = await serve(app(cache, sessions(), (_req, res) => res.end('for one')));
    const answer = await ask(port, COOKIE);
    expect(answer.header('cache-status')).toMatch(
      /detail="personal: req\.session, cookie, [^;]*; mount in front what sets req\.session"/,
    );
  });

  test('a cookie parser behind the cache is refused, and told to be mounted in front', async () => {
    const cache = newCache();
    const port = await serve(app(cache, cookieParser(), (_req, res) => res.end('for one')));
    const answer = await ask(port, COOKIE);
    expect(answer.header('cache-status')).toMatch(
      'detail="personal: req.cookies, cookie; mount in front what sets req.cookies, req.signedCookies"',
    );
  });

  test('authentication behind the cache reads the credential, and is refused where there is none too', async () => {
    const cache = newCache();
    const port = await serve(app(cache, passport, (_req, res) => res.end('for guests')));
    expect((await ask(port)).header('cache-status')).toMatch('detail="personal: authorization"');
  });

  test('a cache behind a cache reads the fields for itself, and is nothing personal', async () => {
    const near = newCache();
    const far = newCache();
    const port = await serve(app(near, far, (_req, res) => res.end('for all')));
    expect((await ask(port, COOKIE)).header('cache-status')).toMatch(/stored, .*stored$/);
    await near.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
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
    await ask(port, COOKIE);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
  });

  test('a body made in front for one person is refused, though a method of the response makes it', async () => {
    const cache = newCache();
    const greeting: Layer = (req: Known, res, next) => {
      Object.assign(res, {
        greet: () => res.end(`hello ${(req.user as { name: string } | undefined)?.name}`),
      });
      next();
    };
    const port = await serve(
      app(greeting, cache, (_req, res) => (res as unknown as { greet(): void }).greet()),
    );
    expect((await ask(port)).header('cache-status')).toMatch('detail="personal: req.user"');
  });
});

describe.each(expresses)('on %s', (_name, express) => {
  const guest: Layer = (_req, _res, next) => next();

  test('an app mounted behind the cache is watched like any other', async () => {
    const cache = newCache();
    const outer = express();
    const inner = express();
    inner.get('/page', (req, res) => void res.end(`guest: ${!(req as unknown as Known).user}`));
    outer.use(guest as never, cache as never);
    outer.use('/inner', inner);
    const port = await serve(outer);
    const answer = await ask(port, '/inner/page');
    expect(answer.body).toBe('guest: true');
    expect(answer.header('cache-status')).toMatch('detail="personal: req.user"');
  });

  test('so is what comes after an app that did not answer', async () => {
    const cache = newCache();
    const outer = express();
    const inner = express();
    outer.use(cache as never);
    outer.use('/', inner);
    outer.get('/page', (req, res) => void res.end(`guest: ${!(req as unknown as Known).user}`));
    const port = await serve(outer);
    expect((await ask(port, '/page')).header('cache-status')).toMatch('detail="personal: req.user"');
  });

  test('a whole app behind a cache on node:http is watched too', async () => {
    const cache = newCache();
    const app = express();
    app.get('/page', (req, res) => void res.json({ session: (req as unknown as Known).session ?? null }));
    const port = await serve((req, res) => cache(req, res, () => app(req, res)));
    expect((await ask(port, '/page')).header('cache-status')).toMatch('detail="personal: req.session"');
  });

  test('an accessor that the app defines for all its requests still answers, and is watched', async () => {
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
    const port = await serve(app);
    const answer = await ask(port, { path: '/page', headers: { Cookie: 'sid=1' } });
    expect(answer.body).toBe('sid=1');
    expect(answer.header('cache-status')).toMatch('detail="personal: req.user"');
  });
});
