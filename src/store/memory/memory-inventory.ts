import type { Inventory } from '../store.ts';
import type { MemoryEntries } from './memory-entries.ts';

/** What the in-process store holds, for operators. */
export function memoryInventory(entries: MemoryEntries): Inventory {
  const { index } = entries;
  return {
    async scan(from, count, tag) {
      const { ids, last } = index.after(Number(from?.cursor ?? 0), count, tag);
      const next = ids.length < count ? undefined : { node: '', cursor: String(last) };
      return { ids, scanned: ids.length, next };
    },

    /** Nothing has to be sent, so the head is the whole value. */
    async describe(ids) {
      const found = ids.flatMap((id) => entries.of(id)).filter(({ value }) => !value.specs);
      return found.map(({ id, variant, key, value: { bytes, staleSince }, expiresAt }) => {
        const expiresInMs = expiresAt - entries.now();
        return { id, variant, key, head: bytes, length: bytes.length, staleSince, expiresInMs };
      });
    },

    async read({ id, variant }) {
      const entry = entries.peek(id, variant);
      if (!entry) return undefined;
      const { value, expiresAt } = entry;
      return { value, length: value.bytes.length, expiresInMs: expiresAt - entries.now() };
    },

    async count() {
      return index.size;
    },

    async *ids() {
      yield [...entries.keys().keys()];
    },

    async *keys() {
      yield [...entries.keys().values()];
    },

    async mayHaveLostIndexes() {
      return false;
    },
  };
}
