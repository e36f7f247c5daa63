import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import express from 'express';
import type { CacheOptions, RequestEvent } from '../../src/index.ts';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import { everywhere, refusalOf, type Site, site, siteOf } from '../support/stores.ts';

/* What a response says it may be purged by, and what a purge by it deletes: that, all of that, and nothing else. */

/** Pages, and the tags of each. */
type Tagged = Record<string, readonly string[]>;

const PAGES: Tagged = {
  '/one': ['red'],
  '/both': ['red', 'blue'],
  '/two': ['blue', 'green'],
  '/none': [],
  '/alike': ['re', 'redd', 'RED', 'red-', 'xred'],
};

function page(headersOf: (path: string) => OutgoingHttpHeaders = () => ({})): Handler {
  return (req, res) => {
    for (const [name, value] of Object.entries(headersOf(req.url))) res.setHeader(name, value ?? '');
    res.end(`page ${req.url}`);
  };
}

/** The ways in which a response gets its tags. */
const WAYS: Record<string, (open: CacheOptions, tags: Tagged) => Promise<Site>> = {
  'the option of a route, a list': async (open, tags) => {
    const cache = newCache(open);
    const routes = Object.entries(tags).map(([path, own]) => [path, cache.with({ tags: own })] as const);
    const routed = new Map(routes);
    const handler: Handler = (req, res, next) => routed.get(req.url)?.(req, res, next);
    return siteOf(cache, await serve(bare(handler, page())));
  },
  'the option of a route behind the cache': async (open, tags) => {
    const cache = newCache({ ...open, tags: ['overridden'] });
    const routes = Object.entries(tags).map(([path, own]) => [path, cache.with({ tags: own })] as const);
    const routed = new Map(routes);
    const handler: Handler = (req, res, next) => routed.get(req.url)?.(req, res, next);
    return siteOf(cache, await serve(bare(cache, handler, page())));
  },
  'the option, a function': (open, tags) =>
    site({ ...open, tags: (req) => tags[req.url as string] ?? [] }, page()),
  'the option, a function that takes its time': (open, tags) =>
    site({ ...open, tags: async (req) => tags[req.url as string] ?? [] }, page()),
  'Cache-Tag': (open, tags) =>
    site(
      open,
      page((path) => stated('Cache-Tag', tags[path], ',')),
    ),
  'Cache-Tag with blanks': (open, tags) =>
    site(
      open,
      page((path) => stated('Cache-Tag', tags[path], ' ,\t, ')),
    ),
  'Cache-Tag in several lines': (open, tags) =>
    site(
      open,
      page((path) => stated('Cache-Tag', tags[path])),
    ),
  'Surrogate-Key': (open, tags) =>
    site(
      open,
      page((path) => stated('Surrogate-Key', tags[path], '  ')),
    ),
  'Surrogate-Key in several lines': (open, tags) =>
    site(
      open,
      page((path) => stated('Surrogate-Key', tags[path])),
    ),
  'Cache-Groups': (open, tags) =>
    site(
      open,
      page((path) => grouped(tags[path])),
    ),
  'all of them at once': (open, tags) =>
    site(
      { ...open, tags: (req) => (tags[req.url as string] ?? []).slice(0, 1) },
      page((path) => ({
        ...stated('Cache-Tag', tags[path]?.slice(1, 2), ','),
        ...stated('Surrogate-Key', tags[path]?.slice(2, 3), ' '),
        ...grouped(tags[path]?.slice(3)),
      })),
    ),
};

function stated(name: string, tags: readonly string[] = [], separator?: string): OutgoingHttpHeaders {
  if (tags.length === 0) return {};
  return { [name]: separator === undefined ? [...tags] : tags.join(separator) };
}

function grouped(tags: readonly string[] = []): OutgoingHttpHeaders {
  return tags.length === 0 ? {} : { 'Cache-Groups': tags.map((tag) => `"${tag}"`).join(', ') };
}

async function visited(made: Promise<Site>, pages: readonly string[]): Promise<Site> {
  const one = await made;
  for (const path of pages) expect((await one.get(path)).status).toBe(200);
  expect(await one.stored(pages)).toEqual(pages);
  return one;
}

