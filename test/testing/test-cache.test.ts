import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import middie from '@fastify/middie';
import { afterEach, describe, expect, test } from '@jest/globals';
import express, { type Express } from 'express';
import Fastify from 'fastify';
import { inject } from 'light-my-request';
import request from 'supertest';
import { ArgumentError, OptionError } from '../../src/index.ts';
import {
  expectForwarded,
  expectHit,
  expectMiss,
  expectNotStored,
  expectStale,
  expectStored,
  type TestCache,
  type TestCacheOptions,
  testCache,
} from '../../src/testing/index.ts';
import { newCache } from '../support/app.ts';
import { Gate } from '../support/gate.ts';
import { until } from '../support/until.ts';

const caches: TestCache[] = [];
afterEach(async () => {
  for (const cache of caches.splice(0)) await cache.close();
});

function cacheOf(options?: TestCacheOptions): TestCache {
  const cache = testCache(options);
  caches.push(cache);
  return cache;
}

/** An app behind a cache. It counts how often its handlers run. */
function createApp(cache: TestCache): { app: Express; runs: () => number } {
  let runs = 0;
  const app = express();
  app.use(cache);
  app.get('/leads', (_req, res) => void res.json({ runs: ++runs }));
  app.post('/leads', (_req, res) => void res.sendStatus(204));
  return { app, runs: () => runs };
}

/** Asks by supertest, which listens on a new port, and waits until what is stored is stored. */
async function ask(app: Express, cache: TestCache, path = '/leads'): Promise<request.Response> {
  const response = await request(app).get(path);
  await cache.idle();
  return response;
}

describe('the port of a loopback host is not in the key, so that a second request is a hit', () => {
  test('by supertest, which listens on a new port for each request; with redisCache() it is none', async () => {
    const cache = cacheOf({ ttl: '1h' });
    const { app, runs } = createApp(cache);
    expectStored(await ask(app, cache));
    expectHit(await ask(app, cache));
    expect(runs()).toBe(1);

    const production = newCache({ ttl: '1h' });
    const uncached = express().use(production, (_req, res) => void res.send('made'));
    for (let i = 0; i < 2; i++) {
      expectMiss(await request(uncached).get('/'));
      await production.idle();
    }
  });

  test.each(['127.0.0.1', 'localhost', '[::1]'])(
    'by fetch, from servers of two ports of %s',
    async (host) => {
      const cache = cacheOf({ ttl: '1h' });
      const { app } = createApp(cache);
      const address = host.replace(/[[\]]/g, '');
      const answers: Response[] = [];
      for (let i = 0; i < 2; i++) {
        const server = createServer(app).listen(0, address);
        await once(server, 'listening');
        answers.push(await fetch(`http://${host}:${(server.address() as AddressInfo).port}/leads`));
        await answers[i]?.text();
        await cache.idle();
        server.closeAllConnections();
        server.close();
      }
      expectMiss(answers[0] as Response);
      expectHit(answers[1] as Response);
    },
  );

  test('by inject() of Fastify', async () => {
    const cache = cacheOf({ ttl: '1h' });
    const app = Fastify();
    await app.register(middie);
    app.use(cache);
    app.get('/leads', () => ['Rome']);
    await app.ready();
    // `app.inject` is this; jest cannot load the copy that Fastify has.
    expectStored(await inject(app.routing as never, '/leads'));
    await cache.idle();
    expectHit(await inject(app.routing as never, { url: '/leads', headers: { host: 'localhost:8080' } }));
    await app.close();
  });

  test('while that of any other host is, so that a second port is a miss', async () => {
    const cache = cacheOf({ ttl: '1h' });
    const { app } = createApp(cache);
    for (const host of ['api.example.com:8080', 'api.example.com:8081', 'localhost.example.com:1'])
      expectMiss(await request(app).get('/leads').set('Host', host));
  });

  test('by two ports of a server with cache.before()', async () => {
    const cache = cacheOf({ ttl: '1h' });
    const door = cache.before(express().get('/leads', (_req, res) => void res.json(['Rome'])));
    expectStored(await request(door).get('/leads'));
    await cache.idle();
    expectHit(await request(door).get('/leads'));
  });
});

