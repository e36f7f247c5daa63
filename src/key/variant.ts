import type { StoredResponse } from '../codec/stored-response.ts';
import { Generations } from '../generations.ts';
import { type Fields, selector } from '../http/vary.ts';
import type { HashName } from '../options/policy.ts';
import { isPlaced } from '../sharing/placed.ts';
import { redisId } from './cache-key.ts';
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
  const values = names.map((name) => selectorOf(name, request));
  return JSON.stringify([declared, names, values]);
}

function selectorOf(name: string, request: Selecting): string | null {
  return isPlaced(name) ? request.placed(name) : selector(name, request.headers);
}

/** A variant as text, and as it is written into Redis keys. */
export interface Variant {
  readonly text: string;
  readonly id: string;
}

/** How many variants without declared parts that one field selects are remembered: `Vary: Accept-Encoding` has few. */
const MAX_REMEMBERED = 1000;
/** By hash, then name and value. */
const remembered = new Map<HashName | undefined, Generations<string, Variant>>();

/** The variant that a request selects. */
export function variantOf(
  declared: string,
  names: readonly string[],
  request: Selecting,
  hash: HashName | undefined,
): Variant {
  const [name] = names;
  const value = declared === '' && names.length === 1 ? selectorOf(name as string, request) : null;
  // `null` and long values are rare.
  if (value === null || value.length > 200) {
    const text = variantText(declared, names, request);
    return { text, id: redisId(text, hash) };
  }
  let variants = remembered.get(hash);
  if (!variants) {
    variants = new Generations(MAX_REMEMBERED);
    remembered.set(hash, variants);
  }
  const nameAndValue = `${name}: ${value}`;
  let variant = variants.get(nameAndValue);
  if (!variant) {
    const text = variantText(declared, names, request);
    variant = { text, id: redisId(text, hash) };
    variants.set(nameAndValue, variant);
  }
  return variant;
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
