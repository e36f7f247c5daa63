import type { Events } from '../observe/events.ts';
import { Fault } from '../store/fault.ts';
import type { GuardedStore } from '../store/guarded-store.ts';
import { withTimeout } from './with-timeout.ts';

/** Stands for what is stored and may not be used. */
export const UNCONFIRMED: Fault = new Fault(
  'invalidating',
  'an unsafe request has invalidated it, which is not confirmed yet',
);

/** So many are remembered one by one; with more, all that is stored is to be purged. */
const REMEMBERED = 100_000;
/** So many are carried out at once. */
const BATCH = 64;
/** How long after a failure they are tried again; doubles up to the second figure. Milliseconds. */
const REST = [250, 8000] as const;

/** What is to be purged, and what it is called: an id, a tag, or everything. */
type Target = `url ${string}` | `tags ${string}` | 'all';

/**
 * Invalidations by unsafe requests. Their answers do not wait for the store, but who asks this process afterwards does:
 * "a cache MUST invalidate" (RFC 9111 §4.4). What the store has not confirmed is owed: it is not used here, and is
 * invalidated as soon as the store can be asked, for everybody else's sake.
 */
export class PendingInvalidations {
  readonly #store: GuardedStore;
  readonly #timeout: number;
  readonly #events: Events;
  /** On their way, by id. */
  readonly #underWay = new Map<string, Promise<number | Fault>>();
  /** When each became owed, in the order in which they are tried. */
  readonly #owed = new Map<Target, number>();
  #count = 0;
  #rest: number = REST[0];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param timeout how long a request may wait for one that is on its way, in milliseconds. */
  constructor(store: GuardedStore, timeout: number, events: Events) {
    this.#store = store;
    this.#timeout = timeout;
    this.#events = events;
  }

  async invalidate(id: string): Promise<number | Fault> {
    const purging = this.#store.purge(id, 'delete');
    this.#underWay.set(id, purging);
    const answer = await purging;
    if (this.#underWay.get(id) === purging) this.#underWay.delete(id);
    if (answer instanceof Fault) this.#owe(`url ${id}`);
    return answer;
  }

  async invalidateTag(tag: string): Promise<number | Fault> {
    const answer = await this.#store.purgeTag(tag);
    if (answer instanceof Fault) this.#owe(`tags ${tag}`);
    return answer;
  }

  /** Whether what is stored for an id may not be used as it is. */
  holds(id: string): boolean {
    if (this.#owed.size === 0 && this.#underWay.size === 0) return false;
    return this.#underWay.has(id) || this.#owed.has(`url ${id}`) || this.#owed.has('all');
  }

  /** The same of tags. */
  holdsAny(tags: readonly string[]): boolean {
    return this.#owed.size > 0 && tags.some((tag) => this.#owed.has(`tags ${tag}`));
  }

  /** Resolves when the store may be asked for an id, or to why it may not. */
  async settled(id: string): Promise<Fault | undefined> {
    const purging = this.#underWay.get(id);
    if (purging) await withTimeout(purging, this.#timeout);
    return this.holds(id) ? UNCONFIRMED : undefined;
  }

  /** Tries once more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#carryOut();
  }

  #owe(target: Target): void {
    const full = this.#owed.size >= REMEMBERED;
    if (full) this.#owed.clear();
    this.#owed.set(full ? 'all' : target, this.#count++);
    this.#tryLater();
  }

  #tryLater(): void {
    if (this.#closed || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#carryOut();
    }, this.#rest).unref();
    this.#rest = Math.min(this.#rest * 2, REST[1]);
  }

  /** All that is owed, or as much as the store confirms. The first one tells whether it is worth trying the others. */
  async #carryOut(): Promise<void> {
    const targets = [...this.#owed];
    for (let at = 0, next = 1; at < targets.length; at = next, next += BATCH) {
      const batch = targets.slice(at, next).map(([target, since]) => this.#isDone(target, since));
      if (!(await Promise.all(batch)).includes(true)) break;
    }
    if (this.#owed.size > 0) this.#tryLater();
    else this.#rest = REST[0];
  }

  async #isDone(target: Target, since: number): Promise<boolean> {
    const startedAt = performance.now();
    const purged = await this.#purge(target);
    // One that became owed once more while this was on its way stays.
    if (this.#owed.get(target) === since) this.#owed.delete(target);
    if (purged instanceof Fault) {
      if (!this.#owed.has(target)) this.#owed.set(target, since);
      return false;
    }
    const named = target.split(' ', 1)[0] as string;
    const took = performance.now() - startedAt;
    this.#events.purge({ by: 'unsafe-method', target: named, soft: false, purged, took });
    return true;
  }

  #purge(target: Target): Promise<number | Fault> {
    if (target === 'all') return this.#store.purgeMatching(() => true);
    const name = target.slice(target.indexOf(' ') + 1);
    return target.startsWith('url') ? this.#store.purge(name) : this.#store.purgeTag(name);
  }
}
