import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import { expect } from '@jest/globals';
import { isInternal } from '../../../src/exchange/internal-request.ts';
import type { CacheMiddleware, CacheOptions, FaultEvent, RequestEvent } from '../../../src/index.ts';
import { type Handler, newCache, serve } from '../../support/apps.ts';
import { type Answer, type Asked, ask } from '../../support/client.ts';
import { uniquePrefix } from '../../support/prefix.ts';

/* A cache at a time that is set by hand, in front of an app of any kind. */

/** An answer, and what it says of the cache. */
export interface Told extends Answer {
  /** This cache's word in `Cache-Status`. */
  readonly says: string;
}

/** A cache, and what came of it. */
export interface Timed {
  readonly cache: CacheMiddleware;
  readonly requests: RequestEvent[];
  readonly faults: FaultEvent[];
  /** Makes its clock show so many milliseconds more, or less. */
  later(ms: number): void;
}

export interface Stage extends Timed {
  readonly port: number;
  ask(asked?: Asked | string): Promise<Told>;
  /** Asks, and waits until nothing goes on behind the answer. */
  settled(asked?: Asked | string): Promise<Told>;
}

/** Past the lifetime of what these caches store, and within the window. */
export const STALE = 70_000;

/** A cache of a minute's lifetime and an hour's window until the test is over, unless told otherwise. */
export function timed(options: CacheOptions = {}): Timed {
  let now = Date.now();
  const cache = newCache({
    redis: process.env.TEST_REDIS_URL as string,
    prefix: uniquePrefix(),
    ttl: '1m',
    staleWhileRevalidate: '1h',
    clock: () => now,
    ...options,
  });
  const requests: RequestEvent[] = [];
  const faults: FaultEvent[] = [];
  cache.on('request', (event) => requests.push(event)).on('fault', (event) => faults.push(event));
  const later = (ms: number): void => {
    now += ms;
  };
  return { cache, requests, faults, later };
}

export async function stage(
  build: (cache: Handler & CacheMiddleware) => RequestListener,
  options: CacheOptions = {},
): Promise<Stage> {
  const time = timed(options);
  const port = await serve(build(time.cache as Handler & CacheMiddleware));
  const told = (asked: Asked | string = '/'): Promise<Told> => tell(port, asked);
  return {
    ...time,
    port,
    ask: told,
    async settled(asked) {
      const answer = await told(asked);
      await time.cache.idle();
      return answer;
    },
  };
}

export async function tell(port: number, asked: Asked | string = '/'): Promise<Told> {
  const answer = await ask(port, asked);
  const says = (answer.header('cache-status') ?? '').replace('redis-response-cache; ', '');
  return { ...answer, says };
}

const CONDITIONS = ['if-none-match', 'if-modified-since', 'range', 'if-range'] as const;

/** What a handler was given. */
export interface Run {
  readonly method: string;
  /** Those that ask for less than the whole. */
  readonly headers: IncomingHttpHeaders;
  readonly forNobody: boolean;
}

/** What a handler does in its so-manieth run. */
export type Running = (run: number, ...args: Parameters<Handler>) => unknown;

/** A handler that knows how often it ran, and says so unless told otherwise. */
export function counting(
  answer: Running = (run, _req, res) => res.end(`run ${run}`),
): Handler & { readonly runs: Run[] } {
  const runs: Run[] = [];
  const handler: Handler = (req, ...rest) => {
    const { method } = req;
    // To copy them all would be to read credentials.
    const headers = Object.fromEntries(CONDITIONS.map((name) => [name, req.headers[name]]));
    return answer(runs.push({ method, headers, forNobody: isInternal(req) }), req, ...rest);
  };
  return Object.assign(handler, { runs });
}

export const HIT: object = { status: 200, says: expect.stringMatching(/^hit; ttl=(?:60|59)$/) };
export const BEHIND: object = { status: 200, says: 'hit; ttl=-10; detail=stale-while-revalidate' };

/** A request is answered with what is stale, and the next with what was made behind that answer. */
export async function refreshes(
  { settled, later }: Stage,
  asked: Asked | string = '/',
  bodies: readonly [string, string] = ['run 1', 'run 2'],
): Promise<void> {
  await settled(asked);
  later(STALE);
  expect(await settled(asked)).toMatchObject({ ...BEHIND, body: bodies[0] });
  expect(await settled(asked)).toMatchObject({ ...HIT, body: bodies[1] });
}
