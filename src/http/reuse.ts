/** Given what is stored and what is asked: may it be used (RFC 9111 §4)? */

import type { Directives } from './cache-control.ts';

/** What reuse of a stored response depends on. Instants and lengths in milliseconds. */
export interface Ageing {
  /** When its age was 0. */
  readonly bornAt: number;
  readonly lifetime: number;
  /** `no-cache`: not used without validation, however fresh (§5.2.2.4). */
  readonly validateAlways: boolean;
  /** `must-revalidate`, `proxy-revalidate`, `s-maxage`: never used stale (§5.2.2.2, §5.2.2.8, §5.2.2.10). */
  readonly neverStale: boolean;
  /** `stale-if-error` (RFC 5861 §4): how long past its lifetime it may stand in for an error. */
  readonly staleIfError: number;
  /** `stale-while-revalidate` (RFC 5861 §3): how long past its lifetime it may be sent while it is refreshed behind. */
  readonly staleWhileRevalidate: number;
  /** How long the origin took to make it. */
  readonly took: number;
  /** Whether it was purged softly: stale, whatever the clock says, since its lifetime ended then. */
  readonly purged?: boolean;
}

/** How a stored response may be used. `age` and `ttl` (negative when stale) are in milliseconds. */
export type Reuse =
  /** It may be sent as it is; `behind`: since it is to be refreshed behind the answer. */
  | { readonly kind: 'send'; readonly age: number; readonly ttl: number; readonly behind: boolean }
  /** It may be sent once the origin has confirmed it; why it was not enough. */
  | {
      readonly kind: 'validate';
      readonly fwd: 'stale' | 'request';
      readonly age: number;
      readonly ttl: number;
    };

/**
 * Whether the stored response may be sent now, without asking the origin.
 * @param request the request's directives, or `undefined` where they are to be ignored.
 * @param canRefresh whether it could be refreshed behind the answer.
 */
export function reuse(
  stored: Ageing,
  request: Directives | undefined,
  now: number,
  canRefresh: boolean,
): Reuse {
  // A clock that stepped back makes no age negative.
  const age = Math.max(0, now - stored.bornAt);
  // "response_is_fresh = (freshness_lifetime > current_age)" (§4.2).
  const left = stored.lifetime - age;
  const ttl = stored.purged ? Math.min(0, left) : left;
  if (stored.validateAlways) return { kind: 'validate', fwd: 'stale', age, ttl };
  // "Caches MAY serve the response in which it appears after it becomes stale, up to the indicated number of seconds"
  // (RFC 5861 §3), where nothing forbids to serve it stale (§4.2.4).
  const behind = ttl <= 0 && canRefresh && !stored.neverStale && -ttl < stored.staleWhileRevalidate;
  const stale = ttl <= 0 && !behind && !acceptsStale(stored, request, -ttl);
  if (stale) return { kind: 'validate', fwd: 'stale', age, ttl };
  if (request && !accepts(request, age, ttl)) return { kind: 'validate', fwd: 'request', age, ttl };
  return { kind: 'send', age, ttl, behind };
}

/**
 * Whether to refresh it before it is stale: ever more likely the nearer its end and the longer the origin takes, so that
 * one request of many does it in time (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede
 * Prevention, VLDB 2015).
 * @param ttl what is left of its lifetime, in milliseconds. @param beta 1 is the optimum; more is earlier.
 * @param random from 0 to 1.
 */
export function isEarly({ took, lifetime }: Ageing, ttl: number, beta: number, random: number): boolean {
  // Not in its first half: where many ask and the origin is slow, one refresh would follow on the other.
  if (ttl > lifetime / 2) return false;
  return took * beta * -Math.log(random) >= ttl;
}

/** Whether it may be sent without asking, for all that the response itself says. */
export function isFresh(stored: Ageing, now: number): boolean {
  return !stored.validateAlways && now - stored.bornAt < stored.lifetime;
}

/** "An error is any situation that would result in a 500, 502, 503, or 504 HTTP response status code" (RFC 5861 §4). */
const ERRORS: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** Whether a stored response may be served in place of an answer with this status (RFC 5861 §4). */
export function mayServeOnError(
  status: number,
  stored: Ageing,
  request: Directives | undefined,
  now: number,
): boolean {
  if (!ERRORS.has(status) || stored.neverStale || stored.validateAlways) return false;
  const asked = (request?.seconds('stale-if-error') ?? 0) * 1000;
  return now - stored.bornAt - stored.lifetime < Math.max(stored.staleIfError, asked);
}

/** "The client will accept a response that has exceeded its freshness lifetime" (§5.2.1.2). */
function acceptsStale(stored: Ageing, request: Directives | undefined, staleness: number): boolean {
  if (stored.neverStale || !request?.has('max-stale')) return false;
  // "If no value is assigned to max-stale, then the client will accept a stale response of any age."
  if (request.all('max-stale').includes(null)) return true;
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
