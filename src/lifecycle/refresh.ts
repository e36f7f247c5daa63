import type { IncomingMessage, RequestListener } from 'node:http';
import { LRUCache, type Perf } from 'lru-cache';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { dispatch, listenerOf, type RequestTemplate, templateOf } from '../exchange/internal-request.ts';
import type { Identity } from '../key/identify.ts';
import type { RefreshEvent } from '../observe/outcome.ts';
import type { Policy, Settings } from '../options/policy.ts';
import { refreshRequests } from '../shared-state.ts';
import { isCredential, isTracing } from '../sharing/fields.ts';
import { variantKeyOf } from '../store/ids.ts';
import type { VariantRef, Versioned } from '../store/store.ts';
import type { Question } from './question.ts';

/**
 * Refreshing a stored response after it was served: an internal request goes through the app again, without a client.
 * In one process at most one refresh of a variant runs at a time; between processes the lease ensures it.
 */

/** A request whose stored response is to be refreshed. */
interface Refreshable {
  readonly exchange: Exchange;
  readonly identity: Identity;
  readonly policy: Policy;
  readonly found: { readonly ref: VariantRef; readonly value: Versioned | undefined };
}

/**
 * What an internal request is for: it refreshes a stored response, or it asks as a stranger (`question`).
 */
export interface Purpose {
  readonly question?: Question;
}

const REFRESH: Purpose = {};

/** How a refresh ended. `undefined` stands for an internal request that never reached the cache that it was for. */
export type RefreshResult = Exclude<RefreshEvent['result'], 'unseen'>;

/** Identifies the stored response that an internal request refreshes. */
export class Refresh {
  /** The key and the declared parts that the refreshed response has. */
  readonly key: string;
  readonly declared: string;
  /** The version of the response to refresh. If another one is stored by then, another process was faster. */
  readonly version: string | undefined;
  readonly purpose: Purpose;
  readonly #policyIdentity: object;
  readonly #cacheLevel: number;
  #resolve: (() => void) | undefined;
  #result: RefreshResult | undefined;
  #filled: Promise<void> | undefined;

  constructor({ exchange, identity, found, policy }: Refreshable, purpose: Purpose) {
    this.purpose = purpose;
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
  readonly template: RequestTemplate;
  readonly enter: RequestListener;
  readonly refresh: Refresh;
  readonly done: Promise<RefreshResult | undefined>;
  readonly finish: (result: RefreshResult | undefined) => void;
  readonly controller: AbortController;
}

/** How often in a row the refresh of a variant failed, until when it is not tried again, and with which result. */
interface Failure {
  readonly count: number;
  readonly until: number;
  readonly result: 'failed' | 'refused' | 'in-progress';
}

/** At most this many refreshes are queued. Beyond that, the next request begins the refresh again. */
const MAX_QUEUED = 1000;
/** Milliseconds from a failure to the next attempt. They double with each failure in a row, up to the second figure. */
const BACKOFF = [1000, 60_000] as const;
/** For this many milliseconds a variant whose internal request never reached the cache is not refreshed. */
const IMPOSSIBLE_MS = 60_000;
const REMEMBERED = 10_000;

export class Refreshes {
  readonly #concurrency: number;
  readonly #deadline: number;
  readonly #queued = new Map<string, Job>();
  readonly #running = new Map<string, Job>();
  readonly #byRequest = new WeakMap<object, Refresh>();
  readonly #failures = new LRUCache<string, Failure>({ maxSize: REMEMBERED, sizeCalculation: () => 1 });
  readonly #impossible: LRUCache<string, true>;
  readonly #onIdle: (() => void)[] = [];
  readonly #onDone: (event: RefreshEvent) => void;
  readonly #time: Perf;
  #closed = false;

