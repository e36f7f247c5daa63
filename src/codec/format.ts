import { crc32 } from 'node:zlib';
import { decodeMetadata, encodeMetadata } from './metadata.ts';
import { type Piece, TextPiece } from './piece.ts';
import type { StoredHead, StoredResponse } from './stored-response.ts';

/**
 * The binary form of a stored response: the bytes that a store is given, and knows nothing of.
 *
 *   0      1      format
 *   1      1      ENCODED where the body consists of encodings, else zero; a sealed value: see encryption.ts
 *   2      2      reserved, zero
 *   4      4      CRC-32 of everything from byte 8 on
 *   8      4      length of the metadata
 *   12     4      length of the body
 *   16     ...    metadata: a JSON array, UTF-8
 *   ...    ...    body
 *
 * Nothing that is read back is trusted. An unknown format belongs to another version of this library. Lengths that do
 * not add up and a wrong checksum mean damage. Header fields are validated before they can reach a socket.
 */
export const HEAD_BYTES = 16;
/** The first byte of every value, sealed or not. */
export const FORMAT = 1;
const ENCODED = 2;
const PLAIN_RESPONSE = FORMAT << 24;
const ENCODED_RESPONSE = (FORMAT << 24) | (ENCODED << 16);
/** The checksum covers all bytes from here on. */
const CHECKED_FROM = 8;

/** The bytes of a stored response as a store returns them. */
export interface EncodedResponse {
  readonly bytes: Buffer;
  /** When a soft purge has marked them stale, in milliseconds since 1970. */
  readonly staleSince?: number | undefined;
}

/** The first bytes of a stored response, whose body may be cut off. */
export interface EncodedHead {
  readonly head: Buffer;
  /** Length of the whole value in bytes. */
  readonly length: number;
  /** When a soft purge has marked it stale, in milliseconds since 1970. */
  readonly staleSince?: number | undefined;
}

/** `encode` leaves this many bytes free in front of what it returns, so that a store need not copy it into an envelope. */
export const HEADROOM = 64;

/** The bytes of a stored response, with `HEADROOM` free bytes in front of them. The body is copied into it. */
export function encode(head: StoredHead, body: readonly Piece[]): Buffer {
  const metadata = encodeMetadata(head);
  const metadataLength = Buffer.byteLength(metadata);
  const bodyLength = lengthOf(body);
  const length = HEAD_BYTES + metadataLength + bodyLength;
  const bytes = Buffer.allocUnsafe(HEADROOM + length).subarray(HEADROOM);
  bytes.writeUInt32BE(head.encodings ? ENCODED_RESPONSE : PLAIN_RESPONSE, 0);
  bytes.writeUInt32BE(metadataLength, 8);
  bytes.writeUInt32BE(bodyLength, 12);
  bytes.write(metadata, HEAD_BYTES);
  let at = HEAD_BYTES + metadataLength;
  for (const piece of body) {
    if (piece instanceof TextPiece) piece.writeTo(bytes, at);
    else bytes.set(piece, at);
    at += piece.length;
  }
  bytes.writeUInt32BE(crc32(bytes.subarray(CHECKED_FROM)), 4);
  return bytes;
}

/** The length of a body in bytes. */
export function lengthOf(body: readonly Piece[]): number {
  let length = 0;
  for (const piece of body) length += piece.length;
  return length;
}

/** The stored response in these bytes; `undefined` when they are damaged or of an unknown format. */
export function decode({ bytes, staleSince }: EncodedResponse): StoredResponse | undefined {
  if (!isIntact(bytes)) return undefined;
  return decodeHead({ head: bytes, length: bytes.length, staleSince });
}

/** Whether the bytes have the checksum that they state. */
export function isIntact(bytes: Buffer): boolean {
  return bytes.length >= HEAD_BYTES && bytes.readUInt32BE(4) === crc32(bytes.subarray(CHECKED_FROM));
}

/** The stored response without the part of its body that is cut off. The checksum, which covers all of it, is ignored. */
export function decodeHead({ head, length, staleSince }: EncodedHead): StoredResponse | undefined {
  const first = head.length < HEAD_BYTES ? 0 : head.readUInt32BE(0);
  if (first !== PLAIN_RESPONSE && first !== ENCODED_RESPONSE) return undefined;
  const bodyAt = headLength(head);
  if (bodyAt > head.length || bodyAt + bodyLength(head) !== length) return undefined;
  const metadata = head.toString('utf8', HEAD_BYTES, bodyAt);
  const encodedLength = first === ENCODED_RESPONSE ? length - bodyAt : undefined;
  const stored = decodeMetadata(metadata, head.subarray(bodyAt), encodedLength);
  if (!stored || staleSince === undefined) return stored;
  // The lifetime ends with the purge. `purged` is needed too: the clock of the purging process may be ahead.
  const untilPurge = Math.max(0, staleSince - stored.bornAt);
  return { ...stored, purged: true, lifetime: Math.min(stored.lifetime, untilPurge) };
}

/** How many of a stored response's first bytes describe it: all but its body. */
export function headLength(bytes: Buffer): number {
  return HEAD_BYTES + bytes.readUInt32BE(8);
}

/** The length of a stored response's body in bytes, as its head states it. */
export function bodyLength(bytes: Buffer): number {
  return bytes.readUInt32BE(12);
}
