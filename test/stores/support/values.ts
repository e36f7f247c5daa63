import { encode, headLength } from '../../../src/codec/format.ts';
import type {
  Commit,
  Lease,
  LeaseClaim,
  PurgeMode,
  Store,
  StoredValue,
  ToStore,
  Versioned,
} from '../../../src/store/store.ts';

export const MINUTE = 60_000;
/** What a look-up that finds nothing has seen. */
export const NOTHING: undefined = undefined;

/** The bytes of some stored response. */
export function response(text: string): Buffer {
  const head = {
    status: 200,
    message: '',
    headers: [],
    removedFields: [],
    locals: null,
    cacheLevel: 1,
    selectors: [],
    audience: undefined,
  } as const;
  const ageing = { bornAt: 0, lifetime: 1, validateAlways: false, neverStale: false, staleIfError: 0 };
  const stale = { staleWhileRevalidate: 0, originMs: 0, tags: [] };
  return encode({ key: text, variant: '', ...head, ...ageing, ...stale }, [Buffer.from(text)]);
}

export function lease(id: string, variant = '', token = 'token', purgeState = ''): Lease {
  return { id, key: `key of ${id}`, variant, token, purgeState };
}

type Parts = Partial<Omit<Commit, 'lease'>> & { token?: string; field?: string };

/** What a fill commits: unless told otherwise, a response that does not vary, for a minute. */
export function commitOf(id: string, parts: Parts = {}): ToStore<Commit> {
  const { declaredVariant = '', variant = 'unvaried', names = [], tags = [] } = parts;
  const { bytes = response('text'), ttlMs = MINUTE } = parts;
  const leased = lease(id, parts.field ?? declaredVariant, parts.token);
  return { lease: leased, declaredVariant, variant, names, tags, bytes, headBytes: headOf(bytes), ttlMs };
}

/** Some tests store bytes that are no response. */
function headOf(bytes: Buffer): number {
  return bytes.length < 16 ? bytes.length : headLength(bytes);
}

let fills = 0;

/** A fill from beginning to end: takes the lease and commits. Each has a token of its own. */
export async function fill(store: Store, id: string, parts: Parts = {}): Promise<boolean> {
  const commit = commitOf(id, { token: `fill-${fills++}`, ...parts });
  const there = await valueAt(store, id, commit.lease.variant);
  const { kind, purgeState, isFirst } = await store.leases.acquire(commit.lease, there, MINUTE);
  const given = { ...commit.lease, purgeState, isFirst };
  return kind === 'leader' && (await store.responses.commit({ ...commit, lease: given }));
}

/** What became of an attempt to take a lease. */
export async function acquire(
  store: Store,
  claim: LeaseClaim,
  seen: Versioned | undefined,
  leaseMs: number = MINUTE,
): Promise<string> {
  return (await store.leases.acquire(claim, seen, leaseMs)).kind;
}

/** Purges a tag, step by step; how many stored responses were purged. */
export async function purgeTag(store: Store, tag: string, mode?: PurgeMode): Promise<number> {
  let count = 0;
  for await (const purged of store.responses.purgeTag(tag, mode)) count += purged;
  return count;
}

export async function valueAt(store: Store, id: string, variant = ''): Promise<StoredValue | undefined> {
  return (await store.responses.get(id, [variant]))[0];
}

/** The bytes of the response that is stored at a variant. */
export async function at(store: Store, id: string, variant = ''): Promise<Buffer | undefined> {
  return (await valueAt(store, id, variant))?.bytes;
}

/** The bytes of the responses that are stored at some variants. */
export async function allAt(
  store: Store,
  id: string,
  variants: readonly string[],
): Promise<(Buffer | undefined)[]> {
  return (await store.responses.get(id, variants)).map((value) => value?.bytes);
}

/** Purges everything, step by step; how many stored responses were deleted. */
export async function purgeAll(store: Store): Promise<number> {
  let count = 0;
  for await (const deleted of store.responses.purgeMatching(() => true)) count += deleted;
  return count;
}
