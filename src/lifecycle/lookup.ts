import { LRUCache } from 'lru-cache';
import { DecodeCache } from '../codec/decode-cache.ts';
import type { Keyring } from '../codec/keyring.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { redisId } from '../key/cache-key.ts';
import type { Identity } from '../key/identify.ts';
import { PLAIN_VARIANT, type Selecting, variantText } from '../key/variant.ts';
import type { HashName } from '../options/policy.ts';
import { Fault } from '../store/fault.ts';
import type { Budget } from '../store/guard.ts';
import type { GuardedResponses } from '../store/guarded-store.ts';
import { variantKeyOf } from '../store/ids.ts';
import type { Specs, StoredValue, VariantRef } from '../store/store.ts';
import type { PendingInvalidations } from './pending-invalidations.ts';

/** The result of a look-up: at most one stored response, which the request selects. */
export interface Found {
  readonly stored: StoredResponse | undefined;
  /** The variant that a fill of this request leases. */
  readonly ref: VariantRef;
  /** The value that the look-up saw there. A lease is given only while it is still there. */
  readonly value: StoredValue | undefined;
  /** Whether the responses of the key vary, so that there may be others than this one. */
  readonly otherVariants: boolean;
  /** Variants whose values are damaged. */
  readonly damaged: readonly VariantRef[];
  /** Whether the response is from the near cache, without a call to Redis. */
  readonly near?: boolean;
}

/** How many markers are remembered. Forgetting one costs a second round trip, nothing else. */
const MAX_MARKERS = 10_000;

/**
 * Finds the stored response that a request selects (RFC 9111 §4.1). A response that does not vary is stored at the
 * variant of the request's declared parts, so one round trip finds it. Where responses vary, that variant holds the
 * marker, which lists the field names that they vary on. The marker is remembered, so that a response that varies
 * costs one round trip, too. A remembered marker is only a hint: the look-up reads it again together with the variants
 * that it names, and each stored response states the values that select it, which are compared with the request's.
 */
export class Lookup {
  readonly #responses: Pick<GuardedResponses, 'get' | 'getNear'>;
  readonly #decodeCache: DecodeCache;
  readonly #pending: PendingInvalidations;
  readonly #markers = new LRUCache<string, StoredValue>({ maxSize: MAX_MARKERS, sizeCalculation: () => 1 });

  constructor(
    responses: Pick<GuardedResponses, 'get' | 'getNear'>,
    keyring: Keyring,
    pending: PendingInvalidations,
  ) {
    this.#responses = responses;
    this.#pending = pending;
    this.#decodeCache = new DecodeCache(keyring);
  }

