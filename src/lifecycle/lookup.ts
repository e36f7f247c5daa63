import { DecodeCache, Decoded } from '../codec/decode-cache.ts';
import type { Keyring } from '../codec/keyring.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { Generations } from '../generations.ts';
import type { Identity } from '../key/identify.ts';
import { PLAIN_VARIANT, type Selecting, type Variant, variantOf, variantText } from '../key/variant.ts';
import type { Policy } from '../options/policy.ts';
import { Fault } from '../store/fault.ts';
import type { Budget } from '../store/guard.ts';
import type { GuardedResponses } from '../store/guarded-store.ts';
import type { StoredValue, VariantRef } from '../store/store.ts';
import { MissExpectation } from './miss-expectation.ts';
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

/** A request that is looked up, and the time that it may wait for the store. */
export interface LookedUp extends Selecting, Budget {
  readonly identity: Identity;
  readonly policy: Pick<Policy, 'hash'>;
  /** The level of the cache that looks up. A response that a cache further in has stored is not for it. */
  readonly exchange: { readonly cacheLevel: number };
}

/**
 * What this process remembers of an identity. Forgetting it costs a second round trip where responses vary, and decoding what
 * is read next.
 */
class Place {
  /** The identity that was looked up last. */
  identity: Identity | undefined;
  /** The marker that was read last. */
  marker: StoredValue | undefined;
  readonly #decoded = new Map<string, Decoded>();

  /** What was decoded at a variant. */
  at(variant: string): Decoded {
    let decoded = this.#decoded.get(variant);
    if (!decoded) {
      const [oldest] = this.#decoded.keys();
      if (this.#decoded.size >= MAX_VARIANTS && oldest !== undefined) this.#decoded.delete(oldest);
      decoded = new Decoded();
      this.#decoded.set(variant, decoded);
    }
    return decoded;
  }
}

/** Of an identity for which nothing was found: most requests of a flood of URLs are not seen again. */
const EMPTY = new Place();

/** How many places are remembered: see `Generations`. */
const MAX_PLACES = 10_000;
/** How many variants of one place are remembered. */
const MAX_VARIANTS = 16;

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
  readonly #places = new Generations<string, Place>(MAX_PLACES);
  readonly misses: MissExpectation = new MissExpectation();

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
  near(request: LookedUp): Found | undefined {
    const { identity, policy, exchange } = request;
    const { id, declared, declaredVariant } = identity;
    const first = this.#responses.getNear(id, declaredVariant);
    if (!first || this.#pending.includes(id)) return undefined;
    let value: StoredValue | undefined = first;
    let variant = declaredVariant;
    let text: string;
    const { specs } = first;
    if (specs) {
      // Where responses vary on several sets of names, only Redis tells which variant is the newest.
      if (specs.length > 1) return undefined;
      ({ id: variant, text } = variantOf(declared, specs[0] as readonly string[], request, policy.hash));
      value = this.#responses.getNear(id, variant);
    } else text = textOfDeclared(request);
    const stored = value && this.#decodeCache.decodeNear(id, value);
    if (!stored || !isFor(stored, identity, exchange.cacheLevel, text)) return undefined;
    if (this.#pending.includesTag(stored.tags)) return undefined;
    return {
      stored,
      ref: { id, variant },
      value,
      otherVariants: specs !== undefined,
      damaged: NONE,
      near: true,
    };
  }

  /**
   * Whether nothing is expected to be stored for a request: this process has not looked it up before, and most look-ups of
   * that kind have found nothing lately.
   */
  expectsNothing({ identity }: LookedUp): boolean {
    if (!this.misses.isMiss || this.#pending.includes(identity.id)) return false;
    return this.#places.get(identity.place) === undefined;
  }

  /** The result of a look-up that finds nothing. */
  nothing({ identity: { id, declaredVariant } }: LookedUp): Found {
    const ref = { id, variant: declaredVariant };
    return { stored: undefined, ref, value: undefined, otherVariants: false, damaged: NONE };
  }

  /** Remembers that nothing was stored for a request, by another way than a look-up. */
  rememberNothing({ identity }: LookedUp): void {
    this.#place(identity, this.#places.get(identity.place), undefined);
  }

  /** The stored response in Redis. */
  async find(request: LookedUp): Promise<Found | Fault> {
    const { identity } = request;
    const { id, declaredVariant } = identity;
    const pendingFault = this.#pending.includes(id) && (await this.#pending.confirmed(id, request));
    if (pendingFault) return pendingFault;
    const known = this.#places.get(identity.place);
    const marker = known?.marker;
    const expected = marker ? variantsOf(request, marker) : NO_VARIANTS;
    const read = await this.#responses.get(request, id, namesOf(declaredVariant, expected));
    if (read instanceof Fault) return read;
    const value = read[0];
    const place = this.#place(identity, known, value);
    if (marker && value && marker.equals(value))
      return this.#unlessPending(this.#newest(request, place, expected, read, 1), request);
    if (value?.specs) {
      place.marker = value.copy();
      const variants = variantsOf(request, value);
      const again = await this.#responses.get(
        request,
        id,
        variants.map((variant) => variant.id),
      );
      if (again instanceof Fault) return again;
      return this.#unlessPending(this.#newest(request, place, variants, again, 0), request);
    }
    if (marker) place.marker = undefined;
    return this.#unlessPending(this.#only(request, place, value), request);
  }

  /**
   * What is remembered of an identity after a look-up. The first one counts for the expectation of misses; where something was
   * found, the identity itself is remembered, too.
   */
  #place(identity: Identity, known: Place | undefined, value: StoredValue | undefined): Place {
    if (!known) this.misses.note(value !== undefined);
    let place = known ?? EMPTY;
    if (value && place === EMPTY) place = new Place();
    if (place !== known) this.#places.set(identity.place, place);
    if (value && place.identity !== identity) {
      place.identity = identity;
      identity.remember?.();
    }
    return place;
  }

  /** What was found, or the look-up after the purges of its tags that are under way. */
  #unlessPending(found: Found, request: LookedUp): Found | Promise<Found | Fault> {
    const { stored } = found;
    if (!stored || !this.#pending.includesTag(stored.tags)) return found;
    return this.#pending.confirmedTags(stored.tags, request).then((fault) => fault ?? this.find(request));
  }

  /** The value at the declared variant, which is no marker: a response that does not vary, or nothing. */
  #only(request: LookedUp, place: Place, value: StoredValue | undefined): Found {
    const { identity, exchange } = request;
    const { id, declaredVariant } = identity;
    const ref = { id, variant: declaredVariant };
    const stored = value && this.#decodeCache.decode(place.at(declaredVariant), id, value);
    const damaged = value && !stored && this.#decodeCache.isDamage(value.bytes) ? [ref] : NONE;
    const matches = stored && isFor(stored, identity, exchange.cacheLevel, textOfDeclared(request));
    return { stored: matches ? stored : undefined, ref, value, otherVariants: false, damaged };
  }

