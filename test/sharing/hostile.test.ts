import { AsyncLocalStorage } from 'node:async_hooks';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { CacheOptions } from '../../src/index.ts';
import { express5app, type Handler, newCache, serve } from '../support/app.ts';
import { type Answer, type Asked, ask } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { redis } from '../support/stores.ts';
import { until } from '../support/until.ts';

/* Apps that use a request in ways that no list of names foresees. Each caller gets the own page, and the app is not disturbed. */

type Any = Record<string, unknown>;

interface Site {
  readonly cache: ReturnType<typeof newCache>;
  readonly port: number;
  /** The `Cookie` field of each run of the page. */
  readonly runs: (string | undefined)[];
  get(headers?: Asked['headers']): Promise<Answer>;
}

const user = new AsyncLocalStorage<string>();
/** Middleware in front that knows its caller by a cookie, and places nothing. */
const signedIn: Handler = (req, _res, next) =>
  user.run(/(?:sid|session)=(\w+)/.exec(req.headers.cookie ?? '')?.[1] ?? 'guest', next);
/** The `Cookie` field of each request. The page does not read it. */
const cookies = new WeakMap<object, string | undefined>();
const remembering: Handler = (req, _res, next) => {
  cookies.set(req, req.headers.cookie);
  next();
};
const greeting: Handler = (_req, res) => res.end(`hello ${user.getStore()}`);
const ANN = { Cookie: 'sid=ann0123456789012345678901' };
const BEN = { Cookie: 'sid=ben0123456789012345678901' };

async function site(front: Handler, page: Handler, options: CacheOptions = {}): Promise<Site> {
  const cache = newCache({ ttl: '1h', ...options });
  const runs: Site['runs'] = [];
  const counted: Handler = (req, res, next) => {
    runs.push(cookies.get(req));
    return page(req, res, next);
  };
  const port = await serve(express5app(remembering, signedIn, front, cache as unknown as Handler, counted));
  const get = async (headers: Asked['headers'] = {}): Promise<Answer> => {
    const answer = await ask(port, { headers });
    await cache.idle();
    return answer;
  };
  return { cache, port, runs, get };
}

const nothing: Handler = (_req, _res, next) => next();

/** Places a text by `X-Lang` on the request or the response. */
const placing =
  (place: (req: Any, res: Any, lang: string) => void): Handler =>
  (req, res, next) => {
    place(req as unknown as Any, res as unknown as Any, String(req.headers['x-lang']));
    next();
  };
const reading =
  (read: (req: Any, res: Any) => unknown): Handler =>
  (req, res) =>
    res.end(`in ${String(read(req as unknown as Any, res as unknown as Any))}`);

class Dictionary {
  readonly #lang: string;
  constructor(lang: string) {
    this.#lang = lang;
  }
  toString(): string {
    return this.#lang;
  }
}

describe('a stranger gets the own page where it is made of', () => {
  test.each<[string, Handler, Handler]>([
    [
      'an object that cannot be compared, though the response varies on something',
      placing((req, _res, lang) => {
        req.shop = new Dictionary(lang);
      }),
      (req, res) => res.set('Vary', 'Accept').end(`in ${(req as unknown as Any).shop}`),
    ],
    [
      'a copy of all fields',
      nothing,
      (req, res) => res.end(`in ${new Headers(req.headers as Record<string, string>).get('x-lang')}`),
    ],
    [
      'a text on the response',
      placing((_req, res, lang) => {
        res.locale = lang;
      }),
      reading((_req, res) => res.locale),
    ],
    [
      'a function on the response',
      placing((_req, res, lang) => {
        res.__ = () => lang;
      }),
      reading((_req, res) => (res.__ as () => string)()),
    ],
    [
      'a property called as one of a stream',
      placing((req, _res, lang) => {
        req.filter = lang;
      }),
      reading((req) => req.filter),
    ],
    [
      'a property called domain',
      placing((req, _res, lang) => {
        req.domain = { lang };
      }),
      reading((req) => (req.domain as Any).lang),
    ],
    [
      'a default among the parsed cookies',
      placing((req, _res, lang) => {
        req.cookies = { lang };
      }),
      reading((req) => (req.cookies as Any).lang),
    ],
    [
      'a tenant, though the response says public',
      placing((req, _res, lang) => {
        req.tenant = lang;
      }),
      (req, res) => res.set('Cache-Control', 'public').end(`in ${(req as unknown as Any).tenant}`),
    ],
  ])('%s', async (_title, front, page) => {
    const { get } = await site(front, page);
    for (const lang of ['de', 'en', 'de', 'en'])
      expect((await get({ 'X-Lang': lang })).body).toBe(`in ${lang}`);
  });

  test('objects of which each process has seen one', async () => {
    const prefix = uniquePrefix();
    const dictionaries: Any = { de: new Dictionary('de'), en: new Dictionary('en') };
    const front = placing((req, _res, lang) => {
      req.texts = dictionaries[lang];
    });
    const page = reading((req) => req.texts);
    const sites = [
      await site(front, page, { redis, prefix }),
      await site(front, page, { redis, prefix }),
    ] as const;
    for (let i = 0; i < 3; i++) {
      expect((await sites[0].get({ 'X-Lang': 'de' })).body).toBe('in de');
      expect((await sites[1].get({ 'X-Lang': 'en' })).body).toBe('in en');
    }
  });
});

