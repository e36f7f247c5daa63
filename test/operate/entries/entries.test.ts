import { describe, expect, test } from '@jest/globals';
import type {
  CacheMiddleware,
  CacheOptions,
  Entry,
  EntryQuery,
  EntrySummary,
  StoreFigures,
} from '../../../src/index.ts';
import { ArgumentError, OptionError } from '../../../src/index.ts';
import { bare, type Handler, newCache, serve } from '../../support/app.ts';
import { ask } from '../../support/client.ts';
import { listedEntries } from '../../support/entries.ts';
import { everywhere, fleet, type Site, site } from '../../support/stores.ts';

/* `cache.entries`: listing, reading, changing and counting stored responses, on every store. */

const HOUR = 3_600_000;

/** Status, media type and tag come from the query. */
const app: Handler = (req, res) => {
  const { searchParams, pathname } = new URL(req.url as string, 'http://test.example');
  res.statusCode = Number(searchParams.get('status') ?? 200);
  res.setHeader('Content-Type', searchParams.get('type') ?? 'text/plain; charset=utf-8');
  const tag = searchParams.get('tag');
  if (tag) res.setHeader('Cache-Tag', tag);
  if (pathname === '/varied') {
    res.setHeader('Vary', 'Accept-Language');
    res.end(`in ${req.headers['accept-language']}`);
    return;
  }
  res.setHeader('ETag', '"of-the-app"');
  res.setHeader('Last-Modified', 'Tue, 01 Jul 2025 00:00:00 GMT');
  res.setHeader('Content-Digest', 'sha-256=:AA==:');
  if (req.headers['if-none-match'] === '"of-the-app"') res.statusCode = 304;
  res.end(res.statusCode === 304 ? undefined : `body of ${pathname}`);
};

async function listed(cache: CacheMiddleware, query: EntryQuery = {}): Promise<EntrySummary[]> {
  return (await listedEntries(cache, query)) as EntrySummary[];
}

async function only(cache: CacheMiddleware, query: EntryQuery = {}): Promise<EntrySummary> {
  const entries = await listed(cache, query);
  expect(entries).toHaveLength(1);
  return entries[0] as EntrySummary;
}

async function whole(cache: CacheMiddleware, query: EntryQuery = {}): Promise<Entry> {
  return (await cache.entries.get(await only(cache, query))) as Entry;
}

const paths = (entries: readonly EntrySummary[]): string[] =>
  entries.map(({ url }) => new URL(url as string).pathname).sort();

async function filled(options: CacheOptions, asked: readonly string[]): Promise<Site> {
  const one = await site(options, app);
  await Promise.all(asked.map((path) => one.get(path)));
  return one;
}

