import { describe, expect, test } from '@jest/globals';
import { frameworks, guardEvents, type Handler, type Layer, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { cookieParser, type Known, passport } from './support/people.ts';

/* What an app reads of the person behind the cache, and that its answer is then not stored. */

const ALICE = { Cookie: 'theme=dark; sid=alice' };

interface Reader {
  /** Completes "a handler that ...". */
  readonly name: string;
  readonly handler: (req: Known, res: object) => unknown;
  /** In front of the cache. */
  readonly front?: Layer;
  /** What it has read, as the guard calls it. */
  readonly read: readonly string[];
}

/** An instance of a class for each request, as sessions and ORMs place it. */
const signedIn: Layer = (req: Known, _res, next) => {
  req.user = new (class User {})();
  Object.assign(req, { session: new (class Session {})() });
  next();
};

const direct: Reader[] = [
  { name: 'reads req.user', handler: (req) => req.user, front: signedIn, read: ['req.user'] },
  { name: 'reads req.session', handler: (req) => req.session, front: signedIn, read: ['req.session'] },
  {
    name: 'spreads the request',
    handler: (req) => ({ ...req }),
    front: signedIn,
    read: ['cookie', 'req.session', 'req.user'],
  },
  {
    name: 'reads an instance of res.locals',
    handler: (_req, res) => (res as { locals?: { visitor?: object } }).locals?.visitor,
    front: (_req, res, next) => {
      const { locals = {} } = res as { locals?: object };
      Object.assign(locals, { visitor: new (class Visitor {})() });
      Object.assign(res, { locals });
      next();
    },
    read: ['res.locals.visitor'],
  },
  {
    name: 'asks isAuthenticated() of somebody who is not',
    handler: (req) => req.isAuthenticated?.(),
    front: passport,
    read: ['req.isAuthenticated'],
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
    name: 'spreads all cookies',
    handler: (req) => ({ ...req.cookies }),
    front: cookieParser(),
    read: ['cookie sid', 'cookie theme'],
  },
  {
    name: 'serialises all cookies',
    handler: (req) => JSON.stringify(req.cookies),
    front: cookieParser(),
    read: ['cookie sid', 'cookie theme'],
  },
];

const headers: Reader[] = [
  { name: 'reads the Cookie field', handler: (req) => req.headers.cookie, read: ['cookie'] },
  { name: "asks 'cookie' in req.headers", handler: (req) => 'cookie' in req.headers, read: ['cookie'] },
  {
    name: 'asks whether the fields have a cookie of their own',
    handler: (req) => Object.hasOwn(req.headers, 'cookie'),
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

/** What a stranger's request does not have: the answer is the same for all strangers, and is stored for them. */
const absent: Reader[] = [
  { name: 'a Cookie field', handler: (req) => req.headers.cookie, read: [] },
  { name: 'an Authorization field', handler: (req) => req.headers.authorization, read: [] },
  { name: 'a parsed cookie', handler: (req) => req.cookies?.sid, front: cookieParser(), read: [] },
  { name: 'all parsed cookies', handler: (req) => ({ ...req.cookies }), front: cookieParser(), read: [] },
  { name: 'a req.user', handler: (req) => req.user, front: passport, read: [] },
  { name: 'a req.session that nobody placed', handler: (req) => req.session, read: [] },
  { name: 'all fields', handler: (req) => ({ ...req.headers }), read: [] },
];
const pass: Layer = (_req, _res, next) => next();

describe.each(frameworks)('on $name', ({ app }) => {
  async function stage({ handler, front }: Reader) {
    const cache = newCache();
    const events = guardEvents(cache);
    const stage = { cache, events, runs: 0, port: 0 };
    const answering: Handler = async (req, res) => {
      stage.runs++;
      await handler(req as unknown as Known, res);
      res.end('made for one');
    };
    stage.port = await serve(app(front ?? pass, cache, answering));
    return stage;
  }

  test.each(readers)(
    'a handler that $name of a caller is not stored, and told why, without a second run',
    async (reader) => {
      const site = await stage(reader);
      const detail = `depends-on-credentials: ${reader.read.join(', ')}`;
      const first = await ask(site.port, COOKIE);
      expect(first.body).toBe('made for one');
      expect(first.header('cache-status')).toMatch(`detail="${detail}"`);
      await site.cache.idle();
      await ask(site.port, COOKIE);
      await site.cache.idle();
      expect(site.runs).toBe(2);
      expect(site.events[0]).toMatchObject({ read: reader.read, key: expect.any(String), detail });
    },
  );

  test.each(absent)(
    'a handler that looks for $name is stored for strangers, who have none',
    async (reader) => {
      const site = await stage(reader);
      await ask(site.port);
      await site.cache.idle();
      expect((await ask(site.port)).header('cache-status')).toMatch(/; hit;/);
      expect(site.events).toEqual([]);
    },
  );

  test.each(direct.filter(({ front }) => front !== passport))(
    'a handler that $name of strangers is not stored, and told why',
    async (reader) => {
      const site = await stage(reader);
      const read = reader.read.filter((name) => name !== 'cookie');
      const detail = `varies: ${read.join(', ')}`;
      for (let run = 1; run < 3; run++) {
        expect((await ask(site.port)).header('cache-status')).toMatch(`detail="${detail}"`);
        await site.cache.idle();
      }
      expect(site.runs).toBe(2);
      expect(site.events[0]).toMatchObject({ read, detail });
    },
  );
});
