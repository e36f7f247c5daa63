import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import { afterAll, describe, expect, test } from '@jest/globals';
import type express from 'express';
import { Redis } from 'ioredis';
import type { CacheOptions, Explanation } from '../../src/index.ts';
import { newCache, type TestApp, testApp } from '../support/app.ts';
import type { Asked } from '../support/client.ts';
import { expresses } from '../support/expresses.ts';
import { startRedis } from '../support/redis.ts';
import { type Shop, shop } from './support/shop.ts';

const client = new Redis(process.env.TEST_REDIS_URL as string);
afterAll(() => client.disconnect());

/** The same request, explained first. */
async function both(
  { cache, settled }: Shop,
  { method = 'GET', path = '/text', headers = {} }: Asked,
): Promise<[explained: Explanation, says: string]> {
  const explained = await cache.explain(`http://test.example${path}`, {
    method,
    headers: headers as Record<string, string>,
  });
  return [explained, (await settled({ method, path, headers })).cacheStatus];
}

/** Without what only the app's answer tells. */
function decision(says: string | undefined): string | undefined {
  return says?.replace(/^redis-response-cache; /, '').replace(/; (?:stored|fwd-status=\d+|collapsed)/g, '');
}

describe.each(expresses)('cache.explain(), %s', (_, make) => {
  const options: CacheOptions = {
    when: (req) => req.url !== '/not-this',
    vary: { query: { except: ['utm_*'] } },
  };

  test('says for each request what its Cache-Status says next', async () => {
    const store = await shop(options, make);
    const { later } = store;
    const asked: Asked[] = [
      {},
      {},
      { path: '/text?utm_source=a' },
      { method: 'HEAD' },
      { headers: { 'If-Match': '"a"' } },
      { headers: { 'Cache-Control': 'no-cache' } },
      { path: '/none', headers: { 'Cache-Control': 'only-if-cached' } },
      { path: '/not-this' },
      { method: 'HEAD', path: '/new' },
      { path: '/varies' },
      { path: '/varies', headers: { 'Accept-Language': 'de' } },
      { path: '/short' },
      { path: '/behind' },
      { method: 'POST' },
      { headers: { 'X-HTTP-Method-Override': 'PUT' } },
    ];
    for (const one of asked) {
      const [explained, says] = await both(store, one);
      expect([one, decision(explained.cacheStatus)]).toEqual([one, decision(says)]);
      expect(explained.because.length).toBeGreaterThan(0);
    }
    later(20_000);
    for (const path of ['/behind', '/short']) {
      const [explained, says] = await both(store, { path });
      expect([path, decision(explained.cacheStatus)]).toEqual([path, decision(says)]);
    }
  });

  test('explains a request that a route behind the cache passes to it', async () => {
    const store = await shop({}, make);
    let explained: Explanation | undefined;
    store.app.get('/explained', async (req, res) => {
      explained = await store.cache.explain(req as IncomingMessage);
      res.json(explained);
    });
    await store.settled('/explained?b=2&a=1');
    expect(explained).toMatchObject({
      cacheStatus: 'redis-response-cache; fwd=uri-miss',
      key: { of: { path: '/explained', query: 'a=1&b=2' } },
    });
  });
});

