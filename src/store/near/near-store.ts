import { readFrom } from '../redis/read.ts';
import type { PurgeMode, ReachableStore } from '../store.ts';
import type { Near } from './near-cache.ts';

/**
 * A store that keeps near what it reads. What this process changes itself is not near any more when its call returns,
 * whenever Redis says so.
 */
export function keepingNear(store: ReachableStore, near: Near): ReachableStore {
  const forgetting = async <T>(id: string, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } finally {
      near.forget(id);
    }
  };
  async function* forgettingAll(steps: AsyncGenerator<number, void>): AsyncGenerator<number, void> {
    try {
      yield* steps;
    } finally {
      near.forgetAll();
    }
  }
  return {
    get reachable() {
      return store.reachable;
    },
    entries: {
      scan: (...args) => store.entries.scan(...args),
      describe: (...args) => store.entries.describe(...args),
      count: () => store.entries.count(),
      read: (place) => store.entries.read(place),
      replace: (replacement) => forgetting(replacement.id, store.entries.replace(replacement)),
    },
    near: (id, variant) => near.get(id, variant),
    async get(id, variants) {
      const reading = near.read(id, variants);
      if (!reading) return store.get(id, variants);
      try {
        const values = await readFrom(reading.reader, reading.key, variants);
        reading.keep(values);
        return values;
      } catch {
        // That connection was lost, or the slot has moved: the client knows better.
        reading.drop();
        return store.get(id, variants);
      }
    },
    commit: (commit) => forgetting(commit.lease.id, store.commit(commit)),
    put: (entry) => forgetting(entry.id, store.put(entry)),
    discard: (place) => forgetting(place.id, store.discard(place)),
    purge: (id, mode, except) => forgetting(id, store.purge(id, mode, except)),
    purgeTag: (tag, mode?: PurgeMode) => forgettingAll(store.purgeTag(tag, mode)),
    mayHaveLostIndexes: () => store.mayHaveLostIndexes(),
    purgeMatching: (matches, mode?: PurgeMode) => forgettingAll(store.purgeMatching(matches, mode)),
    acquire: (claim, seen, ttl) => store.acquire(claim, seen, ttl),
    renew: (lease, ttl) => store.renew(lease, ttl),
    wait: (place, ms) => store.wait(place, ms),
    release: (lease, futile) => store.release(lease, futile),
    ids: () => store.ids(),
    keys: () => store.keys(),
    ping: () => store.ping(),
    async close() {
      near.close();
      await store.close();
    },
  };
}
