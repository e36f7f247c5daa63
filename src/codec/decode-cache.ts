import { LRUCache } from 'lru-cache';
import { decodeMarker, fingerprint, HEAD_BYTES } from './format.ts';
import type { Keyring } from './keyring.ts';
import type { StoredResponse } from './stored-response.ts';

/** How many bytes of stored responses are kept to compare with, and how large one of them may be. */
const KEPT = 16 * 1024 * 1024;
const LARGEST = 1024 * 1024;
/** How likely it is that something else goes for what is read again. */
const REPLACED = 1 / 32;
/** For how many places it is known what was read there last. */
const REMEMBERED = 10_000;

/** Where bytes were read. */
interface Place {
  readonly id: string;
  readonly variant: string;
}

interface Known {
  readonly bytes: Buffer;
  readonly stored: StoredResponse;
}

/** What is made of bytes: a stored response, or the sets of names that the responses of a key vary on. */
interface Again {
  readonly stored: StoredResponse | undefined;
  readonly specs: readonly (readonly string[])[] | undefined;
  readonly seen: Buffer;
}

/**
 * Decodes stored responses, and does it once for those that are read again and again. Redis is asked each time, and
 * what it gives is compared byte by byte with what was decoded before: the same bytes are the same response, as whole
 * and as valid as they were, and to compare them takes an eighth of the time of their checksum, or of opening them.
 */
export class Recall {
  readonly #keyring: Keyring;
  readonly #known = new LRUCache<string, Known>({
    maxSize: KEPT,
    // The body is a part of the bytes, but where they are sealed.
    sizeCalculation: ({ bytes, stored: { body } }) =>
      bytes.length + (body.buffer === bytes.buffer ? 0 : body.length),
  });
  readonly #again = new WeakMap<Buffer, Again>();
  /** The checksums (of what is sealed, parts of the nonces) that were read last: only what comes twice is worth keeping. */
  readonly #sums = new LRUCache<string, number>({ maxSize: REMEMBERED, sizeCalculation: () => 1 });

  constructor(keyring: Keyring) {
    this.#keyring = keyring;
  }

  /** Of a buffer that comes again itself: what was made of it the first time. */
  again(id: string, bytes: Buffer): Again {
    const known = this.#again.get(bytes);
    if (known) return known;
    const specs = decodeMarker(bytes);
    const made = {
      specs,
      stored: specs ? undefined : this.#keyring.decode(id, bytes),
      seen: fingerprint(bytes),
    };
    this.#again.set(bytes, made);
    return made;
  }

  decode({ id, variant }: Place, bytes: Buffer): StoredResponse | undefined {
    const place = `${id} ${variant}`;
    const known = this.#known.get(place);
    if (known?.bytes.equals(bytes)) return known.stored;
    const keep = this.#isWorthKeeping(place, bytes);
    // A copy, since what a client gives may be a small part of a large buffer.
    const kept = keep ? Buffer.from(bytes) : bytes;
    const stored = this.#keyring.decode(id, kept);
    if (stored && keep) this.#known.set(place, { bytes: kept, stored });
    return stored;
  }

  /** Whether bytes that could not be decoded are damaged, rather than for others to read. */
  isDamage(bytes: Buffer): boolean {
    return this.#keyring.isDamage(bytes);
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
