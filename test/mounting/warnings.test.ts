import type { RequestListener } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, jest, test } from '@jest/globals';
import compression from 'compression';
import express from 'express';
import session from 'express-session';
import type { CacheMiddleware, CacheOptions, WarningEvent } from '../../src/index.ts';
import { EncryptionCheck } from '../../src/store/encryption-check.ts';
import type { Warnings } from '../../src/warnings.ts';
import { bare, express5app, frameworks, type Handler, newCache, serve } from '../support/app.ts';
import { type Asked, ask } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { redis } from '../support/stores.ts';

/* Wrong mounting is warned of once, by real middleware on real servers; right mounting is silent. */

type Cache = CacheMiddleware & Handler;

/** The codes of the warnings of a cache, in their order. */
function warned(options: CacheOptions = {}): { cache: Cache; warnings: WarningEvent[] } {
  const cache = newCache({ warnings: true, ...options }) as Cache;
  const warnings: WarningEvent[] = [];
  cache.on('warning', (event) => warnings.push(event));
  return { cache, warnings };
}

/** Sends the requests to an app around a cache. @returns the codes of its warnings. */
async function codesOf(
  build: (cache: Cache) => RequestListener,
  requests: readonly Partial<Asked>[] = [{}, {}],
  options: CacheOptions = {},
): Promise<string[]> {
  const { cache, warnings } = warned(options);
  const port = await serve(build(cache));
  for (const request of requests) {
    await ask(port, { path: '/leads', ...request });
    await cache.idle();
  }
  return warnings.map(({ code }) => code);
}

const page: Handler = (_req, res) => {
  res.setHeader('Content-Type', 'text/plain');
  res.end('a page');
};

const sessions = (): Handler =>
  session({ secret: 'of a test', resave: false, saveUninitialized: true }) as unknown as Handler;
const authentication: Handler = (req, _res, next) => {
  Object.assign(req, { user: { id: 7 } });
  next();
};
const compressed = compression({ threshold: 0 }) as unknown as Handler;

const expresses = frameworks.filter(({ express }) => express);
const others = frameworks.filter(({ express }) => !express);

describe.each(frameworks)('sessions and authentication on $name', ({ app }) => {
  test.each<[string, () => Handler]>([
    ['a session', sessions],
    ['authentication', () => authentication],
  ])('%s behind the cache is warned of once', async (_what, layer) => {
    expect(await codesOf((cache) => app(cache, layer(), page))).toEqual(['WRN_RRC_SESSION']);
  });

  test('in front of the cache cause no warning', async () => {
    expect(await codesOf((cache) => app(sessions(), authentication, cache, page))).toEqual([]);
  });

  test('cause no warning if the user is loaded behind the cache and the session in front', async () => {
    expect(await codesOf((cache) => app(sessions(), cache, authentication, page))).toEqual([]);
  });

  test('behind cache.before() cause no warning', async () => {
    expect(await codesOf((cache) => cache.before(app(sessions(), page)))).toEqual([]);
  });

  test('cause no warning for a page with Cache-Control: private', async () => {
    const own: Handler = (_req, res) => {
      res.setHeader('Cache-Control', 'private');
      res.end('my page');
    };
    expect(await codesOf((cache) => app(cache, authentication, own))).toEqual([]);
  });
});

