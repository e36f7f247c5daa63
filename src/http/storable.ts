/** May this response be stored by a shared cache, and if not, why (RFC 9111 §3). */

import type { Directives } from './cache-control.ts';
import { type Fields, nominated } from './vary.ts';

/** What is asked and what was answered, as far as storing depends on it. */
export interface Exchanged {
  readonly method: string;
  readonly request: { readonly headers: Fields; readonly directives: Directives };
  readonly status: number;
  readonly headers: Fields;
  readonly directives: Directives;
  /** Whether the cache key covers the request's credentials, so that sharing cannot leak them. */
  readonly credentialsKeyed: boolean;
}

/** Why a response is not stored, in a word for `Cache-Status` and events. */
export type Refusal =
  | 'cache-control'
  | 'request-no-store'
  | 'no-store'
  | 'private'
  | 'vary'
  | 'set-cookie'
  | 'authorization'
  | 'partial'
  | 'status';

/** The first rule that forbids storing the response, or `undefined` when none does. */
export function refusal(exchanged: Exchanged): Refusal | undefined {
  const { request, status, headers, directives } = exchanged;
  // "the response status code is final" and not one that only makes sense to the request it answered (§3).
  if (status < 200 || status > 599 || status === 304 || status === 412 || status === 416) return 'status';
  // "MUST NOT store incomplete or partial-content responses if it does not support the Range header" (§3.3).
  if (status === 206 || headers['content-range'] !== undefined) return 'partial';
  if (directives.malformed) return 'cache-control';
  // "if the no-store cache directive is not present in the response" (§3), nor in the request (§5.2.1.5).
  if (request.directives.has('no-store')) return 'request-no-store';
  if (directives.has('no-store')) return 'no-store';
  // "if the cache is shared: the private response directive is not present" (§3). With field names it limits
  // only those fields (§5.2.2.7); refusing the whole is the more careful reading.
  if (directives.has('private')) return 'private';
  if (nominated(headers.vary) === '*') return 'vary';
  // RFC 9111 alone would allow it (§7.3 warns): a cookie is somebody's.
  if (headers['set-cookie'] !== undefined) return 'set-cookie';
  if (request.headers.authorization !== undefined && !exchanged.credentialsKeyed && !shareable(directives)) {
    return 'authorization';
  }
  return undefined;
}

/**
 * "A shared cache MUST NOT use a cached response to a request with an Authorization header field ... unless the
 * response contains a Cache-Control field with a response directive that allows it": must-revalidate, public,
 * s-maxage (§3.5).
 */
function shareable(directives: Directives): boolean {
  return directives.has('public') || directives.has('s-maxage') || directives.has('must-revalidate');
}
