import { createSecretKey } from 'node:crypto';
import { KEY_ID, type SealingKey } from '../codec/encryption.ts';
import { OptionError } from '../errors.ts';
import { objectOf } from './parsers.ts';

/** The `encrypt` option. No message shows what it was given: see `SECRET` in errors.ts. */

/** @returns the keys in their order; none where the option is left out. @throws {OptionError} */
export function parseEncrypt(option: string, encrypt: unknown): readonly SealingKey[] {
  return encrypt === undefined ? [] : parts(option, encrypt).keys;
}

const parts = objectOf({ keys: { default: undefined, parse: parseKeys } });

const keyParts = objectOf({
  id: { default: undefined, parse: parseId },
  key: { default: undefined, parse: parseKey },
});

function parseKeys(option: string, keys: unknown): readonly SealingKey[] {
  if (!Array.isArray(keys) || keys.length === 0)
    throw new OptionError(option, keys, 'a list of at least one { id, key }');
  const parsed = keys.map((key: unknown, i) => keyParts(`${option}[${i}]`, key));
  if (new Set(parsed.map(({ id }) => id)).size < parsed.length)
    throw new OptionError(option, keys, 'a list of keys of which no two have the same id');
  return Object.freeze(parsed);
}

function parseId(option: string, id: unknown): string {
  if (typeof id === 'string' && KEY_ID.test(id)) return id;
  throw new OptionError(option, id, 'a text of 1 to 32 printable characters without space');
}

const KEY_BYTES = 32;

function parseKey(option: string, key: unknown): SealingKey['key'] {
  const bytes = bytesOf(key);
  if (bytes?.length === KEY_BYTES) return createSecretKey(bytes);
  throw new OptionError(
    option,
    key,
    `${KEY_BYTES} random bytes, or a string of them in hex, base64 or base64url`,
  );
}

function bytesOf(key: unknown): Uint8Array | undefined {
  if (key instanceof Uint8Array) return key;
  if (typeof key !== 'string') return undefined;
  if (/^[0-9a-f]{64}$/i.test(key)) return Buffer.from(key, 'hex');
  // Node reads both alphabets as base64, even mixed, and skips any other character.
  return /^(?:[A-Za-z0-9+/]{43}|[A-Za-z0-9_-]{43})=?$/.test(key) ? Buffer.from(key, 'base64') : undefined;
}
