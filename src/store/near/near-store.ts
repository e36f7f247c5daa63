import { readValues } from '../redis/read.ts';
import type { Store } from '../store.ts';
import type { NearCache } from './near-cache.ts';

/**
 * Adds a near cache to a store. A change that this process makes is dropped from the near cache before the call
 * returns; it does not wait for the message of Redis.
 */
export function withNearCache(store: Store, near: NearCache): Store {
  const { responses } = store;

  async function forgetAfter<T>(id: string, change: Promise<T>): Promise<T> {
    try {
      return await change;
    } finally {
      near.forget(id);
    }
  }

  async function* forgetAllAfter(steps: AsyncGenerator<number, void>): AsyncGenerator<number, void> {
    try {
      yield* steps;
    } finally {
      near.forgetAll();
    }
  }

  return {
    ...store,
    responses: {
      async get(id, variants) {
        const reading = near.startReading(id, variants);
        if (!reading) return responses.get(id, variants);
        try {
          const values = await readValues(reading.reader, reading.key, variants);
          reading.keep(values);
          return values;
        } catch {
          // The connection was lost, or the slot has moved. The client knows where to read.
          reading.drop();
          return responses.get(id, variants);
        }
      },
      peek: responses.peek,
      getNear: (id, variant) => near.get(id, variant),
      commit: (commit) => forgetAfter(commit.lease.id, responses.commit(commit)),
      put: (value) => forgetAfter(value.id, responses.put(value)),
      replace: (replacement) => forgetAfter(replacement.id, responses.replace(replacement)),
      discard: (ref) => forgetAfter(ref.id, responses.discard(ref)),
      purge: (id, mode) => forgetAfter(id, responses.purge(id, mode)),
      purgeTag: (tag, mode) => forgetAllAfter(responses.purgeTag(tag, mode)),
      purgeMatching: (matches, mode) => forgetAllAfter(responses.purgeMatching(matches, mode)),
    },
    connection: {
      ...store.connection,
      async close() {
        near.close();
        await store.connection.close();
      },
    },
  };
}
