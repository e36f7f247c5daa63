/**
 * The contract of a store: bytes and verbs, no HTTP. A store is three interfaces and a connection, each a plain record of
 * functions, so a decorator spreads the record and writes only the verbs that it changes:
 * `{ ...store, responses: { ...store.responses, commit } }`.
 */
export interface Store {
  readonly responses: Responses;
  readonly leases: Leases;
  readonly inventory: Inventory;
  readonly connection: Connection;
}

/** A variant of a cache key. Both parts are short and unambiguous. */
export interface VariantRef {
  /** The id of the cache key: the key itself, or a hash of it. */
  readonly id: string;
  /** The values by which responses of the key are selected, or a hash of them. */
  readonly variant: string;
}

/** A lease that a fill asks for. */
export interface LeaseClaim extends VariantRef {
  /** The whole cache key. */
  readonly key: string;
  /** Unique to the fill. */
  readonly token: string;
}

/** The right to store the response of one fill. */
export interface Lease extends LeaseClaim {
  /** Which purges by tag had begun when the lease was given. Any other purge of a tag of the response revokes the commit. */
  readonly purgeState: string;
  /** Whether the id had no responses when the lease was given. The commit need not believe it. */
  readonly isFirst?: boolean | undefined;
}

/** The outcome of `acquire`. */
export interface Acquired {
  /**
   * `leader`: the lease is given. `in-progress`: another fill holds it. `changed`: the stored value is no longer the one
   * that the caller saw, so the caller looks up again.
   */
  readonly kind: 'leader' | 'in-progress' | 'changed';
  /** Whether the last fill had nothing to share, so that nobody should wait for the next one (Varnish: hit-for-miss). */
  readonly hitForMiss: boolean;
  /** What the lease gives back to the store: `Lease.purgeState`. */
  readonly purgeState: string;
  /** What the lease gives back to the store: `Lease.isFirst`. */
  readonly isFirst?: boolean | undefined;
}

/** Sets of field names that the responses of a key vary on, the newest first. */
export type Specs = readonly (readonly string[])[];

/**
 * A value as a store returns it: a stored response, or the marker that lists what the responses of a key vary on. The
 * store does not know what the bytes of a response mean.
 */
export interface StoredValue {
  /** The bytes that were stored. Empty for a marker and for a damaged value, so that they decode as no response. */
  readonly bytes: Buffer;
  /** Identifies the value: any later value of the variant has another version. Empty for a damaged value. */
  readonly version: string;
  /** When a soft purge has marked the value stale, in milliseconds since 1970. */
  readonly staleSince: number | undefined;
  /** The sets of field names in a marker; `undefined` for a response and for a damaged value. */
  readonly specs: Specs | undefined;
  /** Whether another value is the same, byte for byte and mark for mark. */
  equals(other: StoredValue): boolean;
  /** A copy that holds no larger buffer in memory. */
  copy(): StoredValue;
}

/** A value, as far as leases are concerned. */
export type Versioned = Pick<StoredValue, 'version'>;

/** Something to store, with what the store needs to know of its bytes. */
export type ToStore<T> = T & {
  /** How many of the first bytes describe the value without its body. `describe` returns them. */
  readonly headBytes: number;
  /** How many bytes in front of `bytes`, in the same memory, the store may overwrite; 0 by default. */
  readonly headroom?: number;
};

/** A response to store. */
export interface Commit {
  readonly lease: Lease;
  /** The variant of the declared parts alone. A look-up that does not know the response's `Vary` reads it first. */
  readonly declaredVariant: string;
  /** The variant of the declared parts and of the request fields that the response's `Vary` nominates. */
  readonly variant: string;
  /** The nominated field names, in lower case and sorted; empty when the response does not vary. */
  readonly names: readonly string[];
  readonly tags: readonly string[];
  readonly bytes: Buffer;
  /** Milliseconds until the value expires; at least 1. */
  readonly ttlMs: number;
}

/** A value to store without a fill. */
export interface NewValue {
  readonly id: string;
  readonly key: string;
  readonly bytes: Buffer;
  /** Milliseconds until the value expires; at least 1. */
  readonly ttlMs: number;
}

/** A value that replaces the stored one, unless that one has changed. */
export interface Replacement extends VariantRef {
  /** The version of the value to replace. */
  readonly version: string;
  readonly bytes: Buffer;
  readonly tags: readonly string[];
  /** Since when the new value is marked stale, in milliseconds since 1970. */
  readonly staleSince: number | undefined;
  /** Milliseconds until the value expires; at least 1. */
  readonly ttlMs: number;
}

/** A purge deletes what it finds, or marks it stale since an instant (milliseconds since 1970). */
export type PurgeMode = 'delete' | { readonly staleSince: number };

