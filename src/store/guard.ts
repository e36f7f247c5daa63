import type { FaultEvent } from '../outcome.ts';
import { DeadlineQueue } from './deadlines.ts';
import type {
  Acquired,
  Claim,
  Commit,
  Place,
  PurgeMode,
  ReachableStore,
  Replacement,
  StoredEntries,
  Survey,
} from './store.ts';

/** Why a verb gave no answer. It stands where the answer would, so that it can't be overlooked. */
export class Fault {
  readonly code: string;
  readonly message: string;

  constructor(code: string, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** Calls off a request's path (storing what was answered already) get this many times the deadline. */
const PATIENCE = 20;
/** This many calls in a row without an answer, and the store is left alone. */
const FAILURES = 5;
/** How long it is left alone before the first probe; doubles up to the second figure. Milliseconds. */
const REST = [250, 8000] as const;

/** Replies of a server that is there but serves nobody: as good as silence. Any other reply is one at least. */
const AWAY = new Set(['unavailable', 'LOADING', 'CLUSTERDOWN', 'MASTERDOWN', 'BUSY']);

/**
 * The one door to the store. What comes through it never rejects and never hangs: an answer, or a `Fault` within
 * the deadline. While the store is known to be away, calls fail at once and a ping behind them finds out when it
 * is back, so that no request pays for the discovery.
 */
export class GuardedStore {
  readonly #store: ReachableStore;
  readonly #onFault: (fault: FaultEvent) => void;
  readonly #quick: DeadlineQueue;
  readonly #patient: DeadlineQueue;
  #failures = 0;
  #rest: number = REST[0];
  #probeAt = 0;
  #probing = false;
  #closed = false;

  constructor(store: ReachableStore, timeout: number, onFault: (fault: FaultEvent) => void) {
    this.#store = store;
    this.#onFault = onFault;
    this.#quick = new DeadlineQueue(timeout);
    this.#patient = new DeadlineQueue(timeout * PATIENCE);
  }

  get(id: string, variants: readonly string[]): Promise<(Buffer | undefined)[] | Fault> {
    return this.#call('lookup', this.#quick, () => this.#store.get(id, variants));
  }

  acquire(claim: Claim, seen: Buffer, ttl: number): Promise<Acquired | Fault> {
    return this.#call(
      'acquire',
      this.#quick,
      () => this.#store.acquire(claim, seen, ttl),
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
    return this.#call('commit', this.#patient, () => this.#store.commit(commit));
  }

  discard(place: Place): Promise<unknown> {
    return this.#call('discard', this.#patient, () => this.#store.discard(place));
  }

  put(entry: { id: string; key: string; bytes: Buffer; ttl: number }): Promise<unknown> {
    return this.#call('put', this.#patient, () => this.#store.put(entry));
  }

  purge(id: string, mode: PurgeMode = 'delete', except?: Claim): Promise<number | Fault> {
    return this.#call('purge', this.#patient, () => this.#store.purge(id, mode, except));
  }

  purgeTag(tag: string, mode: PurgeMode = 'delete'): Promise<number | Fault> {
    return this.#sum(this.#store.purgeTag(tag, mode));
  }

  purgeMatching(matches: (key: string) => boolean, mode: PurgeMode = 'delete'): Promise<number | Fault> {
    return this.#sum(this.#store.purgeMatching(matches, mode));
  }

  /** The keys under which something is stored, in steps; a fault ends them. */
  async *keys(): AsyncGenerator<string[] | Fault, void> {
    const steps = this.#store.keys();
    for (;;) {
      const step = await this.#call('keys', this.#patient, () => steps.next());
      if (step instanceof Fault) yield step;
      if (step instanceof Fault || step.done) return;
      yield step.value;
    }
  }

  survey(...args: Parameters<StoredEntries['survey']>): Promise<Survey | Fault> {
    return this.#call('survey', this.#patient, () => this.#store.entries.survey(...args));
  }

  extent(): Promise<number | Fault> {
    return this.#call('extent', this.#patient, () => this.#store.entries.extent());
  }

  read(place: Place): Promise<Awaited<ReturnType<StoredEntries['read']>> | Fault> {
    return this.#call('read', this.#patient, () => this.#store.entries.read(place));
  }

  replace(replacement: Replacement): Promise<boolean | Fault> {
    return this.#call('replace', this.#patient, () => this.#store.entries.replace(replacement));
  }

  /** The deadline is each step's: a purge may walk millions of keys, but no step of it may hang. */
  async #sum(steps: AsyncGenerator<number, void>): Promise<number | Fault> {
    let count = 0;
    for (;;) {
      const step = await this.#call('purge', this.#patient, () => steps.next());
      if (step instanceof Fault) return step;
      if (step.done) return count;
      count += step.value;
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
      return Promise.resolve(new Fault('unavailable', 'the store cannot be reached'));
    }
    return new Promise((resolve) => {
      const pending = queue.add(() => {
        this.#failed();
        resolve(this.#report(step, new Fault('timeout', `no answer within ${queue.length} ms`)));
      });
      send().then(
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
          if (AWAY.has(fault.code)) this.#failed();
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
        (error: unknown) => settle(!AWAY.has(toFault(error).code)),
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

/** What ioredis says when there is no server to talk to. */
const LOST =
  /^(?:Connection is closed|Stream isn't writeable|Reached the max retries|Failed to refresh|None of|Cluster isn't ready|Command timed out|Redis connection lost)/;

function toFault(error: unknown): Fault {
  if (!(error instanceof Error)) return new Fault('error', String(error));
  const system = (error as NodeJS.ErrnoException).code;
  if (LOST.test(error.message) || (typeof system === 'string' && /^E[A-Z]+$/.test(system))) {
    return new Fault('unavailable', error.message);
  }
  // Redis's replies begin with their code: OOM, READONLY, LOADING, NOAUTH, NOPERM, CLUSTERDOWN, ...
  const code = /^([A-Z]{2,})\b/.exec(error.message)?.[1] ?? 'error';
  return new Fault(code, error.message);
}
