import { TOKEN } from '../http/cache-control.ts';
import type { StoredFields } from '../http/headers.ts';
import { isStoredEncodings, type StoredEncodings } from './encodings.ts';
import type { Audience, StoredHead, StoredResponse } from './stored-response.ts';

/** The metadata of a stored response: everything but the body, as a JSON array. */
type Metadata = [
  key: string,
  variant: string,
  status: number,
  message: string,
  headers: StoredFields,
  removedFields: string[],
  ageing: [
    bornAt: number,
    lifetime: number,
    rules: number,
    staleIfError: number,
    staleWhileRevalidate: number,
    originMs: number,
  ],
  tags: string[],
  locals: Record<string, unknown> | null,
  selectors: string[],
  audience: [same: string[], different: [shape: string, until: number][]] | null,
  encodings?: StoredEncodings,
];

/** Bits of `rules`. */
const VALIDATE_ALWAYS = 1;
const NEVER_STALE = 2;
/**
 * The higher bits of `rules` hold the cache level, with its lowest bit inverted: the usual level, 1, is written as 0.
 */
const CACHE_LEVEL_SHIFT = 2;

/** The metadata of a stored response as JSON text. */
export function encodeMetadata(head: StoredHead): string {
  const { key, variant, status, message, headers, removedFields, tags, locals, encodings } = head;
  const { bornAt, lifetime, staleIfError, staleWhileRevalidate, originMs } = head;
  const rules =
    (head.validateAlways ? VALIDATE_ALWAYS : 0) |
    (head.neverStale ? NEVER_STALE : 0) |
    ((head.cacheLevel ^ 1) << CACHE_LEVEL_SHIFT);
  const ageing = [bornAt, lifetime, rules, staleIfError, staleWhileRevalidate, originMs];
  const { selectors, audience } = head;
  const shapes = audience ? [audience.same, audience.different] : null;
  const metadata: unknown[] = [key, variant, status, message, headers, removedFields, ageing, tags, locals];
  metadata.push(selectors, shapes);
  if (encodings) metadata.push([encodings.size, encodings.list]);
  return JSON.stringify(metadata);
}

/**
 * The stored response with this metadata and body. The text is not trusted: `undefined` when it is not valid metadata,
 * or when Node would refuse one of the header fields.
 * @param encodedLength length in bytes of a body that consists of encodings; `undefined` for an identity body.
 */
export function decodeMetadata(
  text: string,
  body: Buffer,
  encodedLength: number | undefined,
): StoredResponse | undefined {
  let metadata: unknown;
  try {
    metadata = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isMetadata(metadata, encodedLength)) return undefined;
  const [key, variant, status, message, headers, removedFields, ageing, tags, locals] = metadata;
  const [, , , , , , , , , selectors, shapes, encodings] = metadata;
  const audience: Audience | undefined = shapes ? { same: shapes[0], different: shapes[1] } : undefined;
  const [bornAt, lifetime, rules, staleIfError, staleWhileRevalidate, originMs] = ageing;
  return {
    key,
    variant,
    status,
    message,
    headers,
    removedFields,
    bornAt,
    lifetime,
    validateAlways: (rules & VALIDATE_ALWAYS) !== 0,
    neverStale: (rules & NEVER_STALE) !== 0,
    staleIfError,
    staleWhileRevalidate,
    originMs,
    tags,
    locals,
    cacheLevel: (rules >>> CACHE_LEVEL_SHIFT) ^ 1,
    selectors,
    audience,
    encodings: encodings && { size: encodings[0], list: encodings[1] },
    body,
    purged: false,
  };
}

export const FIELD_NAME: RegExp = TOKEN;
const NOT_IN_FIELD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

function isMetadata(m: unknown, encodedLength: number | undefined): m is Metadata {
  if (!Array.isArray(m) || m.length !== (encodedLength === undefined ? 11 : 12)) return false;
  const [key, variant, status, message, headers, removedFields, ageing, tags, locals] = m;
  const [, , , , , , , , , selectors, audience, encodings] = m;
  return (
    typeof key === 'string' &&
    typeof variant === 'string' &&
    Number.isInteger(status) &&
    status >= 200 &&
    status <= 999 &&
    typeof message === 'string' &&
    !NOT_IN_FIELD_VALUE.test(message) &&
    areHeaders(headers) &&
    areStrings(removedFields) &&
    areStrings(tags) &&
    Array.isArray(ageing) &&
    ageing.length === 6 &&
    ageing.every((value) => Number.isFinite(value)) &&
    typeof locals === 'object' &&
    !Array.isArray(locals) &&
    areStrings(selectors) &&
    (audience === null || isAudience(audience)) &&
    (encodedLength === undefined || isStoredEncodings(encodings, encodedLength))
  );
}

function isAudience(shapes: unknown): boolean {
  if (!Array.isArray(shapes) || shapes.length !== 2 || !Array.isArray(shapes[1])) return false;
  const isFinding = (one: unknown): boolean =>
    Array.isArray(one) && one.length === 2 && typeof one[0] === 'string' && Number.isFinite(one[1]);
  return areStrings(shapes[0]) && shapes[1].every(isFinding);
}

function areStrings(list: unknown): boolean {
  return Array.isArray(list) && list.every((text) => typeof text === 'string');
}

function areHeaders(headers: unknown): headers is StoredFields {
  if (!Array.isArray(headers) || headers.length % 2 !== 0) return false;
  for (let i = 0; i < headers.length; i += 2) {
    const value: unknown = headers[i + 1];
    if (typeof headers[i] !== 'string' || !FIELD_NAME.test(headers[i])) return false;
    if (!(Array.isArray(value) ? value.every(isFieldValue) : isFieldValue(value))) return false;
  }
  return true;
}

function isFieldValue(value: unknown): boolean {
  return typeof value === 'string' && !NOT_IN_FIELD_VALUE.test(value);
}
