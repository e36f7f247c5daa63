import type { Claim, PurgeMode, ReachableStore } from '../store.ts';

/** A store that also purges what the deployment before it has stored, under another prefix. */
export function succeeding(store: ReachableStore, previous: ReachableStore): ReachableStore {
  return {
    get reachable() {
      return store.reachable;
    },
    entries: store.entries,
    get: (id, variants) => store.get(id, variants),
    near: (id, variant) => store.near(id, variant),
    acquire: (claim, seen, ttl) => store.acquire(claim, seen, ttl),
    wait: (place, ms) => store.wait(place, ms),
    renew: (lease, ttl) => store.renew(lease, ttl),
    release: (lease, futile) => store.release(lease, futile),
    commit: (commit) => store.commit(commit),
    put: (entry) => store.put(entry),
    discard: (place) => store.discard(place),
    ids: () => store.ids(),
    keys: () => store.keys(),
    ping: () => store.ping(),
    async purge(id: string, mode?: PurgeMode, except?: Claim) {
      const counts = await Promise.all([store.purge(id, mode, except), previous.purge(id, mode)]);
      return counts[0] + counts[1];
    },
    async *purgeTag(tag: string, mode?: PurgeMode) {
      yield* previous.purgeTag(tag, mode);
      yield* store.purgeTag(tag, mode);
    },
    mayHaveLostIndexes: () => store.mayHaveLostIndexes(),
    async *purgeMatching(matches: (key: string) => boolean, mode?: PurgeMode) {
      yield* previous.purgeMatching(matches, mode);
      yield* store.purgeMatching(matches, mode);
    },
    async close() {
      await Promise.all([store.close(), previous.close()]);
    },
  };
}
