import { LRUCache } from 'lru-cache';
import { DecodeCache } from '../codec/decode-cache.ts';
import type { Keyring } from '../codec/keyring.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { Fields } from '../http/vary.ts';
import { redisId } from '../key/cache-key.ts';
import type { Identity } from '../key/identify.ts';
import { PLAIN_VARIANT, variantText } from '../key/variant.ts';
import type { HashName } from '../options/policy.ts';
import { Fault } from '../store/fault.ts';
import type { GuardedStore } from '../store/guarded-store.ts';
import type { Specs, StoredValue, VariantRef } from '../store/store.ts';
import { PENDING, type PendingInvalidations } from './pending-invalidations.ts';

/** What a look-up brought: at most one stored response that this request selects. */
export interface Found {
  readonly stored: StoredResponse | undefined;
  /** Where a fill's response will be stored: what to lease. */
  readonly ref: VariantRef;
  /** The value that is stored there, of which a lease depends. */
  readonly value: StoredValue | undefined;
  /** Whether responses are stored for the key, though none for this variant. */
  readonly otherVariants: boolean;
  /** Places whose bytes are damaged. */
  readonly damaged: readonly VariantRef[];
  /** Whether Redis was not asked. */
  readonly near?: boolean;
}

/** How many keys' sets of names are remembered. Forgetting one costs a second round trip, nothing else. */
const REMEMBERED = 10_000;

/**
 * Finds the stored response that a request selects (RFC 9111 §4.1). A response that doesn't vary is stored at the
 * variant of the request's declared parts, so one round trip brings it. Where responses vary, that variant holds the
 * marker that lists their field names; it is remembered here, so that a warm variant costs one round trip too.
 * What is remembered is a hint and no more: the marker is read with the variants that it led to, and a stored
 * response carries what it was selected by, and is compared.
 */
export class Lookup {
  readonly #store: GuardedStore;
  readonly #recall: DecodeCache;
  readonly #pending: PendingInvalidations;
  readonly #markers = new LRUCache<string, StoredValue>({ maxSize: REMEMBERED, sizeCalculation: () => 1 });

  constructor(store: GuardedStore, keyring: Keyring, pending: PendingInvalidations) {
    this.#store = store;
    this.#pending = pending;
    this.#recall = new DecodeCache(keyring);
  }

  /** What is near, if it is a stored response that the request selects: as current as Redis's word, without a look-up. */
  near(
    { id, key, declared }: Identity,
    headers: Fields,
    hash: HashName | undefined,
    cacheLevel: number,
  ): Found | undefined {
    if (this.#pending.includes(id)) return undefined;
    let variant = redisId(declared, hash);
    let text = declared === '' ? PLAIN_VARIANT : variantText(declared, [], headers);
    let value = this.#store.responses.getNear(id, variant);
    const otherVariants = value?.specs !== undefined;
    // Where responses vary on several sets of names, only Redis tells which variant is the newest.
    if (value?.specs) {
      if (value.specs.length > 1) return undefined;
      text = variantText(declared, value.specs[0] as readonly string[], headers);
      variant = redisId(text, hash);
      value = this.#store.responses.getNear(id, variant);
    }
    const stored = value && this.#recall.decodeNear(id, value);
    if (!value || stored?.key !== key || stored.cacheLevel > cacheLevel || stored.variant !== text)
      return undefined;
    if (this.#pending.includesTag(stored.tags)) return undefined;
    return { stored, ref: { id, variant }, value, otherVariants, damaged: NONE, near: true };
  }

  /** @param depth of the cache that looks: what was stored further in is not for it. */
  async find(
    identity: Identity,
    headers: Fields,
    hash: HashName | undefined,
    cacheLevel: number,
  ): Promise<Found | Fault> {
    const { id, key, declared } = identity;
    const pendingFault = this.#pending.includes(id) && (await this.#pending.confirmed(id));
    if (pendingFault) return pendingFault;
    const declaredVariant = redisId(declared, hash);
    const memory = `${id} ${declaredVariant}`;
    const remembered = this.#markers.get(memory);
    const expected = remembered ? variantsOf(identity, headers, hash, remembered.specs) : [];
    const read = await this.#store.responses.get(id, [
      declaredVariant,
      ...expected.map(({ ref }) => ref.variant),
    ]);
    if (read instanceof Fault) return read;
    const [value, ...values] = read;
    const specs = value?.specs;
    if (specs && remembered?.equals(value))
      return this.#unlessPending(newest(key, cacheLevel, expected, values, this.#recall));
    if (specs) {
      this.#markers.set(memory, value.copy());
      const variants = variantsOf(identity, headers, hash, specs);
      const again = await this.#store.responses.get(
        id,
        variants.map(({ ref }) => ref.variant),
      );
      if (again instanceof Fault) return again;
      return this.#unlessPending(newest(key, cacheLevel, variants, again, this.#recall));
    }
    this.#markers.delete(memory);
    return this.#unlessPending(only(identity, headers, cacheLevel, declaredVariant, value, this.#recall));
  }

  #unlessPending(found: Found): Found | Fault {
    return found.stored && this.#pending.includesTag(found.stored.tags) ? PENDING : found;
  }
}

/** What is stored at the declared variant itself: nothing, or a response that doesn't vary. */
function only(
  { id, key, declared }: Identity,
  headers: Fields,
  cacheLevel: number,
  declaredVariant: string,
  value: StoredValue | undefined,
  recall: DecodeCache,
): Found {
  const ref = { id, variant: declaredVariant };
  const stored = value && recall.decode(ref, value);
  const damaged = value && !stored && recall.isDamage(value.bytes) ? [ref] : NONE;
  const matches =
    stored?.key === key &&
    stored.cacheLevel <= cacheLevel &&
    stored.variant === variantText(declared, [], headers);
  return { stored: matches ? stored : undefined, ref, value, otherVariants: false, damaged };
}

const NONE: readonly VariantRef[] = [];

interface Variant {
  readonly text: string;
  readonly ref: VariantRef;
}

/** Where the response to this request would be, for each set of names. */
function variantsOf(
  { id, declared }: Identity,
  headers: Fields,
  hash: HashName | undefined,
  specs: Specs = [],
): Variant[] {
  return specs.map((names) => {
    const text = variantText(declared, names, headers);
    return { text, ref: { id, variant: redisId(text, hash) } };
  });
}

/** "When more than one suitable response is stored, a cache MUST use the most recent one" (RFC 9111 §4). */
function newest(
  key: string,
  cacheLevel: number,
  variants: readonly Variant[],
  values: readonly (StoredValue | undefined)[],
  recall: DecodeCache,
): Found {
  let best: StoredResponse | undefined;
  let at = 0;
  const damaged: VariantRef[] = [];
  variants.forEach(({ text, ref }, i) => {
    const value = values[i];
    const stored = value && recall.decode(ref, value);
    if (value && !stored && recall.isDamage(value.bytes)) damaged.push(ref);
    if (!stored || stored.key !== key || stored.cacheLevel > cacheLevel || stored.variant !== text) return;
    if (best && stored.bornAt <= best.bornAt) return;
    best = stored;
    at = i;
  });
  const { ref } = variants[at] as Variant;
  return { stored: best, ref, value: values[at], otherVariants: true, damaged };
}
