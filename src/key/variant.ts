import type { StoredResponse } from '../codec/stored-response.ts';
import { field } from '../http/headers.ts';
import { type Fields, nominated, selectors } from '../http/vary.ts';
import type { Identity } from './identify.ts';

/** Which of a cache key's stored responses a request selects (RFC 9111 §4.1). */

/** The text of the only variant of a key that varies on nothing: nearly all of them. */
export const PLAIN: string = '["",[],[]]';

/** The text of a variant: the declared parts, and the nominated fields with this request's values. */
export function variantText(declared: string, names: readonly string[], headers: Fields): string {
  if (declared === '' && names.length === 0) return PLAIN;
  return JSON.stringify([declared, names, selectors(names, headers)]);
}

/** Whether a stored response is the one that a request selects (RFC 9111 §4.1). */
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
    stored.depth <= cacheLevel &&
    stored.variant === variantText(identity.declared, names, headers)
  );
}
