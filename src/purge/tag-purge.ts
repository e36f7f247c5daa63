import { summaries } from '../entries/survey.ts';
import { StoreError } from '../errors.ts';
import { Fault } from '../store/fault.ts';
import type { PurgeMode } from '../store/store.ts';
import type { Purging } from './purging.ts';

/**
 * Purges what is stored under any of some tags, or gives the fault that kept it from that. It goes by the tags' indexes;
 * where Redis may have evicted one of them, it looks at all that is stored besides.
 */
export async function purgeTags(
  core: Purging,
  tags: ReadonlySet<string>,
  mode: PurgeMode,
  onStep: (purged: number) => void,
): Promise<number | Fault> {
  const { store } = core;
  const counts = await Promise.all([...tags].map((tag) => store.responses.purgeTag(tag, mode, onStep)));
  // What a fill under way was to store, the purges above have revoked: they come first.
  const lost = await store.inventory.mayHaveLostIndexes();
  if (lost === true) counts.push(await purgeUnlisted(core, tags, mode, onStep));
  const fault = [...counts, lost].find((answer) => answer instanceof Fault);
  return fault ?? counts.reduce<number>((sum, count) => sum + Number(count), 0);
}

/** What has one of the tags by its own word; and what cannot be read, since it may. */
async function purgeUnlisted(
  core: Purging,
  tags: ReadonlySet<string>,
  mode: PurgeMode,
  onStep: (purged: number) => void,
): Promise<number | Fault> {
  const { store } = core;
  let sum = 0;
  for await (const step of store.inventory.ids()) {
    const ids = step instanceof Fault ? step : await tagged(core, step, tags);
    if (ids instanceof Fault) return ids;
    const counts = await Promise.all([...ids].map((id) => store.responses.purge(id, mode)));
    for (const count of counts) {
      if (count instanceof Fault) return count;
      sum += count;
      onStep(count);
    }
  }
  return sum;
}

async function tagged(
  core: Purging,
  ids: readonly string[],
  tags: ReadonlySet<string>,
): Promise<ReadonlySet<string> | Fault> {
  try {
    const entries = await summaries(core, ids);
    const found = entries.filter((entry) => entry.damaged || entry.tags.some((tag) => tags.has(tag)));
    return new Set(found.map(({ id }) => id));
  } catch (error) {
    if (error instanceof StoreError) return new Fault('unavailable', error.message);
    throw error;
  }
}
