import { encode, versionOf } from '../../../src/codec/format.ts';
import type { Commit, Lease, LeaseClaim, PurgeMode, Store } from '../../../src/store/store.ts';

export const MINUTE = 60_000;
/** The versionOf of nothing. */
export const NOTHING: Buffer = Buffer.alloc(0);

/** The bytes of some stored response. */
export function response(text: string): Buffer {
  const head = {
    status: 200,
    message: '',
    headers: [],
    removedFields: [],
    locals: null,
    cacheLevel: 1,
  } as const;
  const ageing = { bornAt: 0, lifetime: 1, validateAlways: false, neverStale: false, staleIfError: 0 };
  const stale = { staleWhileRevalidate: 0, originMs: 0, tags: [] };
  return encode({ key: text, variant: '', ...head, ...ageing, ...stale }, [Buffer.from(text)]);
}

export function lease(id: string, variant = '', token = 'token', stamp = 0): Lease {
  return { id, key: `key of ${id}`, variant, token, stamp, startedAt: performance.now() };
}

type Parts = Partial<Omit<Commit, 'lease'>> & { token?: string; field?: string };

/** What a fill commits: unless told otherwise, a response that does not vary, for a minute. */
export function commitOf(id: string, parts: Parts = {}): Commit {
  const { declaredVariant = '', variant = 'unvaried', names = [], tags = [] } = parts;
  const { bytes = response('text'), ttlMs = MINUTE } = parts;
  const leased = lease(id, parts.field ?? declaredVariant, parts.token);
  return { lease: leased, declaredVariant, variant, names, tags, bytes, ttlMs };
}

/** A fill from beginning to end: takes the lease and commits. */
export async function fill(store: Store, id: string, parts: Parts = {}): Promise<boolean> {
  const commit = commitOf(id, parts);
  const [there] = await store.responses.get(id, [commit.lease.variant]);
  const { kind, stamp } = await store.leases.acquire(commit.lease, versionOf(there), MINUTE);
  return (
    kind === 'leader' && (await store.responses.commit({ ...commit, lease: { ...commit.lease, stamp } }))
  );
}

/** What became of an attempt to take a lease. */
export async function acquire(
  store: Store,
  claim: LeaseClaim,
  version: Buffer,
  leaseMs: number = MINUTE,
): Promise<string> {
  return (await store.leases.acquire(claim, version, leaseMs)).kind;
}

/** Purges a tag, step by step; how many stored responses were purged. */
export async function purgeTag(store: Store, tag: string, mode?: PurgeMode): Promise<number> {
  let count = 0;
  for await (const purged of store.responses.purgeTag(tag, mode)) count += purged;
  return count;
}

/** What is stored at a place. */
export async function at(store: Store, id: string, variant = ''): Promise<Buffer | undefined> {
  return (await store.responses.get(id, [variant]))[0];
}

/** Purges everything, step by step; how many stored responses were deleted. */
export async function purgeAll(store: Store): Promise<number> {
  let count = 0;
  for await (const deleted of store.responses.purgeMatching(() => true)) count += deleted;
  return count;
}