describe('cache.explain()', () => {
  test('says what the key is made of, which response is stored, and the rule', async () => {
    const store = await shop({ vary: { headers: ['x-tenant'], query: ['b', 'a'] } });
    const asked = { path: '/tagged?b=2&a=1&c=3', headers: { 'X-Tenant': 'acme' } };
    await store.settled(asked);
    store.later(5_000);
    const [explained] = await both(store, asked);
    const host = 'test.example';
    const text = `GET http://${host}/tagged?a=1&b=2`;
    const shape = expect.stringMatching(/^[\w-]{12}$/);
    expect(explained).toEqual({
      cacheStatus: 'redis-response-cache; hit; ttl=55',
      because: [
        {
          word: 'hit',
          says: 'A stored response was sent; the request was not forwarded.',
          see: 'RFC 9211 §2.1',
        },
      ],
      caller: { credentials: ['x-tenant'], shape, stranger: false },
      key: { text, id: text, of: { method: 'GET', scheme: 'http', host, path: '/tagged', query: 'a=1&b=2' } },
      variant: {
        id: '[["header","x-tenant","acme"]]',
        declaredParts: [['header', 'x-tenant', 'acme']],
        vary: undefined,
        others: false,
      },
      stored: {
        status: 200,
        ageMs: expect.any(Number),
        ttlMs: expect.any(Number),
        size: 'tagged'.length,
        tags: ['things'],
        originMs: expect.any(Number),
        purged: false,
        selectors: [],
        audience: { same: [shape], different: [], standing: 'same' },
      },
    });
    expect(Math.round(explained.stored!.ageMs / 1000)).toBe(5);
  });

  test('has the size of the body as the app sent it, and the key with showKey', async () => {
    const store = await shop({ compress: { threshold: 0 }, showKey: true });
    store.app.get('/long', (_req, res) => void res.send('long '.repeat(2000)));
    await store.settled('/long');
    const explained = await store.cache.explain('http://test.example/long', {
      headers: { 'Accept-Encoding': 'gzip' },
    });
    expect(explained.stored?.size).toBe(10_000);
    const { cacheStatus } = await store.ask({ path: '/long', headers: { 'Accept-Encoding': 'gzip' } });
    expect(explained.cacheStatus).toMatch(
      /^redis-response-cache; hit; ttl=\d+; key="GET http:\/\/test.example\/long"$/,
    );
    expect(cacheStatus).toMatch(/; key="GET http:\/\/test.example\/long"$/);
  });

  test('says why the last response for the key was not stored', async () => {
    const store = await shop();
    await store.settled('/private');
    await store.settled({ path: '/session', headers: { Cookie: 'a=b' } });
    const [explained] = await both(store, { path: '/private' });
    expect(explained.cacheStatus).toBe('redis-response-cache; fwd=uri-miss');
    expect(explained.refused).toMatchObject({ word: 'private', see: 'RFC 9111 §5.2.2.7' });
    expect(Math.abs(explained.refused!.at.getTime() - Date.now())).toBeLessThan(60_000);
    const [dependent] = await both(store, { path: '/session' });
    expect(dependent.refused?.word).toBe('depends-on-credentials: cookie');
  });

  test('changes nothing in Redis or in the statistics, and does not call the app', async () => {
    const prefix = `explain-${process.pid}-${Math.random()}:`;
    const { cache, settled, runs } = await shop({ prefix });
    await settled('/text');
    const dump = async (): Promise<unknown> => {
      const keys = (await client.keys(`${prefix}*`)).sort();
      return Promise.all(keys.map(async (key) => [key, await client.dumpBuffer(key)]));
    };
    const before = [await dump(), cache.stats(), runs()];
    const events: unknown[] = [];
    for (const name of ['request', 'fault', 'store', 'purge', 'refresh', 'guard'] as const) {
      cache.on(name, (event: unknown) => events.push(event));
    }
    for (const path of ['/text', '/missing', '/private']) await cache.explain(`http://test.example${path}`);
    await cache.idle();
    expect([await dump(), cache.stats(), runs()]).toEqual(before);
    expect(events).toEqual([]);
    await cache.purge({ all: true });
  });

  test('uses the policy of the middleware that it is called on', async () => {
    const cache = newCache({ redis: process.env.TEST_REDIS_URL as string, prefix: 'explain:' });
    const byUser = cache.with({ key: () => ['lead', 42], vary: { query: ['page'] } });
    const explained = await byUser.explain('https://api.example.com/leads?page=2&x=1');
    expect(explained.key).toEqual({ text: 'GET ["lead",42]', id: 'GET ["lead",42]' });
    expect(explained.variant?.declaredParts).toEqual([['query', 'page=2']]);
    const forwarded = await cache.with({ key: () => null }).explain('https://api.example.com/');
    expect(forwarded).toMatchObject({ cacheStatus: 'redis-response-cache; fwd=bypass; detail=key' });
    expect(await cache.with({ enabled: false }).explain('https://api.example.com/')).toEqual({
      cacheStatus: undefined,
      because: [],
    });
    const https = await cache.explain('https://api.example.com:443/leads');
    expect(https.key?.text).toBe('GET https://api.example.com/leads');
  });

  test('says detail=unavailable or timeout while Redis is down, and throws for a URL that is not absolute', async () => {
    const server = await startRedis();
    const cache = newCache({ redis: server.url, timeout: 100 });
    await cache.wrap('ready', () => 1, { ttl: '1m' });
    await server.stop();
    expect(await cache.explain('http://a.example/')).toMatchObject({
      cacheStatus: expect.stringMatching(/fwd=bypass; detail=(?:unavailable|timeout)$/),
      key: { text: 'GET http://a.example/' },
    });
    await expect(cache.explain('/leads')).rejects.toThrow(
      'explain() needs an absolute URL such as https://example.com/leads, or a request; not "/leads".',
    );
    await expect(cache.explain('ftp://a.example/')).rejects.toThrow(
      'explain() needs an absolute URL such as https://example.com/leads, or a request; not "ftp://a.example/".',
    );
  });
});

