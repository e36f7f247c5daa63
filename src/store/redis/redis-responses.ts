import { randomUUID } from 'node:crypto';
import { isHalfMoved, isWrongType } from '../fault.ts';
import type { PurgeMode, Responses, StoredValue } from '../store.ts';
import { enclose, parseValue, staleMark } from './envelope.ts';
import { entriesKeys, leasesKey, responsesKey, stagingKey } from './keys.ts';
import { COMMIT, DISCARD, OPEN_STAGING, PURGE, PUT, REPLACE } from './lua/responses.ts';
import { readValues } from './read.ts';
import { nameOf, type RedisContext } from './redis-context.ts';
import { type ScannedId, walk } from './scan.ts';
import { script } from './scripts.ts';

const commit = script(COMMIT);
const openStaging = script(OPEN_STAGING);
const put = script(PUT);
const replace = script(REPLACE);
const discard = script(DISCARD);
const purge = script(PURGE);

/** The replies of COMMIT to a staged value: it is stored, it is not there, or the id has responses by now. */
const STORED = 1;
const NOT_STAGED = 2;
const NOT_FIRST = 3;

/** A staged value that no commit has met is deleted after this many milliseconds. */
const STAGED_MS = 60_000;

/**
 * After so many staged values in a row that Redis did not keep, no value is staged for `UNSTAGED_MS` milliseconds: each was sent
 * twice. The user lacks a permission, or the server is full, or it evicts what has an expiry at once.
 */
const MAX_STAGED_IN_VAIN = 4;
const UNSTAGED_MS = 60_000;

/** A value that is shorter than this costs less as an argument of its script. */
export const STAGED_FROM_BYTES = 16_384;

/**
 * The responses in Redis.
 * @param maxEntries how many are stored at most; `undefined` for no limit.
 * @param stagedFromBytes the length of the smallest value that is staged.
 */
export function redisResponses(
  context: RedisContext,
  maxEntries: number | undefined,
  stagedFromBytes: number,
): Responses {
  const { client, prefix, scripts, tagIndex, permissions } = context;

  let stagedInVain = 0;
  /** Until when nothing is staged, by `performance.now()`. */
  let unstagedUntil = 0;

  /** Notes whether Redis has kept a staged value. */
  function noteStaged(reply: number): void {
    if (reply === STORED) stagedInVain = 0;
    if (reply !== NOT_STAGED || ++stagedInVain < MAX_STAGED_IN_VAIN) return;
    stagedInVain = 0;
    unstagedUntil = performance.now() + UNSTAGED_MS;
  }

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
    await client.command('unlink', leasesKey(prefix, id));
    return Number(await client.command('unlink', responsesKey(prefix, id)));
  }

  async function purgeIds(ids: readonly string[], mode: PurgeMode | undefined): Promise<number> {
    const counts = await Promise.all(ids.map((id) => purgeId(id, mode)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Sends a large value in front of the script that stores it. As an argument of the script it would be copied into Lua and
   * out of it, which costs Redis more than all else of a commit. The script finds out whether the value is there, so errors are
   * left to it. The key has an expiry before it has the value: a connection that is lost leaves nothing for ever.
   */
  function stage(key: string, field: string, value: Buffer): void {
    scripts.runText(openStaging, [key], field, STAGED_MS).catch(() => {});
    client.command('hset', key, field, value).catch(() => {});
  }

  function get(id: string, variants: readonly string[]): Promise<(StoredValue | undefined)[]> {
    // The permissions are read before the first lease is needed, so that a miss does not wait for them.
    if (!permissions.wereAsked) permissions.check().catch(() => {});
    client.gather();
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
      const logKeys = tags.length > 0 && !tagIndex.isLogApart ? [tagIndex.logKey] : [];
      const value = enclose(response, token);
      const run = (stagingKeys: string[], argument: Buffer | string): Promise<number> =>
        scripts.runForNumber(
          commit,
          [...keysOf(id), ...logKeys, ...stagingKeys],
          lease.variant,
          token,
          argument,
          headBytes,
          ttlMs,
          names.join(','),
          declaredVariant,
          variant,
          nameOf(id, key),
          maxEntries ?? 0,
          stagingKeys.length > 0 ? value.length : 0,
          lease.purgeState,
          ...(logKeys.length > 0 ? tags : []),
        );
      const isStaged = lease.isFirst && client.isOrdered && value.length >= stagedFromBytes;
      if (isStaged && performance.now() >= unstagedUntil) {
        const stagedAt = stagingKey(prefix, id, token);
        stage(stagedAt, names.length > 0 ? variant : declaredVariant, value);
        const reply = await run([stagedAt], '');
        noteStaged(reply);
        if (reply !== NOT_STAGED && reply !== NOT_FIRST) return reply === STORED;
      }
      return (await run([], value)) === STORED;
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
        await Promise.all(idsIn(scanned).map((id) => client.command('unlink', leasesKey(prefix, id))));
        yield 0;
      }
      for await (const scanned of walk(client, prefix, 'responses')) {
        yield await purgeIds(idsIn(scanned), mode);
      }
    },
  };
}
