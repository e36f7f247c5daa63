/** What an unsafe method invalidates (RFC 9111 §4.4). */

import { joined } from './cache-control.ts';
import type { Fields } from './vary.ts';

/** Methods that are registered as safe (RFC 9110 §16.1.1). Every other method, known or not, counts as unsafe. */
const SAFE: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'QUERY',
  'PROPFIND',
  'REPORT',
  'SEARCH',
]);

export function isUnsafe(method: string): boolean {
  return !SAFE.has(method);
}

/** "A 'non-error response' is one with a 2xx (Successful) or 3xx (Redirection) status code." */
export function isNonError(status: number): boolean {
  return status >= 200 && status <= 399;
}

/**
 * The URIs other than the target that the response's `Location` and `Content-Location` name. "A cache MUST NOT
 * invalidate under these conditions if the origin of the URI to be invalidated differs from that of the target".
 * @param target the absolute target URI.
 */
export function alsoInvalidated(target: string, headers: Fields): string[] {
  const base = parse(target);
  const found: string[] = [];
  for (const name of ['location', 'content-location']) {
    const reference = joined(headers[name]);
    const uri = reference === undefined ? undefined : parse(reference, base);
    if (!uri || uri.origin !== base?.origin) continue;
    uri.hash = '';
    if (uri.href !== base.href && !found.includes(uri.href)) found.push(uri.href);
  }
  return found;
}

function parse(reference: string, base?: URL): URL | undefined {
  return URL.canParse(reference, base?.href) ? new URL(reference, base?.href) : undefined;
}
