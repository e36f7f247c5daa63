import { AssertionError } from 'node:assert';
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import middie from '@fastify/middie';
import { afterEach, describe, expect, test } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import Fastify from 'fastify';
import { ArgumentError } from '../../src/index.ts';
import {
  asCallers,
  type Caller,
  expectNoLeaks,
  type TestCache,
  type TestCacheOptions,
  type TestedApp,
  testCache,
} from '../../src/testing/index.ts';
import { newCache, serve } from '../support/app.ts';

const caches: TestCache[] = [];
afterEach(async () => {
  for (const cache of caches.splice(0)) await cache.close();
});

function cacheOf(options: TestCacheOptions = {}): TestCache {
  const cache = testCache({ ttl: '1h', ...options });
  caches.push(cache);
  return cache;
}

const CALLERS: readonly Caller[] = [
  { name: 'Ada', headers: { 'x-user': 'Ada' } },
  { name: 'Grace', headers: { 'x-user': 'Grace' } },
  { name: 'a stranger' },
];

/** Koa has no types of its own. */
interface KoaApp {
  use(middleware: (context: KoaContext, next: () => Promise<void>) => unknown): void;
  callback(): (req: IncomingMessage, res: ServerResponse) => unknown;
}

interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  body: string;
}

const users = new AsyncLocalStorage<string>();

/** Places the caller where the app reads it, without a trace that the cache could see. */
const login: RequestHandler = (req, _res, next) => {
  users.run(req.get('x-user') ?? 'guest', next);
};

/** A personal page, a page for all, and one with a value that is new for each request. */
function createApp(cache: TestCache | ReturnType<typeof newCache>): express.Express {
  const app = express().use(login, cache);
  app.get('/me', (_req, res) => void res.send(`<p>Hello ${users.getStore()}, good to see you</p>`));
  app.get('/news', (_req, res) => void res.send('<p>Rain</p>'));
  app.get('/form', (_req, res) => {
    res.send(`<form nonce="${randomBytes(12).toString('base64')}">For ${users.getStore()}</form>`);
  });
  return app;
}