describe('a URL of a loopback host names what is stored, whatever its port', () => {
  test.each([
    ['url', { url: 'http://127.0.0.1:3000/leads' }],
    ['prefix', { prefix: 'http://127.0.0.1:3000/lea' }],
    ['prefix that is a path', { prefix: '/lea' }],
  ])('in a purge by %s', async (_, target) => {
    const cache = cacheOf({ ttl: '1h' });
    const { app } = createApp(cache);
    await ask(app, cache);
    expect(await cache.purge(target)).toBe(1);
    expectMiss(await ask(app, cache));
  });

  test.each<[string, TestCacheOptions]>([
    ['the default key', {}],
    ['a key of its own', { key: (req) => ['leads', req.url ?? ''] }],
  ])('in an unsafe request, with %s', async (_, options) => {
    const cache = cacheOf({ ttl: '1h', ...options });
    const { app } = createApp(cache);
    await ask(app, cache);
    await request(app).post('/leads');
    await cache.idle();
    expectMiss(await ask(app, cache));
  });

  test('in explain(), by a URL and by a request', async () => {
    const cache = cacheOf({ ttl: '1h' });
    const explained: (string | undefined)[] = [];
    const app = express().use(
      (req, _res, next) => {
        cache.explain(req).then(({ cacheStatus }) => next(explained.push(cacheStatus) && undefined), next);
      },
      cache,
      (_req, res) => void res.send('made'),
    );
    await ask(app, cache);
    await ask(app, cache);
    expect(explained).toEqual(['redis-response-cache; fwd=uri-miss', 'redis-response-cache; hit; ttl=3600']);
    const { cacheStatus, key } = await cache.explain('http://127.0.0.1:3000/leads');
    expect(cacheStatus).toBe(explained[1]);
    expect(key?.of?.host).toBe('127.0.0.1');
  });
});

describe('the clock of a test cache', () => {
  test('stands still, and advance() moves it to the end of a lifetime', async () => {
    const cache = cacheOf({ ttl: '1h' });
    const { app, runs } = createApp(cache);
    const start = cache.now();
    await ask(app, cache);
    await cache.advance('59m');
    expect(expectHit(await ask(app, cache))).toMatchObject({ ttlSeconds: 60 });
    await cache.advance(59_999);
    expect(expectHit(await ask(app, cache))).toMatchObject({ ttlSeconds: 0 });
    await cache.advance(1);
    expect(cache.now()).toBe(start + 3_600_000);
    expectMiss(await ask(app, cache));
    expect(runs()).toBe(2);
  });

  test('moves only when what was being stored is stored', async () => {
    const cache = cacheOf({ ttl: '1h', compress: true });
    // It takes longer to compress than to ask for.
    const text = randomBytes(400_000).toString('hex');
    const app = express().use(cache, (_req, res) => void res.type('text').send(text));
    await request(app).get('/');
    await cache.advance('59m');
    expect(cache.stats().stored).toBe(1);
    expect(expectHit(await request(app).get('/'))).toMatchObject({ ttlSeconds: 60 });
  });

  test('is not followed by a lease: a response that is made meanwhile is stored', async () => {
    const cache = cacheOf({ ttl: '1h' });
    const gate = new Gate();
    const running = { count: 0 };
    const app = express().use(cache, async (_req, res) => {
      running.count++;
      await gate.opened;
      res.send('made');
    });
    const asked = request(app)
      .get('/')
      .then((response) => response);
    await until(() => running.count === 1);
    await cache.advance('1d');
    gate.open();
    expectStored(await asked);
    await cache.idle();
    expectHit(await ask(app, cache, '/'));
  });

  test('is followed by the time after a failed refresh in which none is tried', async () => {
    const cache = cacheOf({ ttl: '1m', staleWhileRevalidate: '1d' });
    let fails = false;
    let runs = 0;
    const app = express().use(cache, (_req, res) => {
      runs++;
      res.status(fails ? 500 : 200).send(`made ${runs}`);
    });
    await ask(app, cache, '/');
    await cache.advance('1m');
    fails = true;
    expectStale(await ask(app, cache, '/'), 'stale-while-revalidate');
    fails = false;
    expectStale(await ask(app, cache, '/'));
    expect(runs).toBe(2);
    await cache.advance('2m');
    expectStale(await ask(app, cache, '/'));
    expect((await ask(app, cache, '/')).text).toBe('made 3');
  });

  test('refuses what is no duration, and names the accepted ones', async () => {
    const cache = cacheOf();
    for (const bad of ['1 fortnight', '3600', -1, undefined])
      await expect(cache.advance(bad as '1h')).rejects.toThrow(ArgumentError);
  });

  test('shows lifetimes without jitter', async () => {
    const cache = cacheOf({ ttl: '1h', jitter: 1 });
    const route = cache.with({ jitter: 0.9 });
    const app = express()
      .use('/route', route)
      .use(cache, (_req, res) => void res.send('made'));
    for (const path of ['/', '/route']) {
      await ask(app, cache, path);
      expect(expectHit(await ask(app, cache, path))).toMatchObject({ ttlSeconds: 3600 });
    }
  });
});

