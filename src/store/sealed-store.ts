import type {
  Commit,
  Inventory,
  Leases,
  NewValue,
  Replacement,
  Responses,
  Store,
  ToStore,
  ValueDescription,
} from './store.ts';

/** Seals values and cache keys on their way into the store, and opens cache keys on their way out. */
export interface Sealing {
  /** Whether values are encrypted before they are stored. */
  readonly seals: boolean;
  /** The bytes to store at an id. */
  seal(id: string, bytes: Buffer): Buffer;
  /** How many bytes in front of sealed bytes, in the same memory, are free. */
  readonly headroom: number;
  /** How many of the first bytes to store describe the value without its body. */
  headBytes(bytes: Buffer): number;
  /** A cache key in the form in which it is stored beside its hash. */
  sealName(key: string): string;
  /** The cache key in its stored form; `undefined` when this process has no key to open it. */
  openName(name: string): string | undefined;
}

/** The verbs that change responses, for bytes that are not sealed yet. */
export interface SealedResponses extends Omit<Responses, 'commit' | 'put' | 'replace'> {
  commit(commit: Commit): Promise<boolean>;
  put(value: NewValue): Promise<void>;
  replace(replacement: Replacement): Promise<boolean>;
}

export interface SealedInventory extends Omit<Inventory, 'describe'> {
  /** The values of some ids, without markers. Encrypted ones are whole if this process can open them. */
  describe(ids: readonly string[]): Promise<ValueDescription[]>;
}

interface SealedStore extends Omit<Store, 'responses' | 'inventory'> {
  readonly responses: SealedResponses;
  readonly inventory: SealedInventory;
}

/** Seals everything that is written to a store. Values that are read stay sealed: whoever decodes them opens them. */
export function sealedStore(store: Store, sealing: Sealing): SealedStore {
  const { responses, leases, inventory } = store;

  /** The same entry with its bytes as they are stored. */
  function sealed<T extends { readonly bytes: Buffer }>(id: string, entry: T): ToStore<T> {
    const bytes = sealing.seal(id, entry.bytes);
    return { ...entry, bytes, headBytes: sealing.headBytes(bytes), headroom: sealing.headroom };
  }

  /** The same entry with its key as it is stored. */
  function named<T extends { readonly key: string }>(entry: T): T {
    const key = sealing.sealName(entry.key);
    return key === entry.key ? entry : { ...entry, key };
  }

  const sealedResponses: SealedResponses = {
    ...responses,
    // Member by member: Node 20 takes some microseconds to copy an object and to add members to the copy.
    commit({ lease, declaredVariant, variant, names, tags, bytes: plain, ttlMs }) {
      const bytes = sealing.seal(lease.id, plain);
      const { headroom } = sealing;
      const headBytes = sealing.headBytes(bytes);
      return responses.commit({
        lease: named(lease),
        declaredVariant,
        variant,
        names,
        tags,
        bytes,
        headBytes,
        headroom,
        ttlMs,
      });
    },
    put: (value) => responses.put(sealed(value.id, named(value))),
    replace: (replacement) => responses.replace(sealed(replacement.id, replacement)),
    purgeMatching(matches, mode) {
      // A key that nobody can open may match.
      const opened = (name: string): boolean => {
        const key = sealing.openName(name);
        return key === undefined || matches(key);
      };
      return responses.purgeMatching(opened, mode);
    },
  };

  const sealedLeases: Leases = {
    ...leases,
    acquire: (claim, seen, leaseMs) => leases.acquire(named(claim), seen, leaseMs),
  };

  return {
    ...store,
    responses: sealedResponses,
    leases: sealedLeases,
    inventory: {
      ...inventory,
      /** The metadata of an encrypted value is encrypted with its body. Keys that this process cannot open are left out. */
      async describe(ids) {
        const values = await inventory.describe(ids, sealing.seals);
        return values.map((value) => ({
          ...value,
          key: value.key === undefined ? undefined : sealing.openName(value.key),
        }));
      },
      async *keys() {
        for await (const names of inventory.keys())
          yield names.flatMap((name) => sealing.openName(name) ?? []);
      },
    },
  };
}
