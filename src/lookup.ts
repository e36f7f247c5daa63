import { LRUCache } from 'lru-cache';
import { decode, decodeMarker, fingerprint, type StoredResponse } from './entry.ts';
import { type Fields, selectors } from './http/vary.ts';
import type { Identity } from './identity.ts';
import { compact, type HashName } from './key.ts';
import { Fault, type GuardedStore } from './store/guard.ts';
import type { Place } from './store/store.ts';

/** What a look-up brought: at most one stored response that this request selects. */
export interface Found {
  readonly stored: StoredResponse | undefined;
  /** Where the response of a fill is expected to go: the place to lease. */
  readonly place: Place;
  /** Fingerprint of what is there now. */
  readonly seen: Buffer;
  /** Whether responses are stored for the key, though none for this variant. */
  readonly otherVariants: boolean;
  /** Places whose bytes are damaged. */
  readonly damaged: readonly Place[];
}

/** Sets of field names that the responses of a key vary on, newest first. */
type Specs = readonly (readonly string[])[];

/** The text of the only variant of a key that varies on nothing: nearly all of them. */
const PLAIN = '["",[],[]]';

/** How many keys' sets of names are remembered. Forgetting one costs a second round trip, nothing else. */
const REMEMBERED = 10_000;

/**
 * Finds the stored response that a request selects (RFC 9111 §4.1). A response that doesn't vary stands at the
 * slot of the request's declared parts, so one round trip brings it. Where responses vary, the slot holds the
 * marker that lists their field names; it is remembered here, so that a warm variant costs one round trip too.
 * What is remembered is a hint and no more: a stored response carries what it was selected by, and is compared.
 */
export class Lookup {
  readonly #store: GuardedStore;
  readonly #specs = new LRUCache<string, Specs>({ max: REMEMBERED });

  constructor(store: GuardedStore) {
    this.#store = store;
  }

  async find(identity: Identity, headers: Fields, hash: HashName | undefined): Promise<Found | Fault> {
    const slot = compact(identity.declared, hash);
    const memory = `${identity.tag} ${slot}`;
    const remembered = this.#specs.get(memory);
    if (remembered) {
      const found = await this.#amongVariants(identity, headers, hash, remembered);
      if (found instanceof Fault || found.stored) return found;
    }
    const place = { tag: identity.tag, variant: slot };
    const read = await this.#store.get(identity.tag, [slot]);
    if (read instanceof Fault) return read;
    const bytes = read[0];
    const specs = bytes && decodeMarker(bytes);
    if (specs) {
      this.#specs.set(memory, specs);
      return this.#amongVariants(identity, headers, hash, specs);
    }
    if (remembered) this.#specs.delete(memory);
    const stored = bytes && decode(bytes);
    const damaged = bytes && !stored ? [place] : [];
    const matches =
      stored?.key === identity.key && stored.variant === variantText(identity.declared, [], headers);
    const seen = fingerprint(bytes);
    return { stored: matches ? stored : undefined, place, seen, otherVariants: false, damaged };
  }

  /** Reads the variant of each set of names at once; of several that match, the newest is used (§4.1). */
  async #amongVariants(
    identity: Identity,
    headers: Fields,
    hash: HashName | undefined,
    specs: Specs,
  ): Promise<Found | Fault> {
    const texts = specs.map((names) => variantText(identity.declared, names, headers));
    const places = texts.map((text) => ({ tag: identity.tag, variant: compact(text, hash) }));
    const read = await this.#store.get(
      identity.tag,
      places.map((place) => place.variant),
    );
    if (read instanceof Fault) return read;
    let best: { stored: StoredResponse; at: number } | undefined;
    const damaged: Place[] = [];
    read.forEach((bytes, at) => {
      const stored = bytes && decode(bytes);
      if (bytes && !stored) damaged.push(places[at] as Place);
      if (!stored || stored.key !== identity.key || stored.variant !== texts[at]) return;
      if (!best || stored.bornAt > best.stored.bornAt) best = { stored, at };
    });
    const at = best?.at ?? 0;
    const place = places[at] as Place;
    return { stored: best?.stored, place, seen: fingerprint(read[at]), otherVariants: true, damaged };
  }
}

/** The text of a variant: the declared parts, and the nominated fields with this request's values. */
export function variantText(declared: string, names: readonly string[], headers: Fields): string {
  if (declared === '' && names.length === 0) return PLAIN;
  return JSON.stringify([declared, names, selectors(names, headers)]);
}
