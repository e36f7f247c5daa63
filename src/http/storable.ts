/** May a shared cache store this response, and if not, why (RFC 9111 §3)? */

import { type Directives, joined } from './cache-control.ts';
import { parseContentRange } from './range.ts';
import { type Fields, nominated } from './vary.ts';

/** Request and response, as far as storing depends on them. */
export interface Exchanged {
  readonly status: number;
  readonly headers: Fields;
  /** The response's directives, from the field that applies to this cache. */
  readonly directives: Directives;
  readonly request: {
    readonly headers: Fields;
    /** `undefined` to ignore the request's directives. */
    readonly directives: Directives | undefined;
  };
  /** Whether the cache key covers the request's credentials, so that sharing cannot leak them. */
  readonly credentialsKeyed: boolean;
  readonly setCookie: 'refuse' | 'strip' | 'store';
}

/** Why a response is not stored: a word for `Cache-Status` and events. */
export type Refusal =
  | 'cache-control'
  | 'request-no-store'
  | 'no-store'
  | 'private'
  | 'vary'
  | 'set-cookie'
  | 'authorization'
  | 'partial'
  | 'endless'
  | 'status'
  | 'must-understand';

/** Status codes whose caching semantics this cache implements (RFC 9110 §15), for `must-understand`. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  ...[
    200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408,
    409,
  ],
  ...[410, 411, 413, 414, 415, 417, 421, 422, 426, 500, 501, 502, 503, 504, 505],
]);

/** Types of messages that go on for as long as the client listens. One that has ended is no representation to replay. */
const ENDLESS = /^\s*(?:text\/event-stream|multipart\/x-mixed-replace)\s*(?:;|$)/i;

/** The first rule that forbids storing the response, or `undefined` when none does. */
export function refusal(exchanged: Exchanged): Refusal | undefined {
  const { request, status, headers, directives } = exchanged;
  // "the response status code is final" (§3). Codes from 600 are not HTTP's (RFC 9110 §15).
  if (status < 200 || status > 599 || status === 304) return 'status';
  // A 206 is stored only as the response to a range request, and only with a valid Content-Range (§3.3).
  const isPart = status === 206 && request.headers.range !== undefined;
  const contentRange = headers['content-range'];
  // Content-Range has no meaning in a response of another status (RFC 9110 §14.4).
  if (isPart ? !parseContentRange(joined(contentRange)) : status === 206) return 'partial';
  if (ENDLESS.test(joined(headers['content-type']) ?? '')) return 'endless';
  if (directives.malformed) return 'cache-control';
  // "MUST NOT store any part of either this request or any response to it" (§5.2.1.5).
  if (request.directives?.has('no-store')) return 'request-no-store';
  // "limits caching of the response to a cache that understands and conforms to the requirements for that
  // response's status code". Such a cache ignores no-store (§5.2.2.3).
  if (directives.has('must-understand')) {
    if (!UNDERSTOOD.has(status)) return 'must-understand';
  } else if (directives.has('no-store')) {
    return 'no-store';
  }
  // "if the cache is shared: the private response directive is either not present or allows a shared cache to
  // store a modified response" (§3): with field names it limits only those fields.
  if (directives.names('private') === 'all') return 'private';
  if (nominated(headers.vary) === '*') return 'vary';
  // RFC 9111 allows it and warns (§7.3): a cookie belongs to one client.
  if (headers['set-cookie'] !== undefined && exchanged.setCookie === 'refuse') return 'set-cookie';
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

/**
 * Lower-case names of the fields that are not stored with the response: those that `private` names, which a shared
 * cache must not store (§5.2.2.7), those that `no-cache` names, which need validation (§5.2.2.4), and cookies to strip.
 */
export function withheld(directives: Directives, setCookie: 'refuse' | 'strip' | 'store'): readonly string[] {
  const names = setCookie === 'store' ? [] : ['set-cookie', 'set-cookie2'];
  for (const directive of ['private', 'no-cache']) {
    const limited = directives.names(directive);
    if (Array.isArray(limited)) names.push(...limited);
  }
  return names;
}
