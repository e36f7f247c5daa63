import { describe, expect, test } from '@jest/globals';
import type { Express, RequestHandler } from 'express';
import session from 'express-session';
import type { CacheMiddleware, CacheOptions } from '../../src/index.ts';
import { type Layer, newCache, serve } from '../support/app.ts';
import { type Answer, type Asked, ask } from '../support/client.ts';
import { expresses } from '../support/expresses.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { cookieParser, type Known, passport } from './support/people.ts';

/* Logins behind the front door: nobody is ever given what was made for somebody else, or for a guest. */

type Login = (req: Known) => string | undefined;

/** A login that turns guests away before the page, which itself reads nothing of the person. */
const turnsAway =
  (who: Login, status = 401): Layer =>
  (req, res, next) => {
    if (who(req) !== undefined) return next();
    res.statusCode = status;
    if (status === 302) res.setHeader('Location', '/login');
    res.end('log in');
  };

const bearer: Login = ({ headers }) => /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
const basic: Login = ({ headers }) => {
  const given = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1];
  return given && Buffer.from(given, 'base64').toString().split(':')[0];
};
const byCookie = (cookie: string | undefined): string | undefined =>
  /(?:^|; )user=(\w+)/.exec(cookie ?? '')?.[1];
const raw = (list: string[], name: string): string | undefined => {
  const at = list.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name);
  return at < 0 ? undefined : list[at + 1];
};

interface Case {
  readonly layers: readonly Layer[];
  as(name: string): Readonly<Record<string, string>>;
}

const withCookie = (name: string) => ({ Cookie: `user=${name}` });
const withBearer = (name: string) => ({ Authorization: `Bearer ${name}` });
const withBasic = (name: string) => ({
  Authorization: `Basic ${Buffer.from(`${name}:secret`).toString('base64')}`,
});

const fields: Record<string, Login> = {
  'req.headers': ({ headers }) => byCookie(headers.cookie),
  'req.get': (req) => byCookie((req as unknown as { get(name: string): string | undefined }).get('cookie')),
  'req.rawHeaders': ({ rawHeaders }) => byCookie(raw(rawHeaders, 'cookie')),
  'req.headersDistinct': ({ headersDistinct }) => byCookie(headersDistinct.cookie?.[0]),
  'a copy of req.headers': ({ headers }) => byCookie({ ...headers }.cookie),
};

const cases: Record<string, Case> = {
  'a bearer token': { layers: [turnsAway(bearer)], as: withBearer },
  'a basic login': { layers: [turnsAway(basic)], as: withBasic },
  'req.user, by a bearer token': {
    layers: [passport, turnsAway(({ user }) => (user as { username: string } | undefined)?.username)],
    as: withBearer,
  },
  'a cookie parser': {
    layers: [cookieParser(), turnsAway(({ cookies }) => cookies?.user as string | undefined)],
    as: withCookie,
  },
  'a redirect': { layers: [turnsAway(fields['req.headers'] as Login, 302)], as: withCookie },
};
for (const [name, login] of Object.entries(fields))
  cases[`the cookie, by ${name}`] = { layers: [turnsAway(login)], as: withCookie };

interface Behind {
  readonly cache: CacheMiddleware;
  readonly get: (asked?: Asked) => Promise<Answer>;
}

async function behind(app: Express, options: CacheOptions = {}): Promise<Behind> {
  const cache = newCache(options);
  const port = await serve(cache.before(app));
  return {
    cache,
    async get(asked = {}) {
      const answer = await ask(port, { path: '/page', ...asked });
      await cache.idle();
      return answer;
    },
  };
}

const hit = (answer: Answer): boolean => /; hit/.test(answer.header('cache-status') ?? '');

