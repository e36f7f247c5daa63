import { describe, expect, test } from '@jest/globals';
import { express5app, type Layer, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { cookieParser, type Known, passport } from './support/people.ts';
import { BEARER, BOTH, by, keyed, type Rule, session, twice, user } from './support/rules.ts';

/* What is declared to cover the caller: the app may read it, since nobody else selects the response. Nothing else covers. */

const named = { vary: { caller: (req: unknown) => (req as Known).headers.authorization ?? null } };
/** As an ORM places it. */
const instance: Layer = (req: Known, _res, next) => {
  req.user = Object.assign(Object.create({ save() {} }), { id: 7 });
  next();
};

const covered: Rule[] = [
  {
    name: 'vary.caller, the credential',
    options: named,
    reads: (req) => req.headers.authorization,
    asked: BEARER,
  },
  { name: 'vary.caller, all credentials', options: named, reads: (req) => ({ ...req.headers }), asked: BOTH },
  {
    name: 'vary.caller, an instance',
    options: named,
    reads: (req) => req.user,
    front: [instance],
    asked: BEARER,
  },
  {
    name: 'vary.cookies, that cookie',
    options: { vary: { cookies: ['theme', 'sid'] } },
    reads: (req) => req.cookies?.theme,
    front: [cookieParser()],
  },
  {
    name: 'vary.headers, the field',
    options: { vary: { headers: ['Cookie'] } },
    reads: (req) => req.headers.cookie,
  },
  {
    name: 'vary.headers with Cookie, all parsed cookies',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => ({ ...req.cookies }),
    front: [cookieParser()],
  },
  {
    name: 'vary.headers with Cookie, a parser behind the cache',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => req.cookies?.sid,
    behind: [cookieParser()],
  },
  {
    name: 'vary.headers with the only credential, an instance',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => req.user,
    front: [instance],
  },
  {
    name: 'vary.headers with both credentials, the user',
    options: { vary: { headers: ['authorization', 'cookie'] } },
    reads: (req) => req.user,
    asked: BOTH,
    front: [passport],
  },
  { name: 'Vary: Cookie, the field', options: {}, reads: (req) => req.headers.cookie, vary: 'Cookie' },
  {
    name: 'Vary: Cookie, an instance',
    options: {},
    reads: (req) => req.user,
    front: [instance],
    vary: 'Accept, Cookie',
  },
];

/** The last part of `detail`, where a name is read. */
const uncovered: (Rule & { readonly read: string })[] = [
  {
    name: 'a key that reads the credential',
    options: keyed((req) => req.headers.authorization),
    reads: (req) => req.headers.authorization,
    asked: BEARER,
    read: 'authorization',
  },
  {
    name: 'vary.by that reads a cookie',
    options: by((req) => req.cookies?.theme),
    reads: (req) => req.cookies?.theme,
    front: [cookieParser()],
    read: 'cookie theme',
  },
  {
    name: 'a key that reads the user',
    options: keyed((req) => (req.user as { id: number }).id),
    reads: (req) => req.user,
    front: [instance],
    read: 'req.user',
  },
  {
    name: 'vary.by whether somebody is logged in',
    options: by((req) => Boolean(req.user)),
    reads: (req) => req.user,
    front: [instance],
    read: 'req.user',
  },
  {
    name: 'a key that reads the session',
    options: keyed((req) => req.session?.id),
    reads: (req) => req.headers.cookie,
    front: [session],
    read: 'cookie',
  },
  {
    name: 'when, which lets in a user',
    options: { when: (req) => Boolean((req as unknown as Known).user) },
    reads: (req) => req.headers.cookie,
    front: [user],
    read: 'cookie',
  },
  {
    name: 'one cookie, another',
    options: { vary: { cookies: ['theme'] } },
    reads: (req) => req.cookies?.sid,
    front: [cookieParser()],
    read: 'cookie sid',
  },
  {
    name: 'one cookie, all of them',
    options: { vary: { cookies: ['theme'] } },
    reads: (req) => ({ ...req.cookies }),
    front: [cookieParser()],
    read: 'cookie sid',
  },
  {
    name: 'one cookie, a parser behind the cache',
    options: { vary: { cookies: ['theme'] } },
    reads: (req) => req.cookies?.theme,
    behind: [cookieParser()],
    read: 'cookie',
  },
  {
    name: 'one cookie, an instance',
    options: { vary: { cookies: ['theme'] } },
    reads: (req) => req.user,
    front: [instance],
    read: 'req.user',
  },
  {
    name: 'Cookie, Authorization',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => req.headers.authorization,
    asked: BOTH,
    read: 'authorization',
  },
  {
    name: 'Cookie, the user of a request with Authorization too',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => req.user,
    asked: BOTH,
    front: [instance],
    read: 'req.user',
  },
  {
    name: 'Authorization, the cookies',
    options: { vary: { headers: ['authorization'] } },
    reads: (req) => req.headers.cookie,
    read: 'cookie',
  },
  {
    name: 'vary.caller that finds nobody',
    options: { vary: { caller: () => null } },
    reads: (req) => req.headers.cookie,
    read: 'cookie',
  },
  {
    name: 'Vary: Authorization, the cookies',
    options: {},
    reads: (req) => req.headers.cookie,
    vary: 'Authorization',
    read: 'cookie',
  },
];

describe('what covers the caller', () => {
  test.each(covered)('$name: it is stored, and the next request of the caller is a hit', async (rule) => {
    const [first, second] = await twice(rule);
    expect(first?.header('cache-status')).toMatch(/stored$/);
    expect(second?.header('cache-status')).toMatch(/; hit;/);
  });
});

describe('what does not cover the caller', () => {
  test.each(uncovered)('$name: what reads $read is not stored', async ({ read, ...rule }) => {
    const [first, second] = await twice(rule);
    expect(first?.header('cache-status')).toMatch(`; detail="depends-on-credentials: ${read}"`);
    expect(second?.header('cache-status')).not.toMatch(/hit/);
  });
});

test('a caller whom vary.caller names has stored responses of the own, and strangers have one', async () => {
  const cache = newCache(named);
  let runs = 0;
  const app = express5app(passport, cache, (req, res) => {
    runs++;
    res.end(JSON.stringify((req as unknown as Known).user ?? null));
  });
  const port = await serve(app);
  for (let round = 0; round < 2; round++) {
    for (const name of ['alice', 'bob', undefined]) {
      const { body } = await ask(
        port,
        name === undefined ? {} : { headers: { Authorization: `Bearer ${name}` } },
      );
      expect(body).toBe(name === undefined ? 'null' : `{"username":"${name}"}`);
      await cache.idle();
    }
  }
  expect(runs).toBe(3);
});
