import type { Storage } from '../entries/storage.ts';
import { summaries } from '../entries/summary.ts';
import type { AnyEntry } from '../entries/types.ts';
import { StoreError } from '../errors.ts';
import { Fault } from '../store/fault.ts';
import type { GuardedResponses } from '../store/guarded-store.ts';

/** The verbs of a purge. */
export type PurgeVerbs = Pick<GuardedResponses, 'purge' | 'purgeTag' | 'purgeMatching'>;

/** How many keys one step of a count looks at. */
const STEP = 500;

/**
 * The verbs of one purge, which count the responses that they would purge and change nothing. A response that several
 * calls of `purge` and `purgeTag` find counts once.
 */
export function countingVerbs(storage: Storage): PurgeVerbs {
  const { inventory } = storage.store;
  const counted = new Set<string>();

  /** How many of the entries were not counted before. */
  function addNew(entries: readonly AnyEntry[]): number {
    const before = counted.size;
    for (const { id, variant } of entries) counted.add(JSON.stringify([id, variant]));
    return counted.size - before;
  }

  /** The sum over all steps of a scan, of all keys or of those under a tag. */
  async function scan(
    tag: string | undefined,
    countOf: (ids: readonly string[]) => Promise<number>,
    onStep: ((purged: number) => void) | undefined,
  ): Promise<number | Fault> {
    let sum = 0;
    let position: Parameters<typeof inventory.scan>[0];
    do {
      const step = await inventory.scan(position, STEP, tag);
      if (step instanceof Fault) return step;
      const count = await faultOr(() => countOf(step.ids));
      if (count instanceof Fault) return count;
      sum += count;
      onStep?.(count);
      position = step.next;
    } while (position);
    return sum;
  }

  return {
    purge: (id) => faultOr(async () => addNew(await summaries(storage, [id]))),
    purgeTag: (tag, _mode, onStep) =>
      scan(tag, async (ids) => addNew((await summaries(storage, ids)).filter(hasTag(tag))), onStep),
    // The key of an unreadable entry may match, so a purge includes it.
    purgeMatching(matches, _mode, onStep) {
      const accepts = (key: string | undefined): boolean => key === undefined || matches(key);
      return scan(undefined, async (ids) => (await summaries(storage, ids, accepts)).length, onStep);
    },
  };
}

/** An index may list a response that has lost the tag since. The tags of an unreadable entry are unknown. */
function hasTag(tag: string): (entry: AnyEntry) => boolean {
  return (entry) => !entry.readable || entry.tags.includes(tag);
}

/** What a read of entries gives, or the fault of the store. */
export async function faultOr<T>(read: () => Promise<T>): Promise<T | Fault> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof StoreError && error.cause instanceof Fault) return error.cause;
    throw error;
  }
}
