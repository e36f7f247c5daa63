/** Which header fields are stored and replayed (RFC 9111 §3.1, RFC 9110 §7.6.1). */

import { type FieldValue, joined, members } from './cache-control.ts';

/**
 * Never stored: fields of one connection ("intermediaries ought to remove or replace" them, RFC 9110 §7.6.1),
 * `Age`, which each replay computes, and figures that belong to one client only.
 */
const NOT_STORED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'age',
  'ratelimit',
  'ratelimit-policy',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
]);

/** The lower-case names of fields that are not stored for a response with this `Connection` field. */
export function notStored(connection: FieldValue): ReadonlySet<string> {
  const text = joined(connection);
  if (!text) return NOT_STORED;
  return new Set([...NOT_STORED, ...members(text.toLowerCase())]);
}

/** A 304 carries no representation, so none of its metadata but what guides a cache (RFC 9110 §15.4.5). */
const KEPT_IN_304: ReadonlySet<string> = new Set([
  'cache-control',
  'content-location',
  'date',
  'etag',
  'expires',
  'vary',
]);

/** Whether a field belongs to the representation and so is left out of a 304 made from a 200. */
export function leftOutOf304(lowerName: string): boolean {
  return (
    lowerName === 'last-modified' ||
    (lowerName.startsWith('content-') &&
      !KEPT_IN_304.has(lowerName) &&
      // Policies for the document rather than descriptions of its bytes.
      !lowerName.startsWith('content-security-policy'))
  );
}

/** The value of the first field of this (lower-case) name in a flat list of names and values. */
export function field(headers: readonly string[], lowerName: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) return headers[i + 1];
  }
  return undefined;
}
