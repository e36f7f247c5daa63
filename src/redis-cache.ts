import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import { Keyring } from './codec/keyring.ts';
import { entriesOf } from './entries/entries.ts';
import { OptionError } from './errors.ts';
import { Exchange } from './exchange/exchange.ts';
import { FrontDoor } from './exchange/front-door.ts';
import type { ExplainRequest } from './exchange/probe-request.ts';
import { idsOfUrl } from './key/key-ids.ts';
import type { Core } from './lifecycle/core.ts';
import { explain } from './lifecycle/explain.ts';
import { Flights } from './lifecycle/flights.ts';
import { handle } from './lifecycle/handle.ts';
import { Lookup } from './lifecycle/lookup.ts';
import { Owed } from './lifecycle/pending-invalidations.ts';
import { Refreshes } from './lifecycle/refresh.ts';
import { Routes } from './lifecycle/routes.ts';
import { Events } from './observe/events.ts';
import type { CacheEvents } from './observe/outcome.ts';
import { Stats } from './observe/stats.ts';
import type { CacheMiddleware, PurgeOptions, PurgeTarget, WrapOptions } from './options/cache.ts';
import { type Policy, parsePolicy, policyOptionsOf, refinePolicy } from './options/policy.ts';
import { parseSettings } from './options/settings.ts';
import type { CacheOptions, KeyPart, Next, PolicyOptions } from './options/types.ts';
import { purge } from './purge/purge.ts';
import { GuardedStore } from './store/guarded-store.ts';
import { Leases } from './store/lease-renewal.ts';
import { connect } from './store/redis/connect.ts';
import type { ReachableStore } from './store/store.ts';
import { valueStore } from './values/value-store.ts';
import { wrap } from './values/wrap.ts';
import { type WarmOptions, type WarmResult, warm } from './warm/warm.ts';

/**
 * A response cache as one middleware: `app.use(redisCache({ redis, ttl: '1h' }))`. It is a shared cache in the
 * sense of RFC 9111 §1: stores whole responses, replays them to whoever they match, and forwards everything else.
 *
 * @throws {OptionError} for a bad option, naming it, its value and what is accepted. Nothing is thrown later: with
 * Redis away, full or damaged, requests are answered by the app as if the cache were not there.
 */
export function redisCache(options: CacheOptions = {}): CacheMiddleware {
  return new Cache(options).middleware();
}

/** What the middlewares of one `redisCache` call share, and their handle's methods. */
class Cache {
  readonly #core: Core;
  readonly #options: PolicyOptions;
  /** Every policy that makes a key its own way, for purges by key and URL. Derive routes at setup, not per request. */
  readonly #policies = new Map<object, Policy>();
  readonly #pending = new Set<Promise<unknown>>();
  readonly #warming = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #closed = false;

  constructor(options: CacheOptions) {
    const settings = parseSettings(options);
    const {
      redis,
      prefix,
      name,
      timeout,
      showKey,
      clock,
      maxEntries,
      invalidation,
      refresh,
      previous,
      near,
      encrypt,
    } = settings;
    const policyOptions = policyOptionsOf(options);
    const hash = encrypt.length > 0 ? 'sha256' : undefined;
    this.#options = hash ? { ...policyOptions, hashKeys: policyOptions.hashKeys ?? hash } : policyOptions;
    // Checked before anything connects.
    parsePolicy(policyOptions);
    const stats = new Stats(name);
    const events = new Events(name, showKey, stats);
    const onFault = events.fault.bind(events);
    const connected = connect(redis, prefix, { maxEntries, previous, near }, clock, onFault);
    const keyring = new Keyring(encrypt, prefix, onFault);
    const guarded = (store: ReachableStore): GuardedStore =>
      new GuardedStore(store, timeout, onFault, keyring);
    const store = guarded(connected.store);
    const owed = new Owed(store, timeout, events);
    this.#core = {
      name,
      clock,
      timeout,
      showKey,
      store,
      keyring,
      hash,
      lookup: new Lookup(store, keyring, owed),
      previous:
        connected.previous &&
        new Lookup(guarded(connected.previous), new Keyring(encrypt, previous ?? '', onFault), owed),
      owed,
      leases: new Leases(store),
      flights: new Flights(),
      events,
      stats,
      large: new LRUCache({ max: 10_000, ttl: 60_000 }),
      refusals: new LRUCache({ max: 1000 }),
      fills: new WeakMap(),
      routes: new Routes(),
      refreshes: new Refreshes(refresh, events.refresh.bind(events)),
      invalidation,
      idsOf: (url) => idsOfUrl(this.#policies.values(), url),
      track: (work) => this.#track(work),
    };
  }

