import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import { type CacheMiddleware, type CacheOptions, type RequestEvent, redisCache } from '../../src/index.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { until } from '../support/until.ts';

const redis = process.env.TEST_REDIS_URL as string;

interface Stage {
  readonly cache: CacheMiddleware;
  readonly events: RequestEvent[];
  /** The requests that the handler was given. */
  readonly seen: IncomingMessage[];
  /** Makes the clock show so many milliseconds more. */
  later(ms: number): void;
  ask(
    path?: string,
    headers?: Record<string, string>,
  ): Promise<{ body: string; status: string; code: number }>;
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A cache in front of a handler that counts its runs, at a time that is set by hand. */
async function stage(
  options: CacheOptions,
  handler: (req: IncomingMessage, res: ServerResponse, run: number) => void = (_req, res, run) => {
    res.end(`run ${run}`);
  },
): Promise<Stage> {
  let now = Date.now();
  const clock = (): number => now;
  const cache = redisCache({ redis, prefix: uniquePrefix(), timeout: '5s', ttl: '1m', clock, ...options });
  const events: RequestEvent[] = [];
  cache.on('request', (event) => events.push(event));
  const seen: IncomingMessage[] = [];
  const app = express();
  app.use(cache);
  app.use((req, res) => handler(req, res, seen.push(req)));
  const origin = await listen(createServer(app));
  closing.push(() => cache.close());
  return {
    cache,
    events,
    seen,
    later(ms) {
      now += ms;
    },
    async ask(path = '/', headers = {}) {
      const response = await fetch(origin + path, { headers });
      const body = await response.text();
      const status = String(response.headers.get('cache-status')).replace('redis-response-cache; ', '');
      return { body, status, code: response.status };
    },
  };
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a stale response within its window', () => {
  test('is sent at once, and refreshed behind the answer', async () => {
    const { ask, later, cache, seen, events } = await stage({ staleWhileRevalidate: '1m' });
    expect((await ask()).body).toBe('run 1');
    await cache.idle();
    later(70_000);
    const stale = await ask();
    expect(stale).toEqual({
      body: 'run 1',
      status: 'hit; ttl=-10; detail=stale-while-revalidate',
      code: 200,
    });
    await cache.idle();
    expect(seen).toHaveLength(2);
    expect(await ask()).toMatchObject({ body: 'run 2', status: 'hit; ttl=60' });
    expect(events.filter(({ refresh }) => refresh)).toEqual([
      expect.objectContaining({ kind: 'forward', fwd: 'stale', stored: true, method: 'GET' }),
    ]);
  });

  test('is refreshed once, however many ask', async () => {
    let answered = false as boolean;
    const { ask, later, cache, seen } = await stage(
      { staleWhileRevalidate: '1m' },
      async (_req, res, run) => {
        if (run > 1) await until(() => answered);
        res.end(`run ${run}`);
      },
    );
    await ask();
    await cache.idle();
    later(70_000);
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask()));
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['run 1']));
    answered = true;
    await cache.idle();
    expect(seen).toHaveLength(2);
  });

  test('is confirmed where it has a validator', async () => {
    const { ask, later, cache, seen } = await stage({ staleWhileRevalidate: '1m' }, (req, res) => {
      res.setHeader('ETag', '"1"');
      if (req.headers['if-none-match'] === '"1"') res.statusCode = 304;
      res.end(res.statusCode === 304 ? undefined : 'whole');
    });
    await ask();
    await cache.idle();
    later(70_000);
    await ask();
    await cache.idle();
    expect(seen.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"1"']);
    expect(await ask()).toMatchObject({ body: 'whole', status: 'hit; ttl=60' });
  });

  test('is made anew for who asks after it', async () => {
    const { ask, later, cache } = await stage({ staleWhileRevalidate: '1m' });
    await ask();
    await cache.idle();
    later(120_001);
    expect(await ask()).toMatchObject({ body: 'run 2', status: 'fwd=stale; stored' });
  });

  test('of a response that forbids it is not sent', async () => {
    const { ask, later, cache } = await stage({ staleWhileRevalidate: '1m' }, (_req, res, run) => {
      res.setHeader('Cache-Control', 'max-age=60, must-revalidate').end(`run ${run}`);
    });
    await ask();
    await cache.idle();
    later(70_000);
    expect((await ask()).body).toBe('run 2');
  });

  test('is what the response says, where it does', async () => {
    const { ask, later, cache } = await stage({ staleWhileRevalidate: '1h' }, (_req, res, run) => {
      res.setHeader('Cache-Control', 'max-age=60, stale-while-revalidate=5').end(`run ${run}`);
    });
    await ask();
    await cache.idle();
    later(64_000);
    expect((await ask()).body).toBe('run 1');
    await cache.idle();
    later(66_000);
    expect((await ask()).body).toBe('run 3');
  });
});

