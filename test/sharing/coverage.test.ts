import { describe, expect, test } from '@jest/globals';
import { express5app, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { cookieParser, type Known, passport } from './support/people.ts';
import { BEARER, BOTH, by, keyed, type Rule, session, twice, user } from './support/rules.ts';

/* What a key covers of the person: the app may read it, since nobody else has that key. */

const covered: Rule[] = [
  {
    name: 'a cookie of vary.cookies, that cookie',
    options: { vary: { cookies: ['theme'] } },
    reads: (req) => req.cookies?.theme,
    front: [cookieParser()],
  },
  {
    name: 'the Cookie field, the field',
    options: { vary: { headers: ['Cookie'] } },
    reads: (req) => req.headers.cookie,
  },
  {
    name: 'the Cookie field, each cookie',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => req.cookies?.sid,
    front: [cookieParser()],
  },
  {
    name: 'the Cookie field, all cookies',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => ({ ...req.cookies }),
    front: [cookieParser()],
  },
  {
    name: 'the Cookie field, a parser behind the cache',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => req.cookies?.sid,
    behind: [cookieParser()],
  },
  {
    name: 'the Cookie field, the session',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => req.session,
    front: [session],
  },
  {
    name: 'the Cookie field, the user of a request without Authorization',
    options: { vary: { headers: ['cookie'] } },
    reads: (req) => req.user,
    front: [user],
  },
  {
    name: 'the Authorization field, the field',
    options: { vary: { headers: ['authorization'] } },
    reads: (req) => req.headers.authorization,
    asked: BEARER,
  },
  {
    name: 'the Authorization field, its user, found behind the cache',
    options: { vary: { headers: ['authorization'] } },
    reads: (req) => req.user,
    asked: BEARER,
    behind: [passport],
  },
  {
    name: 'both fields, the user',
    options: { vary: { headers: ['authorization', 'cookie'] } },
    reads: (req) => req.user,
    asked: BOTH,
    front: [passport],
  },
  {
    name: 'a key that reads the user, the user',
    options: keyed((req) => (req.user as { id: number }).id),
    reads: (req) => req.user,
    front: [user],
  },
  {
    name: 'a key that reads the user, the credential',
    options: keyed((req) => `of ${(req.user as { username: string }).username}`),
    reads: (req) => req.headers.authorization,
    asked: BEARER,
    front: [passport],
  },
  {
    name: 'a key that reads no user where there is none, that there is none',
    options: keyed((req) => req.user ?? null),
    reads: (req) => req.user,
    front: [passport],
  },
  {
    name: 'vary.by that reads the session, the session',
    options: by((req) => req.session?.id),
    reads: (req) => req.session?.id,
    front: [session],
  },
  {
    name: 'vary.by that reads a cookie, that cookie',
    options: by((req) => req.cookies?.theme),
    reads: (req) => req.cookies?.theme,
    front: [cookieParser()],
  },
  {
    name: 'vary.by that reads the Cookie field with req.get, the field',
    options: by((req) => (req as unknown as { get(name: string): string }).get('Cookie')),
    reads: (req) => req.headers.cookie,
  },
  {
    name: 'when, which lets in requests without a user, that there is none',
    options: { when: (req) => !(req as Known).user },
    reads: (req) => req.user,
    front: [passport],
  },
  { name: 'Vary: Cookie, the field', options: {}, reads: (req) => req.headers.cookie, vary: 'Cookie' },
  {
    name: 'Vary: Cookie, the session',
    options: {},
    reads: (req) => req.session,
    front: [session],
    vary: 'Accept, Cookie',
  },
];

describe('a key made of', () => {
  test.each(covered)('$name, covers it', async (rule) => {
    const [, second] = await twice(rule);
    expect(second?.header('cache-status')).toMatch(/; hit;/);
  });
});

describe('what is covered is kept apart', () => {
  test('two people with one key function get each their own', async () => {
    const cache = newCache({ key: (req) => [req.url ?? '', (req as Known).headers.authorization ?? null] });
    const app = express5app(cache, passport, (req, res) =>
      res.end(JSON.stringify((req as unknown as Known).user)),
    );
    const port = await serve(app);
    for (const name of ['alice', 'bob', 'alice', 'bob']) {
      const answer = await ask(port, { headers: { Authorization: `Bearer ${name}` } });
      expect(answer.body).toBe(`{"username":"${name}"}`);
      await cache.idle();
    }
    expect((await ask(port, { headers: { Authorization: 'Bearer bob' } })).header('cache-status')).toMatch(
      /; hit;/,
    );
  });

  test('credentials are not covered by a key that looked for a user before anybody found one', async () => {
    const cache = newCache({
      guard: 'off',
      key: (req) => [req.url ?? '', String((req as Known).user ?? null)],
    });
    const port = await serve(express5app(cache, passport, (req, res) => res.end(req.headers.authorization)));
    expect((await ask(port, BEARER)).header('cache-status')).toMatch(/detail=authorization$/);
  });
});
