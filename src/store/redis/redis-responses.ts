import { randomUUID } from 'node:crypto';
import { isHalfMoved, isWrongType } from '../fault.ts';
import type { PurgeMode, Responses, StoredValue } from '../store.ts';
import { enclose, parseValue, staleMark } from './envelope.ts';
import { entriesKeys, leasesKey, responsesKey } from './keys.ts';
import { COMMIT, DISCARD, PURGE, PUT, REPLACE } from './lua/responses.ts';
import { readValues } from './read.ts';
import { nameOf, type RedisContext } from './redis-context.ts';
import { type ScannedId, walk } from './scan.ts';
import { script } from './scripts.ts';

const commit = script(COMMIT);
const put = script(PUT);
const replace = script(REPLACE);
const discard = script(DISCARD);
const purge = script(PURGE);

/** The responses in Redis. @param maxEntries how many are stored at most; `undefined` for no limit. */
export function redisResponses(context: RedisContext, maxEntries: number | undefined): Responses {
  const { client, prefix, scripts, batch, tagIndex, permissions } = context;

  /** The keys of a script that changes responses: with `maxEntries`, also those of the order of storing. */
  function keysOf(id: string): string[] {
    const keys = [leasesKey(prefix, id), responsesKey(prefix, id)];
    return maxEntries === undefined ? keys : [...keys, ...entriesKeys(prefix)];
  }

  async function purgeId(id: string, mode: PurgeMode = 'delete'): Promise<number> {
    const mark = mode === 'delete' ? '' : staleMark(mode.staleSince);
    try {
      return await scripts.runForNumber(purge, keysOf(id), mark);
    } catch (error) {
      if (mode !== 'delete' || !isHalfMoved(error)) throw error;
      return purgeHalfMoved(id);
    }
  }

  /**
   * While a Cluster moves a slot, the keys of an id may be at two masters, where no script can change both. So the leases
   * are deleted first: no fill stores behind the deletion of the responses.
   */
  async function purgeHalfMoved(id: string): Promise<number> {
    await client.unlink(leasesKey(prefix, id));
    return client.unlink(responsesKey(prefix, id));
  }

  async function purgeIds(ids: readonly string[], mode: PurgeMode | undefined): Promise<number> {
    const counts = await Promise.all(ids.map((id) => purgeId(id, mode)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  function get(id: string, variants: readonly string[]): Promise<(StoredValue | undefined)[]> {
    // The permissions are read before the first lease is needed, so that a miss does not wait for them.
    if (!permissions.wereAsked) permissions.check().catch(() => {});
    batch.open();
    return readValues(client, responsesKey(prefix, id), variants, (error: unknown) => {
      if (!isWrongType(error)) throw error;
      return variants.map(() => parseValue(Buffer.alloc(0)));
    });
  }

  return {
    get,
    peek: get,

    getNear: () => undefined,

    /**
     * The id is added to its tags, then the purge log is read, then the response is stored. A purge by tag writes the log,
     * then walks the index. So either the purge finds the id, and deletes the response or revokes the lease, or the commit
     * finds the purge.
     */
    async commit(response) {
      const { lease, declaredVariant, variant, names, tags, headBytes, ttlMs } = response;
      const { id, key, token } = lease;
      if (tags.length > 0) {
        await tagIndex.add(id, tags, ttlMs);
        if (tagIndex.isLogApart && (await tagIndex.isPurged(lease.purgeState, tags))) return false;
      }
      const checksLog = tags.length > 0 && !tagIndex.isLogApart;
      const stored = await scripts.runForNumber(
        commit,
        checksLog ? [...keysOf(id), tagIndex.logKey] : keysOf(id),
        lease.variant,
        token,
        enclose(response, token),
        headBytes,
        ttlMs,
        names.join(','),
        declaredVariant,
        variant,
        nameOf(id, key),
        maxEntries ?? 0,
        lease.purgeState,
        ...(checksLog ? tags : []),
      );
      return stored === 1;
    },

    async put(value) {
      await permissions.check();
      const { id, key, headBytes, ttlMs } = value;
      const version = randomUUID();
      const args = [version, enclose(value, version), headBytes, ttlMs, nameOf(id, key)];
      await scripts.runForNumber(put, keysOf(id), ...args);
    },

    /**
     * The id is added to its tags first, for the new expiry. A purge by tag that comes between has deleted the value or
     * marked it, and then nothing is replaced.
     */
    async replace(replacement) {
      const { id, variant, version, headBytes, tags, staleSince, ttlMs } = replacement;
      await permissions.check();
      if (tags.length > 0) await tagIndex.add(id, tags, ttlMs);
      const args = [variant, version, enclose(replacement, randomUUID(), staleSince), headBytes, ttlMs];
      return (await scripts.runForNumber(replace, keysOf(id), ...args)) === 1;
    },

    async discard({ id, variant }) {
      await scripts.runForNumber(discard, keysOf(id), variant);
    },

    purge: purgeId,

    async *purgeTag(tag, mode = 'delete') {
      await permissions.check();
      for await (const ids of tagIndex.purge(tag, mode !== 'delete')) yield await purgeIds(ids, mode);
    },

    async *purgeMatching(matches, mode) {
      // The key of a hashed id may be lost. Such an id is purged too, since its key may match.
      const idsIn = (scanned: readonly ScannedId[]): string[] =>
        scanned.filter(({ key }) => key === undefined || matches(key)).map(({ id }) => id);
      for await (const scanned of walk(client, prefix, 'leases')) {
        await Promise.all(idsIn(scanned).map((id) => client.unlink(leasesKey(prefix, id))));
        yield 0;
      }
      for await (const scanned of walk(client, prefix, 'responses')) {
        yield await purgeIds(idsIn(scanned), mode);
      }
    },
  };
}
