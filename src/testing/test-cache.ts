import type { CacheMiddleware } from '../cache-middleware.ts';
import { ArgumentError, OptionError, show } from '../errors.ts';
import type { CacheEvents } from '../observe/outcome.ts';
import type { PurgeTarget } from '../options/operations.ts';
import { parseSettings } from '../options/parse.ts';
import type { CacheRequest, CacheResponse, Next, NodeRequest, NodeResponse } from '../options/request.ts';
import type { CacheOptions, PolicyOptions } from '../options/types.ts';
import { type Duration, milliseconds } from '../options/units.ts';
import { createCache } from '../redis-cache.ts';
import { rememberName } from './cache-status.ts';
import { LoopbackExchange, urlWithoutPort } from './loopback.ts';
import { type Outage, type OutageKind, type TestStore, testStore } from './test-store.ts';

/** Options of the app's own cache. `redis` may stay among them and is not used: a test cache connects to nothing. */
export type TestCacheOptions<
  Req extends NodeRequest = CacheRequest,
  Res extends NodeResponse = CacheResponse,
> = Omit<CacheOptions<Req, Res>, 'clock'>;

/**
 * What `redisCache` returns, with its responses in this process and a clock that the test moves. It differs from a cache in
 * production in three ways: the port of a loopback host (`127.0.0.1`, `localhost`, `[::1]`) is not a part of the default key,
 * the clock stands still between two calls of `advance`, and `jitter` is 0, so that lifetimes are exact.
 */
export interface TestCache<Req extends NodeRequest = CacheRequest, Res extends NodeResponse = CacheResponse>
  extends CacheMiddleware<Req, Res> {
  /** The time of the cache, in milliseconds since 1970: that of its creation or of the last `reset`, and what `advance` has added. */
  now(): number;
  /**
   * Waits for the cache's background work (`idle`), then moves its clock forward. The timers of the process stay as they are:
   * `timeout`, `originTimeout`, `collapse.wait` and `refresh.timeout` are real time.
   * @param duration a number of milliseconds, or a string with a unit: `'1h'`.
   * @throws {ArgumentError} for anything else.
   */
  advance(duration: Duration): Promise<void>;
  /**
   * Makes the cache as new, between two tests: nothing is stored, the statistics begin again, an outage ends, the clock shows
   * the real time, and a closed cache is open again. Listeners, and what `with` and `before` returned, stay.
   */
  reset(): Promise<void>;
  /**
   * Begins an outage: the store behaves as Redis does when it is `'away'`, `'hung'`, `'full'` or `'read-only'`. The deadlines and
   * the circuit breaker are those of production.
   */
  outage(kind: OutageKind): Outage;
}

const KINDS: readonly OutageKind[] = ['away', 'hung', 'full', 'read-only'];

/**
 * A cache for tests: `redisCache(options)` without Redis, with a clock that the test moves.
 * @throws {OptionError} for a bad option, as `redisCache` does, and for `clock`.
 */
export function testCache<Req extends NodeRequest = CacheRequest, Res extends NodeResponse = CacheResponse>(
  options: NoInfer<TestCacheOptions<Req, Res>> = {},
): TestCache<Req, Res> {
  // Throws the error of redisCache.
  if (typeof options !== 'object' || options === null) parseSettings(options);
  if ((options as { clock?: unknown }).clock !== undefined) {
    const advice = 'left out: the clock of a test cache is moved by cache.advance()';
    throw new OptionError('clock', (options as { clock?: unknown }).clock, advice);
  }
  const cache = new RenewableCache(options as object);
  rememberName(options.name);
  return cache.handle() as unknown as TestCache<Req, Res>;
}

interface Listener {
  readonly event: keyof CacheEvents;
  readonly listener: unknown;
}

/** A cache that is made anew by each `reset`, behind middlewares that stay. */
class RenewableCache {
  readonly #options: CacheOptions;
  #listeners: Listener[] = [];
  #now = Date.now();
  /** How far `advance` has moved the clock since the beginning, in milliseconds. */
  #movedMs = 0;
  #store!: TestStore;
  #cache: CacheMiddleware;

  constructor(options: TestCacheOptions) {
    const { redis: _, ...own } = options as CacheOptions;
    this.#options = { ...withoutJitter(own), clock: () => this.#now };
    this.#cache = this.#create();
  }