describe('the synthetic request', () => {
  test('brings what key and Vary are made of, and no credentials', async () => {
    const { ask, later, cache, seen } = await stage(
      { staleWhileRevalidate: '1m', vary: { headers: ['x-tenant'], cookies: ['theme'] } },
      (_req, res, run) => {
        res.setHeader('Vary', 'Accept-Language').end(`run ${run}`);
      },
    );
    const headers = {
      'X-Tenant': 'a',
      'Accept-Language': 'de',
      Cookie: 'session=secret; theme=dark',
      'X-Other': 'b',
    };
    await ask('/', headers);
    await cache.idle();
    later(70_000);
    expect((await ask('/', { ...headers, 'X-Other': 'c' })).body).toBe('run 1');
    await cache.idle();
    expect(seen[1]?.headers).toMatchObject({
      'x-tenant': 'a',
      'accept-language': 'de',
      cookie: 'theme=dark',
    });
    expect(seen[1]?.headers).not.toHaveProperty('x-other');
    expect(await ask('/', headers)).toMatchObject({ body: 'run 2', status: 'hit; ttl=60' });
  });

  test('brings what a key of the user reads', async () => {
    const { ask, later, cache, seen } = await stage({
      staleWhileRevalidate: '1m',
      key: (req) => [req.url ?? '', String(req.headers['x-tenant'])],
    });
    await ask('/', { 'X-Tenant': 'a', Authorization: 'Bearer secret' });
    await ask('/', { 'X-Tenant': 'a' });
    await cache.idle();
    later(70_000);
    await ask('/', { 'X-Tenant': 'a' });
    await cache.idle();
    expect(seen.at(-1)?.headers).toMatchObject({ 'x-tenant': 'a' });
  });

  test('that would not be the same request is not sent twice: the next who asks waits', async () => {
    let user = 'ann';
    const prefix = uniquePrefix();
    let now = Date.now();
    const cache = redisCache({
      redis,
      prefix,
      ttl: '1m',
      staleWhileRevalidate: '1m',
      clock: () => now,
      key: (req) => String((req as { tenant?: string }).tenant),
    });
    closing.push(() => cache.close());
    let runs = 0;
    const app = express();
    app.use((req, _res, next) => {
      // Known from the connection, say, which no synthetic request has.
      if (req.headers['x-client']) Object.assign(req, { tenant: user });
      next();
    });
    app.use(cache);
    app.use((_req, res) => void res.end(`run ${++runs}`));
    const origin = await listen(createServer(app));
    const ask = async (): Promise<string> => (await fetch(origin, { headers: { 'X-Client': '1' } })).text();
    expect(await ask()).toBe('run 1');
    await cache.idle();
    now += 70_000;
    expect(await ask()).toBe('run 1');
    await cache.idle();
    expect(runs).toBe(1);
    expect(await ask()).toBe('run 2');
    user = 'bob';
  });
});

