import { describe, expect, test } from '@jest/globals';
import { frameworks, guardEvents, type Handler, type Layer, newCache, serve } from '../support/app.ts';
import { type Asked, ask } from '../support/client.ts';
import { cookieParser, type Known, lazySession, passport } from './support/people.ts';

/* What an app reads of the person behind the cache, and that its answer is then not stored. */

const ALICE = { Authorization: 'Bearer alice', Cookie: 'theme=dark; sid=alice' };

interface Reader {
  /** Completes "a handler that ...". */
  readonly name: string;
  readonly handler: (req: Known) => unknown;
  /** In front of the cache. */
  readonly front?: Layer;
  readonly asked?: Asked;
  /** What it has read, as the guard calls it. */
  readonly read: readonly string[];
}

const signedIn: Layer = (req: Known, _res, next) => {
  req.user = { name: 'alice' };
  req.auth = { sub: 'alice' };
  req.session = { cart: 3 };
  next();
};

const direct: Reader[] = [
  { name: 'reads req.user', handler: (req) => req.user, front: signedIn, read: ['req.user'] },
  { name: 'reads req.auth', handler: (req) => req.auth, front: signedIn, read: ['req.auth'] },
  { name: 'reads req.session', handler: (req) => req.session?.cart, front: signedIn, read: ['req.session'] },
  {
    name: 'asks isAuthenticated() of somebody who is not',
    handler: (req) => req.isAuthenticated?.(),
    front: passport,
    read: ['req.user'],
  },
  { name: 'reads a req.user that is not there', handler: (req) => req.user, read: ['req.user'] },
  { name: "asks 'user' in req where it is not", handler: (req) => 'user' in req, read: ['req.user'] },
  { name: 'reads a req.session that is not there', handler: (req) => req.session, read: ['req.session'] },
  {
    name: 'reads a session that is made when asked for',
    handler: (req) => req.session?.id,
    front: lazySession,
    read: ['req.session'],
  },
  {
    name: 'replaces what is in front and reads it',
    handler: (req) => {
      req.session = { replaced: true };
      return req.session;
    },
    front: signedIn,
    read: ['req.session; mount in front what sets req.session'],
  },
];

const cookies: Reader[] = [
  {
    name: 'reads one parsed cookie',
    handler: (req) => req.cookies?.theme,
    front: cookieParser(),
    read: ['cookie theme'],
  },
  {
    name: 'reads one signed cookie',
    handler: (req) => req.signedCookies?.sid,
    front: cookieParser('secret'),
    read: ['cookie sid'],
  },
  {
    name: 'asks for a cookie that is not there',
    handler: (req) => 'consent' in (req.cookies ?? {}),
    front: cookieParser(),
    read: ['cookie consent'],
  },
  {
    name: 'asks for its own property of the cookies',
    handler: (req) => Object.hasOwn(req.cookies ?? {}, 'theme'),
    front: cookieParser(),
    read: ['cookie theme'],
  },
  {
    name: 'spreads all cookies',
    handler: (req) => ({ ...req.cookies }),
    front: cookieParser(),
    read: ['req.cookies'],
  },
  {
    name: 'serialises all cookies',
    handler: (req) => JSON.stringify(req.cookies),
    front: cookieParser(),
    read: ['req.cookies'],
  },
  { name: 'reads cookies that nobody parsed', handler: (req) => req.cookies, read: ['req.cookies'] },
];

const without = { headers: {} };
const headers: Reader[] = [
  { name: 'reads the Cookie field', handler: (req) => req.headers.cookie, read: ['cookie'] },
  {
    name: 'reads a Cookie field that is not there',
    handler: (req) => req.headers.cookie,
    asked: without,
    read: ['cookie'],
  },
  {
    name: 'reads an Authorization field that is not there',
    handler: (req) => req.headers.authorization,
    asked: without,
    read: ['authorization'],
  },
  {
    name: "asks 'cookie' in req.headers",
    handler: (req) => 'cookie' in req.headers,
    asked: without,
    read: ['cookie'],
  },
  {
    name: 'asks whether the fields have a cookie of their own',
    handler: (req) => Object.hasOwn(req.headers, 'cookie'),
    asked: without,
    read: ['cookie'],
  },
  {
    name: 'reads what an inherited accessor makes of the Cookie field',
    handler: (req) => (req as { visitor?: string }).visitor,
    front: (req, _res, next) => {
      const visitor = {
        get(this: Known) {
          return this.headers.cookie;
        },
      };
      Object.setPrototypeOf(req, Object.create(Object.getPrototypeOf(req), { visitor }));
      next();
    },
    read: ['cookie'],
  },
  { name: 'copies all fields, as a proxy does', handler: (req) => ({ ...req.headers }), read: ['cookie'] },
  {
    name: 'goes through all fields with for-in',
    handler: (req) => {
      for (const name in req.headers) void req.headers[name];
    },
    read: ['cookie'],
  },
  { name: 'serialises all fields', handler: (req) => JSON.stringify(req.headers), read: ['cookie'] },
  { name: 'reads req.headersDistinct', handler: (req) => req.headersDistinct.cookie, read: ['cookie'] },
  { name: 'reads the raw fields', handler: (req) => req.rawHeaders.length, read: ['cookie'] },
  {
    name: 'keeps the fields and reads them later',
    handler: async (req) => {
      const { headers: kept } = req;
      await new Promise(setImmediate);
      return kept.cookie;
    },
    read: ['cookie'],
  },
];

const COOKIE = { headers: { Cookie: ALICE.Cookie } };
const readers = [...direct, ...cookies, ...headers];

describe.each(frameworks)('on $name', ({ app }) => {
  test.each(readers)(
    'a handler that $name is not stored, and told why',
    async ({ handler, front, asked, read }) => {
      const cache = newCache();
      const events = guardEvents(cache);
      let runs = 0;
      const answering: Handler = async (req, res) => {
        runs++;
        await handler(req as unknown as Known);
        res.end('made for one');
      };
      const pass: Layer = (_req, _res, next) => next();
      const port = await serve(app(front ?? pass, cache, answering));
      const first = await ask(port, asked ?? COOKIE);
      expect(first.body).toBe('made for one');
      expect(first.header('cache-status')).toMatch(`detail="personal: ${read.join(', ')}"`);
      await cache.idle();
      await ask(port, asked ?? COOKIE);
      await cache.idle();
      expect(runs).toBe(2);
      const named = read.join(', ').split(';', 1)[0]?.split(', ');
      expect(events).toEqual(Array(2).fill({ read: named, key: expect.any(String), refused: true }));
    },
  );

  test('a request with Authorization is refused for that first', async () => {
    const cache = newCache();
    const port = await serve(app(cache, (req, res) => res.end(req.headers.authorization)));
    const answer = await ask(port, { headers: ALICE });
    expect(answer.header('cache-status')).toMatch(/detail=authorization$/);
  });
});
