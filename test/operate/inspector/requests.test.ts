import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import { type CacheMiddleware, type CacheOptions, OptionError } from '../../../src/index.ts';
import { type InspectorOptions, inspector } from '../../../src/inspector/index.ts';
import { bare, frameworks, type Handler, newCache, serve } from '../../support/app.ts';
import { type Answer, type Asked, ask } from '../../support/client.ts';
import { listedEntries } from '../../support/entries.ts';
import { uniquePrefix } from '../../support/prefix.ts';

/* Who the inspector lets in, what it answers, and what it refuses: over sockets, as nobody's browser would ask. */

const redis = process.env.TEST_REDIS_URL as string;
const PAGE = { 'X-Cache-Inspector': '1', 'Content-Type': 'application/json' };
const SAME = { ...PAGE, 'Sec-Fetch-Site': 'same-origin' };

const environment = process.env.NODE_ENV;
afterEach(() => {
  process.env.NODE_ENV = environment;
});

interface Console {
  readonly cache: CacheMiddleware;
  readonly port: number;
  post(action: string, given?: unknown, headers?: Record<string, string>): Promise<Answer>;
  result(action: string, given?: unknown): Promise<never>;
}

const app: Handler = (req, res) => {
  res.setHeader('Vary', 'Accept-Language');
  res.setHeader('Cache-Tag', 'all');
  res.end(`${req.url} ${req.headers['accept-language'] ?? ''}`);
};

/** An inspector at the root, and behind it a cache in front of an app. */
async function open(options: Partial<InspectorOptions> = {}, cached: CacheOptions = {}): Promise<Console> {
  const cache = newCache({ redis, prefix: uniquePrefix(), ...cached });
  const listener = bare(inspector(cache, { authorize: () => true, ...options }), cache, app);
  const port = await serve(listener);
  const post: Console['post'] = (action, given = {}, headers = SAME) =>
    ask(port, { method: 'POST', path: `/api/${action}`, headers, body: JSON.stringify(given) });
  return {
    ...{ cache, port, post },
    async result(action, given) {
      const answer = await post(action, given);
      expect([answer.status, answer.body]).toEqual([200, expect.stringContaining('"result"')]);
      return JSON.parse(answer.body.trim().split('\n').at(-1) as string).result as never;
    },
  };
}

const get = async ({ port, cache }: Console, asked: Asked | string): Promise<Answer> => {
  const answer = await ask(port, asked);
  await cache.idle();
  return answer;
};

describe('the options of the inspector', () => {
  const cache = newCache();
  test.each([
    ['missing options', undefined, 'inspector'],
    ['a missing authorize', {}, 'inspector.authorize'],
    ['an unknown word for authorize', { authorize: 'anyone' }, 'inspector.authorize'],
    ['true for authorize', { authorize: true }, 'inspector.authorize'],
    ['an unknown option', { authorize: () => true, readonly: true }, 'inspector.readonly'],
    ['a string for readOnly', { authorize: () => true, readOnly: 'yes' }, 'inspector.readOnly'],
    ['an empty warm', { authorize: () => true, warm: {} }, 'inspector.warm'],
    ['a URL for warm.app', { authorize: () => true, warm: { app: 'http://a' } }, 'inspector.warm.app'],
    [
      'a path among origins',
      { authorize: () => true, warm: { origins: ['http://a/b'] } },
      'inspector.warm.origins',
    ],
    ['an empty warm.origins', { authorize: () => true, warm: { origins: [] } }, 'inspector.warm.origins'],
  ])('%s throws an OptionError', (_, options, option) => {
    const make = (): unknown => inspector(cache, options as unknown as InspectorOptions);
    expect(make).toThrow(OptionError);
    expect(make).toThrow(expect.objectContaining({ option }));
  });

  test("authorize: 'development' throws an OptionError in production", () => {
    process.env.NODE_ENV = 'production';
    expect(() => inspector(cache, { authorize: 'development' })).toThrow(OptionError);
  });
});

