import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import middie from '@fastify/middie';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type FastifyInstance, type FastifyServerOptions, fastify } from 'fastify';
import type { CacheMiddleware, CacheOptions } from '../../src/index.ts';
import { newCache } from '../support/app.ts';
import { type Client, http1 } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { awake, until } from '../support/until.ts';

/* Fastify's own affairs, for requests that its handlers never see: hooks, the log, timers, errors, trusted proxies. */

const redis = process.env.TEST_REDIS_URL as string;

const apps: FastifyInstance[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

interface Stage {
  readonly app: FastifyInstance;
  readonly cache: CacheMiddleware;
  readonly log: { readonly level: number; readonly msg: string; readonly reqId?: string }[];
  /** Listens, and asks. */
  readonly ask: Client;
}

async function stage(
  routes: (app: FastifyInstance) => void,
  options: FastifyServerOptions = {},
  caching: CacheOptions = {},
  front: (app: FastifyInstance) => unknown = () => {},
): Promise<Stage> {
  const log: Stage['log'] = [];
  const stream = new Writable({
    write(line, _encoding, done) {
      log.push(JSON.parse(String(line)));
      done();
    },
  });
  const app: FastifyInstance = fastify({ logger: { stream, level: 'trace' }, ...options });
  apps.push(app);
  const cache = newCache({ redis, prefix: uniquePrefix(), ...caching });
  front(app);
  await app.register(middie);
  app.use(cache);
  routes(app);
  let client: Client | undefined;
  const ask: Client = async (asked) => {
    client ??= http1(Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port));
    const answer = await client(asked);
    await cache.idle();
    return answer;
  };
  return { app, cache, log, ask };
}

const HIT = /; hit; ttl=/;

describe('a hit', () => {
  test('ends as every request does, for hooks and in the log, and nothing is said twice', async () => {
    const heard: string[] = [];
    const { ask, log } = await stage((app) => {
      for (const hook of [
        'onRequest',
        'preHandler',
        'onSend',
        'onResponse',
        'onError',
        'onTimeout',
      ] as const) {
        app.addHook(hook as 'onRequest', async () => void heard.push(hook));
      }
      app.get('/', async () => 'hello');
    });
    const completed = (): boolean => log.some(({ msg }) => msg === 'request completed');
    await ask({});
    await until(() => heard.includes('onResponse') && completed());
    const miss = heard.splice(0);
    log.splice(0);
    const answer = await ask({});
    expect(answer.header('cache-status')).toMatch(HIT);
    expect(answer.header('content-type')).toBe('text/plain; charset=utf-8');
    await until(() => heard.includes('onResponse') && completed());
    await awake(20);
    expect(miss).toEqual(['onRequest', 'preHandler', 'onSend', 'onResponse']);
    // Hooks that were added behind the cache are behind it, and the end of the response is everybody's.
    expect(heard).toEqual(['onResponse']);
    expect(log.map(({ msg }) => msg)).toEqual(['incoming request', 'request completed']);
    expect(log.filter(({ level }) => level > 30)).toEqual([]);
  });

  test('stops the clock of the handler', async () => {
    const { ask, log } = await stage((app) => app.get('/', async () => 'hello'), {
      handlerTimeout: 1000,
    } as object);
    await ask({});
    expect((await ask({})).header('cache-status')).toMatch(HIT);
    await sleep(1100);
    expect(log.filter(({ level }) => level > 30)).toEqual([]);
  });

  test('keeps the fields that hooks in front of it set for this request', async () => {
    const front = (app: FastifyInstance): unknown =>
      app.addHook('onRequest', async (req, reply) => void reply.raw.setHeader('X-Request-Id', req.id));
    const { ask } = await stage((app) => app.get('/', async () => 'hello'), {}, {}, front);
    const ids = [await ask({}), await ask({})].map((answer) => answer.header('x-request-id'));
    expect(ids).toEqual(['req-1', 'req-2']);
  });
});