everywhere((open) => {
  let now = 1_750_000_000_000;
  const clock = (): number => now;

  describe('cache.entries.list', () => {
    test('lists key, status, size, age, TTL and tags of a response, without its body', async () => {
      const { cache, get } = await site({ ...open(), clock, tags: ['own'] }, app);
      await get('/a?tag=x');
      now += 60_000;
      const entry = await only(cache);
      expect(entry).toMatchObject({
        readable: true,
        kind: 'response',
        key: 'GET http://test.example/a?tag=x',
        method: 'GET',
        url: 'http://test.example/a?tag=x',
        status: 200,
        contentType: 'text/plain; charset=utf-8',
        size: 'body of /a'.length,
        bornAt: now - 60_000,
        ageMs: 60_000,
        lifetimeMs: HOUR,
        ttlMs: HOUR - 60_000,
        stale: false,
        purged: false,
        tags: ['own', 'x'],
        variesOn: {},
        audience: { strangers: true, same: 0, different: 0 },
        declaredParts: '',
      });
      expect(entry.storedBytes).toBeGreaterThan(entry.size);
      // A response with a validator is kept for validation, for its lifetime once more.
      expect(entry.expiresInMs).toBeGreaterThan(1.9 * HOUR);
      expect(entry.expiresInMs).toBeLessThanOrEqual(2 * HOUR);
      expect(entry).not.toHaveProperty('body');
      now += HOUR;
      expect(await only(cache)).toMatchObject({ stale: true, ttlMs: -60_000 });
    });

    test('lists every variant with the request fields and the declared parts that selected it', async () => {
      const { cache, get } = await site({ ...open(), vary: { headers: ['x-tenant'] } }, app);
      for (const language of ['de', 'en']) {
        await get({ path: '/varied', headers: { 'Accept-Language': language, 'X-Tenant': 't' } });
      }
      const entries = await listed(cache);
      expect(entries.map(({ variesOn }) => variesOn['accept-language']).sort()).toEqual(['de', 'en']);
      expect(new Set(entries.map(({ id }) => id)).size).toBe(1);
      expect(entries.every(({ declaredParts }) => declaredParts.includes('"x-tenant","t"'))).toBe(true);
    });

    test('says who may have an entry, and by which values placed in front it was selected', async () => {
      let now = 1_700_000_000_000;
      const callers = new WeakMap<object, string>();
      const cache = newCache({ ...open(), ttl: '1h', clock: () => now });
      const port = await serve(
        bare(
          (req, res, next) => {
            callers.set(req, req.headers.authorization ?? '');
            if (req.headers['x-lang']) res.locals = { lang: req.headers['x-lang'] };
            next();
          },
          (req, res, next) => cache(req, res, next),
          (req, res) => {
            if (req.url === '/public') res.setHeader('Cache-Control', 'public');
            if (req.url === '/lang') res.end(`in ${res.locals.lang}`);
            else res.end(req.url === '/hidden' ? callers.get(req) : 'the same');
          },
        ),
      );
      const settled = async (path: string, headers: Record<string, string> = {}): Promise<void> => {
        await ask(port, { path, headers });
        await cache.idle();
      };
      for (const path of ['/public', '/same', '/hidden']) await settled(path);
      for (const path of ['/same', '/hidden']) await settled(path, { Authorization: 'Basic YTpi' });
      await settled('/lang', { 'X-Lang': 'de' });
      await cache.store.set('token', 1, { ttl: '1m' });
      const audiences = async (): Promise<unknown> =>
        Object.fromEntries(
          (await listed(cache)).map(({ key, audience }) => [
            key.replace(/^GET http:\/\/[^/]*/, ''),
            audience,
          ]),
        );
      const seen = {
        '/public': 'everyone',
        '/same': { strangers: true, same: 1, different: 0 },
        '/hidden': { strangers: true, same: 0, different: 1 },
        // What is placed makes a kind of callers, too.
        '/lang': { strangers: false, same: 1, different: 0 },
        'VALUE "token"': 'everyone',
      };
      expect(await audiences()).toEqual(seen);
      const varied = (await listed(cache)).find(({ key }) => key.endsWith('/lang'));
      expect(varied?.variesOn).toEqual({ 'res.locals.lang': '"de"' });
      now += 11 * 60_000;
      expect(await audiences()).toMatchObject({ '/hidden': { strangers: true, same: 0, different: 0 } });
    });

    test('tells values from responses, and searches the keys of entries under hashes', async () => {
      const { cache, get } = await site({ ...open(), hashKeys: true }, app);
      await get('/a');
      await cache.store.set('token', { a: 1 }, { ttl: '1m' });
      const entries = await listed(cache);
      expect(entries.map(({ kind, key }) => [kind, key]).sort()).toEqual([
        ['response', 'GET http://test.example/a'],
        ['value', 'VALUE "token"'],
      ]);
      expect(entries.some(({ id }) => id.startsWith('#'))).toBe(true);
      expect(await listed(cache, { search: 'test.EXAMPLE/a' })).toHaveLength(1);
    });

    test('filters by a part of the key, with stars, by status and by tag', async () => {
      const { cache } = await filled(open(), [
        '/leads/1?tag=leads',
        '/leads/2?tag=leads&status=404',
        '/other/1?tag=other',
        '/other/leads',
      ]);
      expect(paths(await listed(cache, { search: 'LEADS' }))).toHaveLength(3);
      expect(paths(await listed(cache, { search: 'get*/leads/*leads' }))).toEqual(['/leads/1', '/leads/2']);
      expect(await listed(cache, { search: '[leads' })).toEqual([]);
      expect(paths(await listed(cache, { status: 404 }))).toEqual(['/leads/2']);
      expect(paths(await listed(cache, { tag: 'leads' }))).toEqual(['/leads/1', '/leads/2']);
      expect(paths(await listed(cache, { tag: 'leads', status: 404 }))).toEqual(['/leads/2']);
      expect(await listed(cache, { tag: 'none' })).toEqual([]);
      await cache.purge({ tag: 'leads' });
      expect(await listed(cache, { tag: 'leads' })).toEqual([]);
    });

    test.each([1, 7, 1000])('lists each entry in pages of %d', async (limit) => {
      const { cache, get } = await filled(
        open(),
        Array.from({ length: 25 }, (_, i) => `/${i}?tag=t`),
      );
      for (let i = 0; i < 12; i++) {
        await get({ path: '/varied?tag=t', headers: { 'Accept-Language': `x${i}` } });
      }
      for (const query of [{ limit }, { limit, tag: 't' }]) {
        const entries = await listed(cache, query);
        expect(entries).toHaveLength(37);
      }
    });

    test('lists each entry that stays, while others are stored and purged between pages', async () => {
      const { cache, get } = await filled(
        open(),
        Array.from({ length: 30 }, (_, i) => `/stays/${i}`),
      );
      await Promise.all(Array.from({ length: 30 }, (_, i) => get(`/goes/${i}`)));
      const keys = new Set<string>();
      let cursor: string | undefined;
      let i = 0;
      do {
        const page = await cache.entries.list({ limit: 5, ...(cursor !== undefined && { cursor }) });
        for (const entry of page.entries) keys.add(entry.key as string);
        cursor = page.cursor;
        await cache.purge({ url: `http://test.example/goes/${i}` });
        await get(`/comes/${i}`);
        i++;
      } while (cursor !== undefined);
      expect([...keys].filter((key) => key.includes('stays'))).toHaveLength(30);
    });

    test.each<[object]>([
      [{ limit: 0 }],
      [{ limit: 1001 }],
      [{ limit: 1.5 }],
      [{ cursor: 'nonsense' }],
      [{ cursor: '' }],
      [{ cursor: Buffer.from('["all","","-1",""]').toString('base64url') }],
      [{ cursor: Buffer.from('["tag","","0",""]').toString('base64url') }],
      [{ search: 1 }],
      [{ status: '200' }],
      [{ tag: '' }],
    ])('rejects the query %j with an OptionError', async (query) => {
      const { cache } = await site(open(), app);
      await expect(cache.entries.list(query)).rejects.toThrow(OptionError);
    });
  });

  describe('cache.entries.get and cache.entries.purge', () => {
    test('get returns header fields and body, and purge deletes all variants of a key', async () => {
      const { cache, get } = await site(open(), app);
      await get('/a');
      const entry = await whole(cache);
      expect(entry.body.toString()).toBe('body of /a');
      expect(entry.headers).toContainEqual(['ETag', '"of-the-app"']);
      for (const language of ['de', 'en']) {
        await get({ path: '/varied', headers: { 'Accept-Language': language } });
      }
      const [varied] = await listed(cache, { search: 'varied' });
      expect(await cache.entries.purge(varied as EntrySummary)).toBe(2);
      expect(await cache.entries.get(varied as EntrySummary)).toBeUndefined();
      expect(await cache.entries.purge(varied as EntrySummary)).toBe(0);
      expect(paths(await listed(cache))).toEqual(['/a']);
    });

    test('purge revokes a fill in progress, whose response is not stored', async () => {
      const one = await fleet(1, open());
      const [cache] = one.caches as [CacheMiddleware];
      const first = one.ask(0, '/a');
      await one.runs(1);
      await cache.entries.purge({ id: 'GET http://test.example/a' });
      one.running[0]?.res.end('old');
      await first;
      await cache.idle();
      expect(await listed(cache)).toEqual([]);
    });

    test.each<[string, unknown]>([
      ['without an id', {}],
      ['to the purge log', { id: '@}|purged{', variant: '' }],
      ['to the leases of a key', { id: 'a}|leases{', variant: '' }],
      ['to the metadata of a key', { id: 'a', variant: '!' }],
    ])('get and purge reject a ref %s', async (_name, ref) => {
      const { cache } = await site(open(), app);
      await expect(cache.entries.get(ref as never)).rejects.toThrow(ArgumentError);
      if ((ref as { id?: string }).id !== 'a')
        await expect(cache.entries.purge(ref as never)).rejects.toThrow(ArgumentError);
    });
  });

  describe('cache.entries.update', () => {
    const revalidate = { path: '/a', headers: { 'If-None-Match': '"of-the-app"' } };

    test('a new ttl makes a stale response fresh from now on, with the same Age', async () => {
      const { cache, get } = await site({ ...open(), clock, tags: ['t'] }, app);
      await get('/a');
      now += 2 * HOUR - 5000;
      const stale = await whole(cache);
      expect(stale.stale).toBe(true);
      expect(await cache.entries.update(stale, { ttl: '10h' })).toBe(true);
      const entry = await only(cache);
      expect(entry).toMatchObject({ stale: false, ttlMs: 10 * HOUR, ageMs: stale.ageMs, tags: ['t'] });
      expect(entry.expiresInMs).toBeGreaterThan(19 * HOUR);
      const hit = await get('/a');
      expect(hit.cacheStatus).toBe(`hit; ttl=${(10 * HOUR) / 1000}`);
      expect(hit.header('age')).toBe(String(stale.ageMs / 1000));
      expect(await cache.entries.update(await whole(cache), { ttl: 0 })).toBe(true);
      expect(await only(cache)).toMatchObject({ stale: true });
      expect(await cache.purge({ tag: 't' })).toBe(1);
    });

    test('a response compressed by the compress option is read and changed as the app sent it', async () => {
      const text = 'many words '.repeat(500);
      const { cache, get } = await site({ ...open(), compress: true }, (_, res) => {
        res.setHeader('Content-Type', 'text/plain');
        res.end(text);
      });
      await get('/a');
      expect(await only(cache)).toMatchObject({ readable: true, size: text.length });
      const entry = await whole(cache);
      expect(String(entry.body)).toBe(text);
      expect(entry.storedBytes).toBeLessThan(text.length);
      expect(await cache.entries.update(entry, { ttl: '2h' })).toBe(true);
      expect((await get('/a')).body).toBe(text);
      expect(await cache.entries.update(await whole(cache), { body: 'another' })).toBe(true);
      expect(await whole(cache)).toMatchObject({ size: 7, body: Buffer.from('another') });
      expect(await get({ path: '/a', headers: { 'Accept-Encoding': 'gzip' } })).toMatchObject({
        body: 'another',
      });
    });

    test('a new body replaces the validators, so that no client and no app answers 304 for the old one', async () => {
      const { cache, get } = await site({ ...open(), clock }, app);
      await get('/a');
      const old = await get(revalidate);
      expect(old.status).toBe(304);
      // Without Last-Modified, a client may send the Date in If-Modified-Since.
      const before = old.header('date') as string;
      expect(await cache.entries.update(await whole(cache), { body: 'caf\xe9' })).toBe(true);
      const entry = await whole(cache);
      expect(entry.size).toBe(5);
      const names = entry.headers.map(([name]) => name.toLowerCase());
      expect(names).not.toContain('last-modified');
      expect(names).not.toContain('content-digest');
      const answer = await get(revalidate);
      expect([
        answer.status,
        Buffer.from(answer.body, 'latin1').toString(),
        answer.cacheStatus.startsWith('hit'),
      ]).toEqual([200, 'caf\xe9', true]);
      const etag = answer.header('etag') as string;
      expect(etag).not.toBe('"of-the-app"');
      expect((await get({ path: '/a', headers: { 'If-None-Match': etag } })).status).toBe(304);
      const since = { 'If-Modified-Since': before };
      expect((await get({ path: '/a', headers: since })).status).toBe(200);
      // The cache validates with the new ETag, which the app does not confirm.
      now += HOUR + 1000;
      expect((await get('/a')).body.toString()).toBe('body of /a');
    });

    test('a new body keeps a soft purge, a new ttl ends it', async () => {
      const { cache, get } = await site(open(), app);
      await get('/a');
      await cache.purge({ all: true }, { soft: true });
      expect(await cache.entries.update(await whole(cache), { body: 'new' })).toBe(true);
      expect(await only(cache)).toMatchObject({ purged: true, stale: true });
      expect(await cache.entries.update(await whole(cache), { ttl: '1h' })).toBe(true);
      expect(await only(cache)).toMatchObject({ purged: false, stale: false });
    });

    test('a new ttl of a variant also keeps what leads to the variant', async () => {
      const { cache, get } = await site({ ...open(), ttl: '2s' }, app);
      const german = { path: '/varied', headers: { 'Accept-Language': 'de' } };
      await get(german);
      expect(await cache.entries.update(await whole(cache), { ttl: '1h' })).toBe(true);
      // Storing another variant removes the expired ones.
      for (const language of ['en', 'fr']) {
        await get({ path: '/varied', headers: { 'Accept-Language': language } });
      }
      expect((await get(german)).cacheStatus).toMatch(/^hit; ttl=3/);
    });

    test('resolves to false after a purge, a soft purge, or another update', async () => {
      const { cache, get } = await site(open(), app);
      await get('/a');
      const old = await whole(cache);
      await cache.purge({ all: true }, { soft: true });
      expect(await cache.entries.update(old, { body: 'mine' })).toBe(false);
      await cache.purge({ all: true });
      expect(await cache.entries.update(old, { body: 'mine' })).toBe(false);
      expect(await listed(cache)).toEqual([]);
      await get('/a');
      const entry = await whole(cache);
      expect(await cache.entries.update(entry, { body: 'first' })).toBe(true);
      expect(await cache.entries.update(entry, { body: 'second' })).toBe(false);
      expect((await whole(cache)).body.toString()).toBe('first');
    });

    test('a JSON value accepts a JSON body only', async () => {
      const { cache } = await site(open(), app);
      await cache.store.set('rates', { eur: 1 }, { ttl: '1m' });
      const entry = await whole(cache);
      await expect(cache.entries.update(entry, { body: '{eur' })).rejects.toThrow(ArgumentError);
      expect(await cache.entries.update(entry, { body: '{"eur":2}', ttl: '1h' })).toBe(true);
      expect(await cache.store.get('rates')).toEqual({ eur: 2 });
    });

    test('rejects a change without ttl and body, a bad ttl, and a bad body with an OptionError', async () => {
      const { cache, get } = await site({ ...open(), maxBodySize: 20 }, app);
      await get('/a');
      const entry = await whole(cache);
      for (const change of [{}, undefined, { ttl: 'soon' }, { body: 1 }]) {
        await expect(cache.entries.update(entry, change as never)).rejects.toThrow(OptionError);
      }
      await expect(cache.entries.update(entry, { body: 'x'.repeat(21) })).rejects.toThrow(
        new ArgumentError('The body has 21 bytes, but may have at most 20: raise the option "maxBodySize".'),
      );
      await expect(cache.entries.update({ ...entry, version: 1 } as never, { ttl: 1 })).rejects.toThrow(
        ArgumentError,
      );
      expect(await cache.entries.update({ ...entry, version: '' }, { ttl: 1 })).toBe(false);
    });
  });

  test('measure counts entries by kind, status, type and age, reports progress, and ends on abort', async () => {
    const { cache } = await filled(open(), ['/a', '/b?status=404', '/c?type=application/json']);
    await cache.store.set('token', 'x', { ttl: '1m' });
    const steps: StoreFigures[] = [];
    const figures = await cache.entries.measure({ onProgress: (step) => steps.push(step) });
    expect(figures).toMatchObject({
      responses: { count: 3 },
      values: { count: 1 },
      damaged: { count: 0, bytes: 0 },
      unknownKey: { count: 0, bytes: 0 },
      unencrypted: { count: 0, bytes: 0 },
      fresh: { count: 4 },
      stale: { count: 0 },
      byStatus: { 200: { count: 3 }, 404: { count: 1 } },
      byType: { 'text/plain': { count: 2 }, 'application/json': { count: 2 } },
      byAge: { minute: { count: 4 }, older: { count: 0 } },
    });
    expect(figures.scanned).toBe(figures.total);
    expect(steps.at(-1)).toEqual(figures);
    const bytes = (await listed(cache)).reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    expect(figures.responses.bytes + figures.values.bytes).toBe(bytes);
    const reason = new Error('enough');
    await expect(cache.entries.measure({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
