import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { CacheOptions } from '../../src/index.ts';
import { express5app, type Handler, type TestApp, testApp } from '../support/app.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { until } from '../support/until.ts';
import { stopMonotonicClock } from './support/stage.ts';

const redis = process.env.TEST_REDIS_URL as string;

/** The requests that the handler was given, too. */
interface Counted extends TestApp {
  readonly seen: IncomingMessage[];
}

async function counted(
  options: CacheOptions,
  handler: (req: IncomingMessage, res: ServerResponse, run: number) => unknown = (_req, res, run) =>
    res.end(`run ${run}`),
): Promise<Counted> {
  const seen: IncomingMessage[] = [];
  const app = await testApp((cache) => express5app(cache, (req, res) => handler(req, res, seen.push(req))), {
    redis,
    prefix: uniquePrefix(),
    ttl: '1m',
    ...options,
  });
  return { ...app, seen };
}

describe('a stale response within its window', () => {
  test('is sent at once, and refreshed behind the answer', async () => {
    const { ask, settled, later, seen, requests } = await counted({ staleWhileRevalidate: '1m' });
    expect((await settled()).body).toBe('run 1');
    later(70_000);
    expect(await settled()).toMatchObject({
      body: 'run 1',
      cacheStatus: 'hit; ttl=-10; detail=stale-while-revalidate',
      status: 200,
    });
    expect(seen).toHaveLength(2);
    expect(await ask()).toMatchObject({ body: 'run 2', cacheStatus: 'hit; ttl=60' });
    expect(requests.filter(({ refresh }) => refresh)).toEqual([
      expect.objectContaining({ kind: 'forward', fwd: 'stale', stored: true, method: 'GET' }),
    ]);
  });

  test('is refreshed once, however many ask', async () => {
    let answered = false as boolean;
    const { ask, settled, later, cache, seen } = await counted(
      { staleWhileRevalidate: '1m' },
      async (_req, res, run) => {
        if (run > 1) await until(() => answered);
        res.end(`run ${run}`);
      },
    );
    await settled();
    later(70_000);
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask()));
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['run 1']));
    answered = true;
    await cache.idle();
    expect(seen).toHaveLength(2);
  });

  test('is confirmed where it has a validator', async () => {
    const { ask, settled, later, seen } = await counted({ staleWhileRevalidate: '1m' }, (req, res) => {
      res.setHeader('ETag', '"1"');
      if (req.headers['if-none-match'] === '"1"') res.statusCode = 304;
      res.end(res.statusCode === 304 ? undefined : 'whole');
    });
    await settled();
    later(70_000);
    await settled();
    expect(seen.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"1"']);
    expect(await ask()).toMatchObject({ body: 'whole', cacheStatus: 'hit; ttl=60' });
  });

  test('is made anew for who asks after it', async () => {
    const { ask, settled, later } = await counted({ staleWhileRevalidate: '1m' });
    await settled();
    later(120_001);
    expect(await ask()).toMatchObject({ body: 'run 2', cacheStatus: 'fwd=stale; stored' });
  });

  test('is not sent if the response forbids it', async () => {
    const { ask, settled, later } = await counted({ staleWhileRevalidate: '1m' }, (_req, res, run) => {
      res.setHeader('Cache-Control', 'max-age=60, must-revalidate').end(`run ${run}`);
    });
    await settled();
    later(70_000);
    expect((await ask()).body).toBe('run 2');
  });

  test('is what the response says, where it does', async () => {
    const { ask, settled, later } = await counted({ staleWhileRevalidate: '1h' }, (_req, res, run) => {
      res.setHeader('Cache-Control', 'max-age=60, stale-while-revalidate=5').end(`run ${run}`);
    });
    await settled();
    later(64_000);
    expect((await settled()).body).toBe('run 1');
    later(66_000);
    expect((await ask()).body).toBe('run 3');
  });
});

describe('the synthetic request', () => {
  test('brings all fields but conditions, traces and credentials that neither key nor Vary is made of', async () => {
    const { ask, settled, later, seen } = await counted(
      { staleWhileRevalidate: '1m', vary: { headers: ['x-tenant'], cookies: ['theme'] } },
      (_req, res, run) => {
        res.setHeader('Vary', 'Accept-Language').setHeader('Cache-Control', 'public').end(`run ${run}`);
      },
    );
    const headers = {
      'X-Tenant': 'a',
      'Accept-Language': 'de',
      Cookie: 'session=secret; theme=dark',
      'X-Other': 'b',
      Traceparent: '00-1-2-00',
    };
    await settled({ headers });
    later(70_000);
    expect((await settled({ headers: { ...headers, 'X-Other': 'c' } })).body).toBe('run 1');
    expect(seen[1]?.headers).toMatchObject({
      'x-tenant': 'a',
      'accept-language': 'de',
      cookie: 'theme=dark',
    });
    expect(seen[1]?.headers).toHaveProperty('x-other', 'c');
    expect(seen[1]?.headers).not.toHaveProperty('traceparent');
    expect(await ask({ headers })).toMatchObject({ body: 'run 2', cacheStatus: 'hit; ttl=60' });
  });

  test('brings what a key of the user reads', async () => {
    const { ask, settled, later, seen } = await counted({
      staleWhileRevalidate: '1m',
      key: (req) => [req.url ?? '', String(req.headers['x-region'])],
    });
    const headers = { 'X-Region': 'a', 'X-Other': 'b' };
    await settled({ headers });
    later(70_000);
    expect((await settled({ headers })).body).toBe('run 1');
    expect(seen).toHaveLength(2);
    expect(seen[1]?.headers).toMatchObject({ 'x-region': 'a', 'x-other': 'b' });
    expect(await ask({ headers })).toMatchObject({ body: 'run 2', cacheStatus: 'hit; ttl=60' });
  });

  test('that would not be the same request is not sent twice: the next who asks waits', async () => {
    let runs = 0;
    const { settled, later } = await testApp(
      (cache) => {
        // Known from the connection, say, which no synthetic request has.
        const tenant: Handler = (req, _res, next) => {
          if (req.headers['x-request-id']) Object.assign(req, { tenant: 'ann' });
          next();
        };
        return express5app(tenant, cache, (_req, res) => res.end(`run ${++runs}`));
      },
      {
        redis,
        prefix: uniquePrefix(),
        ttl: '1m',
        staleWhileRevalidate: '1m',
        key: (req) => String((req as { tenant?: string }).tenant),
      },
    );
    const asked = { headers: { 'X-Request-Id': '1' } };
    expect((await settled(asked)).body).toBe('run 1');
    later(70_000);
    expect((await settled(asked)).body).toBe('run 1');
    expect(runs).toBe(1);
    expect((await settled(asked)).body).toBe('run 2');
  });
});

