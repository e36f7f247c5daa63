import { LRUCache } from 'lru-cache';
import { type EncodedResponse, HEAD_BYTES } from './format.ts';
import type { Keyring } from './keyring.ts';
import type { StoredResponse } from './stored-response.ts';

/** The cache holds at most this many bytes of stored values. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Larger values are not kept, in bytes. */
const MAX_VALUE_BYTES = 1024 * 1024;
/** How likely a value is kept when another has to be evicted for it. */
const EVICTION_PROBABILITY = 1 / 32;
/** For this many variants, the checksum that was read last is remembered. */
const MAX_CHECKSUMS = 10_000;

/** A value as a store returns it. */
interface Value extends EncodedResponse {
  /** Whether another value is decoded as the same response. */
  equals(other: Value): boolean;
  /** A copy that holds no larger buffer in memory. */
  copy(): Value;
}

/** A value and the stored response that was decoded from it. */
interface Kept {
  readonly value: Value;
  readonly stored: StoredResponse;
}

/**
 * Decodes stored responses, and keeps the decoded form of those that are read repeatedly. Redis is still read each
 * time: the value that it returns is compared with the kept one, and equal values are the same valid response. The
 * comparison takes an eighth of the time that the checksum or the decryption takes.
 */
export class DecodeCache {
  readonly #keyring: Keyring;
  readonly #kept = new LRUCache<string, Kept>({
    maxSize: MAX_BYTES,
    // The body is a part of the bytes, unless they were decrypted.
    sizeCalculation: ({ value: { bytes }, stored: { body } }) =>
      bytes.length + (body.buffer === bytes.buffer ? 0 : body.length),
  });
  readonly #near = new WeakMap<Value, { readonly stored: StoredResponse | undefined }>();
  /**
   * By variant, the checksum that was read last (of a sealed value, a part of its nonce). `maxSize`, because lru-cache
   * allocates the tables for `max` entries at once.
   */
  readonly #checksums = new LRUCache<string, number>({ maxSize: MAX_CHECKSUMS, sizeCalculation: () => 1 });

  constructor(keyring: Keyring) {
    this.#keyring = keyring;
  }

  /** Decodes a value of the near cache. The near cache returns the same object each time, so it is decoded once. */
  decodeNear(id: string, value: Value): StoredResponse | undefined {
    const known = this.#near.get(value);
    if (known) return known.stored;
    const stored = this.#keyring.decode(id, value);
    this.#near.set(value, { stored });
    return stored;
  }

  /** The stored response in a value that was read at a variant; `undefined` as for `Keyring.decode`. */
  decode(
    { id, variant }: { readonly id: string; readonly variant: string },
    value: Value,
  ): StoredResponse | undefined {
    const variantKey = `${id} ${variant}`;
    const known = this.#kept.get(variantKey);
    if (known?.value.equals(value)) return known.stored;
    const keep = this.#isWorthKeeping(variantKey, value.bytes);
    const own = keep ? value.copy() : value;
    const stored = this.#keyring.decode(id, own);
    if (stored && keep) this.#kept.set(variantKey, { value: own, stored });
    return stored;
  }

  /** Whether bytes that could not be decoded are damaged, and not only unreadable for this process. */
  isDamage(bytes: Buffer): boolean {
    return this.#keyring.isDamage(bytes);
  }

  /**
   * Keep on the second read. If that evicts another value, only one time in 32, so that a scan of cold keys does not
   * flush the cache.
   */
  #isWorthKeeping(variantKey: string, bytes: Buffer): boolean {
    if (bytes.length < HEAD_BYTES || bytes.length > MAX_VALUE_BYTES) return false;
    const checksum = bytes.readUInt32BE(4);
    if (this.#checksums.get(variantKey) !== checksum) {
      this.#checksums.set(variantKey, checksum);
      return false;
    }
    return this.#kept.calculatedSize + bytes.length <= MAX_BYTES || Math.random() < EVICTION_PROBABILITY;
  }
}