describe.each(expresses)('%s', (_name, express) => {
  const app = (...layers: readonly (Layer | RequestHandler)[]): Express => {
    const made = express().set('env', 'test');
    for (const layer of layers) made.use(layer as RequestHandler);
    return made;
  };
  const members: RequestHandler = (_req, res) =>
    void res.set('Cache-Control', 'max-age=60').end('for members');

  describe.each(Object.entries(cases))('a login by %s', (_what, { layers, as }) => {
    const orders = [
      ['a guest', undefined, 'ann', 'bob', undefined],
      ['a member', 'ann', undefined, 'bob', 'ann'],
    ] as const;
    test.each(orders)('%s first: each is answered as without the cache', async (_first, ...people) => {
      const { get } = await behind(app(...layers, members));
      for (const name of [...people, ...people]) {
        const answer = await get(name === undefined ? {} : { headers: as(name) });
        expect([name, answer.body]).toEqual([name, name === undefined ? 'log in' : 'for members']);
        expect(hit(answer)).toBe(false);
      }
    });

    test('at once: nobody is given what another waits for', async () => {
      const { get } = await behind(app(...layers, members));
      const people = Array.from({ length: 12 }, (_, i) => (i % 2 ? 'ann' : undefined));
      const answers = await Promise.all(people.map((name) => get(name ? { headers: as(name) } : {})));
      expect(answers.map(({ body }) => body)).toEqual(
        people.map((name) => (name ? 'for members' : 'log in')),
      );
    });

    test('a route with a policy of its own behind it shares with members only, and never through the door', async () => {
      const cache = newCache();
      let runs = 0;
      const page: RequestHandler = (_req, res) => void res.end(`for members ${++runs}`);
      const route = cache.with({ ttl: '1m', when: () => true });
      const port = await serve(cache.before(app(...layers, route as RequestHandler, page)));
      const get = async (name?: string): Promise<string> => {
        const { body } = await ask(port, name === undefined ? {} : { headers: as(name) });
        await cache.idle();
        return body;
      };
      for (let i = 0; i < 4; i++) {
        expect(await get('ann')).toMatch(/^for members/);
        expect(await get()).toBe('log in');
      }
    });

    test('nor through the same cache in the app, in front of the login', async () => {
      const options = { redis: process.env.TEST_REDIS_URL as string, prefix: uniquePrefix() };
      const within = async (...more: RequestHandler[]): Promise<(name?: string) => Promise<string>> => {
        const cache = newCache(options);
        const route = cache.with({ when: () => true });
        const front = cache as RequestHandler;
        const port = await serve(
          cache.before(app(front, ...layers, ...more, route as RequestHandler, members)),
        );
        return async (name) => {
          const { body } = await ask(port, { headers: { Host: 'a', ...(name && as(name)) } });
          await cache.idle();
          return body;
        };
      };
      const [here, there] = [await within(), await within()];
      for (let i = 0; i < 3; i++) expect(await here('ann')).toBe('for members');
      for (let i = 0; i < 3; i++) expect(await there()).toBe('log in');
    });

    test('what the same cache has stored behind the login is not for the door', async () => {
      const options = { redis: process.env.TEST_REDIS_URL as string, prefix: uniquePrefix() };
      const cache = newCache(options);
      // The route alone, as a deployment before the door had it.
      const layersWithin = [...layers, cache as RequestHandler, members];
      const port = await serve(app(...layersWithin));
      const shared = { headers: { Cookie: 'user=ann', 'Cache-Control': 'max-age=60' } };
      await ask(port, { path: '/page', headers: { ...shared.headers, ...as('ann') } });
      await cache.idle();
      const { get } = await behind(app(...layers, members), options);
      expect((await get()).body).toBe('log in');
      expect((await get({ headers: as('bob') })).body).toBe('for members');
      expect((await get()).body).toBe('log in');
    });

    test('what it lets in and says `public` is shared by its own word', async () => {
      const open: RequestHandler = (_req, res) => void res.set('Cache-Control', 'public').end('for all');
      const { get } = await behind(app(...layers, open));
      await get({ headers: as('ann') });
      expect(hit(await get())).toBe(true);
    });
  });

  test("express-session: a member's page is for no other, and a guest's for no member", async () => {
    const sessions = session({ secret: 'secret', resave: false, saveUninitialized: false });
    const made = app(sessions);
    made.get('/login', (req, res) => {
      (req as unknown as Known).session!.name = String(req.query.name);
      res.end('in');
    });
    made.get('/page', (req, res) => {
      const name = (req as unknown as Known).session?.name;
      if (name === undefined) return res.redirect('/login');
      res.end(`hello ${String(name)}`);
    });
    const { get } = await behind(made, { ttl: '1h', statuses: [200, 302] });
    const login = async (name: string): Promise<Asked> => {
      const { header } = await get({ path: `/login?name=${name}` });
      return { headers: { Cookie: header('set-cookie')!.split(';')[0]! } };
    };
    expect((await get()).status).toBe(302);
    const ann = await login('ann');
    const bob = await login('bob');
    for (let i = 0; i < 2; i++) {
      expect((await get(ann)).body).toBe('hello ann');
      expect((await get(bob)).body).toBe('hello bob');
      expect((await get()).status).toBe(302);
    }
  });

  test('a page that nobody was asked for is shared with strangers at once, and with callers once one of them got the same', async () => {
    const { get } = await behind(
      app((_req: unknown, res: { end(body: string): void }) => res.end('for all')) as never,
    );
    await get({ headers: withBearer('ann') });
    expect(hit(await get())).toBe(true);
    expect(hit(await get({ headers: withBearer('bob') }))).toBe(true);
    // Another kind of credential is compared for itself.
    expect(hit(await get({ headers: withCookie('ann') }))).toBe(false);
    expect(hit(await get({ headers: withCookie('ann') }))).toBe(true);
  });

  test('`when` and `vary.by` find nobody at the door, and that covers nothing', async () => {
    // A login that the guard does not see: the key is in a field of the app's own.
    const byKey: Layer = (req: Known, _res, next) => {
      if (req.headers['x-api-key'] !== undefined) req.user = { name: 'ann' };
      next();
    };
    const page: RequestHandler = (req, res) =>
      void res.end((req as unknown as Known).user ? 'member' : 'guest');
    for (const options of [
      { when: (req: Known) => !req.user },
      { vary: { by: (req: Known) => (req.user ? 'member' : 'guest') } },
    ]) {
      const { get } = await behind(app(byKey, page), options as object);
      for (let i = 0; i < 2; i++) {
        expect((await get()).body).toBe('guest');
        expect((await get({ headers: { 'X-Api-Key': 'k' } })).body).toBe('member');
      }
    }
  });
});

test('a credential in the key is covered at the door as it is behind `app.use`', async () => {
  const express = (expresses[0] as (typeof expresses)[number])[1];
  const page: RequestHandler = (req, res) => void res.end(`for ${bearer(req as unknown as Known)}`);
  const { get } = await behind(express().use(page), { vary: { headers: ['authorization'] } });
  for (const name of ['ann', 'bob']) {
    await get({ headers: withBearer(name) });
    const again = await get({ headers: withBearer(name) });
    expect([hit(again), again.body]).toEqual([true, `for ${name}`]);
  }
});
