import type { FaultEvent } from '../observe/outcome.ts';
import type { Warnings } from '../warnings.ts';

/** A cache of this process, as far as it matters which of the others can read what it stores. */
interface Neighbor {
  readonly place: string;
  readonly encrypts: boolean;
}

/** The caches that were not closed. Weak, since a cache that is dropped without `close()` need not stay in memory. */
const neighbors = new Set<WeakRef<Neighbor>>();

/** Warns of caches that store in one place and cannot read each other's responses, since their `encrypt` differs. */
export class EncryptionCheck {
  readonly #warnings: Warnings;
  readonly #self: Neighbor | undefined;

  /** @param place the Redis and the prefix; `undefined` for a cache in memory. @param encrypts whether `encrypt` has keys. */
  constructor(warnings: Warnings, place: string | undefined, encrypts: boolean) {
    this.#warnings = warnings;
    if (place === undefined) return;
    this.#self = { place, encrypts };
    for (const ref of neighbors) {
      const other = ref.deref();
      if (!other) neighbors.delete(ref);
      else if (other.place === place && other.encrypts !== encrypts)
        warnings.warnSoon(
          'WRN_RRC_ENCRYPT',
          'Two caches have one prefix on one Redis, and only one has `encrypt`: each counts what the other stores as a miss.',
        );
    }
    neighbors.add(new WeakRef(this.#self));
  }

  /** A stored response could not be read. */
  onFault({ step, code }: FaultEvent): void {
    if (step !== 'decrypt' || code === 'tampered') return;
    this.#warnings.warn(
      'WRN_RRC_ENCRYPT',
      code === 'unencrypted'
        ? 'Stored responses are not encrypted, but this cache has `encrypt`: they are misses.'
        : 'Stored responses are encrypted with a key that `encrypt` does not list: they are misses.',
    );
  }

  end(): void {
    for (const ref of neighbors) if (ref.deref() === this.#self) neighbors.delete(ref);
  }
}
