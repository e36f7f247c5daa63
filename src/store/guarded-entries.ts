import { Fault } from './fault.ts';
import type { Place, Replacement, ScanStep, Sealing, StoredEntries, ValueDescription } from './store.ts';

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

  scan(...args: Parameters<StoredEntries['scan']>): Promise<ScanStep | Fault> {
    return this.#call('scan', () => this.#entries.scan(...args));
  }

  /** Cache keys that this process cannot tell are left out. */
  async describe(ids: readonly string[]): Promise<ValueDescription[] | Fault> {
    const { seals } = this.#sealing;
    const values = await this.#call('describe', () => this.#entries.describe(ids, seals));
    if (values instanceof Fault) return values;
    return values.map((value) => {
      const { key } = value;
      return { ...value, key: key === undefined ? undefined : this.#sealing.openName(key) };
    });
  }

  count(): Promise<number | Fault> {
    return this.#call('count', () => this.#entries.count());
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
