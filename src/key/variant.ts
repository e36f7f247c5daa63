import type { StoredResponse } from '../codec/stored-response.ts';
import { field } from '../http/headers.ts';
import { type Fields, nominated, selectors } from '../http/vary.ts';
import type { Identity } from './identify.ts';

/** Variants: which of a cache key's stored responses a request selects (RFC 9111 §4.1). */

/** The text of the variant without declared parts and nominated fields, which most keys have. */
export const PLAIN_VARIANT: string = '["",[],[]]';

/** The text of a variant: the declared parts, the nominated fields and this request's values of them. */
export function variantText(declared: string, names: readonly string[], headers: Fields): string {
  if (declared === '' && names.length === 0) return PLAIN_VARIANT;
  return JSON.stringify([declared, names, selectors(names, headers)]);
}

/**
 * Whether a request selects a stored response (RFC 9111 §4.1).
 * @param cacheLevel the level of the cache that handles the request.
 */
export function selects(
  identity: Identity,
  headers: Fields,
  cacheLevel: number,
  stored: StoredResponse,
): boolean {
  const names = nominated(field(stored.headers, 'vary'));
  return (
    names !== '*' &&
    stored.key === identity.key &&
    stored.cacheLevel <= cacheLevel &&
    stored.variant === variantText(identity.declared, names, headers)
  );
}
