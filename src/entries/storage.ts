import type { Keyring } from '../codec/keyring.ts';
import type { HashName } from '../options/policy.ts';
import type { GuardedStore } from '../store/guarded-store.ts';

/** Everything that reads or writes stored values needs: the store, the keys that open values, and the time. */
export interface Storage {
  readonly store: GuardedStore;
  /** Decodes stored values, and encrypts values to be stored. */
  readonly keyring: Keyring;
  /** How cache keys of values (`wrap`, `store`) are hashed in Redis. */
  readonly hash: HashName | undefined;
  /** The current time in milliseconds since 1970. */
  readonly clock: () => number;
}
