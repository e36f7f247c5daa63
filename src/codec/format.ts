import { crc32 } from 'node:zlib';
import { FIELD_NAME, isMetadata, type Metadata } from './metadata.ts';
import type { StoredHead, StoredResponse } from './stored-response.ts';

/**
 * The stored response and its binary form, the same bytes in Redis and in process.
 *
 *   0      1      format: RESPONSE, or MARKER for the list of what a key's responses vary on
 *   1      1      ENCODED where the body is its encodings, one after the other; else zero. A sealed one: see seal.ts
 *   2      2      reserved, zero
 *   4      4      CRC-32 of everything behind byte 16
 *   8      4      when it was purged softly, in seconds since 1970; zero: it was not
 *   12     4      the same with every bit inverted; zero likewise
 *   16     4      length of the metadata
 *   20     4      length of the body
 *   24     ...    metadata: a JSON array, UTF-8
 *   ...    ...    body
 *
 * Whoever reads it trusts nothing: another format is another version's, lengths that do not add up and a wrong
 * sum are damage, and fields that could not stand in a response head never reach a socket.
 */
export const HEAD_BYTES = 24;
const RESPONSE = 1;
const MARKER = 2;
/**
 * Not a format of its own, so that a soft purge by any version marks it. A version that knows nothing of it takes the
 * value for another version's, and never for a body.
 */
const ENCODED = 2;
const PLAIN_RESPONSE = RESPONSE << 24;
const ENCODED_RESPONSE = (RESPONSE << 24) | (ENCODED << 16);

/** A marker lists at most this many sets of field names; the one used least recently goes first. */
export const MAX_SPECS = 4;

/** One value that stands for a stored response's bytes: two differ when the stored responses do. */
export function fingerprint(bytes: Buffer | undefined): Buffer {
  return bytes ? bytes.subarray(0, HEAD_BYTES) : Buffer.alloc(0);
}

/** The bytes of a stored response whose body comes in chunks, which are copied. */
export function encode(stored: StoredHead, chunks: readonly Uint8Array[]): Buffer {
  const { key, variant, status, message, headers, removed, tags, locals, encodings } = stored;
  const { bornAt, lifetime, staleIfError, staleWhileRevalidate, took } = stored;
  const used = (stored.validateAlways ? VALIDATE_ALWAYS : 0) | (stored.neverStale ? NEVER_STALE : 0);
  const rules = used | ((stored.depth ^ 1) << DEPTH);
  const ageing = [bornAt, lifetime, rules, staleIfError, staleWhileRevalidate, took];
  const encoded = encodings ? [[encodings.size, encodings.list]] : [];
  const metadata = JSON.stringify([
    key,
    variant,
    status,
    message,
    headers,
    removed,
    ageing,
    tags,
    locals,
    ...encoded,
  ]);
  const metadataLength = Buffer.byteLength(metadata);
  const bodyLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + metadataLength + bodyLength);
  bytes.writeUInt32BE(encodings ? ENCODED_RESPONSE : PLAIN_RESPONSE, 0);
  bytes.writeUInt32BE(0, 8);
  bytes.writeUInt32BE(0, 12);
  bytes.writeUInt32BE(metadataLength, 16);
  bytes.writeUInt32BE(bodyLength, 20);
  bytes.write(metadata, HEAD_BYTES);
  let at = HEAD_BYTES + metadataLength;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  bytes.writeUInt32BE(crc32(bytes.subarray(16)), 4);
  return bytes;
}

/** The same bytes, purged softly at this instant (in milliseconds). In Redis a script does it. */
export function purgedSoftly(bytes: Buffer, now: number): Buffer {
  const purged = Buffer.from(bytes);
  purgeMark(now).copy(purged, 8);
  return purged;
}

/** What says in a stored response that it was purged softly, at byte 8. */
export function purgeMark(now: number): Buffer {
  const mark = Buffer.alloc(8);
  const seconds = Math.floor(now / 1000) >>> 0;
  mark.writeUInt32BE(seconds, 0);
  mark.writeUInt32BE(~seconds >>> 0, 4);
  return mark;
}

