import { createHash } from 'node:crypto';
import { encode, markSoftPurged } from '../codec/format.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { field, type StoredFields } from '../http/headers.ts';
import { keptStale } from '../http/retention.ts';
import { userKeyOf } from '../key/value-key.ts';

/** A stored response that an operator has changed. */

/** Fields that say something of the bytes that are replaced, beside `Content-Length` and `ETag`. */
const OF_THE_BYTES: ReadonlySet<string> = new Set([
  'last-modified',
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
  'signature',
  'signature-input',
]);

/** What to change, with the length of time in milliseconds. */
export interface Edit {
  readonly ttl: number | undefined;
  readonly body: string | Buffer | undefined;
}

/**
 * The bytes to store in its place, and for how many milliseconds.
 * @param sent its body as the app sent it.
 * @throws {TypeError} for a body that cannot stand there.
 */
export function edited(
  stored: StoredResponse,
  sent: Buffer,
  edit: Edit,
  now: number,
): { bytes: Buffer; ttl: number } {
  const head = edit.body === undefined ? stored : withBody(stored, sent, edit.body, now);
  // Its age goes on, since nothing was made or confirmed by the app just now: what grows is how old it may become.
  const lifetime = edit.ttl === undefined ? stored.lifetime : Math.max(0, now - stored.bornAt + edit.ttl);
  const { body, purged, ...rest } = { ...head, lifetime };
  const encoded = encode(rest, [body]);
  const bytes =
    purged && edit.ttl === undefined ? markSoftPurged(encoded, stored.bornAt + lifetime) : encoded;
  const kept = stored.bornAt + lifetime + keptStale(rest.headers, rest) - now;
  return { bytes, ttl: Math.max(1, Math.ceil(kept)) };
}

function withBody(stored: StoredResponse, sent: Buffer, given: string | Buffer, now: number): StoredResponse {
  const body = Buffer.from(given);
  const text = typeof given === 'string';
  const same = body.equals(sent) && !(text && field(stored.headers, 'content-encoding'));
  if (same) return stored;
  const { status } = stored;
  if (status === 206 || status === 204) throw new TypeError(`a ${status} cannot be given another body`);
  if (!canStandIn(stored, body)) throw new TypeError('a value that is JSON takes a body that is JSON');
  return { ...stored, body, encodings: undefined, headers: describing(stored.headers, body, text, now) };
}

/**
 * The fields for another body. Where it had a validator it gets one of its own, made of its bytes: with the old one a
 * client, or the app, would say that nothing has changed. So it would with `Date`, which stands in for a missing
 * `Last-Modified`: the new one is later than that of whatever was sent in the second before.
 */
function describing(headers: StoredFields, body: Buffer, text: boolean, now: number): StoredFields {
  const result: (string | readonly string[])[] = [];
  let validated = false;
  for (let i = 0; i < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1]!];
    const lower = name.toLowerCase();
    if (lower === 'etag' || lower === 'last-modified') validated = true;
    if (lower === 'content-length') result.push(name, String(body.length));
    else if (lower === 'date') continue;
    else if (lower === 'content-type' && text) result.push(name, inUtf8(value));
    else if (lower !== 'etag' && !OF_THE_BYTES.has(lower) && !(text && lower === 'content-encoding'))
      result.push(name, value);
  }
  result.push('Date', new Date((Math.floor(now / 1000) + 1) * 1000).toUTCString());
  if (validated) result.push('ETag', etagOf(body));
  return result;
}

function inUtf8(contentType: string | readonly string[]): string {
  return String(contentType).replace(/(;\s*charset=)(?:"[^"]*"|[^;\s]*)/i, '$1utf-8');
}

/** A strong validator. */
function etagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url')}"`;
}

/** Whether a body could stand in the place of this one's: that of a value which is JSON has to be JSON. */
function canStandIn({ key, headers }: StoredResponse, body: Buffer): boolean {
  if (userKeyOf(key) === undefined || field(headers, 'content-type') !== 'application/json') return true;
  try {
    JSON.parse(body.toString());
    return true;
  } catch {
    return false;
  }
}
