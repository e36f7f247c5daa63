import type { Reporter } from '../observe/reporter.ts';
import { Fault } from '../store/fault.ts';
import type { Budget } from '../store/guard.ts';
import type { GuardedStore } from '../store/guarded-store.ts';
import { withTimeout } from './with-timeout.ts';

/** The fault of a look-up whose stored response an unsafe request has invalidated, while Redis has not confirmed it. */
const PENDING: Fault = new Fault(
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
type Target = { readonly kind: 'url' | 'tags'; readonly name: string } | { readonly kind: 'all' };

const ALL: Target = { kind: 'all' };

/**
 * Invalidations by unsafe requests (RFC 9111 section 4.4: "a cache MUST invalidate"). The answer to an unsafe request does
 * not wait for the store; a later request to this process does. What the store has not confirmed is not used in this
 * process, and the purge is retried until the store confirms it.
 */
export class PendingInvalidations {
  readonly #store: GuardedStore;
  readonly #timeoutMs: number;
  readonly #reporter: Reporter;
  readonly #purgeTag: (tag: string) => Promise<number | Fault>;
  /** Purges that were sent, by id and by tag. */
  readonly #sent = { url: new Map<string, Promise<unknown>>(), tags: new Map<string, Promise<unknown>>() };
  /** Purges that failed, by id and by tag, in the order of the retries. The number tells two failures of one target apart. */
  readonly #failed = { url: new Map<string, number>(), tags: new Map<string, number>() };
  /** Set while everything is to be purged, since too many purges have failed to remember each. */
  #failedAll: number | undefined;
  #failures = 0;
  #backoffMs: number = BACKOFF_MS[0];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /**
   * @param timeoutMs how long a request may wait for a purge that was sent.
   * @param purgeTag purges by a tag, whether or not the store still has the index of the tag.
   */
  constructor(
    store: GuardedStore,
    timeoutMs: number,
    reporter: Reporter,
    purgeTag: (tag: string) => Promise<number | Fault>,
  ) {
    this.#store = store;
    this.#timeoutMs = timeoutMs;
    this.#reporter = reporter;
    this.#purgeTag = purgeTag;
  }

  invalidate(id: string): Promise<number | Fault> {
    return this.#send({ kind: 'url', name: id }, this.#store.responses.purge(id, 'delete'));
  }

  invalidateTag(tag: string): Promise<number | Fault> {
    return this.#send({ kind: 'tags', name: tag }, this.#purgeTag(tag));
  }

  /** Like `invalidateTag`, for a tag that few responses have: it does not look for those that have lost their index. */
  invalidateRareTag(tag: string): Promise<number | Fault> {
    return this.#send({ kind: 'tags', name: tag }, this.#store.responses.purgeTag(tag));
  }

  /** Whether the stored responses of an id may not be used. */
  includes(id: string): boolean {
    return this.#sent.url.has(id) || this.#failed.url.has(id) || this.#failedAll !== undefined;
  }

  /** Whether a stored response with these tags may not be used. */
  includesTag(tags: readonly string[]): boolean {
    const { tags: sent } = this.#sent;
    const { tags: failed } = this.#failed;
    if (sent.size === 0 && failed.size === 0) return false;
    return tags.some((tag) => sent.has(tag) || failed.has(tag));
  }

  /** Waits for a purge of the id that was sent. Resolves to a fault where it is still not confirmed. */
  async confirmed(id: string, budget: Budget): Promise<Fault | undefined> {
    const purge = this.#sent.url.get(id);
    if (purge) await this.#spend(budget, purge);
    return this.includes(id) ? PENDING : undefined;
  }

  /** Waits for purges of the tags that were sent. Resolves to a fault where one is still not confirmed. */
  async confirmedTags(tags: readonly string[], budget: Budget): Promise<Fault | undefined> {
    await this.#spend(budget, Promise.all(tags.map((tag) => this.#sent.tags.get(tag))));
    return this.includesTag(tags) ? PENDING : undefined;
  }

  /** Retries once more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#retryAll();
  }

  async #spend(budget: Budget, purge: Promise<unknown>): Promise<void> {
    const startedAt = performance.now();
    await withTimeout(purge, Math.max(0, this.#timeoutMs - budget.spentMs));
    budget.spentMs += performance.now() - startedAt;
  }

  async #send(
    target: Exclude<Target, { kind: 'all' }>,
    purge: Promise<number | Fault>,
  ): Promise<number | Fault> {
    const sent = this.#sent[target.kind];
    sent.set(target.name, purge);
    const answer = await purge;
    if (sent.get(target.name) === purge) sent.delete(target.name);
    if (answer instanceof Fault) this.#remember(target);
    return answer;
  }

  #remember(target: Target): void {
    const { url, tags } = this.#failed;
    const isFull = url.size + tags.size >= MAX_TARGETS;
    if (isFull) {
      url.clear();
      tags.clear();
    }
    this.#setFailure(isFull ? ALL : target, this.#failures++);
    this.#retryLater();
  }

  #failureOf(target: Target): number | undefined {
    return target.kind === 'all' ? this.#failedAll : this.#failed[target.kind].get(target.name);
  }

  #setFailure(target: Target, failure: number | undefined): void {
    if (target.kind === 'all') this.#failedAll = failure;
    else if (failure !== undefined) this.#failed[target.kind].set(target.name, failure);
    else this.#failed[target.kind].delete(target.name);
  }

  /** Every target whose purge has failed. */
  #targets(): Target[] {
    const { url, tags } = this.#failed;
    return [
      ...(this.#failedAll === undefined ? [] : [ALL]),
      ...Array.from(url.keys(), (name): Target => ({ kind: 'url', name })),
      ...Array.from(tags.keys(), (name): Target => ({ kind: 'tags', name })),
    ];
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
    const targets = this.#targets();
    for (let at = 0, next = 1; at < targets.length; at = next, next += BATCH) {
      const batch = targets.slice(at, next).map((target) => this.#retry(target));
      if (!(await Promise.all(batch)).includes(true)) break;
    }
    if (this.#targets().length > 0) this.#retryLater();
    else this.#backoffMs = BACKOFF_MS[0];
  }

  /** @returns whether the store confirmed the purge. */
  async #retry(target: Target): Promise<boolean> {
    const startedAt = performance.now();
    const failure = this.#failureOf(target);
    const purged = await this.#purge(target);
    // A target that failed once more meanwhile stays where it is.
    const isLast = this.#failureOf(target) === failure;
    if (isLast) this.#setFailure(target, undefined);
    if (purged instanceof Fault) {
      if (isLast) this.#setFailure(target, failure);
      return false;
    }
    const durationMs = performance.now() - startedAt;
    this.#reporter.purge({ by: 'unsafe-method', target: target.kind, soft: false, purged, durationMs });
    return true;
  }

  #purge(target: Target): Promise<number | Fault> {
    const { responses } = this.#store;
    switch (target.kind) {
      case 'url':
        return responses.purge(target.name);
      case 'tags':
        return this.#purgeTag(target.name);
      case 'all':
        return responses.purgeMatching(() => true);
    }
  }
}