describe('the options of testCache()', () => {
  test('may have redis, which is not connected to', async () => {
    const cache = cacheOf({ redis: 'redis://127.0.0.1:1', ttl: '1h' });
    const faults: unknown[] = [];
    cache.on('fault', (fault) => faults.push(fault));
    const { app } = createApp(cache);
    await ask(app, cache);
    expectHit(await ask(app, cache));
    expect(faults).toEqual([]);
  });

  test.each<[string, object]>([
    ['clock', { clock: Date.now }],
    ['ttl', { ttl: '1 fortnight' }],
    ['jitter', { jitter: 2 }],
    ['tttl', { tttl: '1h' }],
  ])('with a bad %s throw an OptionError', (option, options) => {
    expect(() => testCache(options)).toThrow(OptionError);
    expect(() => testCache(options)).toThrow(option);
  });

  test.each([null, 'redis://127.0.0.1:1', 5])('%j in place of an object throw an OptionError', (options) => {
    expect(() => testCache(options as never)).toThrow(OptionError);
  });

  test('of a route are refused when the route is made', () => {
    expect(() => cacheOf().with({ ttl: 'soon' as '1h' })).toThrow(OptionError);
    expect(() => cacheOf().before(undefined as never)).toThrow(ArgumentError);
  });
});

describe('reset() of a test cache', () => {
  test('empties the cache and its statistics, and sets the clock to the real time', async () => {
    const cache = cacheOf({ ttl: '1h' });
    const { app } = createApp(cache);
    await ask(app, cache);
    await cache.advance('1d');
    await cache.reset();
    expect(Math.abs(cache.now() - Date.now())).toBeLessThan(60_000);
    expect(cache.stats().requests.miss).toBe(0);
    expectMiss(await ask(app, cache));
  });

  test('forgets what was learnt of callers, so that the next test begins as the first one did', async () => {
    const cache = cacheOf({ ttl: '1h' });
    const app = express().use(cache, (req, res) => void res.send(req.get('authorization') ?? 'guest'));
    const asAda = async (): Promise<request.Response> => {
      const response = await request(app).get('/').set('Authorization', 'Bearer ada');
      await cache.idle();
      return response;
    };
    const first = (await asAda()).headers['cache-status'];
    expect((await asAda()).headers['cache-status']).not.toBe(first);
    await cache.reset();
    expect((await asAda()).headers['cache-status']).toBe(first);
  });

  test('keeps listeners, routes, the front door, and the objects of the cache', async () => {
    const cache = cacheOf({ ttl: '1h' });
    const { store, entries } = cache;
    const results: string[] = [];
    const listener = ({ result }: { result: string }): unknown => results.push(result);
    cache.on('request', listener);
    const route = cache.with({ ttl: '1m' });
    const door = cache.before(express().use(route, (_req, res) => void res.send('made')));
    await cache.reset();

    await request(door).get('/');
    await cache.idle();
    expectHit(await request(door).get('/'));
    expect(results).toEqual(['miss', 'hit']);
    expect((await entries.list()).entries).toHaveLength(1);
    await store.set('token', 'signed', { ttl: '1h' });
    expect(await cache.store.get('token')).toBe('signed');

    cache.off('request', listener);
    await cache.reset();
    await request(door).get('/');
    expect(results).toHaveLength(2);
  });

  test('opens a cache that the app has closed', async () => {
    const cache = cacheOf({ ttl: '1h' });
    const { app } = createApp(cache);
    await cache.close();
    expect((await ask(app, cache)).headers['cache-status']).toBeUndefined();
    await cache.reset();
    expectMiss(await ask(app, cache));
  });
});

test('has all methods of a cache, which do what they do in production', async () => {
  const cache = cacheOf({ ttl: '1h' });
  expect(Object.keys(newCache()).filter((name) => !(name in cache))).toEqual([]);
  expect(await cache.wrap('rates', () => 42, { ttl: '1h' })).toBe(42);
  expect(await cache.wrap('rates', () => 43, { ttl: '1h' })).toBe(42);
  const { app } = createApp(cache);
  const warmed = await cache.warm(['http://localhost/leads'], { app });
  expect(warmed).toMatchObject({ failed: 0 });
  expectHit(await request(app).get('/leads').set('Host', 'localhost:1234'));
  expect(cache.on('fault', () => {})).toBe(cache);
  expectNotStored(await request(app).post('/leads'));
  expectForwarded(await request(app).post('/leads'), 'method');
});
