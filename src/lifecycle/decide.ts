import type { StoredResponse } from '../codec/stored-response.ts';
import type { Directives } from '../http/cache-control.ts';
import { isEarly, reuse } from '../http/reuse.ts';
import type { Fields } from '../http/vary.ts';
import { bypass, type CacheOutcome, type ForwardReason } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import type { Standing } from '../sharing/audience.ts';
import type { Found } from './lookup.ts';
import { suffices } from './response-form.ts';

/**
 * What to do with a request: the one decision of the cache. Requests, followers, the near cache, `explain()` and shadow
 * mode call it and act on what it returns, so that they cannot differ. It reads no clock, no socket and no store.
 */
export type Decision =
  /** Send the stored response (RFC 9111 §4). Ages in milliseconds; `ttlMs` is negative when it is stale. */
  | {
      readonly kind: 'serve';
      readonly stored: StoredResponse;
      readonly ageMs: number;
      readonly ttlMs: number;
      /** Refresh it in the background: it is stale (RFC 5861 §3), or will be soon (`earlyRefresh`). */
      readonly refresh: 'stale' | 'early' | undefined;
      readonly near: boolean;
    }
  /** Ask the app whether the stored response is still valid (RFC 9111 §4.3). */
  | { readonly kind: 'validate'; readonly stored: StoredResponse; readonly reason: 'stale' | 'request' }
  /** Let the app answer, and store its response. */
  | { readonly kind: 'fill'; readonly reason: 'uri-miss' | 'vary-miss' | 'partial' }
  /** Let the app answer, and compare: the stored response may be for such a request, too. */
  | { readonly kind: 'compare'; readonly stored: StoredResponse; readonly reason: 'vary-miss' }
  /** Answer 504: the client wants a stored response and nothing else (RFC 9111 §5.2.1.7). */
  | { readonly kind: 'unsatisfied'; readonly reason: ForwardReason }
  /** Let the app answer; its response is not stored. `stored`: the response that a GET would be validated with. */
  | {
      readonly kind: 'forward';
      readonly reason: ForwardReason;
      readonly detail: 'head' | 'depends-on-credentials' | 'varies';
      readonly stored: StoredResponse | undefined;
    };

/** What the decision depends on beside the stored response. */
export interface RequestFacts {
  readonly method: string;
  readonly headers: Fields;
  /** The request's cache directives; `undefined` where they are ignored. */
  readonly directives: Directives | undefined;
  /** Whether the request has no credentials. Asked where the stored response is not for it. */
  readonly isStranger: boolean;
  /** Whether the stored response may be given to this request. */
  standing(stored: StoredResponse): Standing;
  /** Whether this stored response can be refreshed in the background, and whether that is wanted. */
  canRefresh(stored: StoredResponse): boolean;
}

/**
 * @param now milliseconds since 1970.
 * @param random from 0 to 1, for `earlyRefresh`.
 */
export function decide(
  request: RequestFacts,
  found: Pick<Found, 'stored' | 'otherVariants' | 'near'>,
  policy: Pick<Policy, 'earlyRefresh'>,
  now: number,
  random: () => number = Math.random,
): Decision {
  const { directives } = request;
  const stored = found.stored && suffices(request, found.stored, now) ? found.stored : undefined;
  let reason: ForwardReason = found.stored ? 'partial' : found.otherVariants ? 'vary-miss' : 'uri-miss';
  const standing = stored && request.standing(stored);
  if (stored && standing === 'same') {
    const canRefresh = request.canRefresh(stored);
    const use = reuse(stored, directives, now, canRefresh);
    if (use.kind === 'send') {
      const { age: ageMs, ttl: ttlMs, refresh: isStale } = use;
      const early = !isStale && canRefresh && policy.earlyRefresh;
      const isDue = early && isEarly(stored, ttlMs, random());
      const refresh = isStale ? 'stale' : isDue ? 'early' : undefined;
      return { kind: 'serve', stored, ageMs, ttlMs, refresh, near: found.near === true };
    }
    reason = use.fwd;
  } else if (stored) {
    reason = 'vary-miss';
  }
  if (directives?.has('only-if-cached')) return { kind: 'unsatisfied', reason };
  if (standing === 'different') {
    const detail = request.isStranger ? 'varies' : 'depends-on-credentials';
    return { kind: 'forward', reason, detail, stored: undefined };
  }
  // The response to a HEAD has no body to store; a stored GET answers later ones.
  if (request.method === 'HEAD') {
    const validated = standing === 'same' ? stored : undefined;
    return { kind: 'forward', reason, detail: 'head', stored: validated };
  }
  if (stored && standing === 'unseen') {
    const isFresh = reuse(stored, directives, now, false).kind === 'send';
    if (isFresh) return { kind: 'compare', stored, reason: 'vary-miss' };
    return { kind: 'fill', reason: 'vary-miss' };
  }
  if (stored) return { kind: 'validate', stored, reason: reason as 'stale' | 'request' };
  return { kind: 'fill', reason: reason as 'uri-miss' };
}

/** What `Cache-Status` says of a decision before the app has answered. */
export function outcomeOf(decision: Decision, mode: Policy['mode'] = 'serve'): CacheOutcome {
  if (mode === 'shadow') return bypass(`shadow: ${decision.kind === 'serve' ? 'hit' : decision.reason}`);
  switch (decision.kind) {
    case 'serve': {
      const { ttlMs } = decision;
      if (decision.refresh === 'stale') return { kind: 'hit', ttlMs, detail: 'stale-while-revalidate' };
      return decision.near ? { kind: 'hit', ttlMs, detail: 'near' } : { kind: 'hit', ttlMs };
    }
    case 'unsatisfied':
      return { kind: 'unsatisfied', fwd: decision.reason, detail: 'only-if-cached' };
    case 'forward':
      return { kind: 'forward', fwd: decision.reason, detail: decision.detail };
    case 'compare':
      return { kind: 'forward', fwd: decision.reason, detail: 'verifying' };
    case 'validate':
    case 'fill':
      return { kind: 'forward', fwd: decision.reason };
  }
}