/** The stored response in these bytes; `undefined` when they are damaged or from another version. */
export function decode(bytes: Buffer): StoredResponse | undefined {
  if (bytes.length < HEAD_BYTES || bytes.readUInt32BE(4) !== crc32(bytes.subarray(16))) return undefined;
  return decodeHead(bytes, bytes.length);
}

/**
 * The same of bytes that may end where the body begins: with as much of the body as there is, and without the sum,
 * which nobody can take then.
 * @param length how many bytes there are in all.
 */
export function decodeHead(bytes: Buffer, length: number): StoredResponse | undefined {
  const first = bytes.length < HEAD_BYTES ? 0 : bytes.readUInt32BE(0);
  if (first !== PLAIN_RESPONSE && first !== ENCODED_RESPONSE) return undefined;
  const bodyAt = HEAD_BYTES + bytes.readUInt32BE(16);
  if (bodyAt > bytes.length || bodyAt + bodyLength(bytes) !== length) return undefined;
  const purgedAt = bytes.readUInt32BE(8);
  const purged = purgedAt !== 0 || bytes.readUInt32BE(12) !== 0;
  if (purged && bytes.readUInt32BE(12) !== ~purgedAt >>> 0) return undefined;
  let metadata: unknown;
  try {
    metadata = JSON.parse(bytes.toString('utf8', HEAD_BYTES, bodyAt));
  } catch {
    return undefined;
  }
  const encoded = first === ENCODED_RESPONSE ? length - bodyAt : undefined;
  if (!isMetadata(metadata, encoded)) return undefined;
  const stored = toStored(metadata, bytes.subarray(bodyAt));
  // Stale since the purge, whatever the clocks of this process and of the purging one say.
  const until = Math.max(0, purgedAt * 1000 - stored.bornAt);
  return purged ? { ...stored, purged, lifetime: Math.min(stored.lifetime, until) } : stored;
}

/** How long the body of a stored response is, by its head. */
export function bodyLength(bytes: Buffer): number {
  return bytes.readUInt32BE(20);
}

/** Bytes that list what a key's responses vary on: each a set of field names, the newest first. */
export function encodeMarker(specs: readonly (readonly string[])[]): Buffer {
  return Buffer.from(`${String.fromCharCode(MARKER)}${specs.map((names) => names.join(',')).join('\n')}`);
}

/** The sets of field names in a marker, or `undefined` when the bytes are no whole marker. */
export function decodeMarker(bytes: Buffer): readonly (readonly string[])[] | undefined {
  if (bytes[0] !== MARKER) return undefined;
  const specs = bytes
    .toString('latin1', 1)
    .split('\n')
    .map((names) => (names === '' ? [] : names.split(',')));
  // More than ever was written would be as many keys to read.
  return specs.length <= MAX_SPECS && specs.flat().every((name) => FIELD_NAME.test(name)) ? specs : undefined;
}

/** Bits of `rules`. */
const VALIDATE_ALWAYS = 1;
const NEVER_STALE = 2;
/** The bits from here on are the depth, of which nearly all have 1 and say nothing. */
const DEPTH = 2;

function toStored(m: Metadata, body: Buffer): StoredResponse {
  const [key, variant, status, message, headers, removed, ageing, tags, locals, encodings] = m;
  const [bornAt, lifetime, rules, staleIfError, staleWhileRevalidate, took] = ageing;
  const validateAlways = (rules & VALIDATE_ALWAYS) !== 0;
  const neverStale = (rules & NEVER_STALE) !== 0;
  const stale = { validateAlways, neverStale, staleIfError, staleWhileRevalidate };
  return {
    key,
    variant,
    status,
    message,
    headers,
    removed,
    bornAt,
    lifetime,
    ...stale,
    took,
    tags,
    locals,
    depth: (rules >>> DEPTH) ^ 1,
    encodings: encodings && { size: encodings[0], list: encodings[1] },
    body,
    purged: false,
  };
}
