import { describe, expect, test } from '@jest/globals';
import type { CacheOptions } from '../../src/index.ts';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import { everywhere, fleet, refusalOf, type Site, settled, site, siteOf } from '../support/stores.ts';

/* Purges of all URLs that begin alike: by the URLs themselves, however their keys stand in Redis. */

const LONG = 'x'.repeat(300);

const PATHS = [
  '/api/leads',
  '/api/leads/1?page=2',
  '/api/leads?x',
  '/api/leads?b=2&a=1',
  '/api/leadsheet',
  '/api/lead',
  '/API/leads',
  '/other/api/leads',
  '/?/api/leads',
  `/api/leads/${LONG}`,
  `/${LONG}/api/leads`,
  '/api/leads/{id}',
  '/api/%6Ceads',
];
/** Those that `/api/leads` begins. */
const LEADS = [0, 1, 2, 3, 4, 9, 11].map((i) => PATHS[i] as string);

const echo: Handler = (req, res) => res.end(req.url);

async function filled(options: CacheOptions, hosts: readonly string[] = ['test.example']): Promise<Site> {
  const one = await site(options, echo);
  for (const host of hosts) for (const path of PATHS) await one.get({ path, headers: { Host: host } });
  return one;
}

const without = (gone: readonly string[]): string[] => PATHS.filter((path) => !gone.includes(path));