describe('a personal page that the cache gives to all (guard: off)', () => {
  test('is a leak for each caller who was sent that of another one', async () => {
    const cache = cacheOf({ guard: 'off' });
    const report = await asCallers(createApp(cache), CALLERS, ['/me', '/news'], { cache });
    const pairs = new Set(
      report.leaks.map(({ url, caller, from }) => `${url}: ${caller} got that of ${from}`),
    );
    expect([...pairs].sort()).toEqual([
      '/me: Ada got that of Grace',
      '/me: Ada got that of a stranger',
      '/me: Grace got that of Ada',
      '/me: Grace got that of a stranger',
      '/me: a stranger got that of Ada',
      '/me: a stranger got that of Grace',
    ]);
    expect(report.leaks[0]).toMatchObject({
      caller: 'Grace',
      from: 'Ada',
      cacheStatus: { hit: true },
      differences: [
        {
          part: 'body',
          sent: '<p>Hello Ada, good to see you</p>',
          own: '<p>Hello Grace, good to see you</p>',
        },
      ],
    });
    expect(() => expectNoLeaks(report)).toThrow(AssertionError);
    expect(() => expectNoLeaks(report)).toThrow(
      /LEAK: Grace was sent that of Ada, body: "<p>Hello Ada, good to see you<\/p>", and the app gives Grace/,
    );
  });

  test.each(['/me', '/form'])(
    'is found at %s, without the cache being told, and past a nonce',
    async (url) => {
      const report = await asCallers(createApp(newCache({ ttl: '1h', guard: 'off' })), CALLERS, [url]);
      expect(report.leaks.map(({ caller }) => caller)).toEqual(
        expect.arrayContaining(['Grace', 'a stranger']),
      );
      expect(report.leaks.every(({ differences }) => differences.some(({ part }) => part === 'body'))).toBe(
        true,
      );
    },
  );

  test('is found in pages whose own length changes from request to request', async () => {
    const cache = cacheOf({ guard: 'off' });
    let runs = 0;
    const app = express().use(login, cache, (_req, res) => {
      res.send(`${'<i>'.repeat(++runs)}Hello ${users.getStore()}`);
    });
    const report = await asCallers(app, CALLERS, ['/'], { cache });
    expect(new Set(report.leaks.map(({ caller }) => caller))).toEqual(
      new Set(['Ada', 'Grace', 'a stranger']),
    );
  });

  test.each<[string, readonly [string, string, string]]>([
    ['Cyrillic', ['Ада', 'Вера', 'Зоя']],
    ['Greek', ['Άννα', 'Δάφνη', 'Ζωή']],
    ['Devanagari', ['आदा', 'गीता', 'सीमा']],
    ['Chinese', ['王小明', '李大文', '张天一']],
  ])('is found in pages of changing length by a name in %s', async (_script, [ada, grace, guest]) => {
    const cache = cacheOf({ guard: 'off' });
    const names: Record<string, string> = { Ada: ada, Grace: grace, guest };
    let runs = 0;
    const app = express().use(login, cache, (_req, res) => {
      res.send(`${'<i>'.repeat(++runs)}<b>${names[String(users.getStore())]}</b>`);
    });
    const { leaks } = await asCallers(app, CALLERS, ['/'], { cache });
    expect(new Set(leaks.map(({ caller }) => caller))).toEqual(new Set(['Ada', 'Grace', 'a stranger']));
  });

  test('is found in bodies that are no text', async () => {
    const cache = cacheOf({ guard: 'off' });
    const images: Record<string, Buffer> = {
      Ada: Buffer.from('89504e470d0a1a0aff80', 'hex'),
      Grace: Buffer.from('89504e470d0a1a0afe81', 'hex'),
      guest: Buffer.from('89504e470d0a1a0afd82', 'hex'),
    };
    const app = express().use(login, cache, (_req, res) => {
      res.type('png').send(images[String(users.getStore())]);
    });
    const { leaks } = await asCallers(app, CALLERS, ['/'], { cache });
    expect(leaks.every(({ differences }) => differences.every(({ part }) => part === 'body'))).toBe(true);
    expect(new Set(leaks.map(({ caller }) => caller))).toEqual(new Set(['Ada', 'Grace', 'a stranger']));
  });

  test('is found in a status and in a header field', async () => {
    const cache = cacheOf({ guard: 'off', ttl: { default: '1h', 404: '1h' } });
    const app = express().use(login, cache);
    app.get('/admin', (_req, res) => void res.sendStatus(users.getStore() === 'Ada' ? 200 : 404));
    app.get('/field', (_req, res) => void res.set('X-User', users.getStore()).send('ok'));
    const { leaks } = await asCallers(app, CALLERS, ['/admin', '/field'], { cache });
    const parts = (url: string): string[] =>
      leaks
        .filter((leak) => leak.url === url)
        .flatMap(({ differences }) => differences.map(({ part }) => part));
    expect(parts('/admin')).toContain('status');
    expect(new Set(parts('/field'))).toEqual(new Set(['x-user']));
  });
});

