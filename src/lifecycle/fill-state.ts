import type { FieldList } from '../http/headers.ts';
import type { Identity } from '../key/identify.ts';
import type { CacheDetail } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import type { Sharing } from '../sharing/reach.ts';
import type { ReadWatch } from '../sharing/reads.ts';
import type { Lease } from '../store/store.ts';
import type { Transaction } from './transaction.ts';

/** What a fill's response is evaluated and stored by. */
export interface FillState {
  readonly transaction: Transaction;
  readonly identity: Identity;
  /** The own policy, or that of the route that the fill went on by. */
  readonly policy: Policy;
  /** What the app reads of the request. */
  readonly reads: ReadWatch;
  /** The head as middleware in front had left it when the handler was called. */
  readonly headBefore: FieldList;
  /** When the handler was called: milliseconds since 1970. */
  readonly requestedAt: number;
  /** Why the response is not stored, where that was known before its head. */
  readonly refusal: CacheDetail | undefined;
  /** The right to store the response; none in shadow mode where another fill has it. */
  readonly lease: Lease | undefined;
  /** Who may have the response, by what the app has read until now; with a lease only. */
  readonly sharing: Sharing | undefined;
  /** How long nobody waits for the next fill if this one has nothing to share, in milliseconds. */
  readonly hitForMissMs: number;
  /** The handler has ended, and a call to the store is sent: the followers wait for it no longer than `timeout`. */
  limitWait(): void;
}
