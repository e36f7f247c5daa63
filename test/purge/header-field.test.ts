import crypto from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { CacheMiddleware, CacheOptions } from '../../src/index.ts';
import { bare, express5app, frameworks, newCache, serve } from '../support/app.ts';
import { startProxy } from '../support/chaos.ts';
import { type Answer, type Asked, ask, Connection } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { startRedis } from '../support/redis.ts';

/* The `invalidation` option: a request that purges by a header field, if it may, and an ordinary request if it may not. */

const redis = process.env.TEST_REDIS_URL as string;
const IN_PROCESS = { redis: undefined } as unknown as CacheOptions;
const SECRET = 'correct-horse-battery-staple';
const BY_SECRET = { header: 'X-Purge', authorize: { header: 'X-Secret', secret: SECRET } };

const asking = (what: string, secret?: string): Record<string, string> => ({
  'X-Purge': what,
  ...(secret !== undefined && { 'X-Secret': secret }),
});
const authorized = (what: string): Record<string, string> => asking(what, SECRET);
const isHit = (answer: Answer): boolean => /; hit\b/.test(answer.header('cache-status') ?? '');

/** What a purge by the field is answered with. */
function expectPurged(answer: Answer, purged: number, what = 'invalidate'): void {
  expect(answer).toMatchObject({ status: 200, body: JSON.stringify({ purged }) });
  expect(answer.header('cache-control')).toBe('no-store');
  expect(answer.header('content-type')).toBe('application/json');
  expect(answer.header('cache-status')).toBe(`redis-response-cache; detail=${what}`);
}

interface Stage {
  readonly cache: CacheMiddleware;
  readonly port: number;
  /** The requests that came through to the handler. */
  readonly through: IncomingMessage[];
  ask(asked?: Asked | string): Promise<Answer>;
}

/** A handler that answers with its method and URL, behind a cache. */
async function stage(options: CacheOptions = {}, answer = answerPlainly): Promise<Stage> {
  const cache = newCache({ redis, prefix: uniquePrefix(), invalidation: BY_SECRET, ...options });
  const through: IncomingMessage[] = [];
  const port = await serve(
    bare(
      (req, res, next) => cache(req, res, next),
      (req, res) => {
        through.push(req);
        answer(req, res);
      },
    ),
  );
  return { cache, port, through, ask: (asked = {}) => ask(port, asked) };
}

function answerPlainly(req: IncomingMessage, res: ServerResponse): void {
  res.end(`${req.method} ${req.url}`);
}

describe.each([
  ['Redis', { redis }],
  ['the in-process store', IN_PROCESS],
] as const)('with %s', (_name, options) => {
  test('`invalidate` purges the key of the request with all its variants, and nothing else', async () => {
    const { ask, through } = await stage({ ...options, vary: { headers: ['accept-language'] } });
    for (const language of ['de', 'en']) {
      await ask({ path: '/a', headers: { 'Accept-Language': language } });
    }
    await ask('/b');
    expectPurged(await ask({ path: '/a', headers: authorized('invalidate') }), 2);
    expect(through).toHaveLength(3);
    expect(isHit(await ask({ path: '/a', headers: { 'Accept-Language': 'de' } }))).toBe(false);
    expect(isHit(await ask('/b'))).toBe(true);
    expectPurged(await ask({ path: '/c', headers: authorized('invalidate') }), 0);
  });

  test('`invalidate-all` purges everything, whatever it is asked of', async () => {
    const { cache, ask } = await stage(options);
    for (const path of ['/a', '/b', '/c?d=e']) await ask(path);
    await cache.store.set('value', 1, { ttl: '1m' });
    expectPurged(await ask({ path: '/x', headers: authorized('invalidate-all') }), 4, 'invalidate-all');
    expect(isHit(await ask('/a'))).toBe(false);
    expect(await cache.store.get('value')).toBeUndefined();
  });

  test('a fill under way is revoked', async () => {
    const running: ServerResponse[] = [];
    const { ask } = await stage(options, (_req, res) => running.push(res));
    for (const what of ['invalidate', 'invalidate-all']) {
      const asked = ask('/a');
      while (running.length === 0) await new Promise(setImmediate);
      expectPurged(await ask({ path: '/a', headers: authorized(what) }), 0, what);
      running.pop()?.end('from before');
      expect((await asked).body).toBe('from before');
      const again = ask('/a');
      while (running.length === 0) await new Promise(setImmediate);
      running.pop()?.end('from after');
      expect(isHit(await again)).toBe(false);
      expect((await ask('/a')).body).toBe('from after');
      await ask({ path: '/a', headers: authorized('invalidate-all') });
    }
  });
});

