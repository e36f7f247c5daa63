/** Conditional requests that a stored response answers (RFC 9110 §13, RFC 9111 §4.3.2). */

import { joined, trimmed } from './cache-control.ts';
import { parseHttpDate } from './date.ts';
import type { Fields } from './vary.ts';

/** The validators of a representation. */
export interface Validators {
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** The `Date` of a stored response: when the representation was generated. */
  readonly date?: string | undefined;
}

/** The request fields that make a GET conditional on the representation that the client has. */
export interface Conditions {
  readonly ifNoneMatch?: string | undefined;
  readonly ifModifiedSince?: string | undefined;
}

/** The conditions of a request, or `undefined` when it has none. */
export function conditionsOf(headers: Fields): Conditions | undefined {
  const ifNoneMatch = joined(headers['if-none-match']);
  const ifModifiedSince = joined(headers['if-modified-since']);
  return ifNoneMatch === undefined && ifModifiedSince === undefined
    ? undefined
    : { ifNoneMatch, ifModifiedSince };
}

/**
 * Whether the client already has this representation, so that a 304 answers it. "A recipient MUST ignore
 * If-Modified-Since if the request contains an If-None-Match header field" (RFC 9110 §13.1.3).
 */
export function notModified(conditions: Conditions, validators: Validators, now: number): boolean {
  if (conditions.ifNoneMatch !== undefined) {
    // "the condition is false if the field value is '*' and the origin server has a current representation".
    return conditions.ifNoneMatch.trim() === '*' || matches(conditions.ifNoneMatch, validators.etag);
  }
  // "MUST ignore the If-Modified-Since header field if the received field value is not a valid HTTP-date".
  const since = parseHttpDate(conditions.ifModifiedSince, now);
  // "If ... the Last-Modified header field is not present in a stored response, a cache SHOULD use the stored
  // response's Date field value" (RFC 9111 §4.3.2).
  const modified = parseHttpDate(validators.lastModified ?? validators.date, now);
  return since !== undefined && modified !== undefined && modified <= since;
}

/**
 * "A recipient MUST use the weak comparison function when comparing entity tags for If-None-Match" (§13.1.2):
 * the opaque tags are equal, whether or not either is weak (§8.8.3.2).
 */
function matches(list: string, etag: string | undefined): boolean {
  if (etag === undefined) return false;
  // An origin may send a malformed entity tag, which clients return unchanged.
  if (trimmed(list) === etag) return true;
  const wanted = opaque(etag);
  // An entity tag may contain commas, so the list is not split at commas.
  for (const tag of list.matchAll(/(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g)) {
    if (tag[1] === wanted) return true;
  }
  return false;
}

/** Whether two entity tags are equal by weak comparison (§8.8.3.2). */
export function sameOpaqueTag(a: string, b: string | undefined): boolean {
  return b !== undefined && opaque(a) === opaque(b);
}

function opaque(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag;
}
