/** Where stored responses live: bytes and verbs, no HTTP. */

/** Names one stored response: the cache key's id and the variant, each short and unambiguous. */
export interface Place {
  readonly id: string;
  readonly variant: string;
}

/** The right to store the outcome of one fill. */
export interface Lease extends Place {
  /** The whole cache key. */
  readonly key: string;
  /** Unique to the fill. */
  readonly token: string;
  /** The tag purges that had begun when the fill began: what came of a later one revokes it. */
  readonly stamp: number;
  /** When the fill began, by `performance.now()`. */
  readonly since: number;
}

/** What a commit stores, and where. */
export interface Commit {
  readonly lease: Lease;
  /** The declared parts alone: where a request that knows nothing of the response's `Vary` looks first. */
  readonly slot: string;
  /** The declared parts with the values of the fields that the response's `Vary` nominates. */
  readonly variant: string;
  /** Those field names, lower case and sorted; empty when the response does not vary. */
  readonly names: readonly string[];
  /** What it may be purged by. */
  readonly tags: readonly string[];
  readonly bytes: Buffer;
  /** Milliseconds until the store forgets it; at least 1. */
  readonly ttl: number;
}

/** A lease to be taken: it gets its stamp and its time when it is. */
export type Claim = Omit<Lease, 'stamp' | 'since'>;

export interface Acquired {
  readonly kind: 'leader' | 'alone' | 'held' | 'changed' | 'futile';
  readonly stamp: number;
}

/** What becomes of bytes and cache keys on their way into the store, and of the keys on their way out of it. */
export interface Sealing {
  /** Whether there is any key. */
  readonly seals: boolean;
  /** The bytes to store at an id. */
  seal(id: string, bytes: Buffer): Buffer;
  /** A cache key as it may stand beside its hash. */
  sealName(key: string): string;
  /** The cache key; `undefined` where this process cannot tell it. */
  openName(name: string): string | undefined;
}

/** How a purge treats what it meets: deletes it, or marks it stale since this instant (milliseconds since 1970). It deletes unless told otherwise. */
export type PurgeMode = 'delete' | { readonly staleSince: number };

/** A stored value without its body. */
export interface ValueDescription extends Place {
  /** The whole cache key, where the store knows it. */
  readonly key: string | undefined;
  /** The first bytes: all up to the body of a stored response; the whole value where it is encrypted. */
  readonly head: Buffer;
  /** Bytes of the whole value. */
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

/** A value that replaces the stored one, unless that one has changed. */
export interface Replacement extends Place {
  /** The version (`fingerprint`) of the value to replace. */
  readonly version: Buffer;
  readonly bytes: Buffer;
  readonly tags: readonly string[];
  /** Milliseconds until the store forgets it; at least 1. */
  readonly ttl: number;
}

/** What operators need of the store, as opposed to requests. */
export interface StoredEntries {
  /**
   * Looks at about `count` keys, of all keys or of those under a tag, and returns their ids. A key that exists from
   * the first step to the last is returned at least once.
   */
  scan(from: ScanPosition | undefined, count: number, tag: string | undefined): Promise<ScanStep>;
  /**
   * The values of some ids, without markers.
   * @param whole whether encrypted values are returned whole: their metadata is encrypted with the body.
   */
  describe(ids: readonly string[], whole: boolean): Promise<ValueDescription[]>;
  /** About how many keys a scan of everything looks at. */
  count(): Promise<number>;
  /** One value, whole. */
  read(place: Place): Promise<(Pick<ValueDescription, 'expiresInMs'> & { bytes: Buffer }) | undefined>;
  /** Replaces a value; false when its version is no longer the one given. */
  replace(replacement: Replacement): Promise<boolean>;
}

interface Store {
  readonly entries: StoredEntries;
  /**
   * The bytes stored for each variant of an id, in order. A value that is not bytes at all (another type of key
   * in our place) reads as an empty buffer, which decodes as damage.
   */
  get(id: string, variants: readonly string[]): Promise<(Buffer | undefined)[]>;
  /** One value at once, if it is near and known to be what `get` would bring. The same buffer each time. */
  near(id: string, variant: string): Buffer | undefined;
  /**
   * Takes the lease of a place for `ttl` milliseconds. `held`: another fill has it. `changed`: what is stored
   * there is no longer what the caller saw (`seen` is its fingerprint, empty for nothing), so look again. Where
   * the last fill had nothing to share, waiting for the next is likely in vain: `alone` is a leader whom nobody should
   * wait for, `futile` another's lease that is not worth waiting for.
   */
  acquire(claim: Claim, seen: Buffer, ttl: number): Promise<Acquired>;
  /** Resolves when the lease of a place may have been given back, or revoked; after `ms` milliseconds at the latest. */
  wait(place: Place, ms: number): Promise<void>;
  /** Keeps a lease for `ttl` more milliseconds; false when it is no longer held. Never re-creates one. */
  renew(lease: Claim, ttl: number): Promise<boolean>;
  /**
   * Gives a lease back without storing.
   * @param futile for how many milliseconds others had better not wait for another fill of this place.
   */
  release(lease: Claim, futile: number): Promise<void>;
  /** Stores if the lease is still held, and gives it back; false when it has run out or was revoked. */
  commit(commit: Commit): Promise<boolean>;
  /** Stores this alone, under no variant, in place of all that is stored for the key, and revokes its leases. */
  put(entry: { id: string; key: string; bytes: Buffer; ttl: number }): Promise<void>;
  /** Deletes one damaged value. */
  discard(place: Place): Promise<void>;
  /**
   * Purges all variants of an id and revokes its leases, but for this one. Returns how many stored responses there
   * were.
   */
  purge(id: string, mode?: PurgeMode, except?: Claim): Promise<number>;
  /** Purges all that was stored under a tag in steps, each giving how many stored responses it purged. */
  purgeTag(tag: string, mode?: PurgeMode): AsyncGenerator<number, void>;
  /** Whether something may be stored under a tag that `purgeTag` does not find. */
  mayHaveLostIndexes(): Promise<boolean>;
  /**
   * Purges every key that matches in steps, each giving how many stored responses it purged: first all their
   * leases, so that no fill under way stores behind it.
   */
  purgeMatching(matches: (key: string) => boolean, mode?: PurgeMode): AsyncGenerator<number, void>;
  /** The ids under which something is stored, in steps; none that is there all the while is left out. */
  ids(): AsyncGenerator<string[], void>;
  /** The keys under which something is stored, in steps; no key that is there all the while is left out. */
  keys(): AsyncGenerator<string[], void>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  /** Closes what the store opened itself. */
  close(): Promise<void>;
}

/** A store that can say beforehand that a call would not leave now. */
export interface ReachableStore extends Store {
  readonly reachable: boolean;
}

/** A key keeps at most this many variants and markers; what expires first goes first. */
export const MAX_VARIANTS = 128;