describe('the value of the field', () => {
  test.each([
    'invalidate',
    'INVALIDATE',
    'Invalidate',
    '  invalidate\t',
    'invalidate-all',
    'Invalidate-ALL',
    ' invalidate-all ',
  ])('%j is one that purges', async (value) => {
    const { ask, through } = await stage(IN_PROCESS);
    await ask();
    expectPurged(await ask({ headers: authorized(value) }), 1, value.trim().toLowerCase());
    expect(through).toHaveLength(1);
  });

  test.each([
    '',
    'true',
    '1',
    'invalidate all',
    'invalidate_all',
    'invalidateall',
    'invalidate-',
    'invalidate,',
    'invalidate, invalidate',
    'purge',
    'xinvalidate',
  ])('%j says nothing: the request is an ordinary one', async (value) => {
    const { ask, through } = await stage(IN_PROCESS);
    await ask();
    expect(isHit(await ask({ headers: authorized(value) }))).toBe(true);
    expect(through).toHaveLength(1);
  });

  test('two lines of the field say nothing either', async () => {
    const { ask } = await stage(IN_PROCESS);
    await ask();
    const twice = Object.entries(authorized('invalidate'));
    expect(isHit(await ask({ headers: [...twice, ['x-purge', 'invalidate-all']] }))).toBe(true);
  });
});

describe('a secret', () => {
  test('is compared in a time that tells nothing: digests of one length, whatever was given', async () => {
    const compare = jest.spyOn(crypto, 'timingSafeEqual');
    try {
      const { ask } = await stage(IN_PROCESS);
      for (const given of ['', 'short', SECRET, 'x'.repeat(1000)]) {
        await ask({ headers: asking('invalidate', given) });
      }
      expect(compare.mock.calls.map((pair) => pair.map(({ byteLength }) => byteLength))).toEqual(
        Array(4).fill([32, 32]),
      );
    } finally {
      compare.mockRestore();
    }
  });

  test.each<[string, Record<string, string> | [string, string][]]>([
    ['none', asking('invalidate')],
    ['empty', asking('invalidate', '')],
    ['another', asking('invalidate', 'correct-horse-battery-stapler')],
    ['of the same length', asking('invalidate', 'correct-horse-battery-stapl3')],
    ['its beginning', asking('invalidate', SECRET.slice(0, -1))],
    ['its end', asking('invalidate', SECRET.slice(1))],
    ['in another case', asking('invalidate', SECRET.toUpperCase())],
    ['of other characters', asking('invalidate', 'c\xf6rrect-h\xf6rse-battery-staple')],
    ['twice in one line', asking('invalidate', `${SECRET}, ${SECRET}`)],
    ['in two lines', [...Object.entries(authorized('invalidate')), ['X-Secret', SECRET]]],
    ['in the field itself', { 'X-Purge': SECRET }],
    ['in another field', { ...asking('invalidate'), 'X-Secrets': SECRET }],
  ])('that is not right purges nothing: %s', async (_name, headers) => {
    const { ask, through, cache } = await stage(IN_PROCESS);
    const faults: unknown[] = [];
    cache.on('fault', (fault) => faults.push(fault));
    await ask();
    expect(isHit(await ask({ headers }))).toBe(true);
    // A miss fills.
    expect((await ask({ path: '/other', headers })).header('cache-status')).toMatch(/fwd=uri-miss; stored$/);
    expect(through).toHaveLength(2);
    expect(isHit(await ask('/other'))).toBe(true);
    expect(faults).toEqual([]);
  });

  test('with any characters that a field can hold is compared literally', async () => {
    const secret = 'caf\xe9 "with" spaces; and, commas';
    const { ask } = await stage({
      ...IN_PROCESS,
      invalidation: { header: 'X-Purge', authorize: { header: 'X-Secret', secret } },
    });
    await ask();
    expectPurged(await ask({ headers: { 'X-Purge': 'invalidate', 'X-Secret': secret } }), 1);
  });

  test('alone asks for nothing', async () => {
    const { ask } = await stage(IN_PROCESS);
    await ask();
    expect(isHit(await ask({ headers: { 'X-Secret': SECRET } }))).toBe(true);
  });
});