describe('a right app', () => {
  test('has no leaks, its pages for all are shared, and what varies is told', async () => {
    const cache = cacheOf();
    const report = await asCallers(createApp(cache), CALLERS, ['/me', '/news', '/form'], { cache });
    expectNoLeaks(report);
    const [me, news, form] = report.urls;
    expect(me?.shared.filter(({ to }) => to !== 'a stranger')).toEqual([]);
    expect(news?.shared).toContainEqual({ from: 'a stranger', to: 'Ada' });
    expect(me?.varies).toEqual([]);
    expect(form?.varies).toEqual(['body']);
  });

  test('may send counters, dates and request ids in front of the cache', async () => {
    const cache = cacheOf();
    let requests = 0;
    const app = express().use(
      (_req, res, next) => {
        res.set({
          'X-Request-Id': randomBytes(8).toString('hex'),
          'RateLimit-Remaining': String(--requests),
        });
        next();
      },
      cache,
      (_req, res) => void res.json({ rates: [1, 2] }),
    );
    expectNoLeaks(await asCallers(app, CALLERS, ['/'], { cache }));
  });

  test('has a table of who was sent whose response, and why', async () => {
    const cache = cacheOf();
    const report = await asCallers(createApp(cache), CALLERS, ['/me'], { cache });
    const text = String(report);
    expect(text).toMatch(
      /^18 responses, 5 of them from the cache, 0 of them wrong\.\n\nGET \/me\n {2}caller +status +result +whose/,
    );
    expect(text).toMatch(/^ {2}Ada +200 +miss \(verifying\) +its own +\d$/m);
    expect(text).toMatch(/^ {2}a stranger +200 +hit +that of the cache's own request +4$/m);
    expect(text).toMatch(
      /^verifying: The request has credentials, so its response is for its caller alone\./m,
    );
  });

  test('is asked as callers who sign each request', async () => {
    const cache = cacheOf();
    const signed: string[] = [];
    const sign = (url: URL): Record<string, string> => {
      signed.push(url.pathname);
      return { 'x-user': 'Ada' };
    };
    const report = await asCallers(createApp(cache), [{ name: 'Ada', headers: sign }], ['/me'], { cache });
    expectNoLeaks(report);
    expect(signed).toEqual(Array(4).fill('/me'));
  });
});

describe('asCallers() sends requests to', () => {
  const listener: RequestHandler = (_req, res) => void res.end('made');

  async function fastify(cache: TestCache): Promise<TestedApp> {
    const app = Fastify();
    await app.register(middie);
    app.use(cache);
    app.get('/', () => 'made');
    return app;
  }

  function koa(cache: TestCache): TestedApp {
    const app = new (require('koa') as new () => KoaApp)();
    app.use(({ req, res }, next) => new Promise((resolve) => cache(req, res, () => resolve(next()))));
    app.use((context) => {
      context.body = 'made';
    });
    return app;
  }

  const around = (cache: TestCache) => (req: Parameters<TestCache>[0], res: Parameters<TestCache>[1]) =>
    cache(req, res, () => res.end('made'));

  test.each<[string, (cache: TestCache) => TestedApp | Promise<TestedApp>]>([
    ['an Express app', (cache) => express().use(cache, listener)],
    ['a request listener', around],
    ['a server that does not listen', (cache) => createServer(around(cache))],
    ['a Fastify app', fastify],
    ['a Koa app', koa],
    ['a base URL', async (cache) => `http://127.0.0.1:${await serve(around(cache))}`],
    ['a URL object', async (cache) => new URL(`http://127.0.0.1:${await serve(around(cache))}`)],
  ])('%s', async (_, make) => {
    const cache = cacheOf();
    const report = await asCallers(await make(cache), [{ name: 'a stranger' }], ['/'], { cache });
    expect(report.urls[0]?.answers.map(({ cacheStatus }) => cacheStatus?.result)).toEqual(['miss', 'hit']);
  });
});

test('expectNoLeaks() fails where no response came from behind the cache', async () => {
  const report = await asCallers(
    express().use((_req, res) => void res.send('made')),
    CALLERS,
    ['/'],
  );
  expect(report.leaks).toEqual([]);
  expect(() => expectNoLeaks(report)).toThrow(/^No response to \/ has a Cache-Status: is the cache mounted/);
});

test.each<[string, unknown, unknown, unknown]>([
  ['needs an Express or Connect app', {}, CALLERS, ['/']],
  [
    'needs an Express or Connect app, a request listener, an http.Server, a Fastify or Koa app, or a base URL',
    'localhost:3000',
    CALLERS,
    ['/'],
  ],
  ['needs an Express or Connect app', undefined, CALLERS, ['/']],
  ['needs a list of callers { name, headers }', () => {}, [], ['/']],
  ['needs a list of callers { name, headers }', () => {}, [{ name: 'Ada' }, { name: 'Ada' }], ['/']],
  ['needs a list of callers { name, headers }', () => {}, undefined, ['/']],
  ['not callers with the names []', () => {}, [], ['/']],
  ['not callers with the names ["Ada","Ada"]', () => {}, [{ name: 'Ada' }, { name: 'Ada' }], ['/']],
  ['another name for the caller "the cache"', () => {}, [{ name: 'the cache' }], ['/']],
  ['needs a list of paths', () => {}, CALLERS, []],
  ['needs a list of paths', () => {}, CALLERS, ['me']],
])('a bad argument is refused, and the error says: %s', async (problem, app, callers, urls) => {
  const audit = asCallers(app as TestedApp, callers as Caller[], urls as string[]);
  await expect(audit).rejects.toThrow(ArgumentError);
  await expect(audit).rejects.toThrow(problem);
});

test.each<[string, unknown]>([
  ['two callers of one name', [1, 2].map(() => ({ name: 'Ada', headers: { cookie: 'a=of-ada' } }))],
  ['a caller in place of a list', { name: 'Ada', headers: { cookie: 'a=of-ada' } }],
])('the error for %s has no header fields of callers', async (_what, callers) => {
  const audit = asCallers(() => {}, callers as Caller[], ['/']);
  await expect(audit).rejects.toThrow('needs a list of callers');
  await expect(audit).rejects.not.toThrow('of-ada');
});
