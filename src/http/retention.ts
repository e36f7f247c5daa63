import type { StoredFields } from './headers.ts';
import type { Ageing } from './reuse.ts';

/** For how long a stored response is kept after it has become stale. */

/**
 * A stale response with a validator is kept this long (in milliseconds) to be confirmed rather than made anew: as
 * long again as it was fresh, but neither less nor more than these.
 */
const KEPT_FOR_VALIDATION = [600_000, 86_400_000] as const;
/** One without is kept for who accepts it stale (`max-stale`), within these. */
const KEPT_FOR_MAX_STALE = [60_000, 600_000] as const;

/** Whether somebody may yet take it as it is when it is stale: a client (`max-stale`), or any on an error. */
export function usableStale(ageing: Ageing): boolean {
  const { lifetime, validateAlways, neverStale, staleIfError, staleWhileRevalidate } = ageing;
  return !validateAlways && !neverStale && lifetime + staleIfError + staleWhileRevalidate > 0;
}

/** How long a stored response is of use past its lifetime. */
export function keptStale(headers: StoredFields, ageing: Ageing): number {
  const confirmable = headers.some(
    (name, i) => i % 2 === 0 && /^(?:etag|last-modified)$/i.test(name as string),
  );
  if (!confirmable && !usableStale(ageing)) return 0;
  const [least, most] = confirmable ? KEPT_FOR_VALIDATION : KEPT_FOR_MAX_STALE;
  const { staleIfError, staleWhileRevalidate } = ageing;
  return Math.max(staleIfError, staleWhileRevalidate, Math.min(Math.max(ageing.lifetime, least), most));
}