describe('a function that says who may', () => {
  const purging = { headers: asking('invalidate') };
  const by = (authorize: unknown): CacheOptions =>
    ({ ...IN_PROCESS, invalidation: { header: 'X-Purge', authorize } }) as CacheOptions;

  test.each<[string, unknown]>([
    ['at once', (req: IncomingMessage) => req.headers['x-purge'] === 'invalidate'],
    ['later', async () => true],
    ['of the response', (_req: unknown, res: ServerResponse) => res.headersSent === false],
  ])('is asked with the request and the response: %s', async (_name, authorize) => {
    const { ask } = await stage(by(authorize));
    await ask();
    expectPurged(await ask(purging), 1);
  });

  test.each<[unknown]>([[1], ['true'], [{}], [false], [undefined], [null]])(
    'and gives %j does not say so',
    async (given) => {
      for (const authorize of [() => given, async () => given]) {
        const { ask } = await stage(by(authorize));
        await ask();
        expect(isHit(await ask(purging))).toBe(true);
      }
    },
  );

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('out of order');
      },
    ],
    ['rejects', () => Promise.reject(new Error('out of order'))],
  ])('and %s does not say so either, and is reported', async (_name, authorize) => {
    const { ask, cache } = await stage(by(authorize));
    const faults: unknown[] = [];
    cache.on('fault', (fault) => faults.push(fault));
    await ask();
    expect(isHit(await ask(purging))).toBe(true);
    expect(faults).toEqual([
      {
        step: 'option',
        code: 'error',
        option: 'invalidation.authorize',
        message: 'Option "invalidation.authorize" threw Error: out of order',
      },
    ]);
  });

  test('is asked about no request without the field', async () => {
    let asked = 0;
    const { ask } = await stage(by(() => ++asked > 0));
    await ask();
    await ask({ headers: { 'X-Purges': 'invalidate' } });
    expect(asked).toBe(0);
  });
});

describe.each(frameworks)('behind $name', ({ app }) => {
  /** The names that the handler sees in each of the three views of the header fields. */
  const showNames = (req: IncomingMessage, res: ServerResponse): void => {
    const raw = req.rawHeaders.filter((_, i) => i % 2 === 0);
    res.end(JSON.stringify([Object.keys(req.headers), raw, Object.keys(req.headersDistinct)]));
  };

  test.each<[string, Record<string, string>]>([
    ['not authorized', asking('invalidate', 'wrong')],
    ['without a secret', asking('invalidate-all')],
    ['authorized, but with an unknown value', authorized('everything')],
    ['a secret alone', { 'X-Secret': SECRET }],
    ['a wrong secret alone', { 'X-Secret': 'wrong' }],
  ])('the fields are gone: %s', async (_name, headers) => {
    const cache = newCache({ invalidation: BY_SECRET });
    const port = await serve(app((req, res, next) => cache(req, res, next), showNames));
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const { body } = await ask(port, {
        method,
        path: `/${method}`,
        headers: { ...headers, 'X-Mine': 'a' },
      });
      for (const names of JSON.parse(body) as string[][]) {
        const lower = names.map((name) => name.toLowerCase());
        expect(lower).toContain('x-mine');
        expect(lower.filter((name) => /purge|secret/.test(name))).toEqual([]);
      }
    }
  });

  test('an authorized request is answered, and the handler does not run', async () => {
    const cache = newCache({ invalidation: BY_SECRET });
    let runs = 0;
    const port = await serve(
      app(
        (req, res, next) => cache(req, res, next),
        (_req, res) => {
          runs++;
          res.end('made');
        },
      ),
    );
    await ask(port, '/a?b=c');
    expectPurged(await ask(port, { path: '/a?b=c', headers: authorized('invalidate') }), 1);
    expect(runs).toBe(1);
  });
});