describe('a refresh that fails', () => {
  test('leaves the stale response standing, and is tried ever more rarely', async () => {
    let failing = false;
    const { ask, settled, later, seen } = await counted(
      { staleWhileRevalidate: '1h', staleIfError: '1h' },
      (_req, res, run) => {
        if (failing) res.statusCode = 500;
        res.end(`run ${run}`);
      },
    );
    await settled();
    failing = true;
    later(70_000);
    stopMonotonicClock();
    for (let i = 0; i < 20; i++) {
      expect(await settled()).toMatchObject({ body: 'run 1', status: 200 });
    }
    expect(seen).toHaveLength(2);
    later(3_600_000);
    expect((await ask()).status).toBe(500);
  });

  test('ends at its deadline when the handler never answers', async () => {
    let hanging = false;
    const { ask, settled, later } = await counted(
      { staleWhileRevalidate: '1h', refresh: { timeout: 100 } },
      (_req, res, run) => {
        if (!hanging) res.end(`run ${run}`);
      },
    );
    await settled();
    hanging = true;
    later(70_000);
    expect((await settled()).body).toBe('run 1');
    expect((await ask()).body).toBe('run 1');
  });

  test('does not keep a cache from closing', async () => {
    const { ask, settled, later, cache, seen } = await counted(
      { staleWhileRevalidate: '1h' },
      (_req, res, run) => {
        if (run === 1) res.end('run 1');
      },
    );
    await settled();
    later(70_000);
    await ask();
    await until(() => seen.length === 2);
    await cache.close();
  });
});

test('hot responses are refreshed before they are stale', async () => {
  const { ask, settled, later, cache, seen } = await counted(
    { ttl: '1m', earlyRefresh: true },
    async (_req, res, run) => {
      await sleep(30);
      res.end(`run ${run}`);
    },
  );
  await settled();
  // Closer to its end than the handler takes: most hits refresh it.
  later(59_990);
  for (let i = 0; i < 200 && seen.length < 2; i++) {
    expect((await ask()).cacheStatus).toBe('hit; ttl=0');
    await cache.idle();
  }
  expect(seen).toHaveLength(2);
  expect(await ask()).toMatchObject({ body: 'run 2', cacheStatus: 'hit; ttl=60' });
});

describe('an app that takes too long', () => {
  test('is stood in for by what is stored, and what it answers later is stored', async () => {
    let slow = false;
    let answered = false as boolean;
    const { ask, settled, later, cache, seen } = await counted(
      { staleIfError: '10m', originTimeout: 50 },
      async (_req, res, run) => {
        if (slow) await until(() => answered);
        res.end(`run ${run}`);
      },
    );
    await settled();
    slow = true;
    later(70_000);
    expect(await ask()).toMatchObject({
      body: 'run 1',
      cacheStatus: 'fwd=stale; detail=origin-timeout',
      status: 200,
    });
    answered = true;
    await cache.idle();
    expect(seen).toHaveLength(2);
    expect(await ask()).toMatchObject({ body: 'run 2', cacheStatus: 'hit; ttl=60' });
  });

  test('answers itself where it is in time', async () => {
    const { ask, settled, later, seen } = await counted({ staleIfError: '10m', originTimeout: '10s' });
    await settled();
    later(70_000);
    expect(await ask()).toMatchObject({ body: 'run 2', cacheStatus: 'hit; ttl=60' });
    expect(seen).toHaveLength(2);
  });

  test('is stood in for at once while it is known to fail, and beyond the window not at all', async () => {
    let failing = false;
    const { ask, settled, later, seen } = await counted(
      { staleIfError: '10m', originTimeout: '10s' },
      (_req, res, run) => {
        if (failing) res.statusCode = 503;
        res.end(`run ${run}`);
      },
    );
    await settled();
    failing = true;
    later(70_000);
    stopMonotonicClock();
    for (let i = 0; i < 5; i++) {
      expect(await ask()).toMatchObject({
        body: 'run 1',
        cacheStatus: 'fwd=stale; detail=stale-if-error',
        status: 200,
      });
    }
    expect(seen).toHaveLength(2);
    later(600_000);
    expect((await ask()).status).toBe(503);
  });

  test('is waited for where nothing may stand in', async () => {
    const { ask } = await counted({ staleIfError: '10m', originTimeout: 1 }, async (_req, res, run) => {
      await sleep(50);
      res.end(`run ${run}`);
    });
    expect((await ask()).body).toBe('run 1');
  });
});
