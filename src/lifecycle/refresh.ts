import type { IncomingMessage, RequestListener } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { dispatch, listenerOf, type RequestTemplate, templateOf } from '../exchange/internal-request.ts';
import { field } from '../http/headers.ts';
import { nominated } from '../http/vary.ts';
import type { Identity } from '../key/identify.ts';
import type { RefreshEvent } from '../observe/outcome.ts';
import type { Policy, Settings } from '../options/policy.ts';
import type { VariantRef, Versioned } from '../store/store.ts';

/**
 * Refreshing behind an answer: the app is asked again, by a request that nobody sent, while the client has long been
 * answered with what is stored. One at a time for each place in this process; the lease sees to the others.
 */

/** A request whose stored response is to be refreshed. */
interface Refreshable {
  readonly exchange: Exchange;
  readonly identity: Identity;
  readonly policy: Policy;
  readonly found: { readonly ref: VariantRef; readonly value: Versioned | undefined };
}

/** What became of a refresh; `undefined`: its request never reached the cache that it was for. */
export type RefreshResult = Exclude<RefreshEvent['result'], 'unseen'>;

/** What an internal request refreshes: the cache that it is for knows it by this. */
export class Refresh {
  /** The key and the declared parts that the refreshed response has. */
  readonly key: string;
  readonly declared: string;
  /** What is to be refreshed: where something else is stored by then, another process was faster. */
  readonly version: string | undefined;
  readonly #policyIdentity: object;
  readonly #cacheLevel: number;
  #resolve: (() => void) | undefined;
  #result: RefreshResult | undefined;
  #filled: Promise<void> | undefined;

  constructor({ exchange, identity, found, policy }: Refreshable) {
    this.key = identity.key;
    this.declared = identity.declared;
    this.version = found.value?.version;
    this.#policyIdentity = policy.identity;
    this.#cacheLevel = exchange.cacheLevel;
  }

  /** Whether it is for a cache with this policy at this level; any other lets the request pass. */
  isFor(policy: Policy, cacheLevel: number): boolean {
    return this.#policyIdentity === policy.identity && this.#cacheLevel === cacheLevel;
  }

  /** A fill has begun for it, whose result may be known after its response has ended. */
  begin(): void {
    this.#filled = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  settle(result: RefreshResult): void {
    this.#result ??= result;
    this.#resolve?.();
  }

  /** Resolves when the fill, if one has begun, is settled. */
  async result(): Promise<RefreshResult | undefined> {
    await this.#filled;
    return this.#result;
  }
}

interface Job {
  readonly blueprint: RequestTemplate;
  readonly enter: RequestListener;
  readonly refresh: Refresh;
  readonly done: Promise<RefreshResult | undefined>;
  readonly finish: (result: RefreshResult | undefined) => void;
  readonly controller: AbortController;
}