everywhere((open) => {
  describe.each<[string, CacheOptions]>([
    ['readable keys', {}],
    ['hashed keys', { hashKeys: true }],
    ['encrypted keys', { encrypt: { keys: [{ id: 'k', key: Buffer.alloc(32) }] } }],
  ])('with %s', (_keys, hashing) => {
    test('a path is what a URL begins with on every host, character by character', async () => {
      const hosts = ['test.example', 'other.example:8080'];
      const { cache, stored } = await filled({ ...open(), ...hashing }, hosts);
      expect(await cache.purge({ prefix: '/api/leads' })).toBe(2 * LEADS.length);
      for (const host of hosts) {
        const asked = PATHS.map((path) => ({ path, headers: { Host: host } }));
        expect((await stored(asked)).map((one) => (one as { path: string }).path)).toEqual(without(LEADS));
      }
      expect(await cache.purge({ prefix: '/api/leads' })).toBe(0);
    });

    test('a URL is what it begins with on its own host', async () => {
      const hosts = ['test.example', 'test.example:8080'];
      const { cache, stored } = await filled({ ...open(), ...hashing }, hosts);
      const others = PATHS.map((path) => ({ path, headers: { Host: 'test.example:8080' } }));
      expect(await cache.purge({ prefix: 'HTTP://Test.Example:80/api/leads' })).toBe(LEADS.length);
      expect(await stored(PATHS)).toEqual(without(LEADS));
      expect(await stored(others)).toEqual(others);
      for (const prefix of ['http://test.exampl', 'http://example/', 'http://test.example:8'])
        expect([prefix, await cache.purge({ prefix })]).toEqual([prefix, 0]);
      expect(await cache.purge({ prefix: 'http://test.example:8080' })).toBe(PATHS.length);
      expect(await stored(others)).toEqual([]);
      // Whichever scheme the app sees.
      expect(await cache.purge({ prefix: 'https://test.example/' })).toBe(PATHS.length - LEADS.length);
    });

    test('a query may be part of it, as the key has it', async () => {
      const { cache, stored } = await filled({ ...open(), ...hashing });
      expect(await cache.purge({ prefix: '/api/leads?a=1&b' })).toBe(1);
      expect(await stored(PATHS)).toEqual(without(['/api/leads?b=2&a=1']));
      expect(await cache.purge({ prefix: '/?' })).toBe(1);
      expect(await cache.purge({ prefix: `/api/leads/${LONG.slice(0, 299)}` })).toBe(1);
      expect(await cache.purge({ prefix: `/api/leads/${LONG}x` })).toBe(0);
      expect(await cache.purge({ prefix: '/api/leads/{' })).toBe(1);
    });

    test('a key of your own never begins like a URL, nor does a value', async () => {
      const keys = [
        '/api/leads',
        'http://test.example/api/leads',
        ['/api/leads'],
        { '/api/leads': 1 },
        '"',
        LONG,
      ];
      let next = 0;
      const custom = newCache({ ...open(), ...hashing, key: () => keys[next++ % keys.length] });
      const one = siteOf(custom, await serve(bare(custom, echo)));
      for (const _ of keys) await one.get('/api/leads');
      await custom.store.set('http://test.example/api/leads', 1, { ttl: '1m' });
      await custom.wrap('/api/leads', () => 1, { ttl: '1m' });
      for (const prefix of ['/', '/api/leads', 'http://test.example/'])
        expect(await custom.purge({ prefix })).toBe(0);
      for (const _ of keys) expect((await one.get('/api/leads')).cacheStatus).toMatch(/^hit/);
      expect(await custom.store.has('http://test.example/api/leads')).toBe(true);
      expect(await custom.purge({ all: true })).toBe(keys.length + 2);
    });

    test.each([{}, { soft: true }])(
      'revokes the fills of what begins so, and no others: %j',
      async (mode) => {
        const options = { ...open(), ...hashing };
        const { ask, caches, running, runs } = await fleet(options.redis ? 2 : 1, options);
        const [first, last = first] = caches;
        const asked = PATHS.map((path) => ask(0, path));
        await runs(PATHS.length);
        expect(await last?.purge({ prefix: '/api/leads' }, mode)).toBe(0);
        await settled();
        for (const { req, res } of running) res.end(req.url);
        await Promise.all(asked);
        await first?.idle();
        const stored = await Promise.all(
          PATHS.map((path) =>
            ask(caches.length - 1, { path, headers: { 'Cache-Control': 'only-if-cached' } }),
          ),
        );
        expect(PATHS.filter((_, i) => stored[i]?.status === 200)).toEqual(without(LEADS));
      },
    );
  });

  test('all variants go, each is counted, and the others of a method too', async () => {
    const handler: Handler = (req, res) => res.setHeader('Vary', 'Accept').end(req.headers.accept);
    const { cache, get, stored } = await site(open(), handler);
    const asked = ['/api/a', '/api/b', '/b'].flatMap((path) =>
      ['x', 'y'].map((accept) => ({ path, headers: { Accept: accept } })),
    );
    for (const one of asked) await get(one);
    expect(await cache.purge({ prefix: '/api/' })).toBe(4);
    expect(await stored(asked)).toEqual(asked.slice(4));
  });

  test('more than a step of them go', async () => {
    const { cache, port } = await site(open(), echo);
    const one = siteOf(cache, port);
    await Promise.all(
      Array.from({ length: 700 }, (_, i) => one.get(`/${i % 2 === 0 ? 'even' : 'odd'}/${i}`)),
    );
    expect(await cache.purge({ prefix: '/even/' })).toBe(350);
    expect(await cache.purge({ prefix: '/' })).toBe(350);
  });
});

test('a purge takes a prefix that a URL may begin with', async () => {
  const { cache, get, stored } = await site({}, echo);
  await get('/api');
  const bad = [
    '',
    ' ',
    'api',
    '*',
    '?',
    '//',
    'ftp://test.example/',
    'http://',
    'http:',
    'http:///api',
    'test.example',
  ];
  for (const prefix of [
    ...bad.filter((text) => !text.startsWith('/')),
    1,
    true,
    null,
    ['/'],
    {},
    new URL('http://a/'),
  ])
    expect([prefix, await refusalOf(cache, { prefix })]).toEqual([prefix, 'PurgeError']);
  // No URL begins so, but one could.
  for (const prefix of ['//', '/*', '/api*', '/ap.', '/api#', '/api/', '/%61pi', '/{@'])
    expect([prefix, await cache.purge({ prefix })]).toEqual([prefix, 0]);
  expect(await stored(['/api'])).toEqual(['/api']);
  expect(await cache.purge({ prefix: '/' })).toBe(1);
});