describe('cache.explain() on who asks', () => {
  /** Middleware in front knows a member by the cookie; pages differ by what the app behind does with it. */
  async function club(options: CacheOptions = {}): Promise<TestApp> {
    const context = new AsyncLocalStorage<string>();
    return testApp(
      (cache) => {
        const app = (expresses[0]![1] as typeof express)();
        app.use((req, res, next) => {
          if (req.headers['x-lang']) res.locals.lang = req.headers['x-lang'];
          context.run(/member=(\w+)/.exec(req.headers.cookie ?? '')?.[1] ?? '', next);
        });
        app.use(async (req, res, next) => {
          if (req.headers['x-explain']) res.json(await cache.explain(req));
          else next();
        });
        app.use(cache);
        app.get('/same', (_req, res) => void res.send('the same'));
        app.get('/hidden', (_req, res) => void res.send(`for ${context.getStore()}`));
        app.get('/reads', (req, res) => void res.send(`for ${req.headers.cookie}`));
        app.get('/lang', (_req, res) => void res.send(`in ${res.locals.lang}`));
        return app;
      },
      { ttl: '1m', ...options },
    );
  }
  const member = { Cookie: 'member=anne-whose-name-is-long; _ga=GA1.2.3' };
  const explainedOf = async (
    { ask }: TestApp,
    path: string,
    headers: Record<string, string> = {},
  ): Promise<Explanation> =>
    JSON.parse((await ask({ path, headers: { ...headers, 'X-Explain': '1' } })).body);

  test('names the credentials, and never their values', async () => {
    const app = await club({ credentials: ['X-Badge'] });
    const explained = await explainedOf(app, '/same', {
      ...member,
      Authorization: 'Basic s3cret',
      'X-Badge': 'gold',
    });
    expect(explained.caller).toEqual({
      credentials: ['authorization', 'cookie member', 'x-badge'],
      shape: expect.stringMatching(/^[\w-]{12}$/),
      stranger: false,
    });
    expect(JSON.stringify(explained)).not.toMatch(/anne|s3cret|gold/);
    expect((await explainedOf(app, '/same', { Cookie: '_ga=GA1.2.3' })).caller).toEqual({
      credentials: [],
      shape: '',
      stranger: true,
    });
  });

  test('tells for whom a response is stored: strangers, those who were seen to get the same, and others', async () => {
    const app = await club();
    const { shape } = (await explainedOf(app, '/same', member)).caller!;
    for (const [path, standing] of [
      ['/same', 'same'],
      ['/hidden', 'different'],
    ] as const) {
      await app.settled(path);
      const unseen = await explainedOf(app, path, member);
      expect(unseen).toMatchObject({
        cacheStatus: 'redis-response-cache; fwd=vary-miss; detail=verifying',
        stored: { audience: { same: [''], different: [], standing: 'unseen' } },
      });
      expect((await app.settled({ path, headers: member })).cacheStatus).toBe(
        'fwd=vary-miss; detail=verifying',
      );
      const seen = await explainedOf(app, path, member);
      const isSame = standing === 'same';
      expect(seen.stored?.audience).toEqual({
        same: isSame ? ['', shape] : [''],
        different: isSame ? [] : [shape],
        standing,
      });
      expect(seen.cacheStatus).toMatch(
        isSame ? /; hit; ttl=\d+$/ : /; fwd=vary-miss; detail=depends-on-credentials$/,
      );
      expect((await app.settled({ path, headers: member })).cacheStatus).toMatch(
        isSame ? /^hit/ : /^fwd=vary-miss; detail=depends-on-credentials$/,
      );
      // A stranger is told what is stored as well.
      expect((await explainedOf(app, path)).stored?.audience).toMatchObject({ standing: 'same' });
    }
    app.later(11 * 60_000);
    await app.settled('/hidden');
    expect((await explainedOf(app, '/hidden', member)).stored?.audience).toMatchObject({
      different: [],
      standing: 'unseen',
    });
  });

  test('a response that says public is for everyone', async () => {
    const app = await testApp(
      (cache) => {
        const site = (expresses[0]![1] as typeof express)();
        site.use(cache);
        site.get('/', (_req, res) => void res.set('Cache-Control', 'public').send('for all'));
        return site;
      },
      { ttl: '1m' },
    );
    await app.settled({ path: '/', headers: { Host: 'test.example', ...member } });
    const explained = await app.cache.explain('http://test.example/');
    expect(explained.stored).toMatchObject({ audience: 'everyone', selectors: [] });
  });

  test('says that a request passes at once where this process remembers that nothing is shared', async () => {
    const app = await club();
    const before = await explainedOf(app, '/reads', member);
    expect(before.cacheStatus).toBe('redis-response-cache; fwd=uri-miss');
    await app.settled({ path: '/reads', headers: member });
    const after = await explainedOf(app, '/reads', member);
    expect(after).toMatchObject({
      cacheStatus: 'redis-response-cache; fwd=uri-miss; detail=depends-on-credentials',
      because: [{ word: 'uri-miss' }, { word: 'depends-on-credentials' }],
      refused: { word: 'depends-on-credentials: cookie' },
    });
    expect((await app.settled({ path: '/reads', headers: member })).cacheStatus).toBe(
      'fwd=uri-miss; detail=depends-on-credentials',
    );
    // A stranger is none of those.
    expect((await explainedOf(app, '/reads')).cacheStatus).toBe('redis-response-cache; fwd=uri-miss');
    const shadow = await app.cache
      .with({ mode: 'shadow' })
      .explain('http://test.example/reads', { headers: member });
    expect(shadow.cacheStatus).toMatch(/detail="shadow: uri-miss"$/);
  });

  test('names what selects: fields that the app or Vary names, and what was placed in front', async () => {
    const app = await club();
    await app.settled({ path: '/lang', headers: { 'X-Lang': 'de' } });
    const stored = { selectors: ['res.locals.lang'] };
    expect(await explainedOf(app, '/lang', { 'X-Lang': 'de' })).toMatchObject({
      cacheStatus: expect.stringMatching(/; hit;/),
      stored,
    });
    const other = await explainedOf(app, '/lang', { 'X-Lang': 'en' });
    expect(other).toMatchObject({
      cacheStatus: expect.stringMatching(/fwd=vary-miss$/),
      variant: { others: true },
    });
    expect(other.stored).toBeUndefined();
  });
});