describe('WRN_RRC_TRUST_PROXY', () => {
  const fields = ['X-Forwarded-Proto', 'X-Forwarded-Host'] as const;
  const forwarded = fields.map((name) => ({ headers: { [name]: 'https' } }));

  describe.each(expresses)('on $name', ({ app }) => {
    test.each(fields)('is emitted once if trust proxy is off and %s arrives', async (name) => {
      const request = { headers: { [name]: 'a.example' } };
      expect(await codesOf((cache) => app(cache, page), [request, request])).toEqual(['WRN_RRC_TRUST_PROXY']);
      expect(await codesOf((cache) => cache.before(app(page)), [request])).toEqual(['WRN_RRC_TRUST_PROXY']);
    });

    test('is not emitted for fields that name the scheme and host of the connection, or only the client', async () => {
      const headers = {
        Host: 'A.example',
        'X-Forwarded-Proto': 'http',
        'X-Forwarded-Host': 'a.example',
        'X-Forwarded-For': '192.0.2.1',
      };
      expect(await codesOf((cache) => app(cache, page), [{ headers }])).toEqual([]);
    });

    test('is not emitted if trust proxy is on, or for a request without forwarding fields', async () => {
      const trusting = (cache: Cache): RequestListener => {
        const listener = app(cache, page);
        (listener as unknown as express.Express).set('trust proxy', 1);
        return listener;
      };
      expect(await codesOf(trusting, [{ headers: { 'X-Forwarded-Proto': 'https' } }])).toEqual([]);
      expect(await codesOf((cache) => app(cache, page))).toEqual([]);
    });

    test('is not emitted with an own key function', async () => {
      expect(await codesOf((cache) => app(cache, page), forwarded, { key: () => 'key' })).toEqual([]);
    });
  });

  test.each(others)('is not emitted on $name, which has no such setting', async ({ app }) => {
    expect(await codesOf((cache) => app(cache, page), forwarded)).toEqual([]);
  });
});

describe.each(expresses)('WRN_RRC_BODY_PARSER on $name', ({ app }) => {
  const post = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"q":1}',
  };
  const options: CacheOptions = {
    methods: ['GET', 'POST'],
    key: (req) => [req.url ?? '', (req as { body?: string }).body ?? null],
  };
  const parser = express.json() as unknown as Handler;

  test('is emitted for a body parser behind a cache of POST', async () => {
    expect(await codesOf((cache) => app(cache, parser, page), [post, post], options)).toEqual([
      'WRN_RRC_BODY_PARSER',
    ]);
  });

  test('is not emitted for a body that the parser in front of the cache leaves alone', async () => {
    const text = { ...post, headers: { 'Content-Type': 'text/plain' } };
    expect(await codesOf((cache) => app(parser, cache, page), [text, text], options)).toEqual([]);
  });

  test('is not emitted for a body parser in front of the cache', async () => {
    expect(await codesOf((cache) => app(parser, cache, page), [post, post, {}], options)).toEqual([]);
  });
});

describe.each(frameworks)('WRN_RRC_COMPRESSION on $name', ({ app }) => {
  const gzip = { headers: { 'Accept-Encoding': 'gzip' } };

  test.each([false, true])(
    'is emitted for compression() behind the cache, with compress: %p',
    async (compress) => {
      const codes = await codesOf((cache) => app(cache, compressed, page), [gzip, gzip], { compress });
      expect(codes).toEqual(['WRN_RRC_COMPRESSION']);
    },
  );

  test('is not emitted for compression() in front of the cache', async () => {
    expect(await codesOf((cache) => app(compressed, cache, page), [gzip, gzip])).toEqual([]);
  });

  test('is not emitted if the handler itself sends encoded bodies', async () => {
    const encoded: Handler = (_req, res) => {
      res.setHeader('Content-Encoding', 'gzip');
      res.end(Buffer.from('1f8b08', 'hex'));
    };
    expect(await codesOf((cache) => app(cache, encoded), [gzip])).toEqual([]);
  });
});

describe('a cache that is mounted twice', () => {
  test.each(frameworks)('on one path of $name is warned of', async ({ app }) => {
    expect(await codesOf((cache) => app(cache, cache, page))).toEqual(['WRN_RRC_MOUNTED_TWICE']);
  });

  test('with a second cache of the same prefix is warned of by the second', async () => {
    const prefix = uniquePrefix();
    const front = warned({ redis, prefix });
    const back = warned({ redis, prefix });
    await ask(await serve(bare(front.cache, back.cache, page)), '/leads');
    expect(front.warnings).toEqual([]);
    expect(back.warnings).toMatchObject([{ code: 'WRN_RRC_MOUNTED_TWICE' }]);
  });

  test('with a second cache of another prefix is not warned of', async () => {
    const front = warned({ redis, prefix: uniquePrefix() });
    const back = warned({ redis, prefix: uniquePrefix() });
    await ask(await serve(bare(front.cache, back.cache, page)), '/leads');
    expect([...front.warnings, ...back.warnings]).toEqual([]);
  });

  test.each<[string, (cache: Cache) => RequestListener]>([
    ['with options of its own on a route', (cache) => bare(cache, cache.with({ ttl: '5m' }) as Cache, page)],
    ['at the front door and in the app', (cache) => cache.before(bare(cache, page))],
    ['on two routes', (cache) => express5app((req, res, next) => cache(req, res, next), page)],
  ])('%s is not warned of', async (_how, build) => {
    expect(await codesOf(build)).toEqual([]);
  });
});

