import type { IncomingHttpHeaders } from 'node:http';
import { afterEach, expect, jest } from '@jest/globals';
import { isInternal } from '../../../src/exchange/internal-request.ts';
import type { CacheOptions } from '../../../src/index.ts';
import {
  type Build,
  type Handler,
  type TestApp,
  type TimedCache,
  testApp,
  timedCache,
} from '../../support/app.ts';
import type { Asked } from '../../support/client.ts';
import { uniquePrefix } from '../../support/prefix.ts';

/* A cache at a time that is set by hand, in front of an app of any kind. */

/** Past the lifetime of what these caches store, and within the window. */
export const STALE = 70_000;

/** A minute's lifetime and an hour's window, unless told otherwise. */
function withWindow(options: CacheOptions): CacheOptions {
  const redis = process.env.TEST_REDIS_URL as string;
  return { redis, prefix: uniquePrefix(), ttl: '1m', staleWhileRevalidate: '1h', ...options };
}

export function timed(options: CacheOptions = {}): TimedCache {
  return timedCache(withWindow(options));
}

export function stage(build: Build, options: CacheOptions = {}): Promise<TestApp> {
  return testApp(build, withWindow(options));
}

/**
 * Stops the monotonic clock until the test is over: a refresh that has failed is tried again a second later, however
 * long the test takes.
 */
export function stopMonotonicClock(): void {
  const now = performance.now();
  stopped = jest.spyOn(performance, 'now').mockReturnValue(now);
}

let stopped: { mockRestore(): void } | undefined;
afterEach(() => {
  stopped?.mockRestore();
  stopped = undefined;
});

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

export const HIT: object = { status: 200, cacheStatus: expect.stringMatching(/^hit; ttl=(?:60|59)$/) };
export const BEHIND: object = { status: 200, cacheStatus: 'hit; ttl=-10; detail=stale-while-revalidate' };

/** A request is answered with what is stale, and the next with what was made behind that answer. */
export async function refreshes(
  { settled, later }: TestApp,
  asked: Asked | string = '/',
  bodies: readonly [string, string] = ['run 1', 'run 2'],
): Promise<void> {
  await settled(asked);
  later(STALE);
  expect(await settled(asked)).toMatchObject({ ...BEHIND, body: bodies[0] });
  expect(await settled(asked)).toMatchObject({ ...HIT, body: bodies[1] });
}
