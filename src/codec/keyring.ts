import type { FaultEvent } from '../observe/outcome.ts';
import { Throttle } from '../observe/throttle.ts';
import { isSealed, keyIdOf, open, type SealingKey, seal, sealedHeadLength } from './encryption.ts';
import {
  decode,
  decodeHead,
  type EncodedHead,
  type EncodedResponse,
  HEADROOM,
  headLength,
} from './format.ts';
import type { StoredResponse } from './stored-response.ts';

/** A fault of the same code is reported at most once in this time, in milliseconds. */
const REPORT_INTERVAL_MS = 60_000;
/** The prefix of a sealed cache key. No plain cache key begins with it. */
const SEALED_NAME = 'sealed:';
/** The location to which cache keys are sealed. No stored response has it. */
const NAME_LOCATION = '@';

/** Why a value is unreadable: encrypted with a key this process does not have, not encrypted though `encrypt` is on, or neither. */
export type Unreadable = 'unknown-key' | 'unencrypted' | 'damaged';

/**
 * Decodes the values under one prefix and, with the `encrypt` option, seals values before they are stored. With keys,
 * only values that one of them sealed are used; without keys, only plain values. Any other value counts as absent and
 * not as damaged, because another process may be able to read it.
 */
export class Keyring {
  readonly #sealing: SealingKey | undefined;
  readonly #keys: ReadonlyMap<string, SealingKey>;
  readonly #prefix: string;
  readonly #onFault: (fault: FaultEvent) => void;
  readonly #throttle = new Throttle(REPORT_INTERVAL_MS);

  /** @param keys the first key seals; every key opens. */
  constructor(keys: readonly SealingKey[], prefix: string, onFault: (fault: FaultEvent) => void) {
    this.#sealing = keys[0];
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#prefix = prefix;
    this.#onFault = onFault;
  }

  /** Whether values are sealed before they are stored. */
  get seals(): boolean {
    return this.#sealing !== undefined;
  }

  /** How many bytes in front of a value that `seal` has returned, in the same memory, are free. */
  get headroom(): number {
    return this.#sealing ? 0 : HEADROOM;
  }

  /** Seals the bytes of a stored response, as `encode` has returned them, if there are keys. */
  seal(id: string, bytes: Buffer): Buffer {
    return this.#sealing ? seal(this.#sealing, this.#locationOf(id), bytes) : bytes;
  }

  /**
   * How many of a value's first bytes describe it without its body. Of a sealed value they tell its key only: its metadata
   * is sealed with its body.
   */
  headBytes(bytes: Buffer): number {
    return isSealed(bytes) ? sealedHeadLength(bytes) : headLength(bytes);
  }

  /** The stored response in a value at an id; `undefined` when it is damaged or unreadable for this process. */
  decode(id: string, { bytes, staleSince }: EncodedResponse): StoredResponse | undefined {
    return this.decodeHead(id, { head: bytes, length: bytes.length, staleSince });
  }

  /** The stored response in a value whose body may be cut off, unless the value is sealed. */
  decodeHead(id: string, value: EncodedHead): StoredResponse | undefined {
    const { head: bytes, staleSince } = value;
    if (!isSealed(bytes)) {
      const stored = decodePlain(value);
      if (!this.#sealing) return stored;
      if (stored) this.#report('unencrypted', `the value at ${id} is not encrypted, but \`encrypt\` is on`);
      return undefined;
    }
    const keyId = keyIdOf(bytes);
    const key = this.#keys.get(keyId ?? '');
    if (!key) {
      if (keyId !== undefined)
        this.#report(
          'unknown-key',
          `the value at ${id} is encrypted with key ${keyId}, which \`encrypt\` does not list`,
        );
      return undefined;
    }
    const opened = open(key, this.#locationOf(id), bytes);
    if (!opened)
      this.#report('tampered', `the value at ${id} was altered or moved: key ${keyId} does not open it`);
    return opened && decode({ bytes: opened, staleSince });
  }

  /** Why a value could not be decoded. Its body may be cut off. */
  unreadable(value: EncodedHead): Unreadable {
    const { head: bytes } = value;
    if (!isSealed(bytes)) return this.#sealing && decodePlain(value) ? 'unencrypted' : 'damaged';
    const keyId = keyIdOf(bytes);
    return keyId === undefined || this.#keys.has(keyId) ? 'damaged' : 'unknown-key';
  }

  /** Whether bytes that could not be decoded are damaged, and not only unreadable for this process. */
  isDamage(bytes: Buffer): boolean {
    return this.unreadable({ head: bytes, length: bytes.length }) === 'damaged';
  }

  /** A cache key in the form in which it is stored beside its hash. */
  sealName(key: string): string {
    if (!this.#sealing) return key;
    return SEALED_NAME + seal(this.#sealing, NAME_LOCATION, Buffer.from(key)).toString('base64');
  }

  /** The cache key in its stored form; `undefined` when this process has no key to open it. */
  openName(name: string): string | undefined {
    if (!name.startsWith(SEALED_NAME)) return name;
    const bytes = Buffer.from(name.slice(SEALED_NAME.length), 'base64');
    const key = this.#keys.get(keyIdOf(bytes) ?? '');
    return key && open(key, NAME_LOCATION, bytes)?.toString();
  }

  /** The location of an id. No id has braces, so no two ids share a location. */
  #locationOf(id: string): string {
    return `${this.#prefix}{${id}}`;
  }

  #report(code: string, message: string): void {
    if (this.#throttle.isDue(code)) this.#onFault({ step: 'decrypt', code, message });
  }
}

/** The stored response in a plain value. The checksum is verified unless the body is cut off. */
function decodePlain({ head, length, staleSince }: EncodedHead): StoredResponse | undefined {
  if (head.length < length) return decodeHead({ head, length, staleSince });
  return decode({ bytes: head, staleSince });
}
