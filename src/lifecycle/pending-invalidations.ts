import type { Reporter } from '../observe/reporter.ts';
import { Fault } from '../store/fault.ts';
import type { GuardedStore } from '../store/guarded-store.ts';
import { withTimeout } from './with-timeout.ts';

/** The fault of a look-up whose stored response an unsafe request has invalidated, while Redis has not confirmed it. */
export const PENDING: Fault = new Fault(
  'invalidating',
  'an unsafe request has invalidated the stored response, and the store has not confirmed it yet',
);

/** How many targets are remembered one by one; beyond that, everything is to be purged. */
const MAX_TARGETS = 100_000;
/** How many purges are retried at once. */
const BATCH = 64;
/** Milliseconds until the first retry; each failure doubles it, up to the second figure. */
const BACKOFF_MS = [250, 8000] as const;

/** What is to be purged: an id, a tag, or everything. */
type Target = `url ${string}` | `tags ${string}` | 'all';

/**
 * Invalidations by unsafe requests (RFC 9111 section 4.4: "a cache MUST invalidate"). The answer to an unsafe request does
 * not wait for the store; a later request to this process does. What the store has not confirmed is not used in this
 * process, and the purge is retried until the store confirms it.
 */
export class PendingInvalidations {
  readonly #store: GuardedStore;
  readonly #timeoutMs: number;
  readonly #reporter: Reporter;
  /** Purges that were sent, by id. */
  readonly #sent = new Map<string, Promise<number | Fault>>();
  /** Purges that failed, in the order in which they are retried; the value tells two failures of one target apart. */
  readonly #failed = new Map<Target, number>();
  #failures = 0;
  #backoffMs: number = BACKOFF_MS[0];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param timeoutMs how long a request may wait for a purge that was sent. */
  constructor(store: GuardedStore, timeoutMs: number, reporter: Reporter) {
    this.#store = store;
    this.#timeoutMs = timeoutMs;
    this.#reporter = reporter;
  }

  async invalidate(id: string): Promise<number | Fault> {
    const purge = this.#store.responses.purge(id, 'delete');
    this.#sent.set(id, purge);
    const answer = await purge;
    if (this.#sent.get(id) === purge) this.#sent.delete(id);
    if (answer instanceof Fault) this.#remember(`url ${id}`);
    return answer;
  }

  async invalidateTag(tag: string): Promise<number | Fault> {
    const answer = await this.#store.responses.purgeTag(tag);
    if (answer instanceof Fault) this.#remember(`tags ${tag}`);
    return answer;
  }

  /** Whether the stored responses of an id may not be used. */
  includes(id: string): boolean {
    if (this.#failed.size === 0 && this.#sent.size === 0) return false;
    return this.#sent.has(id) || this.#failed.has(`url ${id}`) || this.#failed.has('all');
  }

  /** Whether a stored response with these tags may not be used. */
  includesTag(tags: readonly string[]): boolean {
    return this.#failed.size > 0 && tags.some((tag) => this.#failed.has(`tags ${tag}`));
  }

  /** Waits for a purge of the id that was sent. Resolves to a fault where it is still not confirmed. */
  async confirmed(id: string): Promise<Fault | undefined> {
    const purge = this.#sent.get(id);
    if (purge) await withTimeout(purge, this.#timeoutMs);
    return this.includes(id) ? PENDING : undefined;
  }

  /** Retries once more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#retryAll();
  }

  #remember(target: Target): void {
    const isFull = this.#failed.size >= MAX_TARGETS;
    if (isFull) this.#failed.clear();
    this.#failed.set(isFull ? 'all' : target, this.#failures++);
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#closed || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#retryAll();
    }, this.#backoffMs).unref();
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MS[1]);
  }

  /** Stops at a batch that fails whole. The first batch is one target: it tells whether the store can be asked. */
  async #retryAll(): Promise<void> {
    const targets = [...this.#failed];
    for (let at = 0, next = 1; at < targets.length; at = next, next += BATCH) {
      const batch = targets.slice(at, next).map(([target, failure]) => this.#retry(target, failure));
      if (!(await Promise.all(batch)).includes(true)) break;
    }
    if (this.#failed.size > 0) this.#retryLater();
    else this.#backoffMs = BACKOFF_MS[0];
  }

  /** @returns whether the store confirmed the purge. */
  async #retry(target: Target, failure: number): Promise<boolean> {
    const startedAt = performance.now();
    const purged = await this.#purge(target);
    // A target that failed once more meanwhile stays.
    if (this.#failed.get(target) === failure) this.#failed.delete(target);
    if (purged instanceof Fault) {
      if (!this.#failed.has(target)) this.#failed.set(target, failure);
      return false;
    }
    const named = target.split(' ', 1)[0] as string;
    const durationMs = performance.now() - startedAt;
    this.#reporter.purge({ by: 'unsafe-method', target: named, soft: false, purged, durationMs });
    return true;
  }

  #purge(target: Target): Promise<number | Fault> {
    if (target === 'all') return this.#store.responses.purgeMatching(() => true);
    const name = target.slice(target.indexOf(' ') + 1);
    return target.startsWith('url')
      ? this.#store.responses.purge(name)
      : this.#store.responses.purgeTag(name);
  }
}
