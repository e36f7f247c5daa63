import type { IncomingMessage, RequestListener } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { dispatch, listenerOf, type RequestTemplate, templateOf } from '../exchange/internal-request.ts';
import { field } from '../http/headers.ts';
import { nominated } from '../http/vary.ts';
import type { Identity } from '../key/identify.ts';
import type { RefreshEvent } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import type { Place } from '../store/store.ts';

/**
 * Refreshing behind an answer: the app is asked again, by a request that nobody sent, while the client has long been
 * answered with what is stored. One at a time for each place in this process; the lease sees to the others.
 */

/** What a synthetic request is about. It goes through the app like any other, and is known again by this. */
export interface Refresh {
  /** That of the policy it is for: caches in front, by another policy, let it pass. */
  readonly policy: object;
  /** And how far in its cache stands: so do those by the same policy that stand elsewhere. */
  readonly depth: number;
  readonly key: string;
  readonly declared: string;
  /** Fingerprint of what is to be refreshed: if something else is there by then, somebody was faster. */
  readonly seen: Buffer;
  /** What became of it; until it is known, nothing did. */
  result: 'stored' | 'not-needed' | 'elsewhere' | 'refused' | 'failed' | 'another-key' | undefined;
  /** Resolves when the result of a fill is known, which may be after its answer. */
  landed: Promise<unknown> | undefined;
}

interface Job {
  readonly blueprint: RequestTemplate;
  readonly enter: RequestListener;
  readonly refresh: Refresh;
  readonly done: Promise<Refresh['result']>;
  readonly finish: (result: Refresh['result']) => void;
  readonly controller: AbortController;
}

/** How often in a row a place could not be refreshed, when it is tried again, and what to say until then. */
interface Failure {
  readonly count: number;
  readonly until: number;
  readonly result: 'failed' | 'refused' | 'elsewhere';
}

/** So many wait for their turn; what is beyond is asked for again by the next request. */
const QUEUE = 1000;
/** After a failure the next attempt waits so long (in milliseconds), then twice as long, up to the second figure. */
const BACKOFF = [1000, 60_000] as const;
/** So long (in milliseconds) a place whose synthetic request came to nothing is not refreshed behind. */
const IMPOSSIBLE = 60_000;
const REMEMBERED = 10_000;

export class Refreshes {
  readonly #concurrency: number;
  readonly #deadline: number;
  readonly #queued = new Map<string, Job>();
  readonly #running = new Map<string, Job>();
  readonly #byRequest = new WeakMap<object, Refresh>();
  readonly #failed = new LRUCache<string, Failure>({ max: REMEMBERED });
  readonly #impossible = new LRUCache<string, true>({ max: REMEMBERED, ttl: IMPOSSIBLE });
  readonly #onIdle: (() => void)[] = [];
  readonly #onDone: (event: RefreshEvent) => void;
  #closed = false;

  /** @param deadline how long one may take, in milliseconds. */
  constructor(
    { concurrency, deadline }: { concurrency: number; deadline: number },
    onDone: (event: RefreshEvent) => void,
  ) {
    this.#concurrency = concurrency;
    this.#deadline = deadline;
    this.#onDone = onDone;
  }

  /** What this request refreshes, if it is one of ours. */
  of(req: IncomingMessage): Refresh | undefined {
    return this.#byRequest.get(req);
  }

  /** Whether what is stored there for this request could be refreshed behind an answer. */
  canRefresh(x: Exchange, { id, variant }: Place): boolean {
    const safe = x.method === 'GET' || x.method === 'HEAD';
    return (
      safe && !this.#closed && !this.#impossible.has(`${id} ${variant}`) && listenerOf(x.req) !== undefined
    );
  }

