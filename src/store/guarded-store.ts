import type { FaultEvent } from '../observe/outcome.ts';
import type { Fault } from './fault.ts';
import { type Guarded, type OnStep, StoreGuard } from './guard.ts';
import { type SealedInventory, type SealedResponses, type Sealing, sealedStore } from './sealed-store.ts';
import type { Leases, PurgeMode, Store, StoredValue, VariantRef } from './store.ts';

export interface GuardedResponses extends Guarded<SealedResponses> {
  getNear(id: string, variant: string): StoredValue | undefined;
  /** Purges a tag. The deadline is that of each step. @returns how many stored responses were purged. */
  purgeTag(tag: string, mode?: PurgeMode, onStep?: OnStep): Promise<number | Fault>;
  purgeMatching(
    matches: (key: string) => boolean,
    mode?: PurgeMode,
    onStep?: OnStep,
  ): Promise<number | Fault>;
}

interface GuardedLeases extends Omit<Guarded<Leases>, 'wait'> {
  /** Resolves within `ms`, its own deadline. A store that cannot be reached ends the wait. */
  wait(ref: VariantRef, ms: number): Promise<void>;
}

interface GuardedInventory extends Guarded<SealedInventory> {
  /** The ids that have values, in steps. A fault is the last step. */
  ids(): AsyncGenerator<string[] | Fault, void>;
  /** The cache keys that have values, in steps. A fault is the last step. */
  keys(): AsyncGenerator<string[] | Fault, void>;
}

/**
 * The one door to the store. A call that goes through it never rejects and never hangs: it gives an answer, or a `Fault`
 * within its deadline. What is written is sealed on its way.
 */
export class GuardedStore {
  readonly responses: GuardedResponses;
  readonly leases: GuardedLeases;
  readonly inventory: GuardedInventory;
  readonly #store: Store;
  readonly #guard: StoreGuard;

  /** @param timeout the deadline of calls that a request waits for, in milliseconds; others have 20 times as long. */
  constructor(store: Store, timeout: number, onFault: (fault: FaultEvent) => void, sealing: Sealing) {
    const { responses, leases, inventory, connection } = sealedStore(store, sealing);
    const guard = new StoreGuard(connection, timeout, onFault);
    this.#store = store;
    this.#guard = guard;

    this.responses = {
      ...guard.verbs(responses),
      get: guard.verb('lookup', guard.quick, responses.get),
      peek: guard.verb('lookup', guard.quick, responses.peek),
      getNear: (id, variant) => (guard.isClosed ? undefined : responses.getNear(id, variant)),
      purgeTag: (tag, mode, onStep) => guard.sum(responses.purgeTag(tag, mode), onStep),
      purgeMatching: (matches, mode, onStep) => guard.sum(responses.purgeMatching(matches, mode), onStep),
    };

    this.leases = {
      ...guard.verbs(leases),
      // Nobody leads by a lease that is given too late: it would only keep others from leading.
      acquire: guard.verb('acquire', guard.quick, leases.acquire, ({ kind }, claim) => {
        if (kind === 'leader') leases.release(claim, 0).catch(() => {});
      }),
      async wait(ref, ms) {
        if (guard.isReachable) await leases.wait(ref, ms).catch(() => {});
      },
    };

    this.inventory = {
      ...guard.verbs(inventory),
      mayHaveLostIndexes: guard.verb('purge', guard.patient, inventory.mayHaveLostIndexes),
      ids: () => guard.steps('ids', inventory.ids()),
      keys: () => guard.steps('keys', inventory.keys()),
    };
  }

  close(): Promise<void> {
    this.#guard.close();
    return this.#store.connection.close();
  }
}