describe('the handler', () => {
  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'HEAD', 'GET'])(
    'never runs for an authorized %s, which purges what a GET has stored',
    async (method) => {
      const { ask, through } = await stage();
      await ask('/a');
      const answer = await ask({ method, path: '/a', headers: authorized('invalidate') });
      if (method === 'HEAD') {
        expect(answer).toMatchObject({ status: 200, body: '' });
        expect(answer.header('content-length')).toBe('12');
      } else {
        expectPurged(answer, 1);
      }
      expect(through).toHaveLength(1);
      expect(isHit(await ask('/a'))).toBe(false);
    },
  );

  test('the handler does not see the body of a purge request, and the connection stays usable', async () => {
    const { port, through } = await stage();
    const session = new Connection(port);
    await session.ask({ path: '/a' });
    const body = 'x'.repeat(200_000);
    const answer = await session.ask({
      method: 'POST',
      path: '/a',
      headers: authorized('invalidate'),
      body,
    });
    expectPurged(answer, 1);
    expect((await session.ask({ path: '/b' })).body).toBe('GET /b');
    session.close();
    expect(through.map(({ method }) => method)).toEqual(['GET', 'GET']);
  });

  test.each<[string, CacheOptions]>([
    ['the request has no key', { key: () => null }],
    ['its key is none', { key: () => undefined }],
    ['the cache does not apply to it', { when: false }],
    ['it brings conditions', {}],
  ])('does not run either where %s', async (_name, options) => {
    const { ask, through } = await stage(options);
    expectPurged(await ask({ headers: { ...authorized('invalidate'), 'If-Match': '"a"' } }), 0);
    expect(through).toEqual([]);
  });

  test('does not run even where the key function throws', async () => {
    const { ask, through } = await stage({
      key() {
        throw new Error('out of order');
      },
    });
    const answer = await ask({ method: 'DELETE', headers: authorized('invalidate') });
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(through).toEqual([]);
  });
});

describe('a key of the app', () => {
  test('is purged by the request that makes it, and no other', async () => {
    const { ask } = await stage({ key: (req) => ['page', new URL(req.url ?? '', 'http://h').pathname] });
    for (const path of ['/a?1', '/b']) await ask(path);
    expectPurged(await ask({ path: '/a?2', headers: authorized('invalidate') }), 1);
    expect(isHit(await ask('/b'))).toBe(true);
    expect(isHit(await ask('/a'))).toBe(false);
  });

  test('is purged by whatever method brings the field', async () => {
    for (const method of ['HEAD', 'POST', 'DELETE']) {
      const { ask, through } = await stage({ key: () => 'page' });
      await ask('/a');
      expect((await ask({ method, path: '/b', headers: authorized('invalidate') })).status).toBe(200);
      expect(isHit(await ask('/a'))).toBe(false);
      expect(through.map(({ method }) => method)).toEqual(['GET', 'GET']);
    }
  });

  test('that covers the body of a POST is purged by the same body', async () => {
    const cache = newCache({
      redis,
      prefix: uniquePrefix(),
      invalidation: BY_SECRET,
      methods: ['GET', 'POST'],
      key: (req) => [req.url ?? '', String((req as { body?: unknown }).body)],
    });
    let runs = 0;
    const port = await serve(
      express5app(
        async (req, _res, next) => {
          const chunks: Buffer[] = [];
          for await (const chunk of req) chunks.push(chunk);
          req.body = Buffer.concat(chunks).toString();
          next();
        },
        (req, res, next) => cache(req, res, next),
        (req, res) => {
          runs++;
          res.setHeader('Cache-Control', 'max-age=60');
          res.end(`searched ${req.body}`);
        },
      ),
    );
    const search = (body: string, headers = {}): Promise<Answer> =>
      ask(port, { method: 'POST', path: '/search', headers, body });
    await search('one');
    await search('two');
    expect(isHit(await search('one'))).toBe(true);
    expectPurged(await search('one', authorized('invalidate')), 1);
    expect(isHit(await search('two'))).toBe(true);
    expect(isHit(await search('one'))).toBe(false);
    expect(runs).toBe(3);
  });
});

