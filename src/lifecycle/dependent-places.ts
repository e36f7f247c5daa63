import { LRUCache, type Perf } from 'lru-cache';
import type { Caller } from '../sharing/caller.ts';
import { variantKeyOf } from '../store/ids.ts';
import type { VariantRef } from '../store/store.ts';

/** For this many milliseconds this process remembers that a shape gets another answer than what is stored, or none is. */
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 10_000;
/** Of the hits of requests with credentials at one place, one in so many is compared with what the app gives. */
const HITS_PER_CHECK = 64;
/** At one place there is at most one check in this many milliseconds. */
const CHECK_INTERVAL_MS = 10_000;

/**
 * What this process remembers of places whose responses depend on who asks: which requests pass at once, and when a hit is
 * to be compared again.
 */
export class DependentPlaces {
  readonly #time: Perf;
  readonly #dependent: LRUCache<string, true>;
  readonly #hits = new LRUCache<string, { count: number; checkedAt: number }>({
    maxSize: MAX_REMEMBERED,
    sizeCalculation: () => 1,
  });

  /** Whether a client without credentials has reached the app in this process. */
  haveStrangersCome = false;

  /** @param time by which places are forgotten, in milliseconds. */
  constructor(time: Perf) {
    this.#time = time;
    this.#dependent = new LRUCache({
      maxSize: MAX_REMEMBERED,
      sizeCalculation: () => 1,
      ttl: REMEMBERED_MS,
      perf: time,
    });
  }

  /** Whether a request of this kind was given what is not shared, a short while ago: it passes at once. */
  isDependent(ref: VariantRef, caller: Pick<Caller, 'shape' | 'isStranger'>): boolean {
    if (this.#dependent.size === 0 || caller.isStranger) return false;
    const place = variantKeyOf(ref.id, ref.variant);
    return this.#dependent.has(`${place} ${caller.shape}`) || this.#dependent.has(`${place} ${EVERY_SHAPE}`);
  }

  remember({ id, variant }: VariantRef, shape: string = EVERY_SHAPE): void {
    this.#dependent.set(`${variantKeyOf(id, variant)} ${shape}`, true);
  }

  /** Whether the answer to this hit is to be compared with what the app gives its caller now. */
  isCheckDue({ id, variant }: VariantRef): boolean {
    const place = variantKeyOf(id, variant);
    const hits = this.#hits.get(place) ?? { count: 0, checkedAt: Number.NEGATIVE_INFINITY };
    hits.count++;
    if (hits.count === 1) this.#hits.set(place, hits);
    const now = this.#time.now();
    if (hits.count < HITS_PER_CHECK || now - hits.checkedAt < CHECK_INTERVAL_MS) return false;
    hits.count = 0;
    hits.checkedAt = now;
    this.#hits.set(place, hits);
    return true;
  }
}

const EVERY_SHAPE = '*';
