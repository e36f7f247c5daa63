import { createSecretKey } from 'node:crypto';
import { KEY_ID, type SealingKey } from '../codec/encryption.ts';
import { OptionError } from '../errors.ts';
import { known } from './values.ts';

/** Keys that seal what is stored (AES-256-GCM). */
export interface EncryptOptions {
  /**
   * The first one seals, all of them open. Add a new key at the end everywhere, then move it to the front, and drop
   * the old one when all that it has sealed has expired: no response is lost on the way.
   */
  readonly keys: readonly {
    /** Names the key in what it has sealed: 1 to 32 printable characters. It is no secret. */
    readonly id: string;
    /** 32 bytes, as they are or as text in hex, base64 or base64url. */
    readonly key: Uint8Array | string;
  }[];
}

const KEY_BYTES = 32;

/** The keys of the `encrypt` option. @throws {OptionError} that never shows what it was given. */
export function parseEncrypt(encrypt: unknown): readonly SealingKey[] {
  if (encrypt === undefined) return [];
  known('encrypt', encrypt, ['keys']);
  const { keys } = encrypt as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0)
    throw new OptionError('encrypt.keys', keys, 'a list of at least one { id, key }');
  const parsed = keys.map((given: unknown, i): SealingKey => {
    known(`encrypt.keys[${i}]`, given, ['id', 'key']);
    const { id, key } = given as { id?: unknown; key?: unknown };
    if (typeof id !== 'string' || !KEY_ID.test(id))
      throw new OptionError(`encrypt.keys[${i}].id`, id, 'up to 32 printable characters without space');
    const bytes = bytesOf(key);
    if (bytes?.length !== KEY_BYTES)
      throw new OptionError(
        `encrypt.keys[${i}].key`,
        key,
        `${KEY_BYTES} random bytes, or a string of them in hex, base64 or base64url`,
      );
    return Object.freeze({ id, key: createSecretKey(bytes) });
  });
  if (new Set(parsed.map(({ id }) => id)).size < parsed.length)
    throw new OptionError('encrypt.keys', keys, 'a list of keys with an id of its own each');
  return Object.freeze(parsed);
}

function bytesOf(key: unknown): Uint8Array | undefined {
  if (key instanceof Uint8Array) return key;
  if (typeof key !== 'string') return undefined;
  if (/^[0-9a-f]{64}$/i.test(key)) return Buffer.from(key, 'hex');
  // Node reads both alphabets as base64, and skips what is of neither.
  return /^(?:[A-Za-z0-9+/]{43}|[A-Za-z0-9_-]{43})=?$/.test(key) ? Buffer.from(key, 'base64') : undefined;
}