describe('routes', () => {
  test('made by cache.with accept the field as the cache does', async () => {
    const cache = newCache({ redis, prefix: uniquePrefix(), invalidation: BY_SECRET });
    const route = cache.with({ ttl: '5m', vary: { query: ['page'] } });
    let runs = 0;
    const port = await serve(
      bare(
        (req, res, next) => route(req, res, next),
        (_req, res) => {
          runs++;
          res.end();
        },
      ),
    );
    await ask(port, '/a?page=1&utm=1');
    expectPurged(await ask(port, { path: '/a?page=1&utm=2', headers: authorized('invalidate') }), 1);
    expect(runs).toBe(1);
    expect(isHit(await ask(port, '/a?page=1'))).toBe(false);
  });

  test('behind the cache are answered for by it, with what they have stored for the URL', async () => {
    const cache = newCache({ redis, prefix: uniquePrefix(), invalidation: BY_SECRET });
    const route = cache.with({ vary: { query: ['page'] } });
    const port = await serve(
      bare(
        (req, res, next) => cache(req, res, next),
        (req, res, next) => route(req, res, next),
        (req, res) => res.end(req.url),
      ),
    );
    await ask(port, '/a?page=1&utm=1');
    expect(isHit(await ask(port, '/a?page=1&utm=2'))).toBe(true);
    expectPurged(await ask(port, { path: '/a?page=1&utm=3', headers: authorized('invalidate') }), 1);
    expect(isHit(await ask(port, '/a?page=1&utm=4'))).toBe(false);
  });

  test('where the cache is off, nothing is purged and the field is left alone', async () => {
    let enabled: boolean = true;
    const { ask, through } = await stage({ enabled: () => enabled });
    await ask();
    enabled = false;
    const answer = await ask({ headers: authorized('invalidate') });
    expect(answer.body).toBe('GET /');
    expect(answer.header('cache-status')).toBeUndefined();
    expect(through[1]?.headers).toMatchObject({ 'x-purge': 'invalidate', 'x-secret': SECRET });
    enabled = true;
    expect(isHit(await ask())).toBe(true);
  });

  test('of a cache without the option ignore the field', async () => {
    const { ask, through } = await stage({ invalidation: undefined } as unknown as CacheOptions);
    await ask();
    // A field that is called a secret is a credential, unless it is known to be for purges.
    expect((await ask({ headers: authorized('invalidate') })).header('cache-status')).toMatch(/verifying$/);
    expect(isHit(await ask({ headers: authorized('invalidate') }))).toBe(true);
    expect(through[1]?.headers).toMatchObject({ 'x-purge': 'invalidate', 'x-secret': SECRET });
  });
});

test('other processes have nothing left of it', async () => {
  const shared = { prefix: uniquePrefix() };
  const [one, other] = [await stage(shared), await stage(shared)];
  const host = { Host: 'api.example' };
  await one.ask({ path: '/a', headers: host });
  expect(isHit(await other.ask({ path: '/a', headers: host }))).toBe(true);
  expectPurged(await other.ask({ path: '/a', headers: { ...host, ...authorized('invalidate') } }), 1);
  expect(isHit(await one.ask({ path: '/a', headers: host }))).toBe(false);
});

test('what middleware in front has set for the answer stays, but for what it is', async () => {
  const cache = newCache({ invalidation: BY_SECRET });
  const port = await serve(
    bare(
      (_req, res, next) => {
        res.setHeader('Access-Control-Allow-Origin', '*');
        res.setHeader('Content-Type', 'text/html');
        res.setHeader('Cache-Control', 'public');
        next();
      },
      (req, res, next) => cache(req, res, next),
    ),
  );
  const answer = await ask(port, { headers: authorized('invalidate') });
  expectPurged(answer, 0);
  expect(answer.header('access-control-allow-origin')).toBe('*');
});

test('the field of credentials can bring the secret, and still tells that an answer is for one person', async () => {
  const cache = newCache({
    invalidation: { header: 'X-Purge', authorize: { header: 'Authorization', secret: `Bearer ${SECRET}` } },
  });
  const port = await serve(
    bare(
      (req, _res, next) => {
        Object.assign(req, { account: req.headers.authorization });
        next();
      },
      (req, res, next) => cache(req, res, next),
      (req, res) => res.end(`for ${(req as { account?: string }).account}`),
    ),
  );
  const mine = { 'X-Purge': 'unknown', Authorization: 'Bearer mine' };
  expect((await ask(port, { headers: mine })).body).toBe('for Bearer mine');
  expect((await ask(port, { headers: { Authorization: 'Bearer mine' } })).body).toBe('for Bearer mine');
  expect((await ask(port)).body).toBe('for undefined');
  expectPurged(
    await ask(port, { headers: { 'X-Purge': 'invalidate', Authorization: `Bearer ${SECRET}` } }),
    1,
  );
});

