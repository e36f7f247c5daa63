import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { FORMAT, HEAD_BYTES } from './format.ts';

/**
 * Sealed values: encrypted and authenticated with AES-256-GCM (NIST SP 800-38D).
 *
 *   0      1      format, the same as of the plain value
 *   1      1      SEALED
 *   2      2      reserved, zero
 *   4      12     nonce
 *   16     1      length of the key id
 *   17     ...    key id: printable ASCII
 *   ...    ...    ciphertext of the whole plain value
 *   ...    16     authentication tag
 *
 * The tag covers the plain value, bytes 0 to 3, the key id and the location (prefix and id of the key in
 * Redis). The location is not part of the bytes, so a value that was copied to another location cannot be opened there.
 * Nonces are random, so the heads of two sealed values always differ.
 */
const SEALED = 1;
const NONCE_AT = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';

/** The id of a sealing key: printable ASCII without spaces. */
export const KEY_ID: RegExp = /^[!-~]{1,32}$/;

/** A key that seals and opens values. */
export interface SealingKey {
  /** Written in plain text into every value that the key seals. */
  readonly id: string;
  /** 256 bits. A `KeyObject`, because `util.inspect` does not print its content. */
  readonly key: KeyObject;
}

export function isSealed(bytes: Buffer): boolean {
  return bytes[0] === FORMAT && bytes[1] === SEALED;
}

/** The id of the key that sealed these bytes; `undefined` when they are not sealed or are damaged. */
export function keyIdOf(bytes: Buffer): string | undefined {
  const end = keyIdEnd(bytes);
  if (!isSealed(bytes) || bytes.length < end + TAG_BYTES) return undefined;
  const id = bytes.toString('latin1', HEAD_BYTES + 1, end);
  return KEY_ID.test(id) ? id : undefined;
}

/** How many of a sealed value's first bytes tell which key sealed it. */
export function sealedHeadLength(bytes: Buffer): number {
  return keyIdEnd(bytes) + TAG_BYTES;
}

function keyIdEnd(bytes: Buffer): number {
  return HEAD_BYTES + 1 + (bytes[HEAD_BYTES] ?? 0);
}

/** Seals a plain value. @param location where it will be stored: it can be opened nowhere else. */
export function seal({ id, key }: SealingKey, location: string, plain: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const head = Buffer.alloc(HEAD_BYTES + 1 + id.length);
  head[0] = FORMAT;
  head[1] = SEALED;
  nonce.copy(head, NONCE_AT);
  head[HEAD_BYTES] = id.length;
  head.write(id, HEAD_BYTES + 1, 'latin1');
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(head, location));
  return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/**
 * The plain value that this key sealed for this location; `undefined` when it did not, or when the bytes were altered.
 */
export function open({ id, key }: SealingKey, location: string, bytes: Buffer): Buffer | undefined {
  if (keyIdOf(bytes) !== id) return undefined;
  const at = HEAD_BYTES + 1 + id.length;
  const end = bytes.length - TAG_BYTES;
  const nonce = bytes.subarray(NONCE_AT, NONCE_AT + NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(bytes.subarray(0, at), location));
  decipher.setAuthTag(bytes.subarray(end));
  const plain = decipher.update(bytes.subarray(at, end));
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

/** Associated data of the cipher: bytes 0 to 3, key id with its length, location. No two inputs make the same bytes. */
function associatedData(head: Buffer, location: string): Buffer {
  return Buffer.concat([head.subarray(0, 4), head.subarray(HEAD_BYTES), Buffer.from(location)]);
}
