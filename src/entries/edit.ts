import { createHash } from 'node:crypto';
import { encode } from '../codec/format.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { ArgumentError } from '../errors.ts';
import { field, type StoredFields } from '../http/headers.ts';
import { keptMs } from '../http/retention.ts';
import { userKeyOf } from '../key/value-key.ts';

/** Changes that an operator makes to a stored response. */
export interface Edit {
  /** The new time to live in milliseconds, from now. */
  readonly ttlMs: number | undefined;
  readonly body: string | Buffer | undefined;
}

/** Fields about the old body that a new body makes wrong. `Content-Length` and `ETag` are replaced instead. */
const FIELDS_OF_OLD_BODY: ReadonlySet<string> = new Set([
  'last-modified',
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
  'signature',
  'signature-input',
]);

/**
 * The edited response: the bytes to store and for how many milliseconds.
 * @param identityBody the stored body as the app sent it.
 * @throws {ArgumentError} for a body that this response cannot have.
 */
export function applyEdit(
  stored: StoredResponse,
  identityBody: Buffer,
  edit: Edit,
  now: number,
): { bytes: Buffer; ttlMs: number } {
  const response = edit.body === undefined ? stored : withBody(stored, identityBody, edit.body, now);
  // The age stays, because the app has neither made nor confirmed the response now. A new TTL extends the lifetime.
  const lifetime = edit.ttlMs === undefined ? stored.lifetime : Math.max(0, now - stored.bornAt + edit.ttlMs);
  const { body, purged: _, ...head } = { ...response, lifetime };
  return { bytes: encode(head, [body]), ttlMs: keptMs(head.headers, head, now) };
}

function withBody(
  stored: StoredResponse,
  identityBody: Buffer,
  newBody: string | Buffer,
  now: number,
): StoredResponse {
  const { status, headers } = stored;
  const body = Buffer.from(newBody);
  const isText = typeof newBody === 'string';
  const dropsCoding = isText && field(headers, 'content-encoding') !== undefined;
  if (body.equals(identityBody) && !dropsCoding) return stored;
  if (status === 206 || status === 204)
    throw new ArgumentError(`update() cannot change the body of a ${status} response: purge it instead.`);
  if (requiresJson(stored) && !isJson(body))
    throw new ArgumentError('update() cannot change a JSON value to a body that is not JSON.');
  return { ...stored, body, encodings: undefined, headers: headersFor(headers, body, isText, now) };
}

/**
 * The header fields for a new body. A response with a validator gets a new `ETag`, made of the new bytes: with the old
 * one, clients and the app would answer 304. `Date` moves forward for the same reason, because it serves as a validator
 * where `Last-Modified` is missing. It has a resolution of one second, so the next full second is used.
 */
function headersFor(headers: StoredFields, body: Buffer, isText: boolean, now: number): StoredFields {
  const result: (string | readonly string[])[] = [];
  let hadValidator = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1]!;
    const lower = name.toLowerCase();
    if (lower === 'etag' || lower === 'last-modified') hadValidator = true;
    if (lower === 'etag' || lower === 'date' || FIELDS_OF_OLD_BODY.has(lower)) continue;
    if (isText && lower === 'content-encoding') continue;
    if (lower === 'content-length') result.push(name, String(body.length));
    else if (isText && lower === 'content-type') result.push(name, withUtf8(value));
    else result.push(name, value);
  }
  result.push('Date', new Date((Math.floor(now / 1000) + 1) * 1000).toUTCString());
  if (hadValidator) result.push('ETag', strongETag(body));
  return result;
}

function withUtf8(contentType: string | readonly string[]): string {
  return String(contentType).replace(/(;\s*charset=)(?:"[^"]*"|[^;\s]*)/i, '$1utf-8');
}

function strongETag(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url')}"`;
}

/** `cache.store.get` and `cache.wrap` parse the body of a JSON value. */
function requiresJson({ key, headers }: StoredResponse): boolean {
  return userKeyOf(key) !== undefined && field(headers, 'content-type') === 'application/json';
}

function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString());
    return true;
  } catch {
    return false;
  }
}
