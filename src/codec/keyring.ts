import type { FaultEvent } from '../observe/outcome.ts';
import { isSealed, keyIdOf, open, type SealingKey, seal } from './encryption.ts';
import { decode, decodeHead, HEAD_BYTES } from './format.ts';
import type { StoredResponse } from './stored-response.ts';

/** How often, in milliseconds, trouble of the same kind is reported at most. */
const REPORT_EVERY = 60_000;
/** How a sealed cache key begins, in place of the key itself: no cache key does. */
const SEALED_NAME = 'sealed:';
/** What a sealed cache key is bound to: no place of a stored response is so called. */
const NAMES = '@';
/** Where a stored response says that it was purged softly: to which byte, from which to which. */
const PURGED = [8, 8, 16] as const;

/** Why a value is unreadable: encrypted with a key this process does not have, not encrypted though `encrypt` is on, or neither. */
export type Unreadable = 'unknown-key' | 'unencrypted' | 'damaged';

/**
 * Decodes what is stored under one prefix, and seals what is going to be: with the `encrypt` option alone. Without, bytes
 * stay as they are. Nothing that was not sealed with one of the keys is used where there are keys, nor anything sealed
 * where there are none: it counts as not there, and is not damage, since another process may well be able to read it.
 */
export class Keyring {
  readonly #sealing: SealingKey | undefined;
  readonly #keys: ReadonlyMap<string, SealingKey>;
  readonly #prefix: string;
  readonly #onFault: (fault: FaultEvent) => void;
  readonly #reportedAt = new Map<string, number>();

  /** @param keys the first seals, all open. */
  constructor(keys: readonly SealingKey[], prefix: string, onFault: (fault: FaultEvent) => void) {
    this.#sealing = keys[0];
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#prefix = prefix;
    this.#onFault = onFault;
  }

  get seals(): boolean {
    return this.#sealing !== undefined;
  }

  /** The bytes to store at an id, for the bytes of a stored response. */
  seal(id: string, bytes: Buffer): Buffer {
    if (!this.#sealing) return bytes;
    const sealed = seal(this.#sealing, this.#placeOf(id), bytes);
    bytes.copy(sealed, ...PURGED);
    return sealed;
  }

  /** The stored response in the bytes at an id; `undefined` for what is damaged, or not for this process to read. */
  decode(id: string, bytes: Buffer): StoredResponse | undefined {
    return this.decodeHead(id, bytes, bytes.length);
  }

  /** The same of bytes that may end where the body begins, of so many, unless they are sealed. */
  decodeHead(id: string, bytes: Buffer, length: number): StoredResponse | undefined {
    if (!isSealed(bytes)) {
      const stored = plain(bytes, length);
      if (!this.#sealing) return stored;
      if (stored) this.#report('unencrypted', `value at ${id} is not encrypted`);
      return undefined;
    }
    const keyId = keyIdOf(bytes);
    const key = this.#keys.get(keyId ?? '');
    if (!key) {
      if (keyId !== undefined)
        this.#report('unknown-key', `value at ${id} is encrypted with key ${keyId}, which is unknown here`);
      return undefined;
    }
    const opened = open(key, this.#placeOf(id), bytes);
    if (!opened) this.#report('tampered', `value at ${id} is not what key ${keyId} has sealed for it`);
    if (!opened || opened.length < HEAD_BYTES) return undefined;
    // The one thing that scripts change in it.
    bytes.copy(opened, ...PURGED);
    return decode(opened);
  }

  /** Why bytes could not be decoded; of those that may end where the body begins, how many there are in all. */
  unreadable(bytes: Buffer, length: number = bytes.length): Unreadable {
    if (!isSealed(bytes)) return this.#sealing && plain(bytes, length) ? 'unencrypted' : 'damaged';
    const keyId = keyIdOf(bytes);
    return keyId === undefined || this.#keys.has(keyId) ? 'damaged' : 'unknown-key';
  }

  /** Whether bytes that could not be decoded are damaged, rather than for others to read. */
  isDamage(bytes: Buffer): boolean {
    return this.unreadable(bytes) === 'damaged';
  }

  /** A cache key as it is kept beside its hash. */
  sealName(key: string): string {
    if (!this.#sealing) return key;
    return SEALED_NAME + seal(this.#sealing, NAMES, Buffer.from(key)).toString('base64');
  }

  /** The cache key; `undefined` where this process cannot tell it. */
  openName(name: string): string | undefined {
    if (!name.startsWith(SEALED_NAME)) return name;
    const bytes = Buffer.from(name.slice(SEALED_NAME.length), 'base64');
    const key = this.#keys.get(keyIdOf(bytes) ?? '');
    return key && open(key, NAMES, bytes)?.toString();
  }

  /** That of the key in Redis: no id has braces, so that two places never have one text. */
  #placeOf(id: string): string {
    return `${this.#prefix}{${id}}`;
  }

  #report(code: string, message: string): void {
    const now = performance.now();
    if (now - (this.#reportedAt.get(code) ?? -REPORT_EVERY) < REPORT_EVERY) return;
    this.#reportedAt.set(code, now);
    this.#onFault({ step: 'decrypt', code, message });
  }
}

/** What was never sealed, whole or up to its body. */
function plain(bytes: Buffer, length: number): StoredResponse | undefined {
  return bytes.length === length ? decode(bytes) : decodeHead(bytes, length);
}
