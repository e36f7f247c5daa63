import { decodeMarker, encodeMarker, MAX_SPECS, markSoftPurged, versionOf } from '../../codec/format.ts';
import type { PurgeMode, Responses } from '../store.ts';
import type { LeaseTable } from './memory-leases.ts';
import type { MemoryValues } from './memory-values.ts';

/** The responses of the in-process store. */
export function memoryResponses(values: MemoryValues, leases: LeaseTable): Responses {
  const { index } = values;

  async function purge(id: string, mode: PurgeMode = 'delete'): Promise<number> {
    leases.revoke(id);
    let count = 0;
    for (const value of values.of(id)) {
      const isResponse = !decodeMarker(value.bytes);
      // A response that is marked already is stale since its first soft purge.
      const isPurged = isResponse && (mode === 'delete' || value.bytes.readUInt32BE(8) === 0);
      if (isPurged) count++;
      if (mode === 'delete') values.delete(id, value.variant);
      else if (isPurged) values.write({ ...value, bytes: markSoftPurged(value.bytes, mode.staleSince) });
    }
    return count;
  }

  return {
    async get(id, variants) {
      return variants.map((variant) => values.get(id, variant)?.bytes);
    },

    getNear: () => undefined,

    async commit({ lease, declaredVariant, variant, names, tags, bytes, ttlMs }) {
      if (!leases.held(lease) || tags.some((tag) => index.purgedSince(tag, lease.stamp))) return false;
      const { id, key } = lease;
      const there = values.get(id, declaredVariant);
      const specs = there && decodeMarker(there.bytes);
      const expiresAt = values.now() + ttlMs;
      const varies = specs !== undefined || names.length > 0;
      if (varies) {
        const others = (specs ?? []).filter((spec) => spec.join() !== names.join()).slice(0, MAX_SPECS - 1);
        values.storeMarker({
          id,
          key,
          variant: declaredVariant,
          tags: [],
          bytes: encodeMarker([names, ...others]),
          expiresAt: Math.max(expiresAt, specs ? (there?.expiresAt ?? 0) : 0),
        });
      }
      values.storeResponse({
        id,
        key,
        variant: varies ? variant : declaredVariant,
        tags,
        bytes,
        expiresAt,
      });
      leases.complete(lease);
      return true;
    },

    async put({ id, key, bytes, ttlMs }) {
      await purge(id);
      values.write({ id, key, variant: '', tags: [], bytes, expiresAt: values.now() + ttlMs });
    },

    async replace({ id, variant, version, bytes, tags, ttlMs }) {
      const value = values.peek(id, variant);
      if (!value || !versionOf(value.bytes).equals(version)) return false;
      const expiresAt = values.now() + ttlMs;
      // The markers that lead to the value must not expire before it.
      for (const other of values.of(id)) {
        if (decodeMarker(other.bytes) && other.expiresAt < expiresAt) values.write({ ...other, expiresAt });
      }
      values.write({ ...value, bytes, tags, expiresAt });
      return values.peek(id, variant) !== undefined;
    },

    async discard({ id, variant }) {
      values.delete(id, variant);
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
      for (const [id, key] of values.keys()) if (matches(key)) count += await purge(id, mode);
      yield count;
    },
  };
}
