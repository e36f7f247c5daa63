/** Content codings (RFC 9110 §8.4.1): which one answers a request, and which responses may be put into one. */

import { type FieldValue, joined, members, parseCacheControl, trimmed } from './cache-control.ts';
import { type Fields, nominated } from './vary.ts';

/** The content codings that a response may be stored in, the one that this cache prefers first. */
export const CODINGS = ['br', 'zstd', 'gzip'] as const;
export type Coding = (typeof CODINGS)[number];
/** `identity`: none at all. */
export type Choice = Coding | 'identity';

/**
 * Those of the available codings, and identity, that a client accepts, the one that it prefers first; where it weighs
 * them alike, in the order given and identity last (§12.5.3). There is always one: where nothing is acceptable it is
 * identity, as the app would have sent.
 */
export function acceptable(field: FieldValue, available: readonly Coding[]): readonly Choice[] {
  const weights = weightsOf(joined(field));
  if (!weights) return NOTHING_ELSE;
  const any = weights.get('*');
  const weighed = available
    .map((coding): [Choice, number] => [coding, weights.get(coding) ?? any ?? 0])
    .filter(([, weight]) => weight > 0);
  // "acceptable by default unless specifically excluded": what is not listed is less welcome than what is.
  const identity = weights.get('identity') ?? any ?? Number.MIN_VALUE;
  if (identity > 0 || weighed.length === 0) weighed.push(['identity', identity]);
  return weighed.sort(([, a], [, b]) => b - a).map(([choice]) => choice);
}

const NOTHING_ELSE: readonly Choice[] = ['identity'];

/** `codings [ weight ]`, a weight of at most three decimals (§12.4.2). */
const MEMBER = /^([!#$%&'*+\-.^_`|~0-9a-z]+)(?:[ \t]*;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/;

/**
 * The weight of each coding that the field lists; `undefined` where it is absent (who says nothing may not be able to
 * read any), empty, or cannot be read.
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
 * "A strong entity tag for a content-encoded representation has to be distinct from the entity tag of an unencoded
 * representation" (§8.8.3.3), and from that of other bytes in the same coding, which another encoder makes of the same
 * content. A weak one may stand for all of them (§8.8.1).
 * @param sum tells the encoded bytes apart.
 */
export function entityTagIn(etag: string, coding: Coding, sum: string): string {
  return STRONG.test(etag) ? `${etag.slice(0, -1)}-${coding}-${sum}"` : etag;
}

const STRONG = /^"[^"]*"$/;

/** The entity tags in a field as the app has made them. */
export function ownEntityTags(field: string): string {
  return field.replace(/-(?:br|zstd|gzip)-[0-9a-f]{8}(?=")/g, '');
}

/** Fields that state a digest of the bytes (RFC 9530, and those before it), or a signature over such fields. */
const DIGESTS: ReadonlySet<string> = new Set([
  'content-digest',
  'repr-digest',
  'digest',
  'content-md5',
  'signature',
]);

/** Whether a field is about the very bytes that the app sent. */
export function tiesToBytes(lowerName: string): boolean {
  return DIGESTS.has(lowerName);
}

/**
 * Whether a response with this head may be put into a content coding. `no-transform` forbids it (§7.7), a coding of its
 * own or a digest makes it the app's affair, and so does an app that chooses by `Accept-Encoding` itself: who gets this
 * one is not to be given another.
 */
export function mayEncode(status: number, headers: Fields): boolean {
  if (status === 204 || status === 206 || headers['content-encoding'] !== undefined) return false;
  if (!isCompressible(joined(headers['content-type']))) return false;
  if (parseCacheControl(headers['cache-control']).has('no-transform')) return false;
  if (Object.keys(headers).some(tiesToBytes)) return false;
  const names = nominated(headers.vary);
  return names !== '*' && !names.includes('accept-encoding');
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