/** Reads and writes stored responses. Every verb that changes one is here. */
export interface Responses {
  /** The value of each variant of an id, in order. */
  get(id: string, variants: readonly string[]): Promise<(StoredValue | undefined)[]>;
  /** The same as `get`, without bringing values into the near cache. */
  peek(id: string, variants: readonly string[]): Promise<(StoredValue | undefined)[]>;
  /** A value of the near cache, if it is there and known to be current. Returns the same object each time. */
  getNear(id: string, variant: string): StoredValue | undefined;
  /**
   * Stores a response and releases its lease. False when the lease has expired or was revoked. The lease's token becomes
   * the version of the value.
   */
  commit(commit: ToStore<Commit>): Promise<boolean>;
  /** Stores a value under the empty variant, deletes all other variants of the id, and revokes the leases of the id. */
  put(value: ToStore<NewValue>): Promise<void>;
  /** Replaces a value; false when its version is no longer the one given. */
  replace(replacement: ToStore<Replacement>): Promise<boolean>;
  /** Deletes one damaged value. */
  discard(ref: VariantRef): Promise<void>;
  /** Purges all variants of an id and revokes its leases. Returns how many stored responses were purged. */
  purge(id: string, mode?: PurgeMode): Promise<number>;
  /** Purges the responses stored under a tag, in steps. Each step gives how many stored responses it purged. */
  purgeTag(tag: string, mode?: PurgeMode): AsyncGenerator<number, void>;
  /**
   * Purges the cache keys that match, in steps. Each step gives how many stored responses it purged. The leases of all
   * matching keys are revoked first, so that no fill in progress stores behind the purge.
   */
  purgeMatching(matches: (key: string) => boolean, mode?: PurgeMode): AsyncGenerator<number, void>;
}

/** Collapsing and purge safety: who may store the response of a fill. */
export interface Leases {
  /**
   * Takes the lease of a variant.
   * @param seen the value that the caller saw there. The lease is given only while it is still there.
   * @param leaseMs milliseconds until the lease expires without renewal.
   */
  acquire(claim: LeaseClaim, seen: Versioned | undefined, leaseMs: number): Promise<Acquired>;
  /** Extends a lease to `leaseMs` milliseconds from now; false when it is no longer held. Never creates one. */
  renew(claim: LeaseClaim, leaseMs: number): Promise<boolean>;
  /**
   * Gives a lease back without storing.
   * @param hitForMissMs for how many milliseconds nobody should wait for another fill of this variant.
   */
  release(claim: LeaseClaim, hitForMissMs: number): Promise<void>;
  /** Resolves when the lease of a variant may have ended, and after `ms` milliseconds at the latest. */
  wait(ref: VariantRef, ms: number): Promise<void>;
}

/** A stored value without its body. */
export interface ValueDescription extends VariantRef {
  /** The whole cache key, where the store knows it. */
  readonly key: string | undefined;
  /** The first bytes, as many as `headBytes` said when the value was stored; all of them if the whole was asked for. */
  readonly head: Buffer;
  /** Bytes of the whole value. */
  readonly length: number;
  /** When a soft purge has marked the value stale, in milliseconds since 1970. */
  readonly staleSince: number | undefined;
  /** Milliseconds until the value expires. */
  readonly expiresInMs: number;
}

/** One value, whole. */
interface ValueRead {
  readonly value: StoredValue;
  /** Bytes of the whole value, also of a damaged one. */
  readonly length: number;
  /** Milliseconds until the value expires. */
  readonly expiresInMs: number;
}

/** Where a scan continues: the server, and the cursor that this server gave. */
export interface ScanPosition {
  readonly node: string;
  readonly cursor: string;
}

/** One step of a scan. */
export interface ScanStep {
  readonly ids: readonly string[];
  /** About how many keys were looked at. */
  readonly scanned: number;
  /** Where the scan continues; `undefined` at the end. */
  readonly next: ScanPosition | undefined;
}

/** What is stored, for operators. It changes nothing. */
export interface Inventory {
  /**
   * Looks at about `count` keys, of all keys or of those under a tag, and returns their ids. A key that exists from
   * the first step to the last is returned at least once.
   */
  scan(from: ScanPosition | undefined, count: number, tag: string | undefined): Promise<ScanStep>;
  /**
   * The values of some ids, without markers.
   * @param whole whether values are returned whole, and not their heads only.
   */
  describe(ids: readonly string[], whole: boolean): Promise<ValueDescription[]>;
  /** One value. */
  read(ref: VariantRef): Promise<ValueRead | undefined>;
  /** About how many keys a scan of everything looks at. */
  count(): Promise<number>;
  /** The ids that have values, in steps. An id that has one all the while is not left out. */
  ids(): AsyncGenerator<string[], void>;
  /** The cache keys that have values, in steps. A key that has one all the while is not left out. */
  keys(): AsyncGenerator<string[], void>;
  /** Whether a response may be stored under a tag without `purgeTag` finding it. */
  mayHaveLostIndexes(): Promise<boolean>;
}

export interface Connection {
  /** Whether a call that is sent now leaves now, and does not wait for a lost connection. */
  isReachable(): boolean;
  /** Resolves when the store replies. */
  ping(): Promise<void>;
  /** Calls the listener whenever a lost connection is there again. @returns a function that removes the listener. */
  onReady(listener: () => void): () => void;
  /** Closes what the store has opened itself. */
  close(): Promise<void>;
}

/** A cache key has at most this many variants and markers. The one that expires first is deleted first. */
export const MAX_VARIANTS = 128;
