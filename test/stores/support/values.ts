import { encode, versionOf } from '../../../src/codec/format.ts';
import type { Claim, Commit, Lease, PurgeMode, ReachableStore as Store } from '../../../src/store/store.ts';

export const MINUTE = 60_000;
/** The fingerprint of nothing. */
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
  return { id, key: `key of ${id}`, variant, token, stamp, since: performance.now() };
}

type Parts = Partial<Omit<Commit, 'lease'>> & { token?: string; field?: string };

/** What a fill commits: unless told otherwise, a response that does not vary, for a minute. */
export function commitOf(id: string, parts: Parts = {}): Commit {
  const { slot = '', variant = 'unvaried', names = [], tags = [] } = parts;
  const { bytes = response('text'), ttl = MINUTE } = parts;
  return { lease: lease(id, parts.field ?? slot, parts.token), slot, variant, names, tags, bytes, ttl };
}

/** A fill from beginning to end: takes the lease and commits. */
export async function fill(store: Store, id: string, parts: Parts = {}): Promise<boolean> {
  const commit = commitOf(id, parts);
  const [there] = await store.get(id, [commit.lease.variant]);
  const { kind, stamp } = await store.acquire(commit.lease, versionOf(there), MINUTE);
  return kind === 'leader' && (await store.commit({ ...commit, lease: { ...commit.lease, stamp } }));
}

/** What became of an attempt to take a lease. */
export async function acquire(
  store: Store,
  claim: Claim,
  seen: Buffer,
  ttl: number = MINUTE,
): Promise<string> {
  return (await store.acquire(claim, seen, ttl)).kind;
}

/** Purges a tag, step by step; how many stored responses were purged. */
export async function purgeTag(store: Store, tag: string, mode?: PurgeMode): Promise<number> {
  let count = 0;
  for await (const purged of store.purgeTag(tag, mode)) count += purged;
  return count;
}

/** What is stored at a place. */
export async function at(store: Store, id: string, variant = ''): Promise<Buffer | undefined> {
  return (await store.get(id, [variant]))[0];
}

/** Purges everything, step by step; how many stored responses were deleted. */
export async function purgeAll(store: Store): Promise<number> {
  let count = 0;
  for await (const deleted of store.purgeMatching(() => true)) count += deleted;
  return count;
}
