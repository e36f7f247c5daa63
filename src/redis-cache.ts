import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Perf } from 'lru-cache';
import type { CacheMiddleware } from './cache-middleware.ts';
import { Keyring } from './codec/keyring.ts';
import { createEntries } from './entries/entries.ts';
import { ArgumentError, show } from './errors.ts';
import { Exchange } from './exchange/exchange.ts';
import { FrontDoor } from './exchange/front-door.ts';
import type { ExplainRequest } from './exchange/probe-request.ts';
import { hasOwnKeys, idsOfUrl } from './key/key-ids.ts';
import { Collapse } from './lifecycle/collapse.ts';
import type { CacheContext } from './lifecycle/context.ts';
import { DependentPlaces } from './lifecycle/dependent-places.ts';
import { explain } from './lifecycle/explain.ts';
import { handle } from './lifecycle/handle.ts';
import { Lookup } from './lifecycle/lookup.ts';
import { NestedCaches } from './lifecycle/nested.ts';
import { PendingInvalidations } from './lifecycle/pending-invalidations.ts';
import { Refreshes } from './lifecycle/refresh.ts';
import { SetupChecks } from './lifecycle/setup-checks.ts';
import { Transaction } from './lifecycle/transaction.ts';
import type { CacheEvents, FaultEvent } from './observe/outcome.ts';
import { Reporter } from './observe/reporter.ts';
import { assertListener } from './options/listeners.ts';
import type { PurgeOptions, PurgeTarget, WrapOptions } from './options/operations.ts';
import { warnOfMemory, warnOfOptions } from './options/option-warnings.ts';
import { parsePolicy, parseSettings, refinePolicy } from './options/parse.ts';
import type { Policy } from './options/policy.ts';
import type { CacheRequest, CacheResponse, Next, NodeRequest, NodeResponse } from './options/request.ts';
import type { CacheOptions, KeyPart, PolicyOptions } from './options/types.ts';
import { purge, TagPurges } from './purge/purge.ts';
import { Constants } from './sharing/constants.ts';
import { Varieties } from './sharing/varieties.ts';
import { EncryptionCheck } from './store/encryption-check.ts';
import { GuardedStore } from './store/guarded-store.ts';
import { LeaseRenewal } from './store/lease-renewal.ts';
import { storePlaceOf } from './store/redis/address.ts';
import { connect, storeKindOf } from './store/redis/connect.ts';
import type { Store } from './store/store.ts';
import { createValueStore } from './values/value-store.ts';
import { wrap } from './values/wrap.ts';
import { type WarmOptions, type WarmResult, warm } from './warm/warm.ts';

/**
 * A response cache as one middleware: `app.use(redisCache({ redis, ttl: '1h' }))`. It is a shared cache in the
 * sense of RFC 9111 §1: it stores whole responses, sends them to matching requests, and forwards all others.
 *
 * If Redis is down, full or damaged, the app answers.
 * @throws {OptionError} for a bad option: it names the option, its value and what is accepted.
 */
export function redisCache<Req extends NodeRequest = CacheRequest, Res extends NodeResponse = CacheResponse>(
  options: NoInfer<CacheOptions<Req, Res>> = {},
): CacheMiddleware<Req, Res> {
  // `app.use(redisCache)` calls the factory with a request.
  if (options !== null && typeof options === 'object' && 'httpVersion' in options)
    throw new ArgumentError('app.use(redisCache) mounts the factory itself: write app.use(redisCache()).');
  // Inside, requests and responses are those of `node:http`, whatever the user calls them.
  return createCache(options as object, PRODUCTION) as unknown as CacheMiddleware<Req, Res>;
}

/** What the testing kit replaces. */
export interface Seams {
  /** The store that is used in place of the given one. */
  decorate(store: Store): Store;
  readonly Exchange: typeof Exchange;
  /** The time by which the cache remembers something for a while, in milliseconds. It never goes back. */
  readonly time: Perf;
}

const PRODUCTION: Seams = { decorate: (store) => store, Exchange, time: performance };

/** A cache with the seams of the testing kit. @throws {OptionError} */
export function createCache(options: CacheOptions, seams: Seams): CacheMiddleware {
  return new Cache(options, seams).middleware();
}

/** What the middlewares of one `redisCache` call share, and their handle's methods. */
class Cache {
  readonly #context: CacheContext;
  readonly #policy: Policy;
  /** The policies that make all keys there are, for purges by key and URL. Derive routes at setup, not per request. */
  readonly #policies = new Set<Policy>();
  readonly #pending = new Set<Promise<unknown>>();
  readonly #warming = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #onClose: () => void;
  readonly #storeAddress: string | undefined;
  #closed = false;