  /**
   * "When more than one suitable response is stored, a cache MUST use the most recent one" (RFC 9111 §4).
   * @param from where among the values those of the variants begin.
   */
  #newest(
    { identity, exchange }: LookedUp,
    place: Place,
    variants: readonly Variant[],
    values: readonly (StoredValue | undefined)[],
    from: number,
  ): Found {
    const { id } = identity;
    let best: StoredResponse | undefined;
    let at = 0;
    let damaged = NONE;
    for (let i = 0; i < variants.length; i++) {
      const value = values[from + i];
      if (!value) continue;
      const variant = variants[i] as Variant;
      const stored = this.#decodeCache.decode(place.at(variant.id), id, value);
      if (!stored && this.#decodeCache.isDamage(value.bytes))
        damaged = [...damaged, { id, variant: variant.id }];
      if (!stored || !isFor(stored, identity, exchange.cacheLevel, variant.text)) continue;
      if (best && stored.bornAt <= best.bornAt) continue;
      best = stored;
      at = i;
    }
    const ref = { id, variant: (variants[at] as Variant).id };
    return { stored: best, ref, value: values[from + at], otherVariants: true, damaged };
  }
}

const NONE: readonly VariantRef[] = [];
const NO_VARIANTS: readonly Variant[] = [];

/** Whether a stored response is that of the identity and the variant, and a cache of this level may use it. */
function isFor(stored: StoredResponse, { key }: Identity, cacheLevel: number, variantText: string): boolean {
  return stored.key === key && stored.cacheLevel <= cacheLevel && stored.variant === variantText;
}

/** The text of the variant of the declared parts alone. */
function textOfDeclared(request: LookedUp): string {
  const { declared } = request.identity;
  return declared === '' ? PLAIN_VARIANT : variantText(declared, [], request);
}

/** The variant that the request selects, for each set of field names. */
function variantsOf(request: LookedUp, { specs = [] }: StoredValue): Variant[] {
  const { identity, policy } = request;
  const variants: Variant[] = [];
  for (const names of specs) variants.push(variantOf(identity.declared, names, request, policy.hash));
  return variants;
}

function namesOf(declaredVariant: string, variants: readonly Variant[]): string[] {
  const names = [declaredVariant];
  for (const { id } of variants) names.push(id);
  return names;
}