describe('what the app answers', () => {
  test('an error goes through the error handler, and is not stored', async () => {
    let runs = 0;
    const { ask, log } = await stage((app) => {
      app.setErrorHandler((error, _req, reply) => {
        void reply.code(503).send({ sorry: (error as Error).message });
      });
      app.get('/', async () => {
        throw new Error(`run ${++runs}`);
      });
    });
    for (const run of [1, 2]) {
      expect(await ask({})).toMatchObject({ status: 503, body: `{"sorry":"run ${run}"}` });
    }
    expect(log.filter(({ msg }) => /already sent/i.test(msg))).toEqual([]);
  });

  test('what is hijacked is stored like any other', async () => {
    let runs = 0;
    const { ask } = await stage((app) =>
      app.get('/', (_req, reply) => {
        reply.hijack();
        reply.raw.end(`run ${++runs}`);
      }),
    );
    await ask({});
    expect(await ask({})).toMatchObject({ body: 'run 1' });
  });

  test('a handler that reads who is asking is not stored', async () => {
    const { ask } = await stage((app) =>
      app.get('/', async (req) => `for ${req.headers.authorization ?? ''}`),
    );
    await ask({ headers: { Authorization: 'ann' } });
    expect((await ask({ headers: { Authorization: 'bob' } })).body).toBe('for bob');
    expect((await ask({})).body).toBe('for ');
  });

  test('a page made of cookies that a hook parsed is for its caller alone, and strangers share theirs', async () => {
    const front = (app: FastifyInstance): unknown =>
      app.decorateRequest('name', '').addHook('onRequest', async (req) => {
        Object.assign(req, { name: req.headers.cookie ?? 'a guest' });
      });
    const routes = (app: FastifyInstance): unknown =>
      app.get('/', async (req) => `for ${(req as unknown as { name: string }).name}`);
    const { ask } = await stage(routes, {}, {}, front);
    for (let round = 0; round < 3; round++) {
      for (const name of ['ann', 'bob']) {
        const answer = await ask({ headers: { Cookie: `name=${name}` } });
        expect(answer.body).toBe(`for name=${name}`);
        expect(answer.header('cache-status')).toMatch(
          round === 0 ? /detail=verifying$/ : /detail=depends-on-credentials$/,
        );
      }
    }
    const stranger = await ask({});
    expect([stranger.body, stranger.header('cache-status')]).toEqual([
      'for a guest',
      expect.stringMatching(HIT),
    ]);
  });

  test('what says that it is for all is stored, cookies or not', async () => {
    const { ask } = await stage((app) => {
      app.get('/', async (_req, reply) => reply.header('Cache-Control', 'public, max-age=60').send('hello'));
    });
    await ask({ headers: { Cookie: 'name=ann' } });
    expect((await ask({ headers: { Cookie: 'name=bob' } })).header('cache-status')).toMatch(HIT);
  });

  test('HEAD routes are answered by what GET has stored', async () => {
    let runs = 0;
    const { ask } = await stage((app) => app.get('/', async () => `run ${++runs}`));
    await ask({});
    const head = await ask({ method: 'HEAD' });
    expect(head.header('cache-status')).toMatch(HIT);
    expect(head.header('content-length')).toBe('5');
    expect(runs).toBe(1);
  });

  test('what is stale is refreshed behind the answer', async () => {
    let runs = 0;
    let now = Date.now();
    const caching = { ttl: '1m', staleWhileRevalidate: '1h', clock: () => now } as const;
    const { ask } = await stage((app) => app.get('/', async () => `run ${++runs}`), {}, caching);
    await ask({});
    now += 61_000;
    const stale = await ask({});
    expect(stale.header('cache-status')).toMatch(/detail=stale-while-revalidate$/);
    expect(stale.body).toBe('run 1');
    expect((await ask({})).body).toBe('run 2');
  });
});

describe('behind a proxy', () => {
  const told = (app: FastifyInstance): unknown =>
    app.get('/', async (req) => `${req.protocol}://${req.host}`);
  const as = (host: string, proto = 'https') => ({
    headers: { Host: 'inner', 'X-Forwarded-Host': host, 'X-Forwarded-Proto': proto },
  });

  test('that is trusted, the key has the host and the scheme that Fastify goes by', async () => {
    const { ask } = await stage(told, { trustProxy: true });
    expect((await ask(as('a.example'))).body).toBe('https://a.example');
    expect((await ask(as('b.example'))).body).toBe('https://b.example');
    expect((await ask(as('a.example', 'http'))).body).toBe('http://a.example');
    expect((await ask(as('x, a.example:81'))).body).toBe('https://a.example:81');
    const again = await ask(as('a.example'));
    expect(again.body).toBe('https://a.example');
    expect(again.header('cache-status')).toMatch(HIT);
  });

  test('whose port cannot be told from the inner one, nothing is stored', async () => {
    const { ask } = await stage(told, { trustProxy: true });
    expect((await ask(as('inner:666'))).body).toBe('https://inner:666');
    expect((await ask({ headers: { Host: 'inner' } })).body).toBe('http://inner');
    const answer = await ask(as('inner:666'));
    expect(answer.header('cache-status')).toMatch(/fwd=bypass; detail=target$/);
  });

  test('that is not trusted, what it says is nothing', async () => {
    const { ask } = await stage(told);
    expect((await ask(as('a.example'))).body).toBe('http://inner');
    const answer = await ask({ headers: { Host: 'inner' } });
    expect(answer.header('cache-status')).toMatch(HIT);
  });
});
