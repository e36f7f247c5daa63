import { LRUCache } from 'lru-cache';
import { decode, HEAD_BYTES, type StoredResponse } from './entry.ts';

/** How many bytes of stored responses are kept to compare with, and how large one of them may be. */
const KEPT = 16 * 1024 * 1024;
const LARGEST = 1024 * 1024;
/** How likely it is that something else goes for what is read again. */
const REPLACED = 1 / 32;
/** For how many places it is known what was read there last. */
const REMEMBERED = 10_000;

interface Known {
  readonly bytes: Buffer;
  readonly stored: StoredResponse;
}

/**
 * Decodes stored responses, and does it once for those that are read again and again. Redis is asked each time, and
 * what it gives is compared byte by byte with what was decoded before: the same bytes are the same response, as whole
 * and as valid as they were, and to compare them takes an eighth of the time of their checksum.
 */
export class Recall {
  readonly #known = new LRUCache<string, Known>({
    maxSize: KEPT,
    maxEntrySize: LARGEST,
    sizeCalculation: ({ bytes }) => bytes.length,
  });
  readonly #same = new WeakMap<Buffer, StoredResponse>();
  /** The checksums that were read last: only what comes a second time is worth keeping. */
  readonly #sums = new LRUCache<string, number>({ max: REMEMBERED });

  /** Of a buffer that comes again itself. */
  again(bytes: Buffer): StoredResponse | undefined {
    const known = this.#same.get(bytes);
    if (known) return known;
    const stored = decode(bytes);
    if (stored) this.#same.set(bytes, stored);
    return stored;
  }

  /** @param place where the bytes were read. */
  decode(place: string, bytes: Buffer): StoredResponse | undefined {
    const known = this.#known.get(place);
    if (known?.bytes.equals(bytes)) return known.stored;
    const keep = this.#isWorthKeeping(place, bytes);
    // A copy, since what a client gives may be a small part of a large buffer.
    const kept = keep ? Buffer.from(bytes) : bytes;
    const stored = decode(kept);
    if (stored && keep) this.#known.set(place, { bytes: kept, stored });
    return stored;
  }

  /** The second time that it is read; where something else has to go for it, seldom, lest all that is read passes by. */
  #isWorthKeeping(place: string, bytes: Buffer): boolean {
    if (bytes.length < HEAD_BYTES || bytes.length > LARGEST) return false;
    const sum = bytes.readUInt32BE(4);
    if (this.#sums.get(place) !== sum) {
      this.#sums.set(place, sum);
      return false;
    }
    return this.#known.calculatedSize + bytes.length <= KEPT || Math.random() < REPLACED;
  }
}
