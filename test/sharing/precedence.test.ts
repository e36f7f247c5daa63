import { describe, expect, test } from '@jest/globals';
import type { CacheOptions } from '../../src/index.ts';
import { bare, express5app, guardEvents, type Handler, type Layer, newCache, serve } from '../support/app.ts';
import { type Answer, type Asked, ask } from '../support/client.ts';
import type { Known } from './support/people.ts';

/* Whose word counts: the response's, the option's, a route's. */

const COOKIE = { headers: { Cookie: 'sid=alice' } };
const BEARER = { headers: { Authorization: 'Bearer alice' } };

function reading(fields: Readonly<Record<string, string>>, read = 'cookie'): Handler {
  return (req, res) => {
    for (const [name, value] of Object.entries(fields)) res.setHeader(name, value);
    void req.headers[read];
    res.end('made');
  };
}

async function second(options: CacheOptions, handler: Handler, asked: Asked = COOKIE): Promise<Answer> {
  const cache = newCache(options);
  const port = await serve(express5app(cache, handler));
  await ask(port, asked);
  await cache.idle();
  return ask(port, asked);
}

describe('a response that was made with a look at the person', () => {
  test.each([
    ['public', { 'Cache-Control': 'public' }],
    ['s-maxage', { 'Cache-Control': 's-maxage=60' }],
    ['public in a targeted field', { 'CDN-Cache-Control': 'max-age=60, public' }],
  ])('is shared by its own word: %s', async (_name, fields) => {
    const answer = await second({ targeted: ['CDN-Cache-Control'] }, reading(fields));
    expect(answer.header('cache-status')).toMatch(/; hit;/);
  });

  test.each([
    ['max-age', { 'Cache-Control': 'max-age=60' }],
    ['immutable', { 'Cache-Control': 'max-age=60, immutable' }],
    ['must-revalidate, which is about Authorization', { 'Cache-Control': 'max-age=60, must-revalidate' }],
    [
      'public in a field that a targeted one replaces',
      { 'CDN-Cache-Control': 'max-age=60', 'Cache-Control': 'public' },
    ],
  ])('is not shared by the word of %s', async (_name, fields) => {
    const answer = await second({ targeted: ['CDN-Cache-Control'] }, reading(fields));
    expect(answer.header('cache-status')).toMatch(/detail="?depends-on-credentials/);
  });

  test('is shared by must-revalidate as far as Authorization goes, and no further', async () => {
    const revalidated = { 'Cache-Control': 'max-age=60, must-revalidate' };
    const shared = await second({}, reading(revalidated, 'authorization'), BEARER);
    expect(shared.header('cache-status')).toMatch(/; hit;/);
    const user: Handler = (req, res) => {
      void req.headers.cookie;
      reading(revalidated, 'authorization')(req, res, () => {});
    };
    expect(
      (await second({}, user, { headers: { ...BEARER.headers, ...COOKIE.headers } })).header('cache-status'),
    ).toMatch(/detail="?depends-on-credentials/);
  });

  test.each(['override', 'ignore'] as const)('is refused under directives: %j too', async (directives) => {
    const answer = await second({ directives }, reading({}));
    expect(answer.header('cache-status')).toMatch(/detail="?depends-on-credentials/);
  });
});

describe('the option guard', () => {
  test("'reads' shares what the app has made without a look at the caller, in one run", async () => {
    const cache = newCache({ guard: 'reads' });
    const events = guardEvents(cache);
    let runs = 0;
    const port = await serve(express5app(cache, (_req, res) => res.end(`run ${++runs}`)));
    expect((await ask(port, COOKIE)).header('cache-status')).toMatch(/stored$/);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
    expect([runs, events]).toEqual([1, []]);
  });

  test("'reads' does not share what the app has made with a look at the caller", async () => {
    const cache = newCache({ guard: 'reads' });
    const events = guardEvents(cache);
    const port = await serve(express5app(cache, reading({})));
    for (let i = 0; i < 2; i++) {
      expect((await ask(port, COOKIE)).header('cache-status')).toMatch(/depends-on-credentials/);
      await cache.idle();
    }
    expect(events[0]).toMatchObject({ read: ['cookie'], key: expect.stringMatching(/^GET http:/) });
  });

  test("'off' stores and tells nobody", async () => {
    const cache = newCache({ guard: 'off' });
    const events = guardEvents(cache);
    const port = await serve(express5app(cache, reading({})));
    await ask(port, COOKIE);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
    expect(events).toEqual([]);
  });

  test('a response that is refused for another reason is no event', async () => {
    const cache = newCache();
    const events = guardEvents(cache);
    const port = await serve(express5app(cache, reading({ 'Cache-Control': 'private' })));
    expect((await ask(port, COOKIE)).header('cache-status')).toMatch(/detail=private/);
    await cache.idle();
    expect(events).toEqual([]);
  });

  test("a route's own: 'off' on a route, 'verify' around it", async () => {
    const cache = newCache();
    const port = await serve(express5app(cache, cache.with({ guard: 'off' }), reading({})));
    await ask(port, COOKIE);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
  });

  test("a route's own: 'verify' on a route, 'off' around it", async () => {
    const cache = newCache({ guard: 'off' });
    const port = await serve(express5app(cache, cache.with({ guard: 'verify' }), reading({})));
    expect((await ask(port, COOKIE)).header('cache-status')).toMatch(/detail="?depends-on-credentials/);
  });

  test('a middleware between the cache and a route of the same key is behind the cache', async () => {
    const cache = newCache();
    const between: Layer = (req, _res, next) => next(req.headers.cookie === 'no' ? new Error() : undefined);
    const app = express5app(cache, between, cache.with({ ttl: '1m' }), (_req, res) => res.end('made'));
    expect((await ask(await serve(app), COOKIE)).header('cache-status')).toMatch(
      /detail="?depends-on-credentials/,
    );
  });

  test('and in front of a route that has a key of its own', async () => {
    const cache = newCache();
    const between: Layer = (req, _res, next) => next(req.headers.cookie === 'no' ? new Error() : undefined);
    const route = cache.with({ key: (req) => [req.url ?? ''] });
    const port = await serve(express5app(cache, between, route, (_req, res) => res.end('made')));
    await ask(port, COOKIE);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
  });

  test("what a route's own conditions read is the cache's business", async () => {
    const cache = newCache();
    const guest = async (req: unknown): Promise<boolean> => {
      await new Promise(setImmediate);
      return (req as Known).headers.cookie !== 'no';
    };
    const route = cache.with({
      when: guest,
      enabled: guest,
      storeWhen: (req) => Boolean(req.headers.cookie),
    });
    const port = await serve(express5app(cache, route, (_req, res) => res.end('made')));
    expect((await ask(port, COOKIE)).header('cache-status')).toMatch(/detail=verifying$/);
  });
});

describe('reading late', () => {
  test('after the head counts as well', async () => {
    const cache = newCache();
    const events = guardEvents(cache);
    const handler: Handler = (req, res) => {
      res.write('hello ');
      res.end(req.headers.cookie);
    };
    const port = await serve(bare(cache, handler));
    await ask(port, COOKIE);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/fwd=uri-miss/);
    await cache.idle();
    expect(events[0]).toMatchObject({ read: ['cookie'] });
  });

  test('after the end does not', async () => {
    const cache = newCache();
    const handler: Handler = (req, res) => {
      res.end('made');
      void req.headers.cookie;
    };
    const port = await serve(bare(cache, handler));
    await ask(port, COOKIE);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/; hit;/);
  });
});

describe('a stored response that is confirmed', () => {
  test('is discarded if the app has read of the caller, while it confirmed it, what nothing can compare', async () => {
    let now = Date.now();
    const cache = newCache({ clock: () => now });
    const events = guardEvents(cache);
    const placing: Layer = (req, _res, next) => {
      Object.assign(req, { session: new (class Session {})() });
      next();
    };
    const port = await serve(
      bare(placing as Handler, cache, (req, res) => {
        res.setHeader('ETag', '"1"');
        res.setHeader('Cache-Control', 'max-age=10');
        if (req.headers['if-none-match'] !== '"1"') return res.end('made');
        void (req as unknown as Known).session;
        res.writeHead(304).end();
      }),
    );
    await ask(port);
    await cache.idle();
    now += 20_000;
    expect((await ask(port)).body).toBe('made');
    await cache.idle();
    expect(events).toMatchObject([{ read: ['req.session'] }]);
    expect((await ask(port)).header('cache-status')).toMatch(/fwd=uri-miss/);
  });
});
