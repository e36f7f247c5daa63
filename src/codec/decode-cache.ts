import { LRUCache } from 'lru-cache';
import { decodeMarker, HEAD_BYTES, versionOf } from './format.ts';
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

/** A value and the stored response that was decoded from it. */
interface Kept {
  readonly bytes: Buffer;
  readonly stored: StoredResponse;
}

/** A value of the near cache: a stored response, or a marker with its sets of field names. */
interface DecodedNear {
  readonly stored: StoredResponse | undefined;
  readonly specs: readonly (readonly string[])[] | undefined;
  readonly version: Buffer;
}

/**
 * Decodes stored responses, and keeps the decoded form of those that are read repeatedly. Redis is still read each
 * time: the bytes that it returns are compared with the kept ones, and equal bytes are the same valid response. The
 * comparison takes an eighth of the time that the checksum or the decryption takes.
 */
export class DecodeCache {
  readonly #keyring: Keyring;
  readonly #kept = new LRUCache<string, Kept>({
    maxSize: MAX_BYTES,
    // The body is a part of the bytes, unless they were decrypted.
    sizeCalculation: ({ bytes, stored: { body } }) =>
      bytes.length + (body.buffer === bytes.buffer ? 0 : body.length),
  });
  readonly #near = new WeakMap<Buffer, DecodedNear>();
  /**
   * By variant, the checksum that was read last (of a sealed value, a part of its nonce). `maxSize`, because lru-cache
   * allocates the tables for `max` entries at once.
   */
  readonly #checksums = new LRUCache<string, number>({ maxSize: MAX_CHECKSUMS, sizeCalculation: () => 1 });

  constructor(keyring: Keyring) {
    this.#keyring = keyring;
  }

  /** Decodes a value of the near cache. The near cache returns the same `Buffer` each time, so it is decoded once. */
  decodeNear(id: string, bytes: Buffer): DecodedNear {
    const known = this.#near.get(bytes);
    if (known) return known;
    const specs = decodeMarker(bytes);
    const decoded = {
      specs,
      stored: specs ? undefined : this.#keyring.decode(id, bytes),
      version: versionOf(bytes),
    };
    this.#near.set(bytes, decoded);
    return decoded;
  }

  /** The stored response in the bytes that were read at a variant; `undefined` as for `Keyring.decode`. */
  decode(
    { id, variant }: { readonly id: string; readonly variant: string },
    bytes: Buffer,
  ): StoredResponse | undefined {
    const variantKey = `${id} ${variant}`;
    const known = this.#kept.get(variantKey);
    if (known?.bytes.equals(bytes)) return known.stored;
    const keep = this.#isWorthKeeping(variantKey, bytes);
    // A copy, because a Redis client may return a small part of a large buffer.
    const own = keep ? Buffer.from(bytes) : bytes;
    const stored = this.#keyring.decode(id, own);
    if (stored && keep) this.#kept.set(variantKey, { bytes: own, stored });
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
