import { decodeMarker } from '../../codec/format.ts';
import type { Inventory } from '../store.ts';
import type { MemoryValues } from './memory-values.ts';

/** What the in-process store holds, for operators. */
export function memoryInventory(values: MemoryValues): Inventory {
  const { index } = values;
  return {
    async scan(from, count, tag) {
      const { ids, last } = index.after(Number(from?.cursor ?? 0), count, tag);
      const next = ids.length < count ? undefined : { node: '', cursor: String(last) };
      return { ids, scanned: ids.length, next };
    },

    async describe(ids) {
      const found = ids.flatMap((id) => values.of(id)).filter(({ bytes }) => !decodeMarker(bytes));
      return found.map(({ id, variant, key, bytes, expiresAt }) => {
        const expiresInMs = expiresAt - values.now();
        return { id, variant, key, head: bytes, length: bytes.length, expiresInMs };
      });
    },

    async read({ id, variant }) {
      const value = values.peek(id, variant);
      return value && { bytes: value.bytes, expiresInMs: value.expiresAt - values.now() };
    },

    async count() {
      return index.size;
    },

    async *ids() {
      yield [...values.keys().keys()];
    },

    async *keys() {
      yield [...values.keys().values()];
    },

    async mayHaveLostIndexes() {
      return false;
    },
  };
}
