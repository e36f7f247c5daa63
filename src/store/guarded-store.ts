import type { FaultEvent } from '../observe/outcome.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { attempted, Fault, isAway, toFault } from './fault.ts';
import { GuardedEntries } from './guarded-entries.ts';
import type { Acquired, Claim, Commit, Place, PurgeMode, ReachableStore, Sealing } from './store.ts';

/** Calls off a request's path (storing what was answered already) get this many times the deadline. */
const PATIENCE = 20;
/** This many calls in a row without an answer, and the store is left alone. */
const FAILURES = 5;
/** How long it is left alone before the first probe; doubles up to the second figure. Milliseconds. */
const REST = [250, 8000] as const;

/** Is told how many stored responses a step has purged. */
type OnStep = (purged: number) => void;

/** Everything as it is. */
const NONE: Sealing = {
  seals: false,
  seal: (_id, bytes) => bytes,
  sealName: (key) => key,
  openName: (name) => name,
};

/**
 * The one door to the store. What comes through it never rejects and never hangs: an answer, or a `Fault` within
 * the deadline. While the store is known to be away, calls fail at once and a ping behind them finds out when it
 * is back, so that no request pays for the discovery. What is to be stored is sealed here, where it is to be.
 */
export class GuardedStore {
  readonly entries: GuardedEntries;
  readonly #store: ReachableStore;
  readonly #onFault: (fault: FaultEvent) => void;
  readonly #sealing: Sealing;
  readonly #quick: DeadlineQueue;
  readonly #patient: DeadlineQueue;
  #failures = 0;
  #rest: number = REST[0];
  #probeAt = 0;
  #probing = false;
  #closed = false;

  constructor(
    store: ReachableStore,
    timeout: number,
    onFault: (fault: FaultEvent) => void,
    sealing: Sealing = NONE,
  ) {
    this.#store = store;
    this.#onFault = onFault;
    this.#sealing = sealing;
    this.#quick = new DeadlineQueue(timeout);
    this.#patient = new DeadlineQueue(timeout * PATIENCE);
    this.entries = new GuardedEntries(store.entries, sealing, (step, send) =>
      this.#call(step, this.#patient, send),
    );
  }

  get(id: string, variants: readonly string[]): Promise<(Buffer | undefined)[] | Fault> {
    return this.#call('lookup', this.#quick, () => this.#store.get(id, variants));
  }

  near(id: string, variant: string): Buffer | undefined {
    return this.#closed ? undefined : this.#store.near(id, variant);
  }