  handle(): TestCache {
    return Object.assign(
      this.#middleware(() => this.#cache),
      {
        now: () => this.#now,
        advance: (duration: Duration) => this.#advance(duration),
        reset: () => this.#reset(),
        outage: (kind: OutageKind) => {
          if (!KINDS.includes(kind))
            throw new ArgumentError(`outage() needs one of '${KINDS.join("', '")}'; not ${show(kind)}.`);
          return this.#store.outage(kind);
        },
      },
    ) as TestCache;
  }

  #create(): CacheMiddleware {
    const cache = createCache(this.#options, {
      decorate: (store) => {
        this.#store = testStore(store);
        return this.#store.store;
      },
      Exchange: LoopbackExchange,
      time: { now: () => performance.now() + this.#movedMs },
    });
    for (const { event, listener } of this.#listeners) cache.on(event, listener as () => void);
    return cache;
  }

  async #advance(duration: Duration): Promise<void> {
    const ms = milliseconds(duration);
    if (ms === undefined)
      throw new ArgumentError(
        `advance() needs a number of milliseconds, or a string such as '1h'; not ${show(duration)}.`,
      );
    await this.#cache.idle();
    // In production, the process would renew them all the while.
    await this.#store.extendLeases(ms);
    this.#now += ms;
    this.#movedMs += ms;
  }

  async #reset(): Promise<void> {
    this.#store.recover();
    const former = this.#cache;
    this.#now = Date.now();
    this.#cache = this.#create();
    await former.close();
  }

  /** A middleware that stays when the cache is made anew. @param current the present cache, or one derived from it. */
  #middleware(current: () => CacheMiddleware): CacheMiddleware {
    const middleware = (req: NodeRequest, res: NodeResponse, next: Next): void => current()(req, res, next);
    const delegated: CacheMiddleware = Object.assign(middleware, {
      before: (app: (req: never, res: never) => unknown) => {
        const door = derived(current, (cache) => cache.before<never, never>(app));
        // A bad app throws here, and not for the first request.
        door();
        return function testCacheDoor(this: unknown, req: NodeRequest, res: NodeResponse): void {
          Reflect.apply(door(), this, [req, res]);
        };
      },
      with: (overrides: PolicyOptions) => {
        const route = derived(current, (cache) => cache.with(withoutJitter(overrides)));
        route();
        return this.#middleware(route);
      },
      purge: (target: PurgeTarget, options?: Parameters<CacheMiddleware['purge']>[1]) =>
        current().purge(targetWithoutPort(target), options),
      entries: delegating(() => current().entries),
      store: delegating(() => current().store),
      wrap: ((...args) => current().wrap(...args)) as CacheMiddleware['wrap'],
      warm: ((...args) => current().warm(...args)) as CacheMiddleware['warm'],
      on: <E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void) => {
        current().on(event, listener);
        this.#listeners.push({ event, listener });
        return delegated;
      },
      off: <E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void) => {
        current().off(event, listener);
        this.#listeners = this.#listeners.filter((one) => one.event !== event || one.listener !== listener);
        return delegated;
      },
      explain: ((request, init) =>
        current().explain(urlWithoutPort(request), init)) as CacheMiddleware['explain'],
      stats: () => current().stats(),
      idle: () => current().idle(),
      close: () => current().close(),
    });
    return delegated;
  }
}

/** What is made of a cache, made anew for each new cache. */
function derived<T>(current: () => CacheMiddleware, derive: (cache: CacheMiddleware) => T): () => T {
  let from: CacheMiddleware | undefined;
  let value: T;
  return () => {
    const cache = current();
    if (cache !== from) value = derive(cache);
    from = cache;
    return value;
  };
}

/** An object whose members are those of another one at the time of each use. */
function delegating<T extends object>(current: () => T): T {
  return new Proxy({} as T, { get: (_, name) => Reflect.get(current(), name) as unknown });
}

/** A valid `jitter` becomes 0: a lifetime that is shortened at random would make tests fail at random. */
function withoutJitter<T extends PolicyOptions>(options: T): T {
  const { jitter } = options;
  return typeof jitter === 'number' && jitter >= 0 && jitter <= 1 ? { ...options, jitter: 0 } : options;
}

function targetWithoutPort(target: PurgeTarget): PurgeTarget {
  if (typeof target !== 'object' || target === null) return target;
  const { url, prefix } = target as { url?: unknown; prefix?: unknown };
  return {
    ...target,
    ...(url !== undefined && { url: urlWithoutPort(url) }),
    ...(prefix !== undefined && { prefix: urlWithoutPort(prefix) }),
  } as PurgeTarget;
}
