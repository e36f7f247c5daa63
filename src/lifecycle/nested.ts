import type { IncomingMessage } from 'node:http';
import { LRUCache, type Perf } from 'lru-cache';
import type { Exchange } from '../exchange/exchange.ts';
import type { Identity } from '../key/identify.ts';
import type { Policy } from '../options/policy.ts';
import type { ReadWatch } from '../sharing/reads.ts';

/*
 * A route's cache behind another cache of the same `redisCache` call: `app.use(cache)` in front, `cache.with(...)` on a
 * route. The cache in front meets the request first and may have begun a fill; the route's cache decides what becomes of it.
 */

/** A fill under way, as far as a route behind its cache decides about it. */
export interface NestableFill {
  readonly identity: Identity;
  readonly reads: ReadWatch;
  policy: Policy;
  /** The policies of the routes that the fill went on by, outermost first. */
  readonly overrides: Policy[];
  /** Ends the sharing of the response: it will not be stored. */
  giveUp(): void;
}

/** A request that a cache has forwarded, as a cache of the same `redisCache` call further in meets it. */
export interface ForwardedRequest {
  readonly exchange: Pick<Exchange, 'cacheLevel'>;
  /** The policy of the middleware that forwarded it. */
  readonly ownPolicy: Policy;
  /** When it reached the first of the caches, by `performance.now()`. */
  readonly startedAt: number;
  /** Milliseconds that it has waited for the store. */
  readonly spentMs: number;
  /** The fill that the cache in front has begun for it, until that is settled. */
  readonly fill: NestableFill | undefined;
  /** The URL that it invalidates, for an unsafe request. */
  readonly invalidates: string | undefined;
  /** The same request at the cache further in that reports it. */
  next: ForwardedRequest | undefined;
}

/** How many keys' overrides are remembered. */
const REMEMBERED = 10_000;
/** How long (in milliseconds) requests are left to a route that took a fill over. */
const TAKEN_OVER_MS = 60_000;

interface Override {
  /** The identity of the cache whose fill it was. */
  readonly identity: object;
  /** The policies that the fill went on by, outermost first; none: the route took the fill over. */
  readonly policies: readonly Policy[];
}

/**
 * The requests that caches in front have forwarded, and what routes made of their fills. The latter is a hint of this process:
 * where it is missing the cache in front looks up by its own policy, and where it is out of date:
 *
 * - A look-up takes from a route's policy what is decided without the route: `directives`, `collapse`, `earlyRefresh`,
 *   `originTimeout`. A fill begins by the own policy, since another handler may answer by now.
 * - Conditions that only the route can ask (`enabled`, `when`: they may read `req.user` or `req.params`) are not asked in
 *   its place. The request is forwarded (`detail=route`), and the route's own cache answers it.
 * - The same holds for a route that takes fills over, because it is off or has a key of its own: a lease and a wait for a
 *   response that will not be shared are spared.
 *
 * Forwarding a request is never wrong, since a cache in front never uses what was stored behind it (`cacheLevel`).
 */
export class NestedCaches {
  readonly #forwarded = new WeakMap<IncomingMessage, ForwardedRequest>();
  readonly #overrides: LRUCache<string, Override>;

  /** @param time by which overrides are forgotten, in milliseconds. */
  constructor(time: Perf) {
    this.#overrides = new LRUCache({ maxSize: REMEMBERED, sizeCalculation: () => 1, perf: time });
  }

  /** The request as the nearest cache in front has forwarded it. */
  inFront(req: IncomingMessage): ForwardedRequest | undefined {
    return this.#forwarded.get(req);
  }

  forward(req: IncomingMessage, forwarded: ForwardedRequest): void {
    this.#forwarded.set(req, forwarded);
  }

  /** Forgets a request that is answered. A small collection keeps what an old WeakMap holds, request and response too. */
  forget(req: IncomingMessage): void {
    this.#forwarded.delete(req);
  }

  /** The policy to look up by; `undefined` where a route behind this cache decides. */
  policyFor(exchange: Exchange, ownPolicy: Policy, identity: Identity): Policy | undefined {
    const override = this.#overrides.get(identity.id);
    if (override?.identity !== ownPolicy.identity) return ownPolicy;
    const { policies } = override;
    const { absent } = exchange.optionReads;
    if (policies.some((route) => mustAskRoute(exchange.method, ownPolicy, route, absent))) return undefined;
    return policies.at(-1);
  }

  /** A route with the same key: the fill goes on by the route's policy. */
  async override(fill: NestableFill, exchange: Exchange, policy: Policy): Promise<void> {
    fill.policy = policy;
    fill.overrides.push(policy);
    this.#remember(fill.identity, fill.overrides);
    if (!policy.methods.has(exchange.method)) fill.giveUp();
    const { when } = policy;
    if (when && !(await fill.reads.untrackedAsync(() => when(exchange.req, exchange.res)))) fill.giveUp();
    if (policy.guard !== 'off') fill.reads.begin(exchange.req, exchange.res);
  }

  /** A route that is off or has another key: the fill in front is not stored, and its lease is free at once. */
  takeOver(fill: NestableFill): void {
    this.#overrides.set(
      fill.identity.id,
      { identity: fill.identity.policy.identity, policies: [] },
      { ttl: TAKEN_OVER_MS },
    );
    fill.giveUp();
  }

  /** A fill was stored and no route took part in it: the cache in front looks up by its own policy again. */
  forgetOverride({ id }: Identity, cacheLevel: number): void {
    if (cacheLevel < 2) this.#overrides.delete(id);
  }

  #remember({ id, policy }: Identity, policies: readonly Policy[]): void {
    this.#overrides.set(id, { identity: policy.identity, policies });
  }
}

/** Whether a route has conditions that the cache in front has not asked, or could not ask yet. */
function mustAskRoute(
  method: string,
  own: Policy,
  { enabled, when, methods }: Policy,
  /** Whether `when` has read a property that was not there in front: the route may see it. */
  readsAbsent: boolean,
): boolean {
  if (!methods.has(method)) return true;
  if (enabled && enabled !== own.enabled) return true;
  return when !== undefined && (when !== own.when || readsAbsent);
}
