import type { AnyEntry } from '../../src/entries/types.ts';
import type { CacheMiddleware, EntryQuery } from '../../src/index.ts';

/**
 * The entries of all pages. One page of a few entries may be empty: a page looks at about 5,000 keys of the server, and
 * the tests share one. SCAN may return a key twice while Redis resizes its table, so duplicates are removed.
 */
export async function listedEntries(
  { entries }: Pick<CacheMiddleware, 'entries'>,
  query: EntryQuery = {},
): Promise<AnyEntry[]> {
  const all = new Map<string, AnyEntry>();
  let cursor: string | undefined;
  do {
    const page = await entries.list(cursor === undefined ? query : { ...query, cursor });
    for (const entry of page.entries) all.set(`${entry.id} ${entry.variant}`, entry);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return [...all.values()];
}