describe('WRN_RRC_ENCRYPT', () => {
  const encrypt = { keys: [{ id: 'a', key: Buffer.alloc(32, 1) }] };

  test('is emitted when the second of two caches with one prefix is made, of which one has encrypt', async () => {
    const place = { redis, prefix: uniquePrefix() };
    warned(place);
    const { warnings } = warned({ ...place, encrypt });
    await new Promise(setImmediate);
    expect(warnings).toMatchObject([{ code: 'WRN_RRC_ENCRYPT' }]);
  });

  test('is not emitted if both caches have encrypt, if the prefixes differ, or if the first is closed', async () => {
    const place = { redis, prefix: uniquePrefix() };
    const closed = warned(place);
    await closed.cache.close();
    const all = [warned({ ...place, encrypt }), warned({ ...place, encrypt }), warned({ redis })];
    await new Promise(setImmediate);
    expect(all.flatMap(({ warnings }) => warnings)).toEqual([]);
  });

  test('is not emitted if the clients of the caches have different key prefixes', async () => {
    const { hostname: host, port } = new URL(redis);
    const prefix = uniquePrefix();
    const all: WarningEvent[][] = [];
    for (const place of [
      { redis: `${redis}?keyPrefix=a:` },
      { redis: `${redis}?keyPrefix=b:`, encrypt },
      { redis: { host, port: Number(port), keyPrefix: 'c:' } },
    ])
      all.push(warned({ prefix, ...place }).warnings);
    await new Promise(setImmediate);
    expect(all.flat()).toEqual([]);
  });

  test('is not emitted once the first cache was dropped without close()', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const warnSoon = jest.fn();
    const place = uniquePrefix();
    const make = (encrypts: boolean): void =>
      void new EncryptionCheck({ warnSoon } as unknown as Warnings, place, encrypts);
    make(false);
    // A WeakRef keeps its target until the event loop turns.
    await new Promise(setImmediate);
    collectGarbage();
    make(true);
    expect(warnSoon).not.toHaveBeenCalled();
  });

  test('is emitted when a stored response is not encrypted, and encrypt is set', async () => {
    const place = { redis, prefix: uniquePrefix() };
    const before = warned(place);
    const request = { path: '/leads', headers: { Host: 'a.example' } };
    await ask(await serve(bare(before.cache, page)), request);
    await before.cache.idle();
    await before.cache.close();
    const { cache, warnings } = warned({ ...place, encrypt, hashKeys: false });
    await ask(await serve(bare(cache, page)), request);
    expect(warnings).toMatchObject([
      { code: 'WRN_RRC_ENCRYPT', message: expect.stringContaining('not encrypted') },
    ]);
  });
});

