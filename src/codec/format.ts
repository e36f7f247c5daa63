import { crc32 } from 'node:zlib';
import { decodeMetadata, encodeMetadata, FIELD_NAME } from './metadata.ts';
import type { StoredHead, StoredResponse } from './stored-response.ts';

/**
 * The binary form of a stored response. Redis, the in-process store and the near cache hold the same bytes.
 *
 *   0      1      format: RESPONSE, or MARKER for the sets of field names that a key's responses vary on
 *   1      1      ENCODED where the body consists of encodings, else zero; a sealed value: see encryption.ts
 *   2      2      reserved, zero
 *   4      4      CRC-32 of everything from byte 16 on
 *   8      4      time of the soft purge in seconds since 1970; zero without one
 *   12     4      the same with every bit inverted; zero without one
 *   16     4      length of the metadata
 *   20     4      length of the body
 *   24     ...    metadata: a JSON array, UTF-8
 *   ...    ...    body
 *
 * Nothing that is read back is trusted. An unknown format belongs to another version of this library. Lengths that do
 * not add up and a wrong checksum mean damage. Header fields are validated before they can reach a socket.
 */
export const HEAD_BYTES = 24;
const RESPONSE = 1;
const MARKER = 2;
/**
 * A flag and not a format of its own, so that a soft purge by an older version marks it. A version that does not know
 * the flag ignores the value, and never takes the encodings for a body.
 */
const ENCODED = 2;
const PLAIN_RESPONSE = RESPONSE << 24;
const ENCODED_RESPONSE = (RESPONSE << 24) | (ENCODED << 16);

/** A marker lists at most this many sets of field names. A further set replaces the least recently used one. */
export const MAX_SPECS = 4;

/**
 * The version of a stored response: its head, which differs between any two stored responses by the checksum or, where
 * they are sealed, by the nonce. Empty for no value.
 */
export function versionOf(bytes: Buffer | undefined): Buffer {
  return bytes ? bytes.subarray(0, HEAD_BYTES) : Buffer.alloc(0);
}

/** The bytes of a stored response. The chunks of the body are copied. */
export function encode(head: StoredHead, chunks: readonly Uint8Array[]): Buffer {
  const metadata = encodeMetadata(head);
  const metadataLength = Buffer.byteLength(metadata);
  const bodyLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + metadataLength + bodyLength);
  bytes.writeUInt32BE(head.encodings ? ENCODED_RESPONSE : PLAIN_RESPONSE, 0);
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

/**
 * A copy of the bytes with the mark of a soft purge at `now` (milliseconds since 1970). In Redis a script writes it.
 */
export function markSoftPurged(bytes: Buffer, now: number): Buffer {
  const purged = Buffer.from(bytes);
  softPurgeMark(now).copy(purged, 8);
  return purged;
}

/** The mark of a soft purge at `now` (milliseconds since 1970). It belongs at byte 8 of a stored response. */
export function softPurgeMark(now: number): Buffer {
  const mark = Buffer.alloc(8);
  const seconds = Math.floor(now / 1000) >>> 0;
  mark.writeUInt32BE(seconds, 0);
  mark.writeUInt32BE(~seconds >>> 0, 4);
  return mark;
}

/** The stored response in these bytes; `undefined` when they are damaged or of an unknown format. */
export function decode(bytes: Buffer): StoredResponse | undefined {
  if (bytes.length < HEAD_BYTES || bytes.readUInt32BE(4) !== crc32(bytes.subarray(16))) return undefined;
  return decodeHead(bytes, bytes.length);
}

/**
 * The stored response at the beginning of a value, whose body may be cut off. The checksum is not verified, because it
 * covers the whole value.
 * @param length length of the whole value in bytes.
 */
export function decodeHead(bytes: Buffer, length: number): StoredResponse | undefined {
  const first = bytes.length < HEAD_BYTES ? 0 : bytes.readUInt32BE(0);
  if (first !== PLAIN_RESPONSE && first !== ENCODED_RESPONSE) return undefined;
  const bodyAt = HEAD_BYTES + bytes.readUInt32BE(16);
  if (bodyAt > bytes.length || bodyAt + bodyLength(bytes) !== length) return undefined;
  const purgedAt = bytes.readUInt32BE(8);
  const purged = purgedAt !== 0 || bytes.readUInt32BE(12) !== 0;
  if (purged && bytes.readUInt32BE(12) !== ~purgedAt >>> 0) return undefined;
  const metadata = bytes.toString('utf8', HEAD_BYTES, bodyAt);
  const encodedLength = first === ENCODED_RESPONSE ? length - bodyAt : undefined;
  const stored = decodeMetadata(metadata, bytes.subarray(bodyAt), encodedLength);
  if (!stored || !purged) return stored;
  // The lifetime ends with the purge. `purged` is needed too: the clock of the purging process may be ahead.
  const untilPurge = Math.max(0, purgedAt * 1000 - stored.bornAt);
  return { ...stored, purged, lifetime: Math.min(stored.lifetime, untilPurge) };
}

/** The length of a stored response's body in bytes, as its head states it. */
export function bodyLength(bytes: Buffer): number {
  return bytes.readUInt32BE(20);
}

/** The bytes of a marker: the sets of field names that a key's responses vary on, the newest first. */
export function encodeMarker(specs: readonly (readonly string[])[]): Buffer {
  return Buffer.from(`${String.fromCharCode(MARKER)}${specs.map((names) => names.join(',')).join('\n')}`);
}

/** The sets of field names in a marker; `undefined` when the bytes are not a valid marker. */
export function decodeMarker(bytes: Buffer): readonly (readonly string[])[] | undefined {
  if (bytes[0] !== MARKER) return undefined;
  const specs = bytes
    .toString('latin1', 1)
    .split('\n')
    .map((names) => (names === '' ? [] : names.split(',')));
  // Each set is a variant to read, so a forged marker must not list more of them than are ever written.
  return specs.length <= MAX_SPECS && specs.flat().every((name) => FIELD_NAME.test(name)) ? specs : undefined;
}
