import { decode, HEAD_BYTES, type StoredResponse } from './entry.ts';
import type { FaultEvent } from './outcome.ts';
import { isSealed, keyIdOf, open, type SealingKey, seal } from './seal.ts';

/** How often, in milliseconds, trouble of the same kind is reported at most. */
const REPORT_EVERY = 60_000;
/** How a sealed cache key begins, in place of the key itself: no cache key does. */
const SEALED_NAME = 'sealed:';
/** What a sealed cache key is bound to: no place of a stored response is so called. */
const NAMES = '@';

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

  /** The bytes to store at an id, for the bytes of a stored response. */
  seal(id: string, bytes: Buffer): Buffer {
    return this.#sealing ? seal(this.#sealing, this.#placeOf(id), bytes) : bytes;
  }

  /** The stored response in the bytes at an id; `undefined` for what is damaged, or not for this process to read. */
  decode(id: string, bytes: Buffer): StoredResponse | undefined {
    if (!isSealed(bytes)) {
      if (!this.#sealing) return decode(bytes);
      if (decode(bytes)) this.#report('unsealed', `value at ${id} is not sealed`);
      return undefined;
    }
    const keyId = keyIdOf(bytes);
    const key = this.#keys.get(keyId ?? '');
    if (!key) {
      if (keyId !== undefined) this.#report('unknown-key', `value at ${id} is sealed with key ${keyId}`);
      return undefined;
    }
    const plain = open(key, this.#placeOf(id), bytes);
    if (!plain) this.#report('tampered', `value at ${id} is not what key ${keyId} has sealed for it`);
    if (!plain || plain.length < HEAD_BYTES) return undefined;
    // The one thing that scripts change in it.
    bytes.copy(plain, 8, 8, 16);
    return decode(plain);
  }

  /** Whether bytes that could not be decoded are damaged, rather than for others to read. */
  isDamage(bytes: Buffer): boolean {
    if (!isSealed(bytes)) return !this.#sealing || decode(bytes) === undefined;
    const keyId = keyIdOf(bytes);
    return keyId === undefined || this.#keys.has(keyId);
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
