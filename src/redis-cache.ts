import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { Core } from './core.ts';
import { StoreError } from './errors.ts';
import { Events } from './events.ts';
import { Exchange } from './exchange/exchange.ts';
import { Flights } from './exchange/flights.ts';
import { handle } from './lifecycle.ts';
import { Lookup } from './lookup.ts';
import { type Policy, parsePolicy, parseSettings, refinePolicy } from './options.ts';
import type { CacheEvents } from './outcome.ts';
import { connect } from './store/connect.ts';
import { Fault, GuardedStore } from './store/guard.ts';
import { Leases } from './store/leases.ts';
import { idsOfKey, idsOfUrl } from './ids.ts';
import type { CacheMiddleware, CacheOptions, Next, PolicyOptions, PurgeTarget } from './types.ts';

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
  #closed = false;

  constructor(options: CacheOptions) {
    const { redis, prefix, name, timeout, showKey, clock } = parseSettings(options);
    const {
      redis: _r,
      prefix: _p,
      name: _n,
      timeout: _t,
      showKey: _s,
      clock: _c,
      ...policyOptions
    } = options;
    this.#options = policyOptions;
    // Checked before anything connects.
    parsePolicy(policyOptions);
    const events = new Events();
    const onFault = events.fault.bind(events);
    const store = new GuardedStore(connect(redis, prefix, clock, onFault), timeout, onFault);
    this.#core = {
      name,
      clock,
      timeout,
      showKey,
      store,
      lookup: new Lookup(store),
      leases: new Leases(store),
      flights: new Flights(),
      events,
      large: new LRUCache({ max: 10_000, ttl: 60_000 }),
      fills: new WeakMap(),
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
      with: (overrides: PolicyOptions): CacheMiddleware => {
        const refined = refinePolicy(options, policy, overrides);
        return this.middleware(refined.options, refined.policy);
      },
      purge: (target: PurgeTarget) => this.#purge(target),
      on: <E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void) => {
        core.events.on(event, listener);
        return handled;
      },
      off: <E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void) => {
        core.events.off(event, listener);
        return handled;
      },
      idle: () => this.#idle(),
      close: () => this.#close(),
    });
    return handled;
  }

  async #purge(target: PurgeTarget): Promise<number> {
    const { store } = this.#core;
    if ('all' in target && target.all === true) return confirmed(await store.purgeAll());
    const policies = this.#policies.values();
    const ids =
      'url' in target
        ? idsOfUrl(policies, String(target.url))
        : idsOfKey(policies, 'key' in target && target.key);
    const counts = await Promise.all([...ids].map(async (id) => confirmed(await store.purge(id))));
    return counts.reduce((sum, count) => sum + count, 0);
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

  async #idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#idle();
    await this.#core.store.close();
  }
}

function confirmed(count: number | Fault): number {
  if (count instanceof Fault) throw new StoreError(`the purge was not confirmed: ${count.message}`);
  return count;
}
