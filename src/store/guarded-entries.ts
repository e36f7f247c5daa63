import { Fault } from './fault.ts';
import type { Listed, Place, Replacement, Sealing, StoredEntries, Survey } from './store.ts';

/** Sends a call through the guard: an answer, or a fault within the deadline. */
type Call = <T>(step: string, send: () => Promise<T>) => Promise<T | Fault>;

/** What `GuardedStore` is to the store, for whoever looks after what is stored. */
export class GuardedEntries {
  readonly #entries: StoredEntries;
  readonly #sealing: Sealing;
  readonly #call: Call;

  constructor(entries: StoredEntries, sealing: Sealing, call: Call) {
    this.#entries = entries;
    this.#sealing = sealing;
    this.#call = call;
  }

  survey(...args: Parameters<StoredEntries['survey']>): Promise<Survey | Fault> {
    return this.#call('survey', () => this.#entries.survey(...args));
  }

  /** Cache keys that this process cannot tell are left out. */
  async describe(ids: readonly string[]): Promise<Listed[] | Fault> {
    const { seals } = this.#sealing;
    const found = await this.#call('describe', () => this.#entries.describe(ids, seals));
    if (found instanceof Fault) return found;
    return found.map((listed) => {
      const { key } = listed;
      return { ...listed, key: key === undefined ? undefined : this.#sealing.openName(key) };
    });
  }

  extent(): Promise<number | Fault> {
    return this.#call('extent', () => this.#entries.extent());
  }

  read(place: Place): Promise<Awaited<ReturnType<StoredEntries['read']>> | Fault> {
    return this.#call('read', () => this.#entries.read(place));
  }

  replace(replacement: Replacement): Promise<boolean | Fault> {
    const { id, bytes } = replacement;
    const sealed = this.#sealing.seal(id, bytes);
    return this.#call('replace', () => this.#entries.replace({ ...replacement, bytes: sealed }));
  }
}