describe('a caller gets the own page', () => {
  test('where the session cookie is called almost as one of analytics', async () => {
    const { get } = await site(nothing, greeting);
    expect((await get({ Cookie: '_game_session=ann' })).body).toBe('hello ann');
    expect((await get({ Cookie: '_game_session=ben' })).body).toBe('hello ben');
    expect((await get()).body).toBe('hello guest');
  });

  test('where middleware in front takes the session out of the Cookie field', async () => {
    const front: Handler = (req, _res, next) => {
      req.headers.cookie = 'theme=dark';
      next();
    };
    const page: Handler = (_req, res) => res.set('Vary', 'Cookie').end(`hello ${user.getStore()}`);
    const { get } = await site(front, page);
    expect((await get(ANN)).body).toBe('hello ann0123456789012345678901');
    expect((await get(BEN)).body).toBe('hello ben0123456789012345678901');
  });

  test('of a file, of which res.sendFile says public, max-age=0', async () => {
    const fileOf = (name: string): string =>
      join(tmpdir(), `${uniquePrefix().replaceAll(':', '-')}${name}.txt`);
    const files: Any = { ann: fileOf('ann'), ben: fileOf('ben'), guest: fileOf('guest') };
    for (const [name, path] of Object.entries(files)) await writeFile(String(path), name);
    const page: Handler = (_req, res) =>
      res.sendFile(String(files[String(user.getStore()).slice(0, 3)] ?? files.guest));
    const { get } = await site(nothing, page, { staleWhileRevalidate: '1h' });
    expect((await get(ANN)).body).toBe('ann');
    expect((await get(BEN)).body).toBe('ben');
    expect((await get()).body).toBe('guest');
  });

  test('in the language that was chosen last, where vary.caller names the caller', async () => {
    const { get } = await site(
      placing((req, _res, lang) => {
        req.tenant = lang;
        req.t = () => lang;
      }),
      reading((req) => `${req.tenant} ${(req.t as () => string)()}`),
      { vary: { caller: () => user.getStore() as string } },
    );
    for (const lang of ['de', 'en', 'de'])
      expect((await get({ ...ANN, 'X-Lang': lang })).body).toBe(`in ${lang} ${lang}`);
  });

  test.each<[string, CacheOptions, CacheOptions]>([
    ['a route names credentials', {}, { credentials: ['x-license'] }],
    ['a route verifies, and the cache in front does not', { guard: 'reads' }, { guard: 'verify' }],
  ])('where %s', async (_title, outer, inner) => {
    const cache = newCache({ ttl: '1h', ...outer });
    const route = cache.with(inner) as unknown as Handler;
    const licensed: Handler = (req, _res, next) =>
      user.run(String(req.headers['x-license'] ?? user.getStore()), next);
    const port = await serve(express5app(signedIn, licensed, cache as unknown as Handler, route, greeting));
    const callers = inner.credentials ? [{ 'X-License': 'ann' }, { 'X-License': 'ben' }] : [ANN, BEN];
    const names: string[] = [];
    for (const headers of [...callers, ...callers]) {
      names.push((await ask(port, { headers })).body.slice(0, 'hello ann'.length));
      await cache.idle();
    }
    expect(names).toEqual(['hello ann', 'hello ben', 'hello ann', 'hello ben']);
  });
});