describe('the authorize option', () => {
  test.each(['/', '/page.css', '/main.js', '/icon.svg', '/api/live', '/api/list', '/other'])(
    'is called for %s, and any result but true is answered with 403',
    async (path) => {
      for (const answer of [false, undefined, 1, 'yes', Promise.resolve(false)]) {
        const { port } = await open({ authorize: () => answer as boolean });
        const refused = await ask(port, { path, headers: PAGE });
        expect([refused.status, refused.body]).toEqual([403, '{"error":"You are not authorized."}']);
        expect(refused.header('cache-control')).toBe('no-store');
      }
    },
  );

  test('may send its own response, and its error goes to next', async () => {
    const redirecting = await open({
      authorize(_, res) {
        res.writeHead(302, { Location: '/login' }).end();
        return false;
      },
    });
    expect((await ask(redirecting.port, '/')).header('location')).toBe('/login');
    const throwing = express()
      .set('env', 'test')
      .use(
        inspector(newCache(), {
          authorize: async () => {
            throw new Error('no session');
          },
        }),
      );
    const answer = await ask(await serve(throwing), '/');
    expect([answer.status, answer.body.includes('no session')]).toEqual([500, true]);
  });

  test("'development' allows requests from this machine alone", async () => {
    const { port } = await open({ authorize: 'development' });
    const host = `127.0.0.1:${port}`;
    expect((await ask(port, { headers: { Host: host } })).status).toBe(200);
    expect((await ask(port, { headers: { Host: `LOCALHOST:${port}` } })).status).toBe(200);
    for (const headers of [
      { Host: 'evil.example' },
      { Host: 'localhost.evil.example' },
      { Host: '127.0.0.1.evil.example' },
      { Host: host, 'X-Forwarded-For': '127.0.0.1' },
      { Host: host, Forwarded: 'for=127.0.0.1' },
      { Host: host, 'X-Real-IP': '127.0.0.1' },
      { Host: host, Via: '1.1 proxy' },
    ])
      expect([headers, (await ask(port, { headers })).status]).toEqual([headers, 403]);
    process.env.NODE_ENV = 'production';
    expect((await ask(port, { headers: { Host: host } })).status).toBe(403);
  });

  test("'development' answers 403 to a peer without a loopback address", async () => {
    const made = inspector(newCache(), { authorize: 'development' });
    const port = await serve((req, res) => {
      Object.defineProperty(req.socket, 'remoteAddress', { value: '192.0.2.1' });
      made(req, res, () => res.end());
    });
    expect((await ask(port, { headers: { Host: 'localhost' } })).status).toBe(403);
  });
});

describe('the page of the inspector', () => {
  test('runs only its own scripts, and is not stored or framed', async () => {
    const { port } = await open();
    const page = await ask(port, '/');
    expect(page.header('content-type')).toBe('text/html; charset=utf-8');
    expect(page.body).not.toMatch(
      /<script(?![^>]* src="main\.js")|<style|style=|\son\w+=|https?:\/\/(?!api\.example)/,
    );
    for (const path of ['/', '/main.js', '/page.css', '/icon.svg', '/dom.js']) {
      const file = await ask(port, path);
      const policy = file.header('content-security-policy') ?? '';
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; /);
      for (const part of ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"])
        expect(policy).toContain(part);
      expect(policy).not.toContain('unsafe');
      expect(file.header('cache-control')).toBe('no-store');
      expect(file.header('x-content-type-options')).toBe('nosniff');
      expect(file.header('referrer-policy')).toBe('no-referrer');
      expect(file.header('cross-origin-resource-policy')).toBe('same-origin');
      expect(file.header('set-cookie')).toBeUndefined();
    }
  });

  test('shows the name of the cache', async () => {
    const { port } = await open({}, { name: "a&'$&b" });
    expect((await ask(port, '/')).body).toContain('<span id="name">a&#38;&#39;&#36;&#38;b</span>');
  });

  test('serves every file that it loads', async () => {
    const { port } = await open();
    const seen = new Set<string>();
    const follow = async (path: string): Promise<void> => {
      if (seen.has(path)) return;
      seen.add(path);
      const file = await ask(port, path);
      expect([path, file.status]).toEqual([path, 200]);
      for (const [, name] of file.body.matchAll(/from '\.\/([\w.]+)'/g)) await follow(`/${name}`);
      for (const [, name] of file.body.matchAll(/(?:src|href)="([\w.]+)"/g)) await follow(`/${name}`);
    };
    await follow('/');
    expect(seen.size).toBeGreaterThan(10);
  });

  test.each(frameworks)('is mounted under any path of $name', async ({ app: appOf, name }) => {
    const cache = newCache();
    const made = inspector(cache, { authorize: () => true });
    if (name === 'node:http') {
      expect((await ask(await serve(appOf(made)), '/')).status).toBe(200);
      return;
    }
    const mounted = appOf() as unknown as { use(path: string, layer: unknown): void };
    mounted.use('/admin/cache', made);
    const port = await serve(mounted as never);
    const away = await ask(port, '/admin/cache?x=1');
    expect([away.status, away.header('location')]).toEqual([308, './cache/']);
    expect((await ask(port, '/admin/cache/')).body).toContain('<h2 id="live-title">');
    expect((await ask(port, '/admin/cache/main.js')).status).toBe(200);
    expect((await ask(port, '/admin/cache/nothing')).status).toBe(404);
    expect((await ask(port, { method: 'HEAD', path: '/admin/cache/' })).status).toBe(200);
    expect((await ask(port, { method: 'POST', path: '/admin/cache/' })).status).toBe(405);
  });

  test('works behind the cache and behind another Content-Security-Policy, and is never stored', async () => {
    const cache = newCache();
    const made = inspector(cache, { authorize: () => true });
    const policy: Handler = (_, res, next) => {
      res.setHeader('Content-Security-Policy', "default-src 'self' 'unsafe-inline'");
      next();
    };
    const port = await serve(bare(policy, cache, made));
    for (const path of ['/', '/', '/main.js', '/main.js', '/api/live', '/api/live']) {
      const answer = await ask(port, { path, headers: PAGE });
      expect([path, answer.status, answer.header('cache-status')?.includes('hit')]).toEqual([
        path,
        200,
        false,
      ]);
      expect(answer.header('content-security-policy')).not.toContain('unsafe');
      await cache.idle();
    }
    const listed = await ask(port, { method: 'POST', path: '/api/list', headers: SAME, body: '{}' });
    expect(JSON.parse(listed.body).result.entries).toEqual([]);
  });
});

