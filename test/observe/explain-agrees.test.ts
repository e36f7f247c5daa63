import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type CacheMiddleware, type CacheOptions, type PolicyOptions, redisCache } from '../../src/index.ts';
import { Connection } from '../support/client.ts';
import { sized } from '../support/long.ts';

/*
 * `explain(request)` and the `Cache-Status` of that very request agree, for generated policies, routes behind the cache,
 * requests and histories.
 */

const HOST = 'agrees.example';
const INVALIDATION = {
  header: 'X-Invalidate',
  authorize: { header: 'X-Secret', secret: 'a secret of sixteen' },
};

/** A request with what middleware in front has placed on it. */
interface Placed extends IncomingMessage {
  lang?: string;
}

interface Step {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Seconds that the clock goes on before the request. */
  readonly wait: number;
  readonly purge: 'none' | 'soft' | 'hard';
  /** Whether the request before it is made again in its place. */
  readonly again: boolean;
}

const policies = fc.record(
  {
    mode: fc.constantFrom('serve', 'shadow'),
    directives: fc.constantFrom('follow', 'ignore', 'override'),
    staleWhileRevalidate: fc.constantFrom('5s', '1m'),
    staleIfError: fc.constant('1m'),
    compress: fc.constant(true),
    vary: fc.constantFrom(
      { headers: ['X-Tenant'] },
      { query: false },
      { cookies: ['theme'] },
      { ignore: ['cookie theme'] },
      { caller: (req: IncomingMessage) => req.headers['x-tenant'] ?? null },
    ),
    guard: fc.constantFrom('reads', 'off'),
    when: fc.constant((req: IncomingMessage) => !req.url?.includes('unless')),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<PolicyOptions>;

/** A route's cache behind the cache in front; none, where it is `undefined`. */
const routes: fc.Arbitrary<PolicyOptions | undefined> = fc.constantFrom<(PolicyOptions | undefined)[]>(
  undefined,
  undefined,
  undefined,
  { ttl: '5s' },
  { enabled: false },
  { when: (req) => req.headers['x-tenant'] === undefined },
  { vary: { query: false } },
  { key: (req) => ['own', req.url ?? ''] },
  { directives: 'ignore' },
);

const fields = fc.record(
  {
    'Cache-Control': fc.constantFrom('no-cache', 'max-age=5', 'max-stale', 'only-if-cached', 'no-store'),
    Range: fc.constantFrom('bytes=0-4', 'bytes=900000-', 'bytes=0-1,3-4'),
    'If-None-Match': fc.constantFrom('"a"', '"other"'),
    'If-Match': fc.constant('"a"'),
    'Accept-Encoding': fc.constantFrom('gzip', 'br', 'identity'),
    'Accept-Language': fc.constantFrom('de', 'en'),
    'X-Tenant': fc.constantFrom('1', '2'),
    Cookie: fc.constantFrom('theme=dark', 'theme=light', 'sid=a-session-of-24-characters'),
    Authorization: fc.constantFrom('Basic YTpi', 'Basic YTpj'),
    'X-Lang': fc.constantFrom('de', 'en'),
    'X-HTTP-Method-Override': fc.constant('PUT'),
    'X-Invalidate': fc.constantFrom('invalidate', 'invalidate-all'),
    'X-Secret': fc.constant(INVALIDATION.authorize.secret),
  },
  { requiredKeys: [] },
);
/** Requests with credentials, and nothing else that matters. */
const CALLERS: readonly Record<string, string>[] = [
  { Cookie: 'sid=a-session-of-24-characters' },
  { Authorization: 'Basic YTpi' },
  { 'X-Secret': INVALIDATION.authorize.secret },
  { 'X-Secret': 'not the secret', 'X-Invalidate': 'unknown' },
];
const seldom = fc.oneof(
  { arbitrary: fc.constant({}), weight: 3 },
  { arbitrary: fields as fc.Arbitrary<Record<string, string>>, weight: 2 },
  { arbitrary: fc.constantFrom(...CALLERS), weight: 2 },
);
const steps = fc.array(
  fc.record({
    method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'HEAD', 'POST'),
    path: fc.constantFrom(
      ...['/text', '/text?b=2&a=1', '/varies', '/short', '/private', '/unless', '/tagged'],
      ...['/public', '/reads', '/reads', '/hidden', '/hidden', '/lang'],
    ),
    headers: seldom,
    wait: fc.constantFrom(0, 0, 0, 3, 8, 40),
    purge: fc.constantFrom('none', 'none', 'none', 'none', 'soft', 'hard'),
    again: fc.boolean(),
  }),
  { minLength: 2, maxLength: 8 },
) as fc.Arbitrary<Step[]>;

/** What `Cache-Status` says before the app answers: the outcome, without what only its response tells. */
function decided(says: string | undefined): string | undefined {
  return says?.replace(/; (?:stored|fwd-status=\d+|collapsed)/g, '').replace(/^c; /, '');
}

function agree(explained: string, says: string, hasRoute: boolean): boolean {
  if (explained === says) return true;
  // What the cache in front lets pass, the cache of the route may decide.
  if (hasRoute && explained.startsWith('fwd=')) return true;
  // A request that passes at once is known to do so.
  if (says.endsWith('detail=depends-on-credentials')) return false;
  // A reason not to store, which only the response tells.
  const known = explained.replace(/; detail=verifying$/, '');
  if (known.startsWith('fwd=') && !known.includes('detail=')) return says.startsWith(`${known}; detail=`);
  return explained.includes('shadow: ') && says.startsWith(explained.slice(0, -1));
}

async function run(
  options: CacheOptions,
  route: PolicyOptions | undefined,
  history: readonly Step[],
): Promise<void> {
  let now = 1_700_000_000_000;
  const cache: CacheMiddleware = redisCache({
    ...options,
    name: 'c',
    timeout: '10s',
    invalidation: INVALIDATION,
    clock: () => now,
  });
  const nested = route && cache.with(route);
  const answer = (req: IncomingMessage, res: ServerResponse): void => {
    res.setHeader('Content-Type', 'text/plain');
    if (req.url === '/short') res.setHeader('Cache-Control', 'max-age=2, stale-while-revalidate=3');
    if (req.url === '/private') res.setHeader('Cache-Control', 'private');
    if (req.url === '/varies') res.setHeader('Vary', 'Accept-Language');
    if (req.url === '/tagged') res.setHeader('ETag', '"a"');
    if (req.url === '/public') res.setHeader('Cache-Control', 'public');
    if (req.headers['if-none-match'] === '"a"' && req.url === '/tagged') res.writeHead(304).end();
    else res.end(`${req.headers['accept-language']} ${seen(req)} ${'text '.repeat(400)}`);
  };
  // What the app knows of a caller by a way that nobody sees.
  const callers = new WeakMap<IncomingMessage, string>();
  const seen = (req: Placed): string | undefined => {
    if (req.url === '/reads') return req.headers.cookie;
    if (req.url === '/hidden') return callers.get(req);
    return req.url === '/lang' ? req.lang : '';
  };
  const server = createServer(async (req: Placed, res) => {
    callers.set(req, req.headers.authorization ?? '');
    if (req.headers['x-lang']) req.lang = String(req.headers['x-lang']);
    // In front of the cache, so that it is not stored; each request has its own, those of refreshes too.
    res.setHeader('X-Explained', (await cache.explain(req)).cacheStatus ?? '');
    cache(req, res, () => (nested ? nested(req, res, () => answer(req, res)) : answer(req, res)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const session = new Connection((server.address() as AddressInfo).port);
  try {
    let before: Step | undefined;
    for (const step of history) {
      const { method, path, headers } = (step.again && before) || step;
      const { wait, purge } = step;
      before = { ...step, method, path, headers };
      now += wait * 1000;
      if (purge !== 'none') await cache.purge({ prefix: '/' }, { soft: purge === 'soft' });
      const answered = await session.ask({ method, path, headers: { Host: HOST, ...headers } });
      const explained = decided(answered.header('x-explained'));
      // The member of the cache in front is the last; a route's cache adds its own before it.
      const says = decided(
        answered
          .header('cache-status')
          ?.split(/, (?=c;)/)
          .at(-1),
      );
      await cache.idle();
      if (!agree(explained ?? '', says ?? '', route !== undefined))
        expect([method, path, headers, says]).toEqual([method, path, headers, explained]);
    }
  } finally {
    session.close();
    server.closeAllConnections();
    server.close();
    await cache.close();
  }
}

test('in process: explain() and Cache-Status agree in 150 generated histories', async () => {
  await fc.assert(
    fc.asyncProperty(policies, routes, steps, (options, route, history) => run(options, route, history)),
    { numRuns: sized(60, 150) },
  );
}, 120_000);

test('in Redis with the near cache: explain() and Cache-Status agree in 40 generated histories', async () => {
  const redis = process.env.TEST_REDIS_URL as string;
  let count = 0;
  await fc.assert(
    fc.asyncProperty(policies, routes, steps, async (options, route, history) => {
      const prefix = `agrees:${process.pid}:${count++}:`;
      await run({ ...options, redis, prefix, near: true }, route, history);
    }),
    { numRuns: 40 },
  );
}, 120_000);
