import { confirmed } from '../store/confirmed.ts';
import { isReadable } from '../store/redis/keys.ts';
import type { Storage } from '../store/storage.ts';
import { summaryOf } from './summary.ts';
import type { DamagedEntry, EntrySummary } from './types.ts';

/** This many ids are described at a time, fewer where that brings more than so many bytes: what is sealed comes whole. */
const AT_ONCE = 128;
const BYTES = 4 * 1024 * 1024;

/**
 * What an operator is shown of all that is stored for some ids, as far as its cache key matches.
 * @param matches is given the cache key, or `undefined` where nobody knows it.
 * @throws {StoreError}
 */
export async function summaries(
  { store, keyring, clock }: Storage,
  ids: readonly string[],
  matches: (key: string | undefined) => boolean = () => true,
): Promise<(EntrySummary | DamagedEntry)[]> {
  // Most ids are their key.
  const wanted = [...new Set(ids)].filter((id) => !isReadable(id) || matches(id));
  const found: (EntrySummary | DamagedEntry)[] = [];
  // The first one sends the script, for the others to name it by its hash; and it shows how much they may bring.
  for (let at = 0, size = 1; at < wanted.length; ) {
    const listed = confirmed(await store.inventory.describe(wanted.slice(at, at + size)));
    const now = clock();
    for (const one of listed) if (matches(one.key)) found.push(summaryOf(keyring, one, now));
    const bytes = listed.reduce((sum, { head }) => sum + head.length, 1);
    at += size;
    size = Math.max(1, Math.min(AT_ONCE, 8 * size, Math.floor((BYTES / bytes) * size)));
  }
  return found;
}