describe('an app is not disturbed', () => {
  test.each<[string, Handler]>([
    ['freezes res.locals', (_req, res) => res.end(String(Object.isFrozen(Object.freeze(res.locals))))],
    ['seals the request', (req, res) => res.end(String(Object.isSealed(Object.seal(req))))],
  ])('that %s', async (_title, page) => {
    const { get } = await site((_req, res, next) => {
      res.locals.title = 'home';
      next();
    }, page);
    for (let i = 0; i < 2; i++) expect(await get()).toMatchObject({ status: 200, body: 'true' });
  });

  test.each<[string, () => unknown]>([
    ['objects without a prototype in a list of roles', () => ({ roles: [Object.create(null)] })],
    ['a symbol in a list of roles', () => ({ roles: [Symbol('admin')] })],
    [
      'a revoked proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
    ],
  ])('by %s on one request, and the next one is stored', async (_title, odd) => {
    const front: Handler = (req, _res, next) => {
      if (req.headers.cookie) Object.assign(req, { user: odd() });
      next();
    };
    const { get } = await site(front, (_req, res) => res.end('home'));
    expect((await get(ANN)).body).toBe('home');
    expect((await get()).body).toBe('home');
    expect((await get()).cacheStatus).toMatch(/^hit/);
  });

  test('by calls of getters that nobody reads', async () => {
    let calls = 0;
    const front: Handler = (req, res, next) => {
      const lazy = { configurable: true, get: () => ++calls };
      Object.defineProperty(req, 'user', lazy);
      Object.defineProperty(res.locals, 'csrf', { ...lazy, enumerable: true });
      Object.assign(res.locals, {
        page: {
          title: 'home',
          get cart() {
            return ++calls;
          },
        },
      });
      next();
    };
    const { get } = await site(front, (_req, res) => res.end(String((res.locals.page as Any).title)));
    for (const headers of [{}, {}, ANN, ANN]) expect((await get(headers)).body).toBe('home');
    expect(calls).toBe(0);
  });

  test('by a request without what a gateway gives each caller, until a stranger has come', async () => {
    const { get, runs } = await site(nothing, (_req, res) => res.end('home'));
    const ann = { 'X-Forwarded-User': 'ann' };
    expect((await get(ann)).cacheStatus).toBe('fwd=uri-miss; detail=credentials');
    expect(runs).toHaveLength(1);
    await get();
    expect((await get(ann)).cacheStatus).toBe('fwd=vary-miss; detail=verifying');
    expect((await get(ann)).cacheStatus).toMatch(/^hit/);
  });

  test('by credentials that are sent twice: of 64 hits, one is a run of its own', async () => {
    const { get, runs } = await site(nothing, (_req, res) => res.end('home'));
    await get(ANN);
    expect(runs).toEqual([ANN.Cookie, undefined]);
    const statuses: string[] = [];
    for (let i = 0; i < 65; i++) statuses.push((await get(ANN)).cacheStatus);
    expect(statuses.filter((status) => status === 'fwd=vary-miss; detail=verifying')).toHaveLength(1);
    expect(runs).toEqual([ANN.Cookie, undefined, ANN.Cookie]);
  });

  test('by the wait for a stranger who is never answered', async () => {
    const page: Handler = (_req, res) => {
      if (user.getStore() !== 'guest') res.end('home');
    };
    const { cache, port, runs } = await site(nothing, page, { refresh: { timeout: '20s' } });
    expect((await ask(port, { headers: ANN })).body).toBe('home');
    await until(() => runs.length === 2);
    const askedAt = performance.now();
    expect((await ask(port, { headers: BEN })).body).toBe('home');
    expect(performance.now() - askedAt).toBeLessThan(8000);
    void cache.close();
  });
});

describe('a page for all is answered from the cache', () => {
  test('where middleware in front sets a cookie by res.cookie', async () => {
    let visitors = 0;
    const front: Handler = (_req, res, next) => {
      res.cookie('visitor', String(++visitors));
      next();
    };
    const { get, runs } = await site(front, (_req, res) => res.end('home'));
    await get();
    const second = await get();
    expect([second.cacheStatus.slice(0, 3), second.header('set-cookie')]).toEqual([
      'hit',
      'visitor=2; Path=/',
    ]);
    expect(runs).toHaveLength(1);
  });

  test('where the page itself sets one, it is not', async () => {
    const { get } = await site(nothing, (_req, res) => res.cookie('basket', '1').end('home'));
    for (let i = 0; i < 2; i++) expect((await get()).cacheStatus).toMatch(/detail=set-cookie/);
  });

  test('where a caller has first asked for a part of it', async () => {
    const page: Handler = (req, res) => {
      res.set('Accept-Ranges', 'bytes');
      if (!req.headers.range) return res.end('0123456789');
      return res.status(206).set('Content-Range', 'bytes 0-3/10').end('0123');
    };
    const { get } = await site(nothing, page);
    expect(await get({ ...ANN, Range: 'bytes=0-3' })).toMatchObject({ status: 206, body: '0123' });
    expect((await get(ANN)).body).toBe('0123456789');
    expect((await get(ANN)).cacheStatus).toMatch(/^hit/);
    expect(await get({ ...BEN, Range: 'bytes=2-3' })).toMatchObject({
      body: '23',
      cacheStatus: expect.stringMatching(/^hit/),
    });
  });
});

test('shadow mode compares hits however many requests with credentials there were before', async () => {
  const { cache, port, get } = await site(nothing, (_req, res) => res.end('home'), { mode: 'shadow' });
  for (let i = 0; i < 65; i++) {
    await ask(port, { path: `/${i}`, headers: ANN });
    await cache.idle();
  }
  await get();
  await get();
  expect(cache.stats().shadow?.total).toMatchObject({ hits: 1, compared: 1 });
});