/** How often in a row a place could not be refreshed, when it is tried again, and what to say until then. */
interface Failure {
  readonly count: number;
  readonly until: number;
  readonly result: 'failed' | 'refused' | 'in-progress';
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
  readonly #failures = new LRUCache<string, Failure>({ maxSize: REMEMBERED, sizeCalculation: () => 1 });
  readonly #impossible = new LRUCache<string, true>({
    maxSize: REMEMBERED,
    sizeCalculation: () => 1,
    ttl: IMPOSSIBLE,
  });
  readonly #onIdle: (() => void)[] = [];
  readonly #onDone: (event: RefreshEvent) => void;
  #closed = false;

  constructor({ concurrency, timeout }: Settings['refresh'], onDone: (event: RefreshEvent) => void) {
    this.#concurrency = concurrency;
    this.#deadline = timeout;
    this.#onDone = onDone;
  }

  /** What this request refreshes, if it is one of ours. */
  of(req: IncomingMessage): Refresh | undefined {
    return this.#byRequest.get(req);
  }

  /** Whether what is stored there for this request could be refreshed behind an answer. */
  canRefresh(x: Exchange, ref: VariantRef): boolean {
    const safe = x.method === 'GET' || x.method === 'HEAD';
    return safe && !this.#closed && !this.#impossible.has(placeOf(ref)) && listenerOf(x.req) !== undefined;
  }

  /**
   * Refreshes the response that the transaction has found, as soon as there is room. To be called while the client is
   * there, since a closed socket forgets its peer.
   * @returns what becomes of it, or what became of the last attempt where it is not tried again yet.
   */
  begin(t: Refreshable, stored: StoredResponse): Promise<RefreshResult | undefined> {
    const place = placeOf(t.found.ref);
    const job = this.#queued.get(place) ?? this.#running.get(place);
    if (job) return job.done;
    const enter = listenerOf(t.exchange.req);
    const failure = this.#failures.get(place);
    if (failure && failure.until > performance.now()) return Promise.resolve(failure.result);
    if (!enter || this.#closed || this.#queued.size >= QUEUE) return Promise.resolve('failed');
    let finish: Job['finish'] = () => {};
    const done = new Promise<RefreshResult | undefined>((resolve) => {
      finish = resolve;
    });
    const blueprint = templateFor(t, stored);
    const refresh = new Refresh(t);
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
    // Without a result: middleware in front was too slow, and may be faster the next time.
    const result = (await refresh.result()) ?? (ending.kind === 'finished' ? undefined : 'failed');
    this.#running.delete(place);
    this.#learn(place, result);
    finish(result);
    this.#onDone({ key: refresh.key, result: result ?? 'unseen', durationMs: performance.now() - startedAt });
    this.#next();
  }

  #learn(place: string, result: RefreshResult | undefined): void {
    if (result === 'stored' || result === 'not-needed') {
      this.#failures.delete(place);
      return;
    }
    const { count = 0 } = this.#failures.get(place) ?? {};
    if (result === 'in-progress') {
      this.#failures.set(place, { count, until: performance.now() + BACKOFF[0], result });
      return;
    }
    // It never reached the cache, or with another key: middleware in front turned away a request without credentials.
    if (result === 'another-key' || result === undefined) this.#impossible.set(place, true);
    const wait = Math.min(BACKOFF[0] * 2 ** count, BACKOFF[1]);
    const failed = result === 'refused' ? 'refused' : 'failed';
    this.#failures.set(place, { count: count + 1, until: performance.now() + wait, result: failed });
  }
}

/** Whether it is of any interest if a response could be refreshed behind an answer: that is not asked for nothing. */
export function isWorthRefreshing({ status, staleWhileRevalidate }: StoredResponse, policy: Policy): boolean {
  // The whole that a part is of may be too large to be stored.
  if (status === 206) return false;
  return staleWhileRevalidate > 0 || policy.earlyRefresh || policy.originTimeout !== undefined;
}

function placeOf({ id, variant }: VariantRef): string {
  return `${id} ${variant}`;
}

/** What to repeat of the request: what key and `Vary` are made of, and no credentials unless they are among that. */
function templateFor(
  { exchange: x, policy, identity: { covers } }: Refreshable,
  stored: StoredResponse,
): RequestTemplate {
  const names = nominated(field(stored.headers, 'vary'));
  const varies = new Set([...(names === '*' ? [] : names), ...policy.vary.headers, ...x.headersRead]);
  // A key that holds the person is made by middleware that knows the person by these.
  const personal = [...covers].some((word) => word.startsWith('req.'));
  const cookies =
    policy.vary.cookies.length > 0 && !personal && !varies.has('cookie') ? policy.vary.cookies : undefined;
  const blueprint = templateOf(x.req, (name) => {
    if (name === 'authorization') return personal || names.includes(name) || covers.has(name);
    if (name === 'cookie') {
      return personal || names.includes(name) || covers.has(name) || cookies !== undefined;
    }
    return varies.has(name) || x.headersRead.has('*');
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