describe('options whose values are probably wrong', () => {
  const soon = (): Promise<unknown> => new Promise(setImmediate);

  test.each<[CacheOptions, string]>([
    [{ ttl: 300 }, 'ttl'],
    [{ ttl: 10 }, 'ttl'],
    [{ ttl: 999 }, 'ttl'],
    [{ ttl: { default: '1h', 404: 30 } }, 'ttl.404'],
    [{ staleWhileRevalidate: 60 }, 'staleWhileRevalidate'],
    [{ staleIfError: 600 }, 'staleIfError'],
  ])('%j emits WRN_RRC_MILLISECONDS', async (options, name) => {
    const { warnings } = warned(options);
    await soon();
    expect(warnings).toMatchObject([
      { code: 'WRN_RRC_MILLISECONDS', message: expect.stringContaining(`Option "${name}" is `) },
    ]);
  });

  test('of cache.with, cache.wrap and cache.store emit WRN_RRC_MILLISECONDS too', async () => {
    const { cache, warnings } = warned();
    cache.with({ ttl: 60 });
    await cache.wrap('key', () => 1, { ttl: 30 });
    await cache.store.set('key', 1, { ttl: 20 });
    await soon();
    expect(warnings.map(({ message }) => message.split(' is ')[0])).toEqual([
      'Option "ttl"',
      'Option "wrap.ttl"',
      'Option "set.ttl"',
    ]);
  });

  test('a lifetime whose warning was emitted, or is off, costs no further tick', async () => {
    const once = newCache({ warnings: true });
    once.on('warning', () => {});
    await once.store.set('key', 1, { ttl: 20 });
    await soon();
    const off = newCache({ warnings: { WRN_RRC_MILLISECONDS: false } });
    const nextTick = jest.spyOn(process, 'nextTick');
    try {
      for (const cache of [once, off])
        for (let i = 0; i < 3; i++) await cache.store.set('key', 1, { ttl: 20 });
      expect(nextTick.mock.calls.filter(([run]) => /warn/.test(String(run)))).toEqual([]);
    } finally {
      nextTick.mockRestore();
    }
  });

  test.each<CacheOptions>([
    { ttl: '300ms' },
    { ttl: 9 },
    { ttl: 1000 },
    { ttl: 99.5 },
    { ttl: false },
    { timeout: 100 },
    { collapse: { wait: 500, lease: 500 }, near: { ttl: 500 }, originTimeout: 500 },
  ])('%j emits no warning', async (options) => {
    const { warnings } = warned(options);
    await soon();
    expect(warnings).toEqual([]);
  });

  test('redis: undefined emits WRN_RRC_MEMORY, and options without redis do not', async () => {
    const [given, leftOut] = [warned({ redis: undefined } as object), warned()];
    await soon();
    expect(given.warnings).toMatchObject([{ code: 'WRN_RRC_MEMORY' }]);
    expect(leftOut.warnings).toEqual([]);
  });
});

describe('WRN_RRC_TEST_PORTS', () => {
  async function askedAt(ports: number, host: (port: number) => string): Promise<string[]> {
    const { cache, warnings } = warned();
    const path = `/${uniquePrefix()}`;
    for (let i = 0; i < ports; i++) {
      const port = await serve(bare(cache, page));
      await ask(port, { path, headers: { Host: host(port) } });
    }
    return warnings.map(({ code }) => code);
  }

  test.each(['127.0.0.1', 'localhost', '[::1]'])(
    'is emitted for one path at three ports of %s',
    async (host) => {
      expect(await askedAt(3, (port) => `${host}:${port}`)).toEqual(['WRN_RRC_TEST_PORTS']);
    },
  );

  test('is not emitted for several caches with a port each', async () => {
    const path = `/${uniquePrefix()}`;
    const caches = Array.from({ length: 4 }, warned);
    for (const { cache } of caches) {
      const port = await serve(bare(cache, page));
      await ask(port, { path, headers: { Host: `127.0.0.1:${port}` } });
    }
    expect(caches.flatMap(({ warnings }) => warnings)).toEqual([]);
  });

  test('is not emitted for two ports of this machine, nor for three of another host', async () => {
    expect(await askedAt(2, (port) => `127.0.0.1:${port}`)).toEqual([]);
    expect(await askedAt(3, (port) => `a.example:${port}`)).toEqual([]);
  });
});

describe('the option warnings', () => {
  test.each<[string, CacheOptions['warnings']]>([
    ['false turns all off', false],
    ['{ WRN_RRC_MOUNTED_TWICE: false } turns that warning off', { WRN_RRC_MOUNTED_TWICE: false }],
  ])('%s', async (_what, warnings) => {
    expect(await codesOf((cache) => bare(cache, cache, page), [{}], { warnings: warnings! })).toEqual([]);
  });

  test('{ WRN_RRC_SESSION: false } turns off only that warning', async () => {
    const options = { warnings: { WRN_RRC_SESSION: false } } as const;
    expect(await codesOf((cache) => bare(cache, cache, page), [{}], options)).toEqual([
      'WRN_RRC_MOUNTED_TWICE',
    ]);
  });

  test('with an unknown code is refused with the one that it means', () => {
    expect(() => newCache({ warnings: { WRN_RRC_TRUST_PROXI: false } } as object)).toThrow(
      'Unknown option "warnings.WRN_RRC_TRUST_PROXI". Did you mean "warnings.WRN_RRC_TRUST_PROXY"?',
    );
  });
});