  acquire(claim: Claim, seen: Buffer, ttl: number): Promise<Acquired | Fault> {
    return this.#call(
      'acquire',
      this.#quick,
      () => this.#store.acquire(this.#named(claim), seen, ttl),
      // Nobody leads by a lease that comes too late: it would only keep others from leading.
      ({ kind }) => {
        if (kind === 'leader' || kind === 'alone') this.#store.release(claim, 0).catch(() => {});
      },
    );
  }

  renew(lease: Claim, ttl: number): Promise<boolean | Fault> {
    return this.#call('renew', this.#patient, () => this.#store.renew(lease, ttl));
  }

  /** Its deadline is the caller's; a store that cannot be asked ends the wait. */
  async wait(place: Place, ms: number): Promise<void> {
    if (this.#closed || !this.#store.reachable) return;
    await this.#store.wait(place, ms).catch(() => {});
  }

  release(lease: Claim, futile: number): Promise<unknown> {
    return this.#call('release', this.#patient, () => this.#store.release(lease, futile));
  }

  commit(commit: Commit): Promise<boolean | Fault> {
    const { lease, bytes } = commit;
    return this.#call('commit', this.#patient, () =>
      this.#store.commit({
        ...commit,
        lease: this.#named(lease),
        bytes: this.#sealing.seal(lease.id, bytes),
      }),
    );
  }

  discard(place: Place): Promise<unknown> {
    return this.#call('discard', this.#patient, () => this.#store.discard(place));
  }

  put(entry: { id: string; key: string; bytes: Buffer; ttl: number }): Promise<unknown> {
    const { id, bytes } = entry;
    return this.#call('put', this.#patient, () =>
      this.#store.put({ ...this.#named(entry), bytes: this.#sealing.seal(id, bytes) }),
    );
  }

  purge(id: string, mode: PurgeMode = 'delete', except?: Claim): Promise<number | Fault> {
    return this.#call('purge', this.#patient, () => this.#store.purge(id, mode, except));
  }

  purgeTag(tag: string, mode: PurgeMode = 'delete', onStep?: OnStep): Promise<number | Fault> {
    return this.#sum(this.#store.purgeTag(tag, mode), onStep);
  }

  mayHaveLostIndexes(): Promise<boolean | Fault> {
    return this.#call('purge', this.#patient, () => this.#store.mayHaveLostIndexes());
  }

  purgeMatching(
    matches: (key: string) => boolean,
    mode: PurgeMode = 'delete',
    onStep?: OnStep,
  ): Promise<number | Fault> {
    // What nobody can tell the key of goes, too.
    const opened = (name: string): boolean => {
      const key = this.#sealing.openName(name);
      return key === undefined || matches(key);
    };
    return this.#sum(this.#store.purgeMatching(opened, mode), onStep);
  }

  /** The ids under which something is stored, in steps; a fault ends them. */
  ids(): AsyncGenerator<string[] | Fault, void> {
    return this.#steps('ids', this.#store.ids());
  }

  /** The keys likewise. */
  async *keys(): AsyncGenerator<string[] | Fault, void> {
    for await (const step of this.#steps('keys', this.#store.keys()))
      yield step instanceof Fault ? step : step.flatMap((name) => this.#sealing.openName(name) ?? []);
  }

  async *#steps<T>(name: string, steps: AsyncGenerator<T, void>): AsyncGenerator<T | Fault, void> {
    for (;;) {
      const step = await this.#call(name, this.#patient, () => steps.next());
      if (step instanceof Fault) yield step;
      if (step instanceof Fault || step.done) return;
      yield step.value;
    }
  }

  #named<T extends { readonly key: string }>(entry: T): T {
    const key = this.#sealing.sealName(entry.key);
    return key === entry.key ? entry : { ...entry, key };
  }

  /** The deadline is each step's: a purge may walk millions of keys, but no step of it may hang. */
  async #sum(steps: AsyncGenerator<number, void>, onStep?: OnStep): Promise<number | Fault> {
    let count = 0;
    for (;;) {
      const step = await this.#call('purge', this.#patient, () => steps.next());
      if (step instanceof Fault) return step;
      if (step.done) return count;
      count += step.value;
      onStep?.(step.value);
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#store.close();
  }

  #call<T>(
    step: string,
    queue: DeadlineQueue,
    send: () => Promise<T>,
    onLate?: (answer: T) => void,
  ): Promise<T | Fault> {
    if (this.#closed || !this.#store.reachable || this.#resting()) {
      return Promise.resolve(new Fault('unavailable', 'Redis cannot be reached'));
    }
    return new Promise((resolve) => {
      const pending = queue.add(() => {
        this.#failed();
        resolve(this.#report(step, new Fault('timeout', `no reply within ${queue.length} ms`)));
      });
      attempted(send).then(
        (answer) => {
          // One that comes past its deadline does not count: a slow store is as bad for requests as a dead one.
          if (!queue.meet(pending)) return onLate?.(answer);
          this.#answered();
          resolve(answer);
        },
        (error: unknown) => {
          if (!queue.meet(pending)) return;
          const fault = toFault(error);
          // A server that refuses is there; only one that serves nobody opens the breaker.
          if (isAway(fault)) this.#failed();
          else this.#answered();
          resolve(this.#report(step, fault));
        },
      );
    });
  }

  #answered(): void {
    this.#failures = 0;
    this.#rest = REST[0];
  }

  #failed(): void {
    this.#failures++;
    if (this.#failures === FAILURES) this.#probeAt = performance.now() + this.#rest;
  }

  /** Whether the store is being left alone; if so, and it is time, a ping behind the request asks after it. */
  #resting(): boolean {
    if (this.#failures < FAILURES) return false;
    if (!this.#probing && performance.now() >= this.#probeAt) {
      this.#probing = true;
      const pending = this.#quick.add(() => this.#probed(false));
      const settle = (alive: boolean): void => {
        if (this.#quick.meet(pending)) this.#probed(alive);
      };
      this.#store.ping().then(
        () => settle(true),
        // A user that may not ping is answered, too.
        (error: unknown) => settle(!isAway(toFault(error))),
      );
    }
    return true;
  }

  #probed(alive: boolean): void {
    this.#probing = false;
    if (alive) {
      this.#answered();
      return;
    }
    this.#rest = Math.min(this.#rest * 2, REST[1]);
    this.#probeAt = performance.now() + this.#rest;
  }

  #report(step: string, fault: Fault): Fault {
    this.#onFault({ step, code: fault.code, message: fault.message });
    return fault;
  }
}
