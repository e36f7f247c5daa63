import type { FaultEvent } from '../observe/outcome.ts';
import type { Fault } from './fault.ts';
import { type Budget, type Guarded, type OnStep, StoreGuard } from './guard.ts';
import { type SealedInventory, type SealedResponses, type Sealing, sealedStore } from './sealed-store.ts';
import type { Leases, PurgeMode, Store, StoredValue, VariantRef } from './store.ts';

/** A verb that a request waits for, at the cost of its budget. */
type Budgeted<F> = F extends (...args: infer A) => infer R ? (budget: Budget, ...args: A) => R : never;

export interface GuardedResponses extends Omit<Guarded<SealedResponses>, 'get' | 'peek'> {
  readonly get: Budgeted<Guarded<SealedResponses>['get']>;
  readonly peek: Budgeted<Guarded<SealedResponses>['peek']>;
  getNear(id: string, variant: string): StoredValue | undefined;
  /** Purges a tag. The deadline is that of each step. @returns how many stored responses were purged. */
  purgeTag(tag: string, mode?: PurgeMode, onStep?: OnStep): Promise<number | Fault>;
  purgeMatching(
    matches: (key: string) => boolean,
    mode?: PurgeMode,
    onStep?: OnStep,
  ): Promise<number | Fault>;
}

interface GuardedLeases extends Omit<Guarded<Leases>, 'wait' | 'acquire'> {
  readonly acquire: Budgeted<Guarded<Leases>['acquire']>;
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

  /** @param timeout how long one request waits for the store in sum, in milliseconds; other calls have 20 times as long. */
  constructor(store: Store, timeout: number, onFault: (fault: FaultEvent) => void, sealing: Sealing) {
    const { responses, leases, inventory, connection } = sealedStore(store, sealing);
    const guard = new StoreGuard(connection, timeout, onFault);
    this.#store = store;
    this.#guard = guard;

    this.responses = {
      ...guard.verbs(responses),
      get: guard.budgeted('lookup', responses.get),
      peek: guard.budgeted('lookup', responses.peek),
      getNear: (id, variant) => (guard.isClosed ? undefined : responses.getNear(id, variant)),
      purgeTag: (tag, mode, onStep) => guard.sum(responses.purgeTag(tag, mode), onStep),
      purgeMatching: (matches, mode, onStep) => guard.sum(responses.purgeMatching(matches, mode), onStep),
    };

    this.leases = {
      ...guard.verbs(leases),
      // Nobody leads by a lease that is given too late: it would only keep others from leading.
      acquire: guard.budgeted('acquire', leases.acquire, ({ kind }, claim) => {
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

  /** Whether calls are sent to the store: not while the connection is lost or the circuit breaker is open. */
  get isAvailable(): boolean {
    return this.#guard.isAvailable;
  }

  close(): Promise<void> {
    this.#guard.close();
    return this.#store.connection.close();
  }
}
