/** Given what is stored and what is asked: may it be used (RFC 9111 §4)? */

import type { ForwardReason } from '../types.ts';
import type { Directives } from './cache-control.ts';

/** The instants and lengths of a stored response that reuse depends on, in milliseconds. */
export interface Ageing {
  readonly bornAt: number;
  readonly lifetime: number;
}

/** How a stored response may be used. */
export type Reuse =
  | { readonly kind: 'fresh'; readonly age: number; readonly ttl: number }
  | { readonly kind: 'forward'; readonly fwd: ForwardReason; readonly ttl: number };

/** The current age in milliseconds (§4.2.3); a clock that stepped back never makes it negative. */
function currentAge(stored: Ageing, now: number): number {
  return Math.max(0, now - stored.bornAt);
}

/**
 * Whether the stored response may be sent now, without asking the origin.
 * @param request the request's directives, or `undefined` where they are to be ignored.
 */
export function reuse(stored: Ageing, request: Directives | undefined, now: number): Reuse {
  const age = currentAge(stored, now);
  const ttl = stored.lifetime - age;
  // "response_is_fresh = (freshness_lifetime > current_age)" (§4.2).
  if (ttl <= 0) return { kind: 'forward', fwd: 'stale', ttl };
  if (request && !accepts(request, age, ttl)) return { kind: 'forward', fwd: 'request', ttl };
  return { kind: 'fresh', age, ttl };
}

function accepts(request: Directives, age: number, ttl: number): boolean {
  // "the client prefers a stored response not be used without successful validation" (§5.2.1.4).
  if (request.has('no-cache')) return false;
  // "the client prefers a response whose age is less than or equal to the specified number of seconds" (§5.2.1.1).
  const maxAge = request.seconds('max-age');
  if (maxAge !== undefined && age > maxAge * 1000) return false;
  // "... whose freshness lifetime is no less than its current age plus the specified time" (§5.2.1.3).
  const minFresh = request.seconds('min-fresh');
  return minFresh === undefined || ttl >= minFresh * 1000;
}