  constructor(options: CacheOptions, { decorate, Exchange, time }: Seams) {
    const settings = parseSettings(options);
    const { redis, prefix, name, timeout, showKey, clock, maxEntries, invalidation, refresh, near, encrypt } =
      settings;
    // All options are parsed before anything connects.
    this.#policy = parsePolicy(options);
    const { warnings } = settings;
    const reporter = new Reporter({ name, showKey, clock, store: storeKindOf(redis), warnings });
    warnOfOptions(options, reporter.warnings);
    if (redis === undefined) warnOfMemory(options, reporter.warnings);
    const onFault = (fault: FaultEvent): void => {
      reporter.fault(fault);
      encryption.onFault(fault);
    };
    const connected = decorate(connect(redis, prefix, { maxEntries, near }, clock, onFault));
    const place = redis === undefined ? undefined : storePlaceOf(redis, prefix);
    this.#storeAddress = place?.address;
    const encryption = new EncryptionCheck(reporter.warnings, place?.id, encrypt.length > 0);
    this.#onClose = () => encryption.end();
    const keyring = new Keyring(encrypt, prefix, onFault);
    const store = new GuardedStore(connected, timeout, onFault, keyring);
    const storage = { store, keyring, hash: this.#policy.hash, clock };
    const tagPurges = new TagPurges(storage);
    const pendingInvalidations = new PendingInvalidations(store, timeout, reporter, (tag) =>
      tagPurges.purge(tag),
    );
    this.#context = {
      Exchange,
      settings: { name, showKey, invalidation },
      ...storage,
      lookup: new Lookup(store.responses, keyring, pendingInvalidations),
      collapse: new Collapse(store, timeout, time),
      leaseRenewal: new LeaseRenewal(store),
      pendingInvalidations,
      nested: new NestedCaches(time),
      refreshes: new Refreshes(refresh, (event) => reporter.refresh(event), time),
      dependentPlaces: new DependentPlaces(time),
      varieties: new Varieties(),
      constants: new Constants(),
      reporter,
      setupChecks: reporter.warnings.areOn ? new SetupChecks(reporter.warnings, place?.id) : undefined,
      idsOf: (url) => idsOfUrl(this.#policies, url),
      hasOwnKeys: () => hasOwnKeys(this.#policies),
      track: (work) => this.#track(work),
    };
  }

  middleware(policy: Policy = this.#policy): CacheMiddleware {
    this.#addPolicy(policy);
    const context = this.#context;
    const { Exchange } = context;
    const redisCacheMiddleware = (req: NodeRequest, res: NodeResponse, next: Next): void => {
      if (this.#closed) next();
      else
        void handle(
          new Transaction(new Exchange(req as IncomingMessage, res as ServerResponse, next), policy, context),
        );
    };
    const handled: CacheMiddleware = Object.assign(redisCacheMiddleware, {
      before: (app: (req: never, res: never) => unknown) => this.#before(app as RequestListener, policy),
      with: (overrides: PolicyOptions) => {
        const refined = refinePolicy(policy, overrides);
        warnOfOptions(overrides, context.reporter.warnings);
        return this.middleware(refined);
      },
      purge: (target: PurgeTarget, purging?: PurgeOptions) => purge(context, this.#policies, target, purging),
      entries: createEntries(context, policy.maxBodySize),
      store: createValueStore(context, policy.maxBodySize, context.reporter.warnings),
      wrap: <T>(key: KeyPart, run: () => T | Promise<T>, wrapped: WrapOptions) =>
        wrap(context, policy, key, run, wrapped),
      warm: (targets: Parameters<typeof warm>[0], warming?: WarmOptions) => this.#warm(targets, warming),
      on: <E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void) => {
        assertListener('on', event, listener);
        context.reporter.on(event, listener);
        return handled;
      },
      off: <E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void) => {
        assertListener('off', event, listener);
        context.reporter.off(event, listener);
        return handled;
      },
      explain: (request: NodeRequest | string | URL, init?: ExplainRequest) =>
        explain(context, policy, request as IncomingMessage | string | URL, init),
      stats: () => ({
        ...context.reporter.stats(),
        ...(this.#storeAddress !== undefined && { storeAddress: this.#storeAddress }),
        storeAvailable: context.store.isAvailable,
        mode: policy.mode,
      }),
      idle: () => this.#idle(),
      close: () => this.#close(),
    });
    return handled;
  }

  /** A policy whose keys another one makes too is left out. The methods are a part of each key. */
  #addPolicy(policy: Policy): void {
    const { identity, methods } = policy;
    for (const other of this.#policies) {
      if (other.identity === identity && [...methods].every((method) => other.methods.has(method))) return;
    }
    this.#policies.add(policy);
  }

  #before(app: RequestListener, policy: Policy): (req: NodeRequest, res: NodeResponse) => void {
    if (typeof app !== 'function')
      throw new ArgumentError(
        `before() needs an Express or Connect app, or a request listener; not ${show(app)}.`,
      );
    const context = this.#context;
    const { Exchange } = context;
    const door = new FrontDoor(app);
    const { enabled, when, key, vary } = policy;
    const asks = [enabled, when, key, vary.by, vary.caller, context.settings.invalidation?.authorize].some(
      (o) => typeof o === 'function',
    );
    const closed = (): boolean => this.#closed;
    return function redisCacheDoor(this: unknown, req, res) {
      const next = (): unknown => Reflect.apply(app, this, [req, res]);
      if (closed()) return void next();
      const exchange = new Exchange(req as IncomingMessage, res as ServerResponse, next, door);
      if (asks && exchange.cacheLevel === 0) door.decorate(exchange.req, exchange.res);
      void handle(new Transaction(exchange, policy, context));
    };
  }

  /** Nobody waits for this work, so what it throws would be unhandled: it becomes a fault. */
  #track(work: Promise<unknown>): void {
    const done = work
      .catch((error: unknown) => {
        this.#context.reporter.fault({ step: 'store', code: 'error', message: String(error) });
      })
      .finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }

  /** Responses are stored shortly after they were sent, so it waits for pending commits. */
  async #warm(targets: Parameters<typeof warm>[0], options?: WarmOptions): Promise<WarmResult> {
    const warming = warm(targets, options, this.#closing.signal);
    const settled = warming.catch(() => {}).finally(() => this.#warming.delete(settled));
    this.#warming.add(settled);
    const result = await warming;
    await Promise.all(this.#pending);
    return result;
  }

  async #idle(): Promise<void> {
    const { refreshes } = this.#context;
    do {
      await refreshes.idle();
      await Promise.all(this.#pending);
    } while (refreshes.busy || this.#pending.size > 0);
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    this.#context.refreshes.close();
    this.#closing.abort();
    await Promise.all(this.#warming);
    await this.#idle();
    await this.#context.pendingInvalidations.close();
    await this.#context.store.close();
  }
}
