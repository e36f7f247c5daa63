import { describe, expect, test } from '@jest/globals';
import type { Express, RequestHandler } from 'express';
import type { CacheMiddleware, CacheOptions, PolicyOptions } from '../../src/index.ts';
import { counting, HIT, STALE, stage } from '../fresh-and-stale/support/stage.ts';
import type { TestApp } from '../support/app.ts';
import { expresses } from '../support/expresses.ts';

/* What routes make of the fills of the cache in front, and that the next look-up goes by it. */

type Overrides = PolicyOptions | ((cache: CacheMiddleware) => CacheMiddleware);

describe.each(expresses)('%s', (_name, express) => {
  const fronts: [string, (cache: CacheMiddleware, app: Express) => Parameters<typeof stage>[0]][] = [
    ['the door', (cache, app) => () => cache.before(app)],
    ['app.use', (cache, app) => () => express().use(cache as RequestHandler, app)],
  ];

  describe.each(fronts)('behind %s', (_front, mount) => {
    const staged = (
      overrides: Overrides,
      handler: ReturnType<typeof counting> = counting(),
      options: CacheOptions = {},
    ): Promise<TestApp> =>
      stage((cache) => {
        const route = typeof overrides === 'function' ? overrides(cache) : cache.with(overrides);
        const app = express().set('env', 'test');
        app.get('/a', route as RequestHandler, handler);
        return mount(cache, app)(cache);
      }, options);

    test('a route refines the fill under way', async () => {
      const { settled } = await staged({ ttl: '5s' });
      expect((await settled('/a')).cacheStatus).toBe('fwd=uri-miss; stored');
      expect((await settled('/a')).cacheStatus).toMatch(/^hit; ttl=[45]$/);
    });

    test("a route that ignores the client's directives does so for hits", async () => {
      const { settled } = await staged({ directives: 'ignore' });
      await settled('/a');
      expect(await settled({ path: '/a', headers: { 'Cache-Control': 'no-cache' } })).toMatchObject(HIT);
    });

    test('a route that follows them does so behind a cache that ignores them', async () => {
      const { settled } = await staged({ directives: 'follow' }, undefined, { directives: 'ignore' });
      await settled('/a');
      const answer = await settled({ path: '/a', headers: { 'Cache-Control': 'no-cache' } });
      expect(answer.body).toBe('run 2');
    });

    test('a route without HEAD answers it itself', async () => {
      const handler = counting();
      const { settled } = await staged({ methods: ['GET'] }, handler);
      await settled('/a');
      expect((await settled({ path: '/a', method: 'HEAD' })).cacheStatus).toBe('fwd=method');
      expect(handler.runs.map(({ method }) => method)).toEqual(['GET', 'HEAD']);
      expect(await settled('/a')).toMatchObject(HIT);
    });

    test('a route is asked whether it is on, for every request', async () => {
      let on = true;
      const { settled } = await staged({ enabled: () => on });
      expect((await settled('/a')).body).toBe('run 1');
      on = false;
      expect((await settled('/a')).body).toBe('run 2');
      on = true;
      const again = await settled('/a');
      expect(again.body).toBe('run 1');
      expect(again.cacheStatus).toMatch(/^hit; ttl=\d+$/);
    });

    test('`when` of a route sees what the route sees', async () => {
      const when: PolicyOptions['when'] = (req) =>
        (req as { params?: object }).params !== undefined && req.headers['x-no'] === undefined;
      const { settled } = await staged({ when });
      await settled('/a');
      expect((await settled('/a')).body).toBe('run 1');
      expect((await settled({ path: '/a', headers: { 'X-No': '1' } })).body).toBe('run 2');
      expect((await settled('/a')).body).toBe('run 1');
    });

    test('a route of a key of its own is left alone from the second request on', async () => {
      const handler = counting();
      const { settled, requests } = await staged({ key: () => 'own' }, handler);
      expect((await settled('/a')).cacheStatus).toBe('fwd=uri-miss; stored');
      expect((await settled('/a')).cacheStatus).toMatch(/^hit; ttl=\d+$/);
      expect(requests.map(({ result }) => result)).toEqual(['miss', 'hit']);
      expect(handler.runs).toHaveLength(1);
    });

    test('many at once for such a route wait for its own fill and for nothing else', async () => {
      const handler = counting(async (run, _req, res) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        res.end(`run ${run}`);
      });
      const { settled, ask, later } = await staged({ key: () => 'own' }, handler);
      await settled('/a');
      later(STALE * 100);
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask('/a')));
      expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['run 2']));
    });

    test('a route that is off is never answered from the cache', async () => {
      const { settled } = await staged({ enabled: false });
      for (let run = 1; run <= 3; run++) expect((await settled('/a')).body).toBe(`run ${run}`);
    });

    test('what a route answers in the place of the cache in front is refreshed behind it', async () => {
      const handler = counting();
      const { settled, later } = await staged({ when: () => true }, handler);
      await settled('/a');
      await settled('/a');
      later(STALE);
      expect((await settled('/a')).body).toBe('run 1');
      expect((await settled('/a')).body).toBe('run 2');
      expect(handler.runs.map(({ forNobody }) => forNobody)).toEqual([false, true]);
    });

    test('a route that stands in for a handler that hangs does so at the look-up', async () => {
      const handler = counting((run, _req, res) => void (run === 1 && res.end('run 1')));
      const overrides = { staleIfError: '1d', originTimeout: 20 } as const;
      const options = { staleWhileRevalidate: 0, refresh: { timeout: 100 } } as const;
      const { settled, ask, later } = await staged(overrides, handler, options);
      await settled('/a');
      later(STALE);
      expect(await ask('/a')).toMatchObject({
        body: 'run 1',
        cacheStatus: 'fwd=stale; detail=origin-timeout',
      });
    });
  });
});
