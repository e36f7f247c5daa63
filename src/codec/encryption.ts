import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { HEAD_BYTES } from './format.ts';

/**
 * Bytes to be stored, sealed: encrypted and authenticated by AES-256-GCM (NIST SP 800-38D).
 *
 *   0      1      format, the same as of what is sealed
 *   1      1      SEALED
 *   2      2      reserved, zero
 *   4      4      nonce, the first part
 *   8      8      when it was purged softly: a script writes it in place, so nothing vouches for it
 *   16     8      nonce, the rest
 *   24     1      length of the key's id
 *   25     ...    the key's id: printable ASCII
 *   ...    ...    what is sealed, whole
 *   ...    16     the tag, which vouches for that, for bytes 0 to 3, for the key's id and for the place
 *
 * A nonce is random, so that the head differs wherever two stored responses do. The place is not in the bytes: what
 * was moved from one to another is not opened there.
 */
const FORMAT = 1;
const SEALED = 1;
const NONCE_PARTS = [4, 8, 16, 24] as const;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';

/** A key's id: printable ASCII without space. */
export const KEY_ID: RegExp = /^[!-~]{1,32}$/;

/** A key that seals and opens. */
export interface SealingKey {
  /** Stands in the clear in all that the key seals. */
  readonly id: string;
  /** Of 256 bits. It shows itself to nobody, `util.inspect` included. */
  readonly key: KeyObject;
}

export function isSealed(bytes: Buffer): boolean {
  return bytes[0] === FORMAT && bytes[1] === SEALED;
}

/** The id of the key that sealed these bytes; `undefined` when they are damaged. */
export function keyIdOf(bytes: Buffer): string | undefined {
  const end = HEAD_BYTES + 1 + (bytes[HEAD_BYTES] ?? 0);
  if (!isSealed(bytes) || bytes.length < end + TAG_BYTES) return undefined;
  const id = bytes.toString('latin1', HEAD_BYTES + 1, end);
  return KEY_ID.test(id) ? id : undefined;
}

/** @param place where it is going to stand: only there can it be opened. */
export function seal({ id, key }: SealingKey, place: string, plain: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const head = Buffer.alloc(HEAD_BYTES + 1 + id.length);
  head[0] = FORMAT;
  head[1] = SEALED;
  const [from, to, rest] = NONCE_PARTS;
  nonce.copy(head, from, 0, to - from);
  nonce.copy(head, rest, to - from);
  head[HEAD_BYTES] = id.length;
  head.write(id, HEAD_BYTES + 1, 'latin1');
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(besides(head, place));
  return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** What was sealed with this key for this place; `undefined` when it was not, or is not whole any more. */
export function open({ id, key }: SealingKey, place: string, bytes: Buffer): Buffer | undefined {
  if (keyIdOf(bytes) !== id) return undefined;
  const at = HEAD_BYTES + 1 + id.length;
  const end = bytes.length - TAG_BYTES;
  const [from, to, rest, past] = NONCE_PARTS;
  const nonce = Buffer.concat([bytes.subarray(from, to), bytes.subarray(rest, past)], NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(besides(bytes.subarray(0, at), place));
  decipher.setAuthTag(bytes.subarray(end));
  const plain = decipher.update(bytes.subarray(at, end));
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

/** What the tag vouches for beside what is sealed: format, key and place, each of which ends where the next begins. */
function besides(head: Buffer, place: string): Buffer {
  return Buffer.concat([head.subarray(0, 4), head.subarray(HEAD_BYTES), Buffer.from(place)]);
}
