import { randomUUID } from 'node:crypto';
import { addSpec } from '../marker.ts';
import type { PurgeMode, Responses, StoredValue } from '../store.ts';
import type { MemoryEntries } from './memory-entries.ts';
import type { LeaseTable } from './memory-leases.ts';
import { MemoryValue } from './memory-value.ts';

/** The responses of the in-process store. */
export function memoryResponses(entries: MemoryEntries, leases: LeaseTable): Responses {
  const { index } = entries;

  async function purge(id: string, mode: PurgeMode = 'delete'): Promise<number> {
    leases.revoke(id);
    let count = 0;
    for (const entry of entries.of(id)) {
      const { value } = entry;
      // A response that is marked already is stale since its first soft purge.
      const isPurged = !value.specs && (mode === 'delete' || value.staleSince === undefined);
      if (isPurged) count++;
      if (mode === 'delete') entries.delete(id, entry.variant);
      else if (isPurged) {
        const marked = MemoryValue.response(value.bytes, value.version, mode.staleSince);
        entries.write({ ...entry, value: marked });
      }
    }
    return count;
  }

  async function get(id: string, variants: readonly string[]): Promise<(StoredValue | undefined)[]> {
    return variants.map((variant) => entries.get(id, variant)?.value);
  }

  return {
    get,
    peek: get,

    getNear: () => undefined,

    async commit({ lease, declaredVariant, variant, names, tags, bytes, ttlMs }) {
      if (!leases.held(lease) || tags.some((tag) => index.purgedSince(tag, Number(lease.purgeState))))
        return false;
      const { id, key, token } = lease;
      const there = entries.get(id, declaredVariant);
      const specs = there?.value.specs;
      const expiresAt = entries.now() + ttlMs;
      const varies = specs !== undefined || names.length > 0;
      if (varies) {
        entries.storeMarker({
          id,
          key,
          variant: declaredVariant,
          tags: [],
          value: MemoryValue.marker(addSpec(specs ?? [], names)),
          expiresAt: Math.max(expiresAt, specs ? (there?.expiresAt ?? 0) : 0),
        });
      }
      entries.storeResponse({
        id,
        key,
        variant: varies ? variant : declaredVariant,
        tags,
        value: MemoryValue.response(bytes, token),
        expiresAt,
      });
      leases.complete(lease);
      return true;
    },

    async put({ id, key, bytes, ttlMs }) {
      await purge(id);
      const value = MemoryValue.response(bytes, randomUUID());
      entries.write({ id, key, variant: '', tags: [], value, expiresAt: entries.now() + ttlMs });
    },

    async replace({ id, variant, version, bytes, tags, staleSince, ttlMs }) {
      const entry = entries.peek(id, variant);
      if (entry?.value.version !== version) return false;
      const expiresAt = entries.now() + ttlMs;
      // The markers that lead to the value must not expire before it.
      for (const other of entries.of(id)) {
        if (other.value.specs && other.expiresAt < expiresAt) entries.write({ ...other, expiresAt });
      }
      const value = MemoryValue.response(bytes, randomUUID(), staleSince);
      entries.write({ ...entry, value, tags, expiresAt });
      return entries.peek(id, variant) !== undefined;
    },

    async discard({ id, variant }) {
      entries.delete(id, variant);
    },

    purge,

    async *purgeTag(tag, mode) {
      let count = 0;
      for (const id of index.purge(tag)) count += await purge(id, mode);
      yield count;
    },

    async *purgeMatching(matches, mode) {
      leases.revokeMatching(matches);
      let count = 0;
      for (const [id, key] of entries.keys()) if (matches(key)) count += await purge(id, mode);
      yield count;
    },
  };
}