describe('the secret', () => {
  const varying = (_req: IncomingMessage, res: ServerResponse): void => {
    res.writeHead(200, { Vary: 'X-Purge, X-Secret' }).end('made');
  };

  test('selects no variant, whatever a response says that it varies on', async () => {
    const { ask } = await stage({ vary: { headers: ['x-secret', 'x-purge'] } }, varying);
    await ask({ headers: asking('invalidate', 'wrong') });
    await ask({ headers: authorized('unknown') });
    expect(isHit(await ask({ headers: authorized('unknown') }))).toBe(true);
    expect(isHit(await ask({ headers: asking('invalidate-all', 'not it') }))).toBe(true);
    expect(isHit(await ask())).toBe(true);
  });

  test('is in no event, no Cache-Status and nowhere in Redis', async () => {
    const prefix = uniquePrefix();
    const { ask, cache } = await stage({ prefix, showKey: true }, varying);
    const told: unknown[] = [];
    cache
      .on('request', (event) => told.push(event))
      .on('fault', (event) => told.push(event))
      .on('guard', (event) => told.push(event));
    for (const headers of [authorized('unknown'), authorized('invalidate'), authorized('other')]) {
      told.push((await ask({ method: 'POST', headers })).lines, (await ask({ headers })).lines);
    }
    await cache.idle();
    const client = new Redis(redis);
    const keys = await client.keys(`${prefix}*`);
    const stored = await Promise.all(keys.map((key) => client.hgetall(key)));
    client.disconnect();
    expect(keys.length).toBeGreaterThan(0);
    expect(JSON.stringify([told, keys, stored])).not.toContain(SECRET);
  });

  test('is known of a purge only as far as that it was asked for', async () => {
    const { ask, cache } = await stage();
    const told: unknown[] = [];
    cache.on('request', (event) => told.push(event));
    await ask({ method: 'DELETE', headers: authorized('invalidate') });
    const facts = { kind: 'invalidated', result: 'invalidated', detail: 'invalidate' };
    const durationsMs = { total: expect.any(Number) };
    const figures = { startedAt: expect.any(Number), startsMs: {}, durationsMs, bytes: 0, savedMs: 0 };
    expect(told).toEqual([{ ...facts, ...figures, method: 'DELETE', path: '/', status: 200 }]);
  });
});

describe('a Redis that does not confirm it', () => {
  /** Tests of faults have little patience; the cache has twenty times as much when it purges. */
  const TIMEOUT = 100;
  const MARGIN = 3000;

  test.each(['invalidate', 'invalidate-all'])('is told of by a 503 while it is down: %s', async (what) => {
    const server = await startRedis();
    try {
      const { ask, through } = await stage({ redis: server.url, timeout: TIMEOUT });
      await ask();
      await server.kill();
      const startedAt = performance.now();
      const answer = await ask({ method: 'POST', headers: authorized(what) });
      expect(performance.now() - startedAt).toBeLessThan(MARGIN);
      expect(answer).toMatchObject({ status: 503, body: '{"error":"Redis did not confirm the purge"}' });
      expect(answer.header('cache-control')).toBe('no-store');
      expect(answer.header('cache-status')).toBe('redis-response-cache; detail=unavailable');
      expect(through).toHaveLength(1);
    } finally {
      await server.stop();
    }
  });

  test.each(['invalidate', 'invalidate-all'])(
    'is told of by a 503 in bounded time while it hangs: %s',
    async (what) => {
      const server = await startRedis();
      try {
        const { ask, through } = await stage({ redis: server.url, timeout: TIMEOUT });
        await ask();
        server.pause();
        const startedAt = performance.now();
        const answer = await ask({ headers: authorized(what) });
        const ms = performance.now() - startedAt;
        expect(ms).toBeGreaterThan(10 * TIMEOUT);
        expect(ms).toBeLessThan(20 * TIMEOUT + MARGIN);
        expect(answer.status).toBe(503);
        expect(answer.header('cache-status')).toBe('redis-response-cache; detail=timeout');
        expect(through).toHaveLength(1);
        server.resume();
      } finally {
        await server.stop();
      }
    },
  );

  test('has more time for it than a lookup has', async () => {
    const server = await startRedis();
    const network = await startProxy(server);
    try {
      const { ask } = await stage({ redis: network.url, timeout: TIMEOUT });
      await ask();
      network.delay = 3 * TIMEOUT;
      expectPurged(await ask({ headers: authorized('invalidate') }), 1);
    } finally {
      network.stop();
      await server.stop();
    }
  });
});
