/** Content codings (RFC 9110 §8.4.1): which one a client accepts, and which responses may be encoded. */

import { type FieldValue, joined, members, parseCacheControl, trimmed } from './cache-control.ts';
import { field, type StoredFields } from './headers.ts';
import { type Fields, nominated } from './vary.ts';

/** The content codings in which a response may be stored, in this cache's order of preference. */
export const CODINGS = ['br', 'zstd', 'gzip'] as const;
export type Coding = (typeof CODINGS)[number];
/** `identity`: no content coding. */
export type Choice = Coding | 'identity';

/**
 * The available codings and identity that a client accepts, by descending weight; at equal weight in the order given,
 * identity last (§12.5.3). Never empty: when nothing is acceptable the result is identity, which the app would have
 * sent.
 */
export function acceptable(field: FieldValue, available: readonly Coding[]): readonly Choice[] {
  const weights = weightsOf(joined(field));
  if (!weights) return IDENTITY_ONLY;
  const wildcard = weights.get('*');
  const weighed = available
    .map((coding): [Choice, number] => [coding, weights.get(coding) ?? wildcard ?? 0])
    .filter(([, weight]) => weight > 0);
  // "acceptable by default unless specifically excluded": identity comes after every listed coding.
  const identity = weights.get('identity') ?? wildcard ?? Number.MIN_VALUE;
  if (identity > 0 || weighed.length === 0) weighed.push(['identity', identity]);
  return weighed.sort(([, a], [, b]) => b - a).map(([choice]) => choice);
}

const IDENTITY_ONLY: readonly Choice[] = ['identity'];

/** `codings [ weight ]`; a weight has at most three decimals (§12.4.2). */
const MEMBER = /^([!#$%&'*+\-.^_`|~0-9a-z]+)(?:[ \t]*;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/;

/**
 * The weight of each coding that the field lists; `undefined` when the field is absent (such a client may not support
 * any coding), empty or malformed.
 */
function weightsOf(field: string | undefined): ReadonlyMap<string, number> | undefined {
  if (!field) return undefined;
  const weights = new Map<string, number>();
  for (const member of members(field.toLowerCase())) {
    const parts = MEMBER.exec(member);
    if (!parts) return undefined;
    // "A recipient SHOULD consider 'x-gzip' to be equivalent to 'gzip'" (§8.4.1.3).
    const coding = parts[1] === 'x-gzip' ? 'gzip' : (parts[1] as string);
    const weight = parts[2] === undefined ? 1 : Number(parts[2]);
    weights.set(coding, Math.min(weight, weights.get(coding) ?? 1));
  }
  return weights.size > 0 ? weights : undefined;
}

/**
 * The entity tag of a representation in a content coding. "A strong entity tag for a content-encoded representation has
 * to be distinct from the entity tag of an unencoded representation" (§8.8.3.3), and also from that of the same content
 * as another encoder encodes it. A weak entity tag may be shared by all of them (§8.8.1).
 * @param sum a checksum of the encoded bytes.
 */
export function entityTagIn(etag: string, coding: Coding, sum: string): string {
  return STRONG.test(etag) ? `${etag.slice(0, -1)}-${coding}-${sum}"` : etag;
}

const STRONG = /^"[^"]*"$/;

/** A field with the app's own entity tags in place of those of encodings. */
export function ownEntityTags(field: string): string {
  return field.replace(/-(?:br|zstd|gzip)-[0-9a-f]{8}(?=")/g, '');
}

/** Fields with a digest of the bytes (RFC 9530 and its predecessors), or with a signature over such fields. */
const DIGESTS: ReadonlySet<string> = new Set([
  'content-digest',
  'repr-digest',
  'digest',
  'content-md5',
  'signature',
]);

/** Whether a field is valid only for the exact bytes that the app sent. */
export function isDigestField(lowerName: string): boolean {
  return DIGESTS.has(lowerName);
}

/**
 * Whether a response may be encoded. `no-transform` forbids it (§7.7). So does a response that the app has encoded or
 * digested itself, or that varies on `Accept-Encoding`: the app has then chosen the coding for this client.
 */
export function mayEncode(status: number, headers: Fields): boolean {
  if (status === 204 || status === 206 || headers['content-encoding'] !== undefined) return false;
  if (!isCompressible(joined(headers['content-type']))) return false;
  if (parseCacheControl(headers['cache-control']).has('no-transform')) return false;
  if (Object.keys(headers).some(isDigestField)) return false;
  const names = nominated(headers.vary);
  return names !== '*' && !names.includes('accept-encoding');
}

/** Whether middleware that compresses would encode a body with these fields. */
export function isWorthEncoding(headers: StoredFields): boolean {
  const coding = field(headers, 'content-encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'identity') return false;
  return (
    isCompressible(field(headers, 'content-type')) &&
    !parseCacheControl(field(headers, 'cache-control')).has('no-transform')
  );
}

const TEXT =
  /^(?:text\/[^/]+|[^/]+\/[^/]+\+(?:json|xml|text|yaml)|image\/(?:bmp|vnd\.microsoft\.icon|x-icon)|font\/[ot]tf)$/;
const APPLICATIONS: ReadonlySet<string> = new Set(
  [
    ...['json', 'javascript', 'x-javascript', 'ecmascript', 'xml', 'xml-dtd', 'wasm', 'yaml', 'toml', 'sql'],
    ...['graphql', 'rtf', 'x-ndjson', 'jsonl', 'json5', 'vnd.ms-fontobject', 'x-www-form-urlencoded'],
  ].map((subtype) => `application/${subtype}`),
);

function isCompressible(contentType: string | undefined): boolean {
  const type = trimmed(contentType?.split(';', 1)[0] ?? '').toLowerCase();
  return TEXT.test(type) || APPLICATIONS.has(type);
}
