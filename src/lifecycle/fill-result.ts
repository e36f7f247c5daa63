import { decode } from '../codec/format.ts';
import type { CacheDetail } from '../observe/outcome.ts';
import type { Commit } from '../store/store.ts';
import { type FlightResult, LOOK_AGAIN, NOT_SHARED } from './collapse.ts';
import type { MadeAnswer } from './question.ts';
import type { RefreshResult } from './refresh.ts';

/** How a fill ended. */
export type FillResult =
  | { readonly kind: 'stored'; readonly commit: Commit }
  /** A 304 confirmed the stored response, and nothing about it has changed. */
  | { readonly kind: 'unchanged' }
  /** A purge, or the end of the lease, has revoked the right to store. */
  | { readonly kind: 'revoked' }
  /** The handler failed, and a stale stored response was served. */
  | { readonly kind: 'origin-failed' }
  /** The client has disconnected, and the app did not end its response, or may have ended it early for this reason. */
  | { readonly kind: 'disconnected' }
  /** The response was made for a request with credentials: what the app gives a stranger may be stored. */
  | { readonly kind: 'unverified'; readonly answer: MadeAnswer }
  /** The response was compared with the stored one. */
  | { readonly kind: 'compared'; readonly isSame: boolean; readonly answer?: MadeAnswer }
  /** The response is not stored; `reason` is a word of `Cache-Status`. */
  | { readonly kind: 'not-stored'; readonly reason: CacheDetail };

/** The bounds, in milliseconds, of the time in which nobody waits for a fill of a place whose last fill had nothing to share. */
const HIT_FOR_MISS_MS = [5000, 600_000] as const;

/**
 * How long nobody waits for a fill of a place whose last fill had nothing to share (Varnish: hit-for-miss), in milliseconds.
 * It outlasts the next fill, so that long polls do not wait for one another.
 * @param durationMs how long the handler has taken.
 */
export function hitForMissMs(durationMs: number): number {
  const [least, most] = HIT_FOR_MISS_MS;
  return Math.ceil(Math.min(Math.max(least, 2 * durationMs), most));
}

/** Whether the next fill will likely have nothing to share either. A revoked lease or a client that left says nothing of it. */
export function isHitForMiss({ kind }: FillResult): boolean {
  return kind === 'not-stored' || kind === 'origin-failed';
}

/** The `detail` of a fill; `undefined` when its response was stored. */
export function detailOf(result: FillResult): CacheDetail | undefined {
  switch (result.kind) {
    case 'stored':
      return undefined;
    case 'unchanged':
      return 'unchanged';
    case 'unverified':
      return 'verifying';
    case 'compared':
      return result.isSame ? 'verifying' : 'depends-on-credentials';
    case 'revoked':
      return 'purged';
    case 'origin-failed':
      return 'stale-if-error';
    case 'disconnected':
      return 'incomplete';
    case 'not-stored':
      return result.reason;
  }
}

/** What the followers are told. They are given only what was committed, which is decoded only if there are any. */
export function followersOf(result: FillResult, hasFollowers = true): FlightResult {
  switch (result.kind) {
    case 'stored': {
      const stored = hasFollowers ? decode(result.commit) : undefined;
      return stored ? { kind: 'stored', stored } : LOOK_AGAIN;
    }
    case 'unchanged':
    case 'revoked':
    case 'compared':
    // One of the followers runs the app again, and the others follow it.
    case 'disconnected':
      return LOOK_AGAIN;
    case 'origin-failed':
      return { kind: 'failed' };
    case 'unverified':
    case 'not-stored':
      return NOT_SHARED;
  }
}

/** What a refresh came to. It failed where the handler did, or never ended its response. */
export function refreshResultOf(result: FillResult): RefreshResult {
  switch (result.kind) {
    case 'stored':
    case 'unchanged':
      return 'stored';
    case 'compared':
      return 'not-needed';
    case 'unverified':
      return 'refused';
    case 'origin-failed':
    case 'disconnected':
      return 'failed';
    case 'revoked':
      return 'refused';
    case 'not-stored':
      return result.reason === 'incomplete' ? 'failed' : 'refused';
  }
}