everywhere((open) => {
  describe.each(Object.keys(WAYS))('tags by %s', (way) => {
    const made = (): Promise<Site> =>
      visited((WAYS[way] as NonNullable<(typeof WAYS)[string]>)(open(), PAGES), Object.keys(PAGES));

    test('are what one purge deletes by, and counts', async () => {
      const { cache, stored } = await made();
      expect(await cache.purge({ tag: 'red' })).toBe(2);
      expect(await stored(Object.keys(PAGES))).toEqual(['/two', '/none', '/alike']);
      expect(await cache.purge({ tag: 'red' })).toBe(0);
      expect(await cache.purge({ tag: 'green' })).toBe(1);
      expect(await stored(Object.keys(PAGES))).toEqual(['/none', '/alike']);
    });

    test('are purged several at a time, and what has two of them is counted once', async () => {
      const { cache, get, stored } = await made();
      expect(await cache.purge({ tags: ['red', 'green', 'red', 'unknown'] })).toBe(3);
      expect(await stored(Object.keys(PAGES))).toEqual(['/none', '/alike']);
      expect(await cache.purge({ tags: [] })).toBe(0);
      // What is made after it is stored, and can be purged again.
      expect((await get('/both')).cacheStatus).toMatch(/^fwd=uri-miss/);
      expect((await get('/both')).cacheStatus).toMatch(/^hit/);
      expect(await cache.purge({ tag: 'blue' })).toBe(1);
      expect(await stored(['/both'])).toEqual([]);
    });
  });

  const ODD = [
    ...['__proto__', 'constructor', 'toString', 'hasOwnProperty'],
    ...['{a}', 'a}b{c', '{', '}|purged', 'a|purged', '|', '@', '@@', '#', '#1'],
    ...['line\nbreak', 'line', 'tab\t', '\0', ' ', '  ', 'a,b', 'a', '"a"', '\\'],
    ...['*', 'a*', '?', '[a-z]', '^', '\u00e9', 'e\u0301', '\u65e5\u672c', '\ud83d\ude00', '\ud800'],
    ...['x'.repeat(256), `${'x'.repeat(255)}y`, '\u65e5'.repeat(256), '%s', '0', '-1', 'null'],
  ];

  test('a tag of any characters is itself and no other', async () => {
    const paths = ODD.map((_, i) => `/${i}`);
    const tags = (req: IncomingMessage) => [ODD[Number(req.url?.slice(1))] as string];
    const { cache, stored } = await visited(site({ ...open(), tags }, page()), paths);
    for (const [i, tag] of ODD.entries()) {
      expect([tag, await cache.purge({ tag })]).toEqual([tag, 1]);
      if (i % 10 === 0) expect(await stored(paths)).toEqual(paths.slice(i + 1));
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('32 groups of 32 characters are kept, and 128 tags of 256', async () => {
    const groups = Array.from({ length: 32 }, (_, i) => `group ${i} `.padEnd(32, '.'));
    const tags = Array.from({ length: 128 }, (_, i) => `tag ${i} `.padEnd(256, '.'));
    const made = site(
      { ...open(), tags: (req) => (req.url === '/tags' ? tags : []) },
      page((path) => (path === '/groups' ? grouped(groups) : {})),
    );
    const { cache, get, stored } = await visited(made, ['/groups', '/tags']);
    for (const tag of [groups[0], groups[31], tags[0], tags[127]] as string[]) {
      expect(await cache.purge({ tag })).toBe(1);
      expect(await stored(['/groups', '/tags'])).toHaveLength(1);
      await get('/groups');
      await get('/tags');
    }
    expect(await cache.purge({ tags })).toBe(1);
    expect(await cache.purge({ tags: groups })).toBe(1);
  });

  test('all variants of a page are purged by its tag', async () => {
    const varied: Handler = (req, res) =>
      res
        .setHeader('Vary', 'Accept-Language')
        .setHeader('Cache-Tag', 'a')
        .end(req.headers['accept-language']);
    const { cache, get, stored } = await site(open(), varied);
    const asked = ['de', 'en', 'fr'].map((language) => ({ headers: { 'Accept-Language': language } }));
    for (const one of asked) await get(one);
    expect(await stored(asked)).toEqual(asked);
    expect(await cache.purge({ tag: 'a' })).toBe(3);
    expect(await stored(asked)).toEqual([]);
  });

  test('a response that says something else than before is purged by what it says now', async () => {
    let now = Date.now();
    let tag = 'a';
    const handler: Handler = (_req, res) =>
      res.setHeader('Cache-Control', 'max-age=10').setHeader('Cache-Tag', tag).end(tag);
    const { cache, get, stored } = await site({ ...open(), clock: () => now }, handler);
    await get('/');
    now += 20_000;
    tag = 'b';
    expect((await get('/')).cacheStatus).toMatch(/^fwd=stale; .*stored/);
    expect(await cache.purge({ tag: 'b' })).toBe(1);
    expect(await stored(['/'])).toEqual([]);
  });

  test('a 304 that changes the tags changes what it may be purged by', async () => {
    let now = Date.now();
    let tag = 'a';
    const handler: Handler = (req, res) => {
      res.setHeader('Cache-Control', 'max-age=10').setHeader('ETag', '"1"').setHeader('Cache-Tag', tag);
      res.statusCode = req.headers['if-none-match'] === '"1"' ? 304 : 200;
      res.end(res.statusCode === 200 ? 'made once' : undefined);
    };
    const { cache, get, stored } = await site({ ...open(), clock: () => now }, handler);
    await get('/');
    now += 20_000;
    tag = 'b';
    const confirmed = await get('/');
    expect(confirmed).toMatchObject({ body: 'made once', cacheStatus: 'fwd=stale; fwd-status=304; stored' });
    expect(confirmed.header('cache-tag')).toBe('b');
    expect((await get('/')).cacheStatus).toMatch(/^hit/);
    expect(await cache.purge({ tag: 'b' })).toBe(1);
    expect(await stored(['/'])).toEqual([]);
  });

  describe('Cache-Group-Invalidation', () => {
    const HOSTS = ['test.example', 'test.example:8080', 'other.example'];
    const pages = HOSTS.map((host) => ({ path: '/page', headers: { Host: host } }));
    /** Pages of two groups on all hosts, under a tag of the same name on a third. */
    const handler: Handler = (req, res) => {
      const query = new URL(req.url, 'http://any').searchParams;
      if (req.url === '/page') res.setHeader('Cache-Groups', '"g", "h"');
      if (req.url === '/tagged') res.setHeader('Cache-Tag', 'g').setHeader('Surrogate-Key', 'g');
      if (req.url === '/alike') res.setHeader('Cache-Groups', '"G", "g "');
      const invalidated = query.get('groups');
      if (invalidated) res.setHeader('Cache-Group-Invalidation', invalidated);
      res.statusCode = Number(query.get('status') ?? 200);
      res.end('done');
    };
    const asking = (method: string, groups: string) => ({
      method,
      path: `/action?groups=${encodeURIComponent(groups)}`,
    });
    const made = async (): Promise<Site> => {
      const one = await site(open(), handler);
      for (const page of [...pages, '/tagged', '/alike']) await one.get(page);
      expect(await one.stored([...pages, '/tagged', '/alike'])).toHaveLength(5);
      return one;
    };

    test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'PURGE'])(
      'on an answer to %s purges its groups in its own origin alone, and reaches the client',
      async (method) => {
        const { get, stored } = await made();
        const answer = await get(asking(method, '"none", "g";x=1'));
        expect(answer.header('cache-group-invalidation')).toBe('"none", "g";x=1');
        expect(await stored(pages)).toEqual([pages[1], pages[2]]);
        expect(await stored(['/tagged', '/alike'])).toEqual(['/tagged', '/alike']);
      },
    );

    test.each(['GET', 'HEAD', 'OPTIONS'])('on an answer to %s is ignored', async (method) => {
      const { get, stored } = await made();
      const answer = await get(asking(method, '"g"'));
      expect(answer.header('cache-group-invalidation')).toBe('"g"');
      expect(await stored(pages)).toEqual(pages);
    });

    test.each(['g', '"g', '"g" "h"', '"g", ?', '("g" "h")', 'g;x="g"', '1', ''])(
      'is ignored where it is no List of Strings: %s',
      async (groups) => {
        const { get, stored } = await made();
        await get(asking('POST', groups));
        expect(await stored(pages)).toEqual(pages);
      },
    );

    test('does not cascade: a group of what it purged is left alone', async () => {
      const other: Handler = (req, res, next) => {
        if (req.url === '/h') res.setHeader('Cache-Groups', '"h"').end();
        else next();
      };
      const { get, stored } = await site(open(), other, handler);
      await get(pages[0] ?? '');
      await get('/h');
      await get(asking('POST', '"g"'));
      expect(await stored([pages[0] ?? '', '/h'])).toEqual(['/h']);
    });
  });
});

test('Cache-Group-Invalidation leaves the groups of the other scheme alone', async () => {
  const cache = newCache();
  const app = express();
  app.set('trust proxy', true);
  app.use(cache);
  app.get('/', (_req, res) => void res.set('Cache-Groups', '"g"').send('page'));
  app.post('/', (_req, res) => void res.set('Cache-Group-Invalidation', '"g"').send('done'));
  const { get, stored } = siteOf(cache, await serve(app));
  const [http, https] = ['http', 'https'].map((scheme) => ({ headers: { 'X-Forwarded-Proto': scheme } }));
  const pages = [http as object, https as object];
  for (const page of pages) await get(page);
  await get({ method: 'POST', path: '/?other', ...https });
  expect(await stored(pages)).toEqual([http]);
});

describe('tags reach the client as they were stated', () => {
  test('with what is made and with what is stored', async () => {
    const headers = { 'Cache-Tag': 'a, b', 'Surrogate-Key': 'c d', 'Cache-Groups': '"e", "f"' };
    const { get } = await site(
      { tags: ['own'] },
      page(() => headers),
    );
    for (const answer of [await get('/'), await get('/')]) {
      for (const [name, value] of Object.entries(headers)) expect(answer.header(name)).toBe(value);
    }
  });
});

describe('groups', () => {
  test.each(['a', '"a', '"a" "b"', '"a",', '"\u00e9"', '("a" "b")', '1', '?1', '"a"; ,', '"a\\b"'])(
    'that are no List of Strings are none, and the page is stored: %s',
    async (field) => {
      const { cache, get, stored } = await site(
        {},
        page(() => ({ 'Cache-Groups': field })),
      );
      await get('/');
      expect(await cache.purge({ tags: ['a', 'b', '"a"', field, '"a', 'a"', '\u00e9', '1'] })).toBe(0);
      expect(await stored(['/'])).toEqual(['/']);
    },
  );

  test.each(['"a";x=1', '"a"; x; y="b"', '"b","a"', '"b" \t, \t"a";z', ['"b"', '"a"'], '"a", "a"'])(
    'are the Strings alone, whatever stands around them: %s',
    async (field) => {
      const { cache, get, stored } = await site(
        {},
        page(() => ({ 'Cache-Groups': field })),
      );
      await get('/');
      for (const tag of ['A', 'x', 'y', 'z', '"a"'])
        expect([tag, await cache.purge({ tag })]).toEqual([tag, 0]);
      expect(await cache.purge({ tag: 'a' })).toBe(1);
      expect(await stored(['/'])).toEqual([]);
    },
  );

  test('may hold quotes and backslashes', async () => {
    const { cache, get } = await site(
      {},
      page(() => ({ 'Cache-Groups': '"say \\"a\\", \\\\b"' })),
    );
    await get('/');
    expect(await cache.purge({ tag: 'say "a", \\b' })).toBe(1);
  });
});

describe('Cache-Tag is split at every comma, and Surrogate-Key at every blank', () => {
  test.each([
    ['Cache-Tag', '5" screens, tv', ['5" screens', 'tv']],
    ['Cache-Tag', 'with blanks,b', ['with blanks', 'b']],
    ['Cache-Tag', ',, a ,,b,', ['a', 'b']],
    ['Surrogate-Key', ' a\tb  c,d ', ['a', 'b', 'c,d']],
    ['Surrogate-Key', '5" b', ['5"', 'b']],
  ] as const)('%s: %s', async (name, value, tags) => {
    for (const tag of tags) {
      const { cache, get } = await site(
        {},
        page(() => ({ [name]: value })),
      );
      await get('/');
      expect([tag, await cache.purge({ tag })]).toEqual([tag, 1]);
    }
  });
});

describe('a response that could not be purged by all of its tags is not stored', () => {
  const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${i}`);
  const long = 'x'.repeat(257);
  const bad: [string, CacheOptions, OutgoingHttpHeaders][] = [
    ['129 of the option', { tags: () => many(129) }, {}],
    ['129 of Cache-Tag', {}, { 'Cache-Tag': many(129).join() }],
    ['129 of Surrogate-Key', {}, { 'Surrogate-Key': many(129).join(' ') }],
    ['129 groups', {}, grouped(many(129))],
    [
      '100 and 29',
      { tags: many(100) },
      { 'Cache-Tag': Array.from({ length: 29 }, (_, i) => `u${i}`).join() },
    ],
    ['a long one of the option', { tags: () => ['a', long] }, {}],
    ['a long one of Cache-Tag', {}, { 'Cache-Tag': `a, ${long}` }],
    ['a long one of Surrogate-Key', {}, { 'Surrogate-Key': `a ${long}` }],
    ['a long group', {}, grouped(['a', long])],
  ];
  const wrong: [string, CacheOptions, OutgoingHttpHeaders][] = [
    ['an empty one', { tags: () => ['a', ''] }, {}],
    ['a number', { tags: () => ['a', 1] as never }, {}],
    ['none at a place', { tags: () => Array(2) as never }, {}],
    ['a text', { tags: () => 'a' as never }, {}],
    ['nothing', { tags: () => undefined as never }, {}],
    ['null', { tags: () => null as never }, {}],
    ['a set', { tags: () => new Set(['a']) as never }, {}],
    ['no list beside a stated one', { tags: () => ({}) as never }, { 'Cache-Tag': 'a' }],
  ];

  test.each([
    ...bad.map((row) => [...row, 'tags'] as const),
    ...wrong.map((row) => [...row, 'tags-error'] as const),
  ])('%s', async (_name, options, headers, detail) => {
    const { cache, get, stored } = await site(
      options,
      page(() => headers),
    );
    expect((await get('/')).cacheStatus).toBe(`fwd=uri-miss; detail=${detail}`);
    expect(await stored(['/'])).toEqual([]);
    expect(await cache.purge({ tag: 'a' })).toBe(0);
  });

  test('an async tags function makes the response uncacheable too, and the event says so', async () => {
    const { cache, get, stored } = await site({ tags: async () => many(129) }, page());
    const events: RequestEvent[] = [];
    cache.on('request', (event) => events.push(event));
    expect((await get('/')).cacheStatus).toBe('fwd=uri-miss');
    expect(events[0]).toMatchObject({ stored: false, detail: 'tags' });
    expect(await stored(['/'])).toEqual([]);
  });

  test.each([
    ['throws', () => raise(new Error('no tags'))],
    ['rejects', () => Promise.reject(new Error('no tags'))],
  ] as const)('nor where the function %s, and the client has its answer', async (_name, tags) => {
    const { cache, get, stored } = await site({ tags }, page());
    const details: unknown[] = [];
    cache.on('request', ({ detail }) => details.push(detail));
    cache.on('fault', ({ step, message }) => details.push(step, message));
    expect(await get('/')).toMatchObject({ status: 200, body: 'page /' });
    expect(details).toEqual(['option', 'Option "tags" threw Error: no tags', 'tags-error']);
    expect(await stored(['/'])).toEqual([]);
  });

  test('a tag that is named twice counts once', async () => {
    const tags = many(100);
    const headers = { 'Cache-Tag': tags.join(), 'Surrogate-Key': tags.join(' ') };
    const { cache, get } = await site(
      {},
      page(() => headers),
    );
    await get('/');
    expect(await cache.purge({ tag: 't99' })).toBe(1);
  });
});

test('a purge takes tags that there may be', async () => {
  const { cache } = await site({}, page());
  const long = 'x'.repeat(257);
  for (const tag of ['', long, 1, null, ['a'], {}])
    expect(await refusalOf(cache, { tag })).toBe('PurgeError');
  for (const tags of ['a', ['a', ''], [long], [1], Array(1), new Set(['a']), null])
    expect(await refusalOf(cache, { tags })).toBe('PurgeError');
  for (const target of [
    { tag: 'a', tags: ['a'] },
    { tag: 'a', all: true },
    { tag: 'a', hard: true },
    { tag: 'a', soft: true },
  ])
    expect(await refusalOf(cache, target)).toBe('PurgeError');
});

function raise(error: Error): never {
  throw error;
}
