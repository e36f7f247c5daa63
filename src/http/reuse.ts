/** May a stored response be reused for a request (RFC 9111 §4)? */

import type { Directives } from './cache-control.ts';

/** What the reuse of a stored response depends on. Times are milliseconds since 1970, durations are milliseconds. */
export interface Ageing {
  /** When the age was 0. */
  readonly bornAt: number;
  /** Freshness lifetime (§4.2.1). */
  readonly lifetime: number;
  /** `no-cache`: never reused without validation, however fresh (§5.2.2.4). */
  readonly validateAlways: boolean;
  /** `must-revalidate`, `proxy-revalidate`, `s-maxage`: never reused stale (§5.2.2.2, §5.2.2.8, §5.2.2.10). */
  readonly neverStale: boolean;
  /** `stale-if-error` (RFC 5861 §4): how long past its lifetime the response may replace an error. */
  readonly staleIfError: number;
  /**
   * `stale-while-revalidate` (RFC 5861 §3): how long past its lifetime the response may be sent while it is refreshed.
   */
  readonly staleWhileRevalidate: number;
  /** Whether a soft purge has made it stale, whatever the clock of this process says. */
  readonly purged?: boolean;
}

/**
 * Clocks of processes may differ by this many milliseconds. A response that was born later than that from now comes from
 * a clock that was wrong, so nothing is known of its age.
 */
const MAX_CLOCK_SKEW_MS = 5000;

/** How a stored response may be reused. `age` and `ttl` (negative when stale) are in milliseconds. */
export type Reuse =
  /** Send it. With `refresh` it is stale, and `stale-while-revalidate` allows it only if a refresh starts. */
  | { readonly kind: 'send'; readonly age: number; readonly ttl: number; readonly refresh: boolean }
  /** Send it only after validation: because it is stale, or because of the request's directives. */
  | {
      readonly kind: 'validate';
      readonly fwd: 'stale' | 'request';
      readonly age: number;
      readonly ttl: number;
    };

/**
 * Whether the stored response may be sent without validation.
 * @param request the request's directives, or `undefined` to ignore them.
 * @param canRefresh whether a refresh in the background is possible.
 */
export function reuse(
  stored: Ageing,
  request: Directives | undefined,
  now: number,
  canRefresh: boolean,
): Reuse {
  // A clock that was set back must not make the age negative.
  const age = Math.max(0, now - stored.bornAt);
  // "response_is_fresh = (freshness_lifetime > current_age)" (§4.2).
  const left = 0 - stalenessOf(stored, now);
  const ttl = stored.purged ? Math.min(0, left) : left;
  if (stored.validateAlways) return { kind: 'validate', fwd: 'stale', age, ttl };
  // "Caches MAY serve the response in which it appears after it becomes stale, up to the indicated number of seconds"
  // (RFC 5861 §3), unless a directive forbids stale responses (§4.2.4).
  const refresh = ttl <= 0 && canRefresh && !stored.neverStale && -ttl < stored.staleWhileRevalidate;
  const stale = ttl <= 0 && !refresh && !acceptsStale(stored, request, -ttl);
  if (stale) return { kind: 'validate', fwd: 'stale', age, ttl };
  if (request && !accepts(request, age, ttl)) return { kind: 'validate', fwd: 'request', age, ttl };
  return { kind: 'send', age, ttl, refresh };
}

/**
 * Whether to refresh a response before it is stale. The probability grows towards the end of the lifetime and with the
 * origin's time, so that one of many requests refreshes it in time (XFetch: Vattani, Chierichetti, Lowenstein, Optimal
 * Probabilistic Cache Stampede Prevention, VLDB 2015).
 * @param stored with the milliseconds that the origin took to produce the response.
 * @param ttl the rest of the lifetime in milliseconds.
 * @param random a random number from 0 to 1.
 */
export function isEarly(
  stored: Ageing & { readonly originMs: number },
  ttl: number,
  random: number,
): boolean {
  const { originMs, lifetime } = stored;
  // Never in the first half of the lifetime: with many requests and a slow origin, refreshes would never stop.
  if (ttl > lifetime / 2) return false;
  return originMs * -Math.log(random) >= ttl;
}

/** Whether the response is fresh and needs no validation, without regard to the request (§4.2). */
export function isFresh(stored: Ageing, now: number): boolean {
  return !stored.validateAlways && stalenessOf(stored, now) < 0;
}

/**
 * For how many milliseconds a response has been stale, negative for a fresh one. One that was born in the future is stale
 * for longer than any limit, but still the one to validate.
 */
function stalenessOf({ bornAt, lifetime }: Ageing, now: number): number {
  if (bornAt - now > MAX_CLOCK_SKEW_MS) return Number.MAX_SAFE_INTEGER;
  return Math.max(0, now - bornAt) - lifetime;
}

/** "An error is any situation that would result in a 500, 502, 503, or 504 HTTP response status code" (RFC 5861 §4). */
const ERRORS: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** Whether a stored response may be sent in place of an origin response with this status (RFC 5861 §4). */
export function mayServeOnError(
  status: number,
  stored: Ageing,
  request: Directives | undefined,
  now: number,
): boolean {
  if (!ERRORS.has(status) || stored.neverStale || stored.validateAlways) return false;
  const requested = (request?.seconds('stale-if-error') ?? 0) * 1000;
  return stalenessOf(stored, now) < Math.max(stored.staleIfError, requested);
}

/** "The client will accept a response that has exceeded its freshness lifetime" (§5.2.1.2). */
function acceptsStale(stored: Ageing, request: Directives | undefined, staleness: number): boolean {
  if (stored.neverStale || !request?.has('max-stale')) return false;
  // "If no value is assigned to max-stale, then the client will accept a stale response of any age."
  if (request.all('max-stale').includes(null)) return staleness < Number.MAX_SAFE_INTEGER;
  return staleness <= (request.seconds('max-stale') ?? 0) * 1000;
}

function accepts(request: Directives, age: number, ttl: number): boolean {
  // "the client prefers stored response not be used to satisfy the request without successful validation" (§5.2.1.4).
  if (request.has('no-cache')) return false;
  // "the client prefers a response whose age is less than or equal to the specified number of seconds" (§5.2.1.1).
  const maxAge = request.seconds('max-age');
  if (maxAge !== undefined && age > maxAge * 1000) return false;
  // "... whose freshness lifetime is no less than its current age plus the specified time" (§5.2.1.3).
  const minFresh = request.seconds('min-fresh');
  return minFresh === undefined || ttl >= minFresh * 1000;
}
