import { type Item, isInnerList, parseList } from 'structured-headers';
import type { CacheOutcome } from './outcome.ts';

/**
 * An outcome as a member of the `Cache-Status` list (RFC 9211 §2): `name; hit; ttl=41` or `name; fwd=uri-miss; stored`.
 * @param key the cache key, where the response may show it (option `showKey`).
 */
export function cacheStatus(name: string, outcome: CacheOutcome, key?: string): string {
  const { kind, fwd, fwdStatus, ttlMs, stored, collapsed, detail } = outcome;
  let member = name;
  if (kind === 'hit') member += '; hit';
  if (fwd !== undefined) member += `; fwd=${fwd}`;
  if (fwdStatus !== undefined) member += `; fwd-status=${fwdStatus}`;
  // The parameter is in seconds (RFC 9211 §2.4).
  if (ttlMs !== undefined) member += `; ttl=${Math.floor(ttlMs / 1000)}`;
  if (stored) member += '; stored';
  if (collapsed) member += '; collapsed';
  if (key !== undefined) member += `; key=${quoted(shortened(key))}`;
  if (detail !== undefined)
    member += `; detail=${SF_TOKEN.test(detail) ? detail : quoted(shortened(detail))}`;
  return member;
}

/** The members of a received `Cache-Status`, the cache nearest to the app first; none of a malformed field. */
export function membersOf(field: string): Item[] {
  try {
    return parseList(field).filter((member): member is Item => !isInnerList(member));
  } catch {
    return [];
  }
}

/** How many characters of a key, or of particulars, a response shows: proxies refuse long header fields. */
const MAX_SHOWN = 512;

/** A longer text ends in its length: `GET https://example.com/... (12034 characters)`. */
function shortened(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}... (${text.length} characters)`;
}

/** A Token of structured fields (RFC 8941 §3.3.4). */
export const SF_TOKEN: RegExp = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/;

/** A String, which can hold printable ASCII only (RFC 8941 §3.3.3). */
function quoted(text: string): string {
  return `"${text.replace(/[^ -~]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}
