import type { StoredFields } from './headers.ts';
import type { Ageing } from './reuse.ts';

/** How long a stored response is kept after it has become stale. */

/**
 * A response with a validator is kept for validation: for its freshness lifetime once more, but within these limits in
 * milliseconds.
 */
const KEPT_FOR_VALIDATION = [600_000, 86_400_000] as const;
/** A response without a validator is kept for requests with `max-stale`, within these limits in milliseconds. */
const KEPT_FOR_MAX_STALE = [60_000, 600_000] as const;

/** Whether the response can be reused stale without validation: for `max-stale`, or after an error. */
export function usableStale(ageing: Ageing): boolean {
  const { lifetime, validateAlways, neverStale, staleIfError, staleWhileRevalidate } = ageing;
  return !validateAlways && !neverStale && lifetime + staleIfError + staleWhileRevalidate > 0;
}

/** How long from now a stored response is kept, in milliseconds: at least 1. */
export function keptMs(headers: StoredFields, ageing: Ageing, now: number): number {
  return Math.max(1, Math.ceil(ageing.bornAt + ageing.lifetime + keptStale(headers, ageing) - now));
}

/** How long past its lifetime a stored response is kept, in milliseconds. */
export function keptStale(headers: StoredFields, ageing: Ageing): number {
  const canValidate = headers.some(
    (name, i) => i % 2 === 0 && /^(?:etag|last-modified)$/i.test(name as string),
  );
  if (!canValidate && !usableStale(ageing)) return 0;
  const [least, most] = canValidate ? KEPT_FOR_VALIDATION : KEPT_FOR_MAX_STALE;
  const { staleIfError, staleWhileRevalidate } = ageing;
  return Math.max(staleIfError, staleWhileRevalidate, Math.min(Math.max(ageing.lifetime, least), most));
}
