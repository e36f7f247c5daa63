/** Which header fields are stored and sent with a stored response (RFC 9111 §3.1, RFC 9110 §7.6.1). */

import { type FieldValue, joined, members } from './cache-control.ts';

/**
 * Never stored: fields of one connection ("intermediaries ought to remove or replace" them, RFC 9110 §7.6.1), `Age`,
 * which is computed for each response, and rate limits, which belong to one client.
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

/**
 * Fields that describe the bytes of a response, and how long they are good: they are stored with the bytes, whoever has
 * set them (RFC 9110 section 8, RFC 9111 section 3.1). All others that middleware in front sets belong to one request.
 */
const DESCRIPTIVE: ReadonlySet<string> = new Set([
  'accept-ranges',
  'cache-control',
  'cdn-cache-control',
  'content-digest',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'digest',
  'etag',
  'expires',
  'last-modified',
  'pragma',
  'repr-digest',
  'surrogate-control',
]);

/** Whether a field describes the bytes of a response, so that it is stored with them. */
export function isDescriptive(lowerName: string): boolean {
  return DESCRIPTIVE.has(lowerName);
}

/** Header fields in the order and case in which they were set. */
export type FieldList = readonly (readonly [name: string, value: string | number | readonly string[]])[];

/** Names and values alternating, as `writeHead` takes them. The value of a repeated field is the list of its lines. */
export type StoredFields = readonly (string | readonly string[])[];

/** The fields that middleware in front had set before the app was called: lower-case names and comparable values. */
export type Before = ReadonlyMap<string, string>;

/** The fields of a head in comparable form. */
export function snapshot(fields: FieldList): Before {
  if (fields.length === 0) return NOTHING_BEFORE;
  return new Map(fields.map(([name, value]) => [name.toLowerCase(), comparable(value)]));
}

const NOTHING_BEFORE: Before = new Map();

/**
 * The fields to store. A field that still has the value which middleware in front had set is not stored, unless it
 * describes the bytes: that middleware sets it for each request (a request id, CORS). A field that middleware had set
 * and the app removed is in `removedFields`.
 * @param withheld lower-case names of fields that the response's directives forbid to store.
 */
export function storedFields(
  fields: FieldList,
  before: Before,
  withheld: readonly string[],
): { headers: StoredFields; removedFields: string[] } {
  const connection = fields.find(
    ([name]) => name.length === CONNECTION.length && name.toLowerCase() === CONNECTION,
  );
  const excluded = connection ? [...nominatedBy(connection[1]), ...withheld] : withheld;
  const headers: (string | readonly string[])[] = [];
  const gone = before.size > 0 ? new Set(before.keys()) : undefined;
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    gone?.delete(lower);
    if (NOT_STORED.has(lower) || excluded.includes(lower)) continue;
    if (gone && !DESCRIPTIVE.has(lower) && before.get(lower) === comparable(value)) continue;
    headers.push(name, typeof value === 'object' ? value.map(String) : String(value));
  }
  return { headers, removedFields: gone && gone.size > 0 ? [...gone] : [] };
}

const CONNECTION = 'connection';

function comparable(value: string | number | readonly string[]): string {
  return typeof value === 'object' ? value.join('\n') : String(value);
}

/** The lower-case field names that a `Connection` field nominates. */
function nominatedBy(connection: FieldValue): readonly string[] {
  const text = joined(connection);
  return text ? members(text.toLowerCase()) : [];
}

/** Whether a field is representation metadata that a 304 made from a 200 leaves out. */
export function leftOutOf304(lowerName: string): boolean {
  return (
    lowerName === 'last-modified' ||
    (lowerName.startsWith('content-') &&
      // It guides caches (RFC 9110 §15.4.5).
      lowerName !== 'content-location' &&
      // A policy for the document, which does not describe its bytes.
      !lowerName.startsWith('content-security-policy'))
  );
}

/** Never replaced by the fields of a 304, because the stored bytes depend on them (RFC 9111 §3.2). */
const KEPT_BY_FRESHENING: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'content-range',
]);

/**
 * A stored head, updated by a 304: "the cache MUST add each header field in the provided response to the stored
 * response, replacing field values that are already present" (RFC 9111 §3.2).
 * @param fresh the fields of the 304 that may be stored.
 */
export function freshened(stored: StoredFields, fresh: StoredFields): StoredFields {
  const replaced = new Map<string, readonly [string, string | readonly string[]]>();
  for (let i = 0; i < fresh.length; i += 2) {
    const lower = (fresh[i] as string).toLowerCase();
    if (!KEPT_BY_FRESHENING.has(lower)) replaced.set(lower, [fresh[i] as string, fresh[i + 1]!]);
  }
  const result: (string | readonly string[])[] = [];
  for (let i = 0; i < stored.length; i += 2) {
    const lower = (stored[i] as string).toLowerCase();
    if (!replaced.has(lower)) result.push(stored[i]!, stored[i + 1]!);
  }
  for (const [name, value] of replaced.values()) result.push(name, value);
  return result;
}

/** The fields of a stored head by lower-case name. */
export function fieldsByName(headers: StoredFields): Record<string, string | readonly string[]> {
  const byName: Record<string, string | readonly string[]> = Object.create(null);
  for (let i = 0; i < headers.length; i += 2) byName[(headers[i] as string).toLowerCase()] = headers[i + 1]!;
  return byName;
}

/** The value of a field in a stored head. */
export function field(headers: StoredFields, lowerName: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) return joined(headers[i + 1]);
  }
  return undefined;
}
