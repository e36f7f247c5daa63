import type { FaultEvent } from '../observe/outcome.ts';
import type { Warnings } from '../warnings.ts';

/** A cache of this process, as far as it matters which of the others can read what it stores. */
interface Neighbor {
  readonly place: string;
  /** The ids of its keys, separated by commas; empty where nothing is encrypted. */
  readonly keys: string;
}

const neighbors = new Set<Neighbor>();

/** Warns of caches that store in one place and cannot read each other's responses, since their `encrypt` differs. */
export class EncryptionCheck {
  readonly #warnings: Warnings;
  readonly #self: Neighbor | undefined;

  /** @param place the Redis and the prefix; `undefined` for a cache in memory. @param keys the option `encrypt`. */
  constructor(warnings: Warnings, place: string | undefined, keys: readonly { readonly id: string }[]) {
    this.#warnings = warnings;
    if (place === undefined) return;
    this.#self = { place, keys: keys.map(({ id }) => id).join() };
    for (const other of neighbors)
      if (other.place === place && (other.keys === '') !== (this.#self.keys === ''))
        warnings.warnSoon(
          'WRN_RRC_ENCRYPT',
          'Two caches have one prefix on one Redis, and only one has `encrypt`: each counts what the other stores as a miss.',
        );
    neighbors.add(this.#self);
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
    if (this.#self) neighbors.delete(this.#self);
  }
}