  /**
   * Has it refreshed, as soon as there is room. To be called while the client is there.
   * @returns what becomes of it, or what became of the last one where it is not tried again yet.
   */
  begin(
    x: Exchange,
    policy: Policy,
    identity: Identity,
    stored: StoredResponse,
    { id, variant }: Place,
    seen: Buffer,
  ): Promise<Refresh['result']> {
    const place = `${id} ${variant}`;
    const job = this.#queued.get(place) ?? this.#running.get(place);
    if (job) return job.done;
    const enter = listenerOf(x.req);
    const failed = this.#failed.get(place);
    if (failed && failed.until > performance.now()) return Promise.resolve(failed.result);
    if (!enter || this.#closed || this.#queued.size >= QUEUE) return Promise.resolve('failed');
    const { key, declared } = identity;
    const refresh: Refresh = {
      policy: policy.identity,
      depth: x.depth,
      key,
      declared,
      seen,
      result: undefined,
      landed: undefined,
    };
    let finish: Job['finish'] = () => {};
    const done = new Promise<Refresh['result']>((resolve) => {
      finish = resolve;
    });
    const blueprint = asked(x, policy, identity, stored);
    this.#queued.set(place, { blueprint, enter, refresh, done, finish, controller: new AbortController() });
    this.#next();
    return done;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  get busy(): boolean {
    return this.#running.size > 0;
  }

  close(): void {
    this.#closed = true;
    for (const { finish } of this.#queued.values()) finish('failed');
    this.#queued.clear();
    for (const { controller } of this.#running.values()) controller.abort();
  }

  #next(): void {
    for (const [place, job] of this.#queued) {
      if (this.#running.size >= this.#concurrency) return;
      this.#queued.delete(place);
      this.#running.set(place, job);
      void this.#run(place, job);
    }
    if (this.#running.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  async #run(place: string, { blueprint, enter, refresh, finish, controller }: Job): Promise<void> {
    const { signal } = controller;
    const startedAt = performance.now();
    const known: RequestListener = (req, res) => {
      this.#byRequest.set(req, refresh);
      return enter(req, res);
    };
    const ending = await dispatch(blueprint, known, { timeoutMs: this.#deadline, signal });
    await refresh.landed;
    // Whoever was slow in front of the cache may be faster the next time.
    if (refresh.result === undefined && ending.kind !== 'finished') refresh.result = 'failed';
    this.#running.delete(place);
    this.#learn(place, refresh.result);
    finish(refresh.result);
    const { key, result = 'unseen' } = refresh;
    this.#onDone({ key, result, took: performance.now() - startedAt });
    this.#next();
  }

  #learn(place: string, result: Refresh['result']): void {
    if (result === 'stored' || result === 'not-needed') {
      this.#failed.delete(place);
      return;
    }
    const { count = 0 } = this.#failed.get(place) ?? {};
    if (result === 'elsewhere') {
      this.#failed.set(place, { count, until: performance.now() + BACKOFF[0], result });
      return;
    }
    // It never reached the cache, or as another's: middleware in front has turned away who brought no credentials.
    if (result === 'another-key' || result === undefined) this.#impossible.set(place, true);
    const wait = Math.min(BACKOFF[0] * 2 ** count, BACKOFF[1]);
    const failed = result === 'refused' ? 'refused' : 'failed';
    this.#failed.set(place, { count: count + 1, until: performance.now() + wait, result: failed });
  }
}

/** Whether it is of any interest if a response could be refreshed behind an answer: that is not asked for nothing. */
export function isWorthRefreshing({ status, staleWhileRevalidate }: StoredResponse, policy: Policy): boolean {
  // The whole that a part is of may be too large to be stored.
  if (status === 206) return false;
  return staleWhileRevalidate > 0 || policy.earlyRefresh > 0 || policy.originTimeout !== undefined;
}

/** What to repeat of the request: what key and `Vary` are made of, and no credentials unless they are among that. */
function asked(x: Exchange, policy: Policy, { covers }: Identity, stored: StoredResponse): RequestTemplate {
  const names = nominated(field(stored.headers, 'vary'));
  const varies = new Set([...(names === '*' ? [] : names), ...policy.headers, ...x.asked]);
  // A key that holds the person is made by middleware that knows the person by these.
  const personal = [...covers].some((word) => word.startsWith('req.'));
  const cookies =
    policy.cookies.length > 0 && !personal && !varies.has('cookie') ? policy.cookies : undefined;
  const blueprint = templateOf(x.req, (name) => {
    if (name === 'authorization') return personal || names.includes(name) || covers.has(name);
    if (name === 'cookie') {
      return personal || names.includes(name) || covers.has(name) || cookies !== undefined;
    }
    return varies.has(name) || x.asked.has('*');
  });
  const fields = cookies
    ? blueprint.fields.flatMap((pair) =>
        /^cookie$/i.test(pair[0]) ? declaredCookies(pair, cookies) : [pair],
      )
    : blueprint.fields;
  return { ...blueprint, fields, method: 'GET' };
}

/** Of a `Cookie` field the pairs that are declared. */
function declaredCookies(
  [name, value]: readonly [string, string],
  cookies: readonly string[],
): [string, string][] {
  const pairs = value.split(/; ?/).filter((pair) => cookies.includes(pair.split('=', 1)[0]?.trim() ?? ''));
  return pairs.length > 0 ? [[name, pairs.join('; ')]] : [];
}
