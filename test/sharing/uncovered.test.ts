import { describe, expect, test } from '@jest/globals';
import { cookieParser, type Known, passport } from './support/people.ts';
import { BEARER, BOTH, keyed, type Rule, session, twice, user } from './support/rules.ts';

/* What a key does not cover, though it is made of something of the person. */

const uncovered: Rule[] = [
  {
    name: 'a key made of whether somebody is logged in, the user',
    options: keyed((req) => ({ member: Boolean(req.user) })),
    reads: (req) => req.user,
    front: [user],
  },
  {
    name: 'a key made of a role, the user',
    options: keyed((req) => (req.user as { role: string }).role),
    reads: (req) => req.user,
    front: [user],
  },
  {
    name: 'a key made of whether there is a credential, the credential',
    options: keyed((req) => !req.headers.authorization),
    reads: (req) => req.headers.authorization,
    asked: BEARER,
  },
  {
    name: 'a key made of whether there is a cookie, the cookie',
    options: keyed((req) => !req.headers.cookie),
    reads: (req) => req.headers.cookie,
    asked: BOTH,
  },
  {
    name: 'one cookie, another',
    options: { vary: { cookies: ['theme'] } },
    reads: (req) => req.cookies?.sid,
    front: [cookieParser()],
  },
  {
    name: 'one cookie, all of them',
    options: { vary: { cookies: ['theme'] } },
    reads: (req) => ({ ...req.cookies }),
    front: [cookieParser()],
  },
  {
    name: 'one cookie, the session',
    options: { vary: { cookies: ['theme'] } },
    reads: (req) => req.session,
    front: [session],
  },
  {
    name: 'one cookie, a parser behind the cache',
    options: { vary: { cookies: ['theme'] } },
    reads: (req) => req.cookies?.theme,
    behind: [cookieParser()],
  },
  {
    name: 'the Cookie field, the credential',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => req.headers.authorization,
  },
  {
    name: 'the Cookie field, the user of a request with Authorization',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => req.user,
    asked: BOTH,
    front: [passport],
  },
  {
    name: 'the Authorization field, the cookies',
    options: { vary: { headers: ['authorization'] } },
    reads: (req) => req.headers.cookie,
  },
  {
    name: 'the Authorization field, the user of a request with cookies',
    options: { vary: { headers: ['authorization'] } },
    reads: (req) => req.user,
    front: [user],
  },
  {
    name: 'a key that reads the user, the session',
    options: keyed((req) => req.user),
    reads: (req) => req.session,
    front: [user, session],
  },
  {
    name: 'a key that reads no user, one found behind the cache',
    options: keyed((req) => req.user ?? null),
    reads: (req) => req.user,
    behind: [user],
  },
  {
    name: 'a key that reads no cookies, those parsed behind the cache',
    options: keyed((req) => req.cookies ?? null),
    reads: (req) => req.cookies?.sid,
    behind: [cookieParser()],
  },
  {
    name: 'a key that reads nothing of the person, the user',
    options: keyed(() => 1),
    reads: (req) => req.user,
    front: [user],
  },
  {
    name: 'when, which lets in a user, that user',
    options: { when: (req) => Boolean((req as Known).user) },
    reads: (req) => req.user,
    front: [user],
  },
  {
    name: 'when, which finds no user, one found behind the cache',
    options: { when: (req) => !(req as Known).user },
    reads: (req) => req.user,
    behind: [user],
  },
  {
    name: 'Vary: Authorization, the cookies',
    options: {},
    reads: (req) => req.headers.cookie,
    vary: 'Authorization',
  },
];

describe('a key made of', () => {
  test.each(uncovered)('$name: does not cover it', async (rule) => {
    const [first, second] = await twice(rule);
    expect(first?.header('cache-status')).toMatch(/detail="?(personal:|authorization)/);
    expect(second?.header('cache-status')).not.toMatch(/hit/);
  });
});