  middleware(options: PolicyOptions = this.#options, policy: Policy = parsePolicy(options)): CacheMiddleware {
    this.#policies.set(policy.identity, policy);
    const core = this.#core;
    const redisCacheMiddleware = (req: IncomingMessage, res: ServerResponse, next: Next): void => {
      if (this.#closed) next();
      else void handle(new Exchange(req, res, next), policy, core);
    };
    const handled: CacheMiddleware = Object.assign(redisCacheMiddleware, {
      before: (app: RequestListener) => this.#before(app, policy),
      with: (overrides: PolicyOptions): CacheMiddleware => {
        const refined = refinePolicy(options, policy, overrides);
        return this.middleware(refined.options, refined.policy);
      },
      purge: (target: PurgeTarget, purging?: PurgeOptions) =>
        purge(core, this.#policies.values(), target, purging),
      entries: entriesOf(core, policy.maxBodySize),
      store: valueStore(core, policy.maxBodySize),
      wrap: <T>(key: KeyPart, run: () => T | Promise<T>, wrapped: WrapOptions) =>
        wrap(core, policy, key, run, wrapped),
      warm: (targets: Parameters<typeof warm>[0], warming?: WarmOptions) => this.#warm(targets, warming),
      on: <E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void) => {
        core.events.on(event, listener);
        return handled;
      },
      off: <E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void) => {
        core.events.off(event, listener);
        return handled;
      },
      explain: (request: IncomingMessage | string | URL, init?: ExplainRequest) =>
        explain(core, policy, request, init),
      stats: () => core.stats.snapshot(),
      idle: () => this.#idle(),
      close: () => this.#close(),
    });
    return handled;
  }

  #before(app: RequestListener, policy: Policy): (req: IncomingMessage, res: ServerResponse) => void {
    if (typeof app !== 'function')
      throw new OptionError('before', app, 'an Express or Connect app, or a request listener');
    const core = this.#core;
    const door = new FrontDoor(app);
    const { enabled, when, key, by } = policy;
    const asks = [enabled, when, key, by, core.invalidation?.authorize].some((o) => typeof o === 'function');
    const closed = (): boolean => this.#closed;
    return function redisCacheDoor(this: unknown, req, res) {
      const next = (): unknown => Reflect.apply(app, this, [req, res]);
      if (closed()) return void next();
      const x = new Exchange(req, res, next, door);
      if (asks && x.depth === 0) door.decorate(req, res);
      void handle(x, policy, core);
    };
  }

  /** Nobody waits for this work, so what it throws would be unhandled: it becomes a fault. */
  #track(work: Promise<unknown>): void {
    const done = work
      .catch((error: unknown) => {
        this.#core.events.fault({ step: 'store', code: 'error', message: String(error) });
      })
      .finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }

  /** What was answered in this process is stored a moment later. */
  async #warm(targets: Parameters<typeof warm>[0], options?: WarmOptions): Promise<WarmResult> {
    const warming = warm(targets, options, this.#closing.signal);
    const settled = warming.catch(() => {}).finally(() => this.#warming.delete(settled));
    this.#warming.add(settled);
    const result = await warming;
    await Promise.all(this.#pending);
    return result;
  }

  async #idle(): Promise<void> {
    const { refreshes } = this.#core;
    do {
      await refreshes.idle();
      await Promise.all(this.#pending);
    } while (refreshes.busy || this.#pending.size > 0);
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#core.refreshes.close();
    this.#closing.abort();
    await Promise.all(this.#warming);
    await this.#idle();
    await this.#core.owed.close();
    await this.#core.store.close();
  }
}
