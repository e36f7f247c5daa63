/** Where stored responses live: bytes and verbs, no HTTP. Each verb is one round trip. */

/** Names one stored response: the cache key's id and the variant, each short and unambiguous. */
export interface Place {
  readonly id: string;
  readonly variant: string;
}

/** The right to store the outcome of one fill. */
export interface Lease extends Place {
  /** Unique to the fill. */
  readonly token: string;
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
  readonly bytes: Buffer;
  /** Milliseconds until the store forgets it; at least 1. */
  readonly ttl: number;
}

export type Acquired = 'leader' | 'alone' | 'held' | 'changed' | 'futile';

interface Store {
  /**
   * The bytes stored for each variant of a id, in order. A value that is not bytes at all (another type of key
   * in our place) reads as an empty buffer, which decodes as damage.
   */
  get(id: string, variants: readonly string[]): Promise<(Buffer | undefined)[]>;
  /**
   * Takes the lease of a place for `ttl` milliseconds. `held`: another fill has it. `changed`: what is stored
   * there is no longer what the caller saw (`seen` is its fingerprint, empty for nothing), so look again. Where
   * the last fill had nothing to share, waiting for the next is likely in vain: `alone` is a leader whom nobody should
   * wait for, `futile` another's lease that is not worth waiting for.
   */
  acquire(lease: Lease, seen: Buffer, ttl: number): Promise<Acquired>;
  /** Resolves when the lease of a place may have been given back, or revoked; after `ms` milliseconds at the latest. */
  wait(place: Place, ms: number): Promise<void>;
  /** Keeps a lease for `ttl` more milliseconds; false when it is no longer held. Never re-creates one. */
  renew(lease: Lease, ttl: number): Promise<boolean>;
  /**
   * Gives a lease back without storing.
   * @param futile for how many milliseconds others had better not wait for another fill of this place.
   */
  release(lease: Lease, futile: number): Promise<void>;
  /** Stores if the lease still holds its token, and gives it back; false when the lease was revoked. */
  commit(commit: Commit): Promise<boolean>;
  /** Deletes one damaged value. */
  discard(place: Place): Promise<void>;
  /** Deletes all variants of a id and revokes its leases. Returns how many stored responses there were. */
  purge(id: string): Promise<number>;
  /**
   * Deletes everything under the prefix in steps, each giving how many stored responses it deleted: first all
   * leases, so that no fill under way stores behind it.
   */
  purgeAll(): AsyncGenerator<number, void>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  /** Closes what the store opened itself. */
  close(): Promise<void>;
}

/** A store that can say beforehand that a call would not leave now. */
export interface ReachableStore extends Store {
  readonly reachable: boolean;
}

/** A key keeps at most this many variants; the one that expires first goes first. */
export const MAX_VARIANTS = 128;
