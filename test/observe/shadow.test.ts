import { describe, expect, test } from '@jest/globals';
import cors from 'cors';
import express from 'express';
import { ShadowCounter } from '../../src/observe/shadow-stats.ts';
import { newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { expresses } from '../support/expresses.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { until } from '../support/until.ts';
import { shop } from './support/shop.ts';

const redis = process.env.TEST_REDIS_URL as string;

describe.each(expresses)('in shadow mode, %s', (_, make) => {
  test('the app answers every request, and Cache-Status says what would have happened', async () => {
    const { cache, settled, runs, later } = await shop({ mode: 'shadow' }, make);
    const says: string[] = [];
    const asked = [
      '/text',
      '/text',
      { method: 'HEAD', path: '/text' },
      { path: '/text', headers: { 'If-None-Match': '"a"' } },
      { path: '/text', headers: { Range: 'bytes=0-1' } },
      '/private',
      { path: '/varies' },
      { path: '/varies', headers: { 'Accept-Language': 'de' } },
      '/short',
    ];
    for (const one of asked) says.push((await settled(one)).cacheStatus);
    later(5_000);
    for (const one of ['/short', '/short']) says.push((await settled(one)).cacheStatus);
    expect(says).toEqual([
      'fwd=bypass; stored; detail="shadow: uri-miss"',
      'fwd=bypass; detail="shadow: hit"',
      'fwd=bypass; detail="shadow: hit"',
      'fwd=bypass; detail="shadow: hit"',
      'fwd=bypass; detail="shadow: hit"',
      'fwd=bypass; detail="shadow: uri-miss; private"',
      'fwd=bypass; stored; detail="shadow: uri-miss"',
      'fwd=bypass; stored; detail="shadow: vary-miss"',
      'fwd=bypass; stored; detail="shadow: uri-miss"',
      'fwd=bypass; stored; detail="shadow: stale"',
      'fwd=bypass; detail="shadow: hit"',
    ]);
    expect(runs()).toBe(says.length);
    const { total } = cache.stats().shadow!;
    expect(total).toMatchObject({ requests: 11, hits: 5, compared: 2, wrong: { total: 0 } });
    expect(cache.stats().refused).toEqual({ private: 1 });
    expect(cache.stats().requests).toMatchObject({ hit: 0, miss: 0, bypass: 11 });
  });

  test('the app gets conditions and ranges as the client sent them, and the client gets the answer of the app', async () => {
    const cache = newCache({ redis, prefix: uniquePrefix(), mode: 'shadow' });
    const app = make();
    const seen: unknown[] = [];
    app.use(cache);
    app.get('/', (req, res) => {
      seen.push([req.headers['if-none-match'], req.headers.range]);
      res.set('ETag', '"a"').send('body');
    });
    const port = await serve(app);
    const answers = [];
    for (const headers of [{}, { 'If-None-Match': '"a"' }, { Range: 'bytes=0-1' }, {}] as Record<
      string,
      string
    >[]) {
      answers.push(await ask(port, { headers }));
      await cache.idle();
    }
    expect(seen).toEqual([
      [undefined, undefined],
      ['"a"', undefined],
      [undefined, 'bytes=0-1'],
      [undefined, undefined],
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 304, 200, 200]);
    expect(answers.every((answer) => answer.header('age') === undefined)).toBe(true);
  });

  test('the statistics count wrong answers by route and age, and suggest a ttl', async () => {
    let now = Date.now();
    let version = 0;
    let type = 'text/plain';
    const cache = newCache({ redis, prefix: uniquePrefix(), mode: 'shadow', ttl: '1h', clock: () => now });
    const app = make();
    app.use(cors({ origin: 'https://a.example' }), cache);
    const router = express.Router();
    router.get('/users/:id', (_req, res) => void res.type(type).send(`version ${version}`));
    app.use('/api', router as never);
    app.get('/constant', (_req, res) => void setTimeout(() => res.send('same'), 30));
    const port = await serve(app);
    const asks = async (path: string, ms: number): Promise<void> => {
      now += ms;
      await ask(port, { path });
      await cache.idle();
    };
    await asks('/api/users/1', 0);
    await asks('/api/users/1', 10_000);
    version = 1;
    await asks('/api/users/1', 10_000);
    type = 'text/html';
    await asks('/api/users/1', 5_000);
    await asks('/constant', 0);
    await asks('/constant', 60_000);
    await asks('/nowhere', 0);

    const { total, routes } = cache.stats().shadow!;
    expect(Object.keys(routes).sort()).toEqual(['(none)', '/api/users/:id', '/constant']);
    expect(routes['/api/users/:id']).toEqual({
      ...{ requests: 4, hits: 3, hitRatio: 0.75, savedMs: expect.any(Number), compared: 3 },
      wrong: { total: 2, status: 0, headers: 1, body: 2, minAgeMs: 20_000, maxAgeMs: 25_000 },
      unchanged: {
        changes: 2,
        shortestMs: 5_000,
        medianMs: 20_000,
        longestMs: 20_000,
        suggestedTtlMs: 5_000,
      },
    });
    expect(routes['/constant']).toMatchObject({
      ...{ requests: 2, hits: 1, compared: 1, wrong: { total: 0, minAgeMs: undefined } },
      unchanged: { changes: 0, longestMs: 60_000, suggestedTtlMs: 60_000 },
    });
    expect(routes['/constant']!.savedMs).toBeGreaterThanOrEqual(25);
    expect(total).toMatchObject({ requests: 7, hits: 4, wrong: { total: 2 } });
  });
});

describe('shadow mode', () => {
  test('stores responses that `mode: serve` then sends, and any other mode is refused', async () => {
    const prefix = uniquePrefix();
    const first = await shop({ prefix, mode: 'shadow' });
    await first.settled({ path: '/text', headers: { Host: 'a.example' } });
    const second = await shop({ prefix });
    expect((await second.ask({ path: '/text', headers: { Host: 'a.example' } })).cacheStatus).toMatch(
      /^hit; ttl=/,
    );
    expect(() => newCache({ mode: 'dark' as 'shadow' })).toThrow('Option "mode" is "dark"');
  });

  test('stores no response that is personal, or was purged while the app answered', async () => {
    const { cache, settled, ask: asks, runs, gate } = await shop({ mode: 'shadow' });
    await settled({ path: '/session', headers: { Cookie: 'a=b' } });
    const gated = asks('/gated');
    await until(() => runs() === 2);
    await cache.purge({ all: true });
    gate.open();
    await gated;
    await cache.idle();
    expect(cache.stats().refused).toEqual({ 'depends-on-credentials': 1, purged: 1 });
    expect(cache.stats().stored).toBe(0);
  });

  test('compares a stream when it ends, and stores none that was cut', async () => {
    const cache = newCache({ redis, prefix: uniquePrefix(), mode: 'shadow' });
    const app = express();
    app.use(cache);
    app.get('/', (_req, res) => {
      res.write('a');
      setImmediate(() => res.end('b'));
    });
    app.get('/cut', (_req, res) => {
      res.write('a');
      setImmediate(() => res.destroy());
    });
    const port = await serve(app);
    for (let i = 0; i < 2; i++) {
      expect((await ask(port, {})).body).toBe('ab');
      await cache.idle();
    }
    await ask(port, { path: '/cut' });
    await cache.idle();
    expect(cache.stats().shadow!.total).toMatchObject({
      requests: 3,
      hits: 1,
      compared: 1,
      wrong: { total: 0 },
    });
    expect(cache.stats().refused).toEqual({ incomplete: 1 });
  });

  test('counts routes above 200 together as `other`', () => {
    const counter = new ShadowCounter();
    for (let i = 0; i < 300; i++) {
      const rest = { hit: false, originMs: 1, ageMs: 0, difference: undefined, response: undefined };
      counter.add({ route: `/${i}`, ...rest });
    }
    const { routes, total } = counter.snapshot();
    expect(Object.keys(routes)).toHaveLength(201);
    expect(routes.other?.requests).toBe(100);
    expect(total.requests).toBe(300);
  });
});
