import { Evictable, SecondChance } from '../second-chance.ts';
import { isSealed } from './encryption.ts';
import { bodyLength, type EncodedResponse, HEAD_BYTES, headLength, isIntact } from './format.ts';
import type { Keyring } from './keyring.ts';
import type { StoredResponse } from './stored-response.ts';

/** What is kept takes about so many bytes at most. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Larger values are not kept whole, in bytes. */
const MAX_VALUE_BYTES = 1024 * 1024;
/** Larger heads are not kept, in bytes. */
const MAX_HEAD_BYTES = 8 * 1024;
/** A decoded head takes about so many times the memory of its bytes. */
const HEAD_FACTOR = 4;
const NO_BODY = Buffer.alloc(0);

/** A value as a store returns it. */
interface Value extends EncodedResponse {
  /** Whether another value is decoded as the same response. */
  equals(other: Value): boolean;
  /** A copy that holds no larger buffer in memory. */
  copy(): Value;
}

/** A value and the stored response that was decoded from it. */
interface Whole {
  readonly value: Value;
  readonly stored: StoredResponse;
}

/** The bytes in front of a value's body, and what was decoded from them: the stored response without its body. */
interface Head {
  readonly bytes: Buffer;
  readonly staleSince: number | undefined;
  readonly stored: StoredResponse;
}

/** What was decoded at one variant. Whoever remembers the variant has it, and `DecodeCache` fills it. */
export class Decoded extends Evictable {
  whole: Whole | undefined;
  head: Head | undefined;
  /** The checksum that was read last; of a sealed value, a part of its nonce. */
  sum: number | undefined;
}

/**
 * Decodes stored responses, and keeps the decoded form of those that are read repeatedly. Redis is still read each
 * time, and the value that it returns is compared with the one that was decoded: equal values are the same valid response.
 * Of a value whose head is equal, only the checksum is verified.
 */
export class DecodeCache {
  readonly #keyring: Keyring;
  /** By value of the near cache, which bounds how many there are. */
  readonly #near = new WeakMap<Value, { readonly stored: StoredResponse | undefined }>();
  readonly #kept = new SecondChance<Decoded>(MAX_BYTES, (decoded) => {
    decoded.head = undefined;
    decoded.whole = undefined;
  });

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

  /** The stored response in a value that was read at a variant of an id; `undefined` as for `Keyring.decode`. */
  decode(decoded: Decoded, id: string, value: Value): StoredResponse | undefined {
    decoded.isUsed = true;
    if (decoded.whole?.value.equals(value)) return decoded.whole.stored;
    const { bytes } = value;
    const sum = bytes.length < HEAD_BYTES ? undefined : bytes.readUInt32BE(4);
    // A value is kept whole when it is read once more.
    const keepsWhole = sum !== undefined && sum === decoded.sum && bytes.length <= MAX_VALUE_BYTES;
    decoded.sum = sum;
    const own = keepsWhole ? value.copy() : value;
    const known = storedByHead(decoded.head, own);
    const stored = known ?? this.#keyring.decode(id, own);
    if (!stored) return undefined;
    if (keepsWhole) this.#keep(decoded, known && decoded.head, { value: own, stored });
    else if (!known) this.#keep(decoded, headOf(value, stored), undefined);
    return stored;
  }

  /** Whether bytes that could not be decoded are damaged, and not only unreadable for this process. */
  isDamage(bytes: Buffer): boolean {
    return this.#keyring.isDamage(bytes);
  }

  #keep(decoded: Decoded, head: Head | undefined, whole: Whole | undefined): void {
    decoded.head = head;
    decoded.whole = whole;
    this.#kept.keep(decoded, sizeOf(head, whole));
  }
}

/** The stored response in a value that has the same head as the one that was decoded. */
function storedByHead(head: Head | undefined, { bytes, staleSince }: Value): StoredResponse | undefined {
  if (!head || head.staleSince !== staleSince || bytes.length < head.bytes.length) return undefined;
  const { length } = head.bytes;
  if (head.bytes.compare(bytes, 0, length) !== 0 || !isIntact(bytes)) return undefined;
  if (length + bodyLength(bytes) !== bytes.length) return undefined;
  return { ...head.stored, body: bytes.subarray(length) };
}

/** A sealed value has no head that can be read. */
function headOf({ bytes, staleSince }: Value, stored: StoredResponse): Head | undefined {
  const length = isSealed(bytes) ? Number.POSITIVE_INFINITY : headLength(bytes);
  if (length > MAX_HEAD_BYTES) return undefined;
  return { bytes: Buffer.from(bytes.subarray(0, length)), staleSince, stored: { ...stored, body: NO_BODY } };
}

function sizeOf(head: Head | undefined, whole: Whole | undefined): number {
  const headBytes = head ? head.bytes.length * HEAD_FACTOR : 0;
  if (!whole) return headBytes;
  const { bytes } = whole.value;
  const { body } = whole.stored;
  // The body is a part of the bytes, unless they were decrypted.
  return headBytes + bytes.length + (body.buffer === bytes.buffer ? 0 : body.length);
}
