/** The tags that a response states: `Cache-Tag`, `Surrogate-Key` and `Cache-Groups` (RFC 9875). */

import { isInnerList, parseList } from 'structured-headers';
import { joined, trimmed } from './cache-control.ts';
import type { Fields } from './vary.ts';

/** The tags in `Cache-Tag`, which separates by commas, and `Surrogate-Key`, which separates by spaces. */
export function statedTags(headers: Fields): string[] {
  if (headers['cache-tag'] === undefined && headers['surrogate-key'] === undefined) return [];
  const listed = (joined(headers['cache-tag']) ?? '').split(',').map(trimmed);
  const keyed = [headers['surrogate-key'] ?? []]
    .flat()
    .join(' ')
    .split(/[\t ]+/);
  return [...listed, ...keyed].filter((tag) => tag !== '');
}

/**
 * The groups of a response: "The Cache-Groups HTTP Response header field is a List of Strings". They are compared
 * character by character, with case (§2).
 */
export function groupsOf(headers: Fields): string[] {
  return stringsOf(joined(headers['cache-groups']));
}

/**
 * The groups that a response invalidates (§3). The caller must check that the request was unsafe: "The
 * Cache-Group-Invalidation header field MUST be ignored on responses to requests that have a safe method".
 */
export function invalidatedGroups(headers: Fields): string[] {
  return stringsOf(joined(headers['cache-group-invalidation']));
}

/** The Strings of a List; none for a malformed field, which is ignored (RFC 9651 §4.2). */
function stringsOf(text: string | undefined): string[] {
  if (text === undefined) return [];
  try {
    return parseList(text).flatMap((item) =>
      !isInnerList(item) && typeof item[0] === 'string' && item[0] !== '' ? [item[0]] : [],
    );
  } catch {
    return [];
  }
}
