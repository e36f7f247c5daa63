import { describe, expect, test } from '@jest/globals';
import connect from 'connect';
import type { Request, RequestHandler } from 'express';
import type { CacheMiddleware, CacheOptions, FaultEvent } from '../../src/index.ts';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import { type Asked, ask } from '../support/client.ts';
import { expresses } from '../support/expresses.ts';
import { uniquePrefix } from '../support/prefix.ts';

/* What the door and `app.use` make of a request: the same key, and so the same stored response. */

const redis = process.env.TEST_REDIS_URL as string;

interface Side {
  readonly cache: CacheMiddleware;
  readonly port: number;
  /** What the cache made of the request: its key, or why it has none. */
  key(asked: Asked | string): Promise<unknown>;
}

type Build = (cache?: CacheMiddleware) => Parameters<typeof serve>[0];

async function side(
  options: CacheOptions,
  listener: (cache: CacheMiddleware) => ReturnType<Build>,
): Promise<Side> {
  const cache = newCache({ redis, prefix: uniquePrefix(), ...options });
  const faults: FaultEvent[] = [];
  cache.on('fault', (event) => faults.push(event));
  const port = await serve(listener(cache));
  return {
    cache,
    port,
    async key(asked) {
      const seen = new Promise<unknown>((resolve) => {
        cache.on('request', function heard({ key, detail }) {
          cache.off('request', heard);
          resolve(key ?? detail);
        });
      });
      await ask(port, asked);
      const made = await seen;
      return { made, faults: faults.splice(0).map(({ message }) => message) };
    },
  };
}

/** The same app behind the door, and with the same cache in `app.use`. */
async function both(build: Build, options: CacheOptions = {}): Promise<[door: Side, within: Side]> {
  return [
    await side(options, (cache) => cache.before(build())),
    await side(options, (cache) => build(cache)),
  ];
}

const layer = (cache?: CacheMiddleware): RequestHandler[] => (cache ? [cache as RequestHandler] : []);

const REQUESTS: (Asked | string)[] = [
  '/',
  '/a?b=1&a=2',
  '/a?b=1;a=2#c',
  '//a//b',
  '/mounted/deep/page?x=%20',
  '/mounted',
  { path: 'http://elsewhere/a' },
  { path: '/head', method: 'HEAD' },
  { headers: { Host: 'UPPER.example:80' } },
  { headers: { Host: 'a/b' } },
  { headers: { Host: 'a', 'X-Forwarded-Host': 'b:8080' } },
  { headers: { Host: 'a', 'X-Forwarded-Host': 'b, c', 'X-Forwarded-Proto': 'https,http' } },
  { headers: { Host: 'a', 'X-Forwarded-Host': 'b:443', 'X-Forwarded-Proto': 'https' } },
  { headers: { Host: 'a', 'X-Forwarded-Proto': 'ws' } },
  { headers: { Host: 'a', 'X-Forwarded-Host': ',b' } },
  { headers: { Host: 'a', 'X-Forwarded-Host': '', 'X-Forwarded-Proto': '' } },
  { path: '/override', headers: { 'X-HTTP-Method-Override': 'DELETE' } },
];

async function expectSame([door, within]: [Side, Side]): Promise<void> {
  const seen = new Set<unknown>();
  for (const asked of REQUESTS) {
    const made = await within.key(asked);
    expect([asked, await door.key(asked)]).toEqual([asked, made]);
    seen.add(JSON.stringify(made));
  }
  expect(seen.size).toBeGreaterThan(1);
}