describe('a request from another page', () => {
  const others: [string, Record<string, string>][] = [
    [
      'without the X-Cache-Inspector field',
      { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' },
    ],
    ['from another site', { ...PAGE, 'Sec-Fetch-Site': 'cross-site', Origin: 'http://test.example' }],
    ['from another origin of the same site', { ...PAGE, 'Sec-Fetch-Site': 'same-site' }],
    ['that the user started', { ...PAGE, 'Sec-Fetch-Site': 'none' }],
    ['from another origin, in a browser without Sec-Fetch-Site', { ...PAGE, Origin: 'http://evil.example' }],
    ['from an opaque origin', { ...PAGE, Origin: 'null' }],
    ['without an origin', PAGE],
  ];
  test.each(others)('%s is answered with 403', async (_, headers) => {
    const one = await open();
    await get(one, '/a');
    const answer = await one.post('purge', { target: { all: true } }, headers);
    expect([answer.status, answer.header('access-control-allow-origin')]).toEqual([403, undefined]);
    expect(await listedEntries(one.cache)).toHaveLength(1);
  });

  test('as a form is answered with 415, and a GET of an action with 405', async () => {
    const one = await open();
    const form = { ...SAME, 'Content-Type': 'application/x-www-form-urlencoded' };
    expect((await one.post('purge', { target: { all: true } }, form)).status).toBe(415);
    const text = { ...SAME, 'Content-Type': 'text/plain; x=application/json' };
    expect((await one.post('purge', { target: { all: true } }, text)).status).toBe(415);
    const read = await ask(one.port, { path: '/api/purge?target=all', headers: SAME });
    expect([read.status, read.header('allow')]).toEqual([405, 'POST']);
    expect((await ask(one.port, '/api/live')).status).toBe(403);
  });

  test('from the same origin, in a browser without Sec-Fetch-Site, is allowed', async () => {
    const one = await open();
    expect((await one.post('list', {}, { ...PAGE, Origin: 'http://test.example' })).status).toBe(200);
    expect((await ask(one.port, { path: '/api/live', headers: PAGE })).status).toBe(200);
  });
});

describe('a request body', () => {
  test.each(['', '{', '[]', 'null', '"a"'])(
    'that is %j, not a JSON object, is answered with 400',
    async (body) => {
      const { port } = await open();
      const answer = await ask(port, { method: 'POST', path: '/api/list', headers: SAME, body });
      expect(answer.status).toBe(400);
    },
  );

  test('of more than 4 MB is answered with 413, with and without Content-Length', async () => {
    const { port } = await open();
    const stated = { ...SAME, 'Content-Length': String(5 * 1024 * 1024) };
    expect((await ask(port, { method: 'POST', path: '/api/list', headers: stated })).status).toBe(413);
    const status = await new Promise((resolve, reject) => {
      const req = request({ port, method: 'POST', path: '/api/list', headers: SAME }, (res) =>
        resolve(res.statusCode),
      );
      req.on('error', reject);
      for (let i = 0; i < 70; i++) req.write(' '.repeat(64 * 1024));
    });
    expect(status).toBe(413);
  });

  test('may already be parsed by a body parser', async () => {
    const cache = newCache();
    const parsed = express().use(express.json(), inspector(cache, { authorize: () => true }));
    const answer = await ask(await serve(parsed), {
      ...{ method: 'POST', path: '/api/list', headers: SAME, body: '{"limit":1}' },
    });
    expect(JSON.parse(answer.body).result.entries).toEqual([]);
  });

  test.each([
    ['list', { limit: 0 }],
    ['list', { cursor: 'x' }],
    ['entry', {}],
    ['entry', { id: '@tags', variant: '' }],
    ['purge', {}],
    ['purge', { target: { url: 'nonsense' } }],
    ['purge', { target: { all: 'yes' } }],
    ['update', { id: 'a', variant: '', version: 'x', ttl: 'soon' }],
    ['update', { id: 'a', variant: '', version: 'x', body: 42 }],
    ['explain', { url: '/relative' }],
    ['explain', { url: 'file:///etc/passwd' }],
    ['explain', { url: 'http://test.example/', method: 'GE T' }],
    ['explain', { url: 'http://test.example/', headers: { 'a b': 'c' } }],
    ['explain', { url: 'http://test.example/', headers: { a: 'b\r\nc: d' } }],
    ['count-purge', {}],
    ['count-purge', { target: { url: 'nonsense' } }],
    ['purge-entry', { id: 'a', soft: 'yes' }],
    ['warm', { urls: 'http://test.example/' }],
  ])('of %s with %j is answered with 400 and a message', async (action, given) => {
    const one = await open({ warm: { app: (_, res) => res.end() } });
    const answer = await one.post(action, given);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([400, { error: expect.any(String) }]);
  });
});

describe('the actions of the inspector', () => {
  test('refetch requests the same variant again', async () => {
    const one: Console = await open({ warm: { app: (req, res) => listener(req, res) } });
    const listener = bare(one.cache, app);
    await get(one, { path: '/a', headers: { 'Accept-Language': 'de' } });
    const [entry] = await listedEntries(one.cache);
    expect(await one.result('refetch', entry)).toMatchObject({ done: 1, failed: 0 });
    const read = (await one.result('entry', entry)) as { preview: { text: string } };
    expect(read.preview.text).toBe('/a de');
  });

  test('warm requests only URLs that the warm option allows, and says of each other one why not', async () => {
    const asked: string[] = [];
    const target = await serve((req, res) => {
      asked.push(req.url as string);
      res.end();
    });
    const origin = `http://127.0.0.1:${target}`;
    const none = await open();
    expect((await none.post('warm', { urls: [`${origin}/a`] })).status).toBe(403);
    const some = await open({ warm: { origins: [origin] } });
    const refused: Record<string, RegExp> = {
      'http://169.254.169.254/latest/meta-data/': /does not allow http:\/\/169\.254\.169\.254; it allows /,
      [`http://localhost:${target}/a`]: /does not allow http:\/\/localhost/,
      [`http://127.0.0.1:${target}.evil.example/a`]: /^not an absolute URL: write the whole URL/,
      [`http://127.0.0.1:${target}@evil.example/a`]: /must not contain credentials/,
      'file:///etc/passwd': /must begin with http:\/\/ or https:\/\//,
      nonsense: /^not an absolute URL: write the whole URL/,
    };
    const urls = Object.keys(refused);
    const result = (await some.result('warm', { urls })) as {
      done: number;
      failed: number;
      failures: object[];
    };
    expect([result.done, result.failed]).toEqual([0, urls.length]);
    expect(result.failures).toEqual(
      Object.values(refused).map((reason, index) =>
        expect.objectContaining({ index, reason: expect.stringMatching(reason) }),
      ),
    );
    expect(asked).toEqual([]);
    expect(await some.result('warm', { urls: [`${origin}/a`, `${origin}/b`] })).toMatchObject({ done: 2 });
    expect(asked.sort()).toEqual(['/a', '/b']);
  });

  test('one malformed URL of a warm-up stops none of the others, and progress counts it', async () => {
    const one: Console = await open({ warm: { app: (req, res) => listener(req, res) } });
    const listener = bare(one.cache, app);
    const urls = ['http://test.example/a', 'nonsense', 'http://test.example/b'];
    const answer = await one.post('warm', { urls });
    const lines = answer.body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0].progress).toMatchObject({ failed: 1, total: 3 });
    expect(lines.at(-1).result).toMatchObject({
      done: 2,
      failed: 1,
      failures: [{ index: 1, url: 'nonsense' }],
    });
    expect(await listedEntries(one.cache)).toHaveLength(2);
  });

  test('count-purge counts what a purge would purge, and purges nothing', async () => {
    const one = await open();
    for (const path of ['/a', '/b']) await get(one, path);
    expect(await one.result('count-purge', { target: { tag: 'all' } })).toEqual({ purged: 2 });
    expect(await one.result('count-purge', { target: { url: 'http://test.example/a' } })).toEqual({
      purged: 1,
    });
    expect(await listedEntries(one.cache)).toHaveLength(2);
  });

  test('purge-entry marks a response stale if soft is true, and deletes it otherwise', async () => {
    const one = await open();
    await get(one, '/a');
    const [entry] = await listedEntries(one.cache);
    const { id } = entry as { id: string };
    expect(await one.result('purge-entry', { ...entry, soft: true })).toEqual({ purged: 1 });
    expect(await listedEntries(one.cache)).toEqual([expect.objectContaining({ id, purged: true })]);
    expect(await one.result('purge-entry', entry)).toEqual({ purged: 1 });
    expect(await listedEntries(one.cache)).toEqual([]);
  });

  test('refetch of a response under a key of the app says why it is refused, and purges nothing', async () => {
    const one = await open({ warm: { app: (_, res) => res.end() } }, { key: () => ['a'] });
    await get(one, '/a');
    const [entry] = await listedEntries(one.cache);
    const read = (await one.result('entry', entry)) as { refetchRefusal?: string };
    expect(read.refetchRefusal).toContain('key option of the app');
    const answer = await one.post('refetch', entry);
    expect([answer.status, JSON.parse(answer.body).error]).toEqual([403, read.refetchRefusal]);
    expect(await listedEntries(one.cache)).toHaveLength(1);
  });

  test('every change is answered with 403 when read-only', async () => {
    const one = await open({ readOnly: true, warm: { app: (req, res) => bare(app)(req, res) } });
    await get(one, '/a');
    const [entry] = await listedEntries(one.cache);
    const read = (await one.result('entry', entry)) as { version: string; refetchRefusal: string };
    expect(read.refetchRefusal).toContain('read-only');
    for (const [action, given] of [
      ['purge', { target: { all: true } }],
      ['purge-entry', entry],
      ['update', { ...entry, version: read.version, ttl: '1m' }],
      ['refetch', entry],
      ['warm', { urls: ['http://test.example/b'] }],
    ] as const)
      expect([action, (await one.post(action, given)).status]).toEqual([action, 403]);
    expect(await listedEntries(one.cache)).toEqual([expect.objectContaining({ ttlMs: expect.any(Number) })]);
    expect((await ask(one.port, '/')).body).toContain('data-may=""');
  });

  test('an update of an outdated version is answered with 409', async () => {
    const one = await open();
    await get(one, '/a');
    const [entry] = await listedEntries(one.cache);
    const { version } = (await one.result('entry', entry)) as { version: string };
    expect((await one.post('update', { ...entry, version, ttl: '2h' })).status).toBe(200);
    expect((await one.post('update', { ...entry, version, body: 'mine' })).status).toBe(409);
    await one.cache.purge({ all: true });
    expect((await one.post('entry', entry)).status).toBe(404);
  });

  test('without Redis, actions are answered with 503, and the page with 200', async () => {
    const one = await open({}, { redis: 'redis://127.0.0.1:1', timeout: 50 });
    expect((await one.post('list')).status).toBe(503);
    expect((await ask(one.port, '/')).status).toBe(200);
    const live = JSON.parse((await ask(one.port, { path: '/api/live', headers: PAGE })).body).result;
    expect(live.faults.length).toBeGreaterThan(0);
  });
});

test('scripts are served unchanged', async () => {
  const { readFileSync } = await import('node:fs');
  const { port } = await open();
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
  for (const name of ['main.js', 'entry.js'])
    expect(hash(Buffer.from((await ask(port, `/${name}`)).body, 'latin1').toString())).toBe(
      hash(readFileSync(`src/inspector/page/${name}`, 'utf8')),
    );
});
