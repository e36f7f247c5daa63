import type { RequestListener } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import type { CacheMiddleware, PolicyOptions, PurgeEvent, RequestEvent } from '../../src/index.ts';
import { fewFrameworks, type Handler, newCache, serve } from '../support/app.ts';
import { type Asked, ask } from '../support/client.ts';
import { everywhere } from '../support/stores.ts';

/*
 * A route's cache behind the cache in front is one cache: each request has one member in `Cache-Status`, one event and one
 * count, whichever of the two decides; and the request never waits for itself.
 */

type Mount = (
  cache: CacheMiddleware,
  app: (...layers: Handler[]) => RequestListener,
  layers: Handler[],
) => RequestListener;
const mounts: [string, Mount][] = [
  ['app.use', (cache, app, layers) => app(cache as unknown as Handler, ...layers)],
  ['the front door', (cache, app, layers) => cache.before(app(...layers)) as RequestListener],
  [
    'the front door and app.use',
    (cache, app, layers) => cache.before(app(cache as unknown as Handler, ...layers)) as RequestListener,
  ],
];

const routes: [string, PolicyOptions][] = [
  ['a query rule', { vary: { query: ['q'] } }],
  ['a key of its own', { key: (req) => ['route', req.url ?? ''] }],
  ['its own ttl', { ttl: '5s' }],
  ['a condition', { when: () => true }],
];

interface Site {
  readonly cache: CacheMiddleware;
  readonly events: RequestEvent[];
  readonly purges: PurgeEvent[];
  readonly runs: string[];
  asks(asked: Asked): Promise<{ readonly members: string[]; readonly body: string }>;
}

everywhere((open) => {
  describe.each(fewFrameworks)('$name', ({ app }) => {
    describe.each(mounts)('behind %s', (_mount, mount) => {
      const site = async (route: PolicyOptions, respond?: Handler): Promise<Site> => {
        const cache = newCache({ ttl: '1h', ...open() });
        const events: RequestEvent[] = [];
        const purges: PurgeEvent[] = [];
        const runs: string[] = [];
        cache.on('request', (event) => events.push(event)).on('purge', (event) => purges.push(event));
        const handler: Handler = (req, res, next) => {
          runs.push(req.method);
          if (respond) respond(req, res, next);
          else res.end(`run ${runs.length}`);
        };
        const port = await serve(mount(cache, app, [cache.with(route) as unknown as Handler, handler]));
        const asks: Site['asks'] = async (asked) => {
          const { header, body } = await ask(port, asked);
          await cache.idle();
          return { members: (header('cache-status') ?? '').split(/, */), body };
        };
        return { cache, events, purges, runs, asks };
      };

      test.each(routes)(
        '%s: the first response is stored, and every later one is a hit',
        async (_r, route) => {
          const { cache, events, runs, asks } = await site(route);
          const first = await asks({ path: '/search?q=a' });
          expect(first.members).toEqual([
            expect.stringMatching(/^redis-response-cache; fwd=uri-miss; stored/),
          ]);
          for (let i = 0; i < 2; i++) {
            const { members, body } = await asks({ path: '/search?q=a' });
            expect(members).toEqual([expect.stringMatching(/^redis-response-cache; hit; ttl=/)]);
            expect(body).toBe('run 1');
          }
          expect(runs).toHaveLength(1);
          expect(events.map(({ result, stored }) => [result, stored])).toEqual([
            ['miss', true],
            ['hit', undefined],
            ['hit', undefined],
          ]);
          expect(cache.stats().requests).toMatchObject({ miss: 1, hit: 2, bypass: 0 });
        },
      );

      test('a route that is off: the cache in front says that the route decides', async () => {
        const { cache, events, asks } = await site({ enabled: () => false });
        for (let i = 0; i < 2; i++) {
          const { members } = await asks({ path: '/a' });
          expect(members).toEqual([expect.stringMatching(/detail=route$/)]);
        }
        expect(events).toHaveLength(2);
        expect(cache.stats().requests.hit).toBe(0);
      });

      test('a response that the route may not store: one member says why', async () => {
        const { events, asks } = await site({ vary: { query: ['q'] } }, (_req, res) => {
          res.setHeader('Cache-Control', 'private');
          res.end('mine');
        });
        for (let i = 0; i < 2; i++) {
          const { members } = await asks({ path: '/a' });
          expect(members).toEqual([expect.stringMatching(/detail=private$/)]);
        }
        expect(events.map(({ detail }) => detail)).toEqual(['private', 'private']);
      });

      test('an unsafe request: one member, one event, and one purge', async () => {
        const { cache, events, purges, asks } = await site({ vary: { query: ['q'] } });
        await asks({ path: '/a' });
        expect((await asks({ path: '/a' })).members).toEqual([expect.stringMatching(/hit/)]);
        events.length = 0;
        const { members } = await asks({ path: '/a', method: 'POST' });
        expect(members).toEqual(['redis-response-cache; fwd=method']);
        expect(events.map(({ method }) => method)).toEqual(['POST']);
        expect(purges).toHaveLength(1);
        expect(purges[0]?.purged).toBe(1);
        expect(cache.stats().requests.bypass).toBe(1);
        expect((await asks({ path: '/a' })).body).toBe('run 3');
      });
    });
  });
});

test('requests at once for a route with a query rule behind the cache in front run the handler once', async () => {
  const cache = newCache({ ttl: '1h' });
  let runs = 0;
  const handler: Handler = async (_req, res) => {
    runs++;
    await new Promise((resolve) => setTimeout(resolve, 300));
    res.end('a body');
  };
  const [, { app }] = fewFrameworks as [unknown, (typeof fewFrameworks)[number]];
  const port = await serve(
    app(cache as unknown as Handler, cache.with({ vary: { query: ['q'] } }) as unknown as Handler, handler),
  );
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port, { path: '/a?q=1&utm=2' })));
  expect(answers.map(({ body }) => body)).toEqual(Array(20).fill('a body'));
  expect(runs).toBe(1);
});
