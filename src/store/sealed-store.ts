import type { Leases, Responses, Store } from './store.ts';

/** Seals values and cache keys on their way into the store, and opens cache keys on their way out. */
export interface Sealing {
  /** Whether values are encrypted before they are stored. */
  readonly seals: boolean;
  /** The bytes to store at an id. */
  seal(id: string, bytes: Buffer): Buffer;
  /** A cache key in the form in which it is stored beside its hash. */
  sealName(key: string): string;
  /** The cache key in its stored form; `undefined` when this process has no key to open it. */
  openName(name: string): string | undefined;
}

/** Seals everything that is written to a store. Values that are read stay sealed: whoever decodes them opens them. */
export function sealedStore(store: Store, sealing: Sealing): Store {
  const { responses, leases, inventory } = store;

  /** The same entry with its key as it is stored. */
  function named<T extends { readonly key: string }>(entry: T): T {
    const key = sealing.sealName(entry.key);
    return key === entry.key ? entry : { ...entry, key };
  }

  const sealedResponses: Responses = {
    ...responses,
    commit(commit) {
      const { lease, bytes } = commit;
      return responses.commit({ ...commit, lease: named(lease), bytes: sealing.seal(lease.id, bytes) });
    },
    put(value) {
      return responses.put({ ...named(value), bytes: sealing.seal(value.id, value.bytes) });
    },
    replace(replacement) {
      const { id, bytes } = replacement;
      return responses.replace({ ...replacement, bytes: sealing.seal(id, bytes) });
    },
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
    acquire: (claim, version, leaseMs) => leases.acquire(named(claim), version, leaseMs),
  };

  return {
    ...store,
    responses: sealedResponses,
    leases: sealedLeases,
    inventory: {
      ...inventory,
      /** Keys that this process cannot open are left out. */
      async describe(ids, whole) {
        const values = await inventory.describe(ids, whole);
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