  /** The stored response of the near cache that the request selects, if it is known to be current. */
  near(
    { id, key, declared }: Identity,
    request: Selecting,
    hash: HashName | undefined,
    cacheLevel: number,
  ): Found | undefined {
    if (this.#pending.includes(id)) return undefined;
    let variant = redisId(declared, hash);
    let text = declared === '' ? PLAIN_VARIANT : variantText(declared, [], request);
    let value = this.#responses.getNear(id, variant);
    const otherVariants = value?.specs !== undefined;
    // Where responses vary on several sets of names, only Redis tells which variant is the newest.
    if (value?.specs) {
      if (value.specs.length > 1) return undefined;
      text = variantText(declared, value.specs[0] as readonly string[], request);
      variant = redisId(text, hash);
      value = this.#responses.getNear(id, variant);
    }
    const stored = value && this.#decodeCache.decodeNear(id, value);
    if (!value || stored?.key !== key || stored.cacheLevel > cacheLevel || stored.variant !== text)
      return undefined;
    if (this.#pending.includesTag(stored.tags)) return undefined;
    return { stored, ref: { id, variant }, value, otherVariants, damaged: NONE, near: true };
  }

  /**
   * The stored response in Redis.
   * @param cacheLevel of the cache that looks up. A response that a cache further in has stored is not for it.
   */
  async find(
    budget: Budget,
    identity: Identity,
    request: Selecting,
    hash: HashName | undefined,
    cacheLevel: number,
  ): Promise<Found | Fault> {
    const { id, key, declared } = identity;
    const pendingFault = this.#pending.includes(id) && (await this.#pending.confirmed(id, budget));
    if (pendingFault) return pendingFault;
    const declaredVariant = redisId(declared, hash);
    const markerKey = variantKeyOf(id, declaredVariant);
    const remembered = this.#markers.get(markerKey);
    const expected = remembered ? variantsOf(identity, request, hash, remembered.specs) : [];
    const read = await this.#responses.get(budget, id, [
      declaredVariant,
      ...expected.map(({ ref }) => ref.variant),
    ]);
    if (read instanceof Fault) return read;
    const [value, ...values] = read;
    const specs = value?.specs;
    if (specs && remembered?.equals(value))
      return this.#unlessPending(
        newest(key, cacheLevel, expected, values, this.#decodeCache),
        budget,
        identity,
        request,
        hash,
        cacheLevel,
      );
    if (specs) {
      this.#markers.set(markerKey, value.copy());
      const variants = variantsOf(identity, request, hash, specs);
      const again = await this.#responses.get(
        budget,
        id,
        variants.map(({ ref }) => ref.variant),
      );
      if (again instanceof Fault) return again;
      return this.#unlessPending(
        newest(key, cacheLevel, variants, again, this.#decodeCache),
        budget,
        identity,
        request,
        hash,
        cacheLevel,
      );
    }
    this.#markers.delete(markerKey);
    return this.#unlessPending(
      only(identity, request, cacheLevel, declaredVariant, value, this.#decodeCache),
      budget,
      identity,
      request,
      hash,
      cacheLevel,
    );
  }

  /** What was found, or the look-up after the purges of its tags that are under way. */
  #unlessPending(
    found: Found,
    budget: Budget,
    identity: Identity,
    request: Selecting,
    hash: HashName | undefined,
    cacheLevel: number,
  ): Found | Promise<Found | Fault> {
    const { stored } = found;
    if (!stored || !this.#pending.includesTag(stored.tags)) return found;
    return this.#pending
      .confirmedTags(stored.tags, budget)
      .then((fault) => fault ?? this.find(budget, identity, request, hash, cacheLevel));
  }
}

/** The value at the declared variant, which is no marker: a response that does not vary, or nothing. */
function only(
  { id, key, declared }: Identity,
  request: Selecting,
  cacheLevel: number,
  declaredVariant: string,
  value: StoredValue | undefined,
  decodeCache: DecodeCache,
): Found {
  const ref = { id, variant: declaredVariant };
  const stored = value && decodeCache.decode(ref, value);
  const damaged = value && !stored && decodeCache.isDamage(value.bytes) ? [ref] : NONE;
  const matches =
    stored?.key === key &&
    stored.cacheLevel <= cacheLevel &&
    stored.variant === variantText(declared, [], request);
  return { stored: matches ? stored : undefined, ref, value, otherVariants: false, damaged };
}

const NONE: readonly VariantRef[] = [];

interface Variant {
  readonly text: string;
  readonly ref: VariantRef;
}

/** The variant that the request selects, for each set of field names. */
function variantsOf(
  { id, declared }: Identity,
  request: Selecting,
  hash: HashName | undefined,
  specs: Specs = [],
): Variant[] {
  return specs.map((names) => {
    const text = variantText(declared, names, request);
    return { text, ref: { id, variant: redisId(text, hash) } };
  });
}

/** "When more than one suitable response is stored, a cache MUST use the most recent one" (RFC 9111 §4). */
function newest(
  key: string,
  cacheLevel: number,
  variants: readonly Variant[],
  values: readonly (StoredValue | undefined)[],
  decodeCache: DecodeCache,
): Found {
  let best: StoredResponse | undefined;
  let at = 0;
  const damaged: VariantRef[] = [];
  variants.forEach(({ text, ref }, i) => {
    const value = values[i];
    const stored = value && decodeCache.decode(ref, value);
    if (value && !stored && decodeCache.isDamage(value.bytes)) damaged.push(ref);
    if (!stored || stored.key !== key || stored.cacheLevel > cacheLevel || stored.variant !== text) return;
    if (best && stored.bornAt <= best.bornAt) return;
    best = stored;
    at = i;
  });
  const { ref } = variants[at] as Variant;
  return { stored: best, ref, value: values[at], otherVariants: true, damaged };
}
