import type { StoredResponse } from '../codec/stored-response.ts';
import { type Fields, selector } from '../http/vary.ts';
import { isPlaced } from '../sharing/placed.ts';
import type { Identity } from './identify.ts';

/** Variants: which of a cache key's stored responses a request selects (RFC 9111 §4.1). */

/** The text of the variant without declared parts and selecting names, which most keys have. */
export const PLAIN_VARIANT: string = '["",[],[]]';

/** A request, as far as it selects. */
export interface Selecting {
  readonly headers: Fields;
  /** The text of a value that middleware in front has placed, by its name. */
  placed(name: string): string | null;
}

/** The text of a variant: the declared parts, the names that select and this request's values of them. */
export function variantText(declared: string, names: readonly string[], request: Selecting): string {
  if (declared === '' && names.length === 0) return PLAIN_VARIANT;
  const values = names.map((name) =>
    isPlaced(name) ? request.placed(name) : selector(name, request.headers),
  );
  return JSON.stringify([declared, names, values]);
}

/**
 * Whether a request selects a stored response (RFC 9111 §4.1).
 * @param cacheLevel the level of the cache that handles the request.
 */
export function selects(
  identity: Identity,
  request: Selecting,
  cacheLevel: number,
  stored: StoredResponse,
): boolean {
  return (
    stored.key === identity.key &&
    stored.cacheLevel <= cacheLevel &&
    stored.variant === variantText(identity.declared, stored.selectors, request)
  );
}