  /** @param time by which failures are forgotten, in milliseconds. */
  constructor(
    { concurrency, timeout }: Settings['refresh'],
    onDone: (event: RefreshEvent) => void,
    time: Perf,
  ) {
    this.#concurrency = concurrency;
    this.#deadline = timeout;
    this.#onDone = onDone;
    this.#time = time;
    this.#impossible = new LRUCache({
      maxSize: REMEMBERED,
      sizeCalculation: () => 1,
      ttl: IMPOSSIBLE_MS,
      perf: time,
    });
  }

  /** The refresh of an internal request; `undefined` for a request of a client. */
  of(req: IncomingMessage): Refresh | undefined {
    return this.#byRequest.get(req);
  }

  /**
   * Whether a variant can be refreshed by repeating this request. A cache in front that refreshes its response by this
   * very request waits for a fresh one.
   */
  canRefresh(x: Exchange, ref: VariantRef): boolean {
    return (
      isRepeatable(x.method) &&
      !x.isRefresh &&
      !this.#closed &&
      !this.#impossible.has(variantKeyOf(ref.id, ref.variant)) &&
      listenerOf(x.req) !== undefined
    );
  }

  /**
   * Refreshes the response that the transaction has found, as soon as a slot is free.
   * @param template makes the request to repeat. The client must be connected, because a closed socket forgets its peer.
   * @returns the result, or that of the last attempt while no further attempt is made; `queue-full` where it is not begun.
   */
  begin(
    t: Refreshable,
    template: () => RequestTemplate,
    purpose: Purpose = REFRESH,
  ): Promise<RefreshResult | 'queue-full' | undefined> {
    const { id, variant } = t.found.ref;
    const variantKey = variantKeyOf(id, variant);
    const job = this.#queued.get(variantKey) ?? this.#running.get(variantKey);
    if (job) return job.done;
    const enter = listenerOf(t.exchange.req);
    const failure = this.#failures.get(variantKey);
    if (failure && failure.until > this.#time.now()) return Promise.resolve(failure.result);
    if (!enter || this.#closed) return Promise.resolve('failed');
    if (this.#queued.size >= MAX_QUEUED) return Promise.resolve('queue-full');
    let finish: Job['finish'] = () => {};
    const done = new Promise<RefreshResult | undefined>((resolve) => {
      finish = resolve;
    });
    const refresh = new Refresh(t, purpose);
    this.#queued.set(variantKey, {
      template: template(),
      enter,
      refresh,
      done,
      finish,
      controller: new AbortController(),
    });
    this.#next();
    return done;
  }

  /** Resolves when no refresh is running. */
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
    for (const [variantKey, job] of this.#queued) {
      if (this.#running.size >= this.#concurrency) return;
      this.#queued.delete(variantKey);
      this.#running.set(variantKey, job);
      void this.#run(variantKey, job);
    }
    if (this.#running.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  async #run(variantKey: string, { template, enter, refresh, finish, controller }: Job): Promise<void> {
    const { signal } = controller;
    const startedAt = performance.now();
    const known: RequestListener = (req, res) => {
      this.#byRequest.set(req, refresh);
      refreshRequests.set(req, 'on-its-way');
      return enter(req, res);
    };
    const ending = await dispatch(template, known, { timeoutMs: this.#deadline, signal });
    // Without a result: middleware in front was too slow, and may be faster the next time.
    const result = (await refresh.result()) ?? (ending.kind === 'finished' ? undefined : 'failed');
    this.#running.delete(variantKey);
    this.#learn(variantKey, result);
    finish(result);
    this.#onDone({ key: refresh.key, result: result ?? 'unseen', durationMs: performance.now() - startedAt });
    this.#next();
  }

  #learn(variantKey: string, result: RefreshResult | undefined): void {
    if (result === 'stored' || result === 'not-needed') {
      this.#failures.delete(variantKey);
      return;
    }
    const { count = 0 } = this.#failures.get(variantKey) ?? {};
    if (result === 'in-progress') {
      this.#failures.set(variantKey, { count, until: this.#time.now() + BACKOFF[0], result });
      return;
    }
    // The request never reached the cache, bypassed it, or had another key: it comes without the client's credentials.
    if (result === 'another-key' || result === 'bypass' || result === undefined)
      this.#impossible.set(variantKey, true);
    const wait = Math.min(BACKOFF[0] * 2 ** count, BACKOFF[1]);
    const failed = result === 'refused' ? 'refused' : 'failed';
    this.#failures.set(variantKey, { count: count + 1, until: this.#time.now() + wait, result: failed });
  }
}

/** Whether a request with this method can be repeated as a GET. */
export function isRepeatable(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Whether a refresh of the response is ever wanted. Asked first, because the answer of `canRefresh` costs more. */
export function isWorthRefreshing({ status, staleWhileRevalidate }: StoredResponse, policy: Policy): boolean {
  // The whole that a part is of may be too large to be stored.
  if (status === 206) return false;
  return staleWhileRevalidate > 0 || policy.earlyRefresh || policy.originTimeout !== undefined;
}

/**
 * The request to repeat, as one without credentials would be. Credentials that the key or the response covers are kept: they
 * select the response.
 * @param selectors the names that select the response.
 */
export function templateFor(
  { exchange: x, policy, identity }: Omit<Refreshable, 'found'>,
  selectors: readonly string[],
): RequestTemplate {
  const { headers, cookies } = policy.vary;
  const covered = new Set([...selectors, ...headers]);
  const onlyCookies = !identity.coversCaller && !covered.has('cookie') ? cookies : undefined;
  const template = templateOf(x.req, (name) => {
    if (covered.has(name)) return true;
    if (isCredential(name) || policy.credentials.has(name))
      return identity.coversCaller || (name === 'cookie' && cookies.length > 0);
    return !LEFT_OUT.has(name) && !isTracing(name);
  });
  const fields = onlyCookies
    ? template.fields.flatMap((pair) =>
        /^cookie$/i.test(pair[0]) ? declaredCookies(pair, onlyCookies) : [pair],
      )
    : template.fields;
  return { ...template, fields, method: 'GET' };
}

/** Fields that ask for less than the whole, or for what must not be stored. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  ...['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range'],
  ...['cache-control', 'pragma'],
]);

/** The declared cookies of a `Cookie` field. */
function declaredCookies(
  [name, value]: readonly [string, string],
  cookies: readonly string[],
): [string, string][] {
  const pairs = value.split(/; ?/).filter((pair) => cookies.includes(pair.split('=', 1)[0]?.trim() ?? ''));
  return pairs.length > 0 ? [[name, pairs.join('; ')]] : [];
}