describe('a refresh that fails', () => {
  test('leaves the stale response standing, and is tried ever more rarely', async () => {
    let failing = false;
    const { ask, later, cache, seen } = await stage(
      { staleWhileRevalidate: '1h', staleIfError: '1h' },
      (_req, res, run) => {
        if (failing) res.statusCode = 500;
        res.end(`run ${run}`);
      },
    );
    await ask();
    await cache.idle();
    failing = true;
    later(70_000);
    for (let i = 0; i < 20; i++) {
      expect(await ask()).toMatchObject({ body: 'run 1', code: 200 });
      await cache.idle();
    }
    expect(seen).toHaveLength(2);
    later(3_600_000);
    expect((await ask()).code).toBe(500);
  });

  test('ends at its deadline when the handler never answers', async () => {
    let hanging = false;
    const { ask, later, cache } = await stage(
      { staleWhileRevalidate: '1h', refresh: { timeout: 100 } },
      (_req, res, run) => {
        if (!hanging) res.end(`run ${run}`);
      },
    );
    await ask();
    await cache.idle();
    hanging = true;
    later(70_000);
    expect((await ask()).body).toBe('run 1');
    await cache.idle();
    expect((await ask()).body).toBe('run 1');
  });

  test('does not keep a cache from closing', async () => {
    const { ask, later, cache, seen } = await stage({ staleWhileRevalidate: '1h' }, (_req, res, run) => {
      if (run === 1) res.end('run 1');
    });
    await ask();
    await cache.idle();
    later(70_000);
    await ask();
    await until(() => seen.length === 2);
    await cache.close();
  });
});

test('hot responses are refreshed before they are stale', async () => {
  const { ask, later, cache, seen } = await stage(
    { ttl: '1m', earlyRefresh: true },
    async (_req, res, run) => {
      await sleep(30);
      res.end(`run ${run}`);
    },
  );
  await ask();
  await cache.idle();
  // Closer to its end than the handler takes: most hits refresh it.
  later(59_990);
  for (let i = 0; i < 200 && seen.length < 2; i++) {
    expect((await ask()).status).toBe('hit; ttl=0');
    await cache.idle();
  }
  expect(seen).toHaveLength(2);
  expect(await ask()).toMatchObject({ body: 'run 2', status: 'hit; ttl=60' });
});

describe('an app that takes too long', () => {
  test('is stood in for by what is stored, and what it answers later is stored', async () => {
    let slow = false;
    let answered = false as boolean;
    const { ask, later, cache, seen } = await stage(
      { staleIfError: '10m', originTimeout: 50 },
      async (_req, res, run) => {
        if (slow) await until(() => answered);
        res.end(`run ${run}`);
      },
    );
    await ask();
    await cache.idle();
    slow = true;
    later(70_000);
    expect(await ask()).toEqual({ body: 'run 1', status: 'fwd=stale; detail=origin-timeout', code: 200 });
    answered = true;
    await cache.idle();
    expect(seen).toHaveLength(2);
    expect(await ask()).toMatchObject({ body: 'run 2', status: 'hit; ttl=60' });
  });

  test('answers itself where it is in time', async () => {
    const { ask, later, cache, seen } = await stage({ staleIfError: '10m', originTimeout: '10s' });
    await ask();
    await cache.idle();
    later(70_000);
    expect(await ask()).toMatchObject({ body: 'run 2', status: 'hit; ttl=60' });
    expect(seen).toHaveLength(2);
  });

  test('is stood in for at once while it is known to fail, and beyond the window not at all', async () => {
    let failing = false;
    const { ask, later, cache, seen } = await stage(
      { staleIfError: '10m', originTimeout: '10s' },
      (_req, res, run) => {
        if (failing) res.statusCode = 503;
        res.end(`run ${run}`);
      },
    );
    await ask();
    await cache.idle();
    failing = true;
    later(70_000);
    for (let i = 0; i < 5; i++) {
      expect(await ask()).toEqual({ body: 'run 1', status: 'fwd=stale; detail=stale-if-error', code: 200 });
    }
    expect(seen).toHaveLength(2);
    later(600_000);
    expect((await ask()).code).toBe(503);
  });

  test('is waited for where nothing may stand in', async () => {
    const { ask } = await stage({ staleIfError: '10m', originTimeout: 1 }, async (_req, res, run) => {
      await sleep(50);
      res.end(`run ${run}`);
    });
    expect((await ask()).body).toBe('run 1');
  });
});