describe.each(expresses)('%s', (_name, express) => {
  const build =
    (trust: unknown): Build =>
    (cache) => {
      const app = express().set('env', 'test');
      if (trust !== undefined) app.set('trust proxy', trust);
      app.use(...layer(cache), (_req, _res, next) => next());
      const mounted = express();
      mounted.get('/{*deep}', (req, res) => void res.end(req.url));
      app.use('/mounted', (req, res) => void res.end(req.url));
      app.use((req, res) => void res.end(req.url));
      return app;
    };

  test.each([undefined, true, false, 1, 'loopback', '10.0.0.0/8', () => true])(
    'trusting %p',
    async (trust) => {
      await expectSame(await both(build(trust)));
    },
  );

  test('a trust that is set late, and changes', async () => {
    const app = express();
    app.use((_req, res) => void res.end('x'));
    const { key } = await side({}, (cache) => cache.before(app));
    const asked = { headers: { Host: 'a', 'X-Forwarded-Host': 'b' } };
    expect(await key(asked)).toMatchObject({ made: 'GET http://a/' });
    app.set('trust proxy', true);
    expect(await key(asked)).toMatchObject({ made: 'GET http://b/' });
    app.set('trust proxy', false);
    expect(await key(asked)).toMatchObject({ made: 'GET http://a/' });
  });

  const functions: Record<string, CacheOptions> = {
    'key: what Express says of the host, the path and the query': {
      key: (req) => {
        const { hostname, protocol, path, query, originalUrl, ip, baseUrl = '' } = req as Request;
        return [hostname ?? null, protocol, path, query as never, originalUrl, ip ?? null, baseUrl];
      },
    },
    'vary.by: header fields by `req.get`': { vary: { by: (req) => (req as Request).get('accept') ?? null } },
    'when: by the path': { when: (req) => (req as Request).path !== '/a' },
    'vary.query beside a key': { key: () => 'k', vary: { query: ['b', 'x'] } },
  };
  test.each(Object.entries(functions))('%s', async (_what, options) => {
    await expectSame(await both(build('loopback'), options));
  });

  test('a key that is made of what nobody has set yet is none', async () => {
    const { key } = await side({ key: (req) => (req as Request & { user?: string }).user }, (cache) =>
      cache.before(express()),
    );
    expect(await key('/')).toMatchObject({ made: 'key-ambiguous' });
  });

  test('what the door stores is for `app.use`; what that stores is not for the door, which makes its own', async () => {
    const prefix = uniquePrefix();
    let runs = 0;
    const page: Handler = (_req, res) => res.end(`run ${++runs}`);
    const door = await side({ prefix }, (cache) => cache.before(express().use(page as RequestHandler)));
    const within = await side({ prefix }, (cache) => express().use(...layer(cache), page as RequestHandler));
    const get = async ({ port, cache }: Side, path: string): Promise<string> => {
      const { body } = await ask(port, path);
      await cache.idle();
      return body;
    };
    expect([await get(door, '/a'), await get(within, '/a'), await get(door, '/a')]).toEqual(
      Array(3).fill('run 1'),
    );
    expect([await get(within, '/b'), await get(within, '/b')]).toEqual(Array(2).fill('run 2'));
    expect([await get(door, '/b'), await get(door, '/b'), await get(within, '/b')]).toEqual(
      Array(3).fill('run 3'),
    );
  });

  test('an app that is hidden in a listener is not stored for another host than the key says', async () => {
    const app = express().set('trust proxy', true);
    app.use((req, res) => void res.end(req.hostname));
    const { port, cache } = await side({}, (cache) => cache.before((req, res) => app(req, res)));
    const poisoned = await ask(port, { headers: { Host: 'a', 'X-Forwarded-Host': 'evil' } });
    expect(poisoned.body).toBe('evil');
    expect(poisoned.header('cache-status')).toMatch(/fwd=uri-miss; detail=target/);
    await cache.idle();
    const plain = await ask(port, { headers: { Host: 'a' } });
    expect(plain.body).toBe('a');
    expect(plain.header('cache-status')).toMatch(/stored/);
  });
});

test('Connect', async () => {
  await expectSame(
    await both((cache) => {
      const app = connect();
      if (cache) app.use(cache);
      app.use('/mounted', (req, res) => res.end(req.url));
      return app.use((req, res) => res.end(req.url));
    }),
  );
});

test('node:http', async () => {
  const answer: Handler = (req, res) => res.end(req.url);
  await expectSame(await both((cache) => (cache ? bare(cache as unknown as Handler, answer) : bare(answer))));
});
