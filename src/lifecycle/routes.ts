import { LRUCache } from 'lru-cache';
import type { Exchange } from '../exchange/exchange.ts';
import type { Identity } from '../key/identify.ts';
import type { Policy } from '../options/policy.ts';

/** For so many keys it is known what their routes made of the last fill. */
const REMEMBERED = 10_000;
/** For so long (in milliseconds) a fill that a route has set aside is not tried again. */
const SET_ASIDE = 60_000;

interface Known {
  /** Of the cache whose fill it was. */
  readonly identity: object;
  /** Those that refined it, the last of which it was stored by; none: it was set aside. */
  readonly refinements: readonly Policy[];
}

/**
 * What the routes behind a cache have made of its fills, so that the next look-up goes by it: a cache in front meets
 * the request before the route does. It is a hint of this process. Where it is missing the cache goes by its own
 * policy, and where it is out of date:
 *
 * - Of a route's policy a look-up takes what is decided without the route: `directives`, `collapse`, `earlyRefresh`,
 *   `originTimeout`. All of it is as true of a response that is stored as the front's own would be. What is made anew
 *   begins by the front's policy, since another handler may answer by now.
 * - What only the route can say (`enabled`, `when`: they may ask who is logged in, or `req.params`) is not said in its
 *   stead. The request is let through, and the route's own cache answers it, from what is stored if it may.
 * - The same with a route that sets fills aside, because it is off or has a key of its own: a lease and a wait for what
 *   will not be shared are spared.
 *
 * To let a request through is never wrong, since what is stored behind is not used in front (`Exchange.depth`).
 */
export class Routes {
  readonly #known = new LRUCache<string, Known>({ max: REMEMBERED });

  /**
   * The policy to look up by: the cache's own, or that of the route that refined the last fill. Nothing: it is for the
   * route to decide.
   */
  policyAt(x: Exchange, policy: Policy, { id }: Identity): Policy | undefined {
    const known = this.#known.get(id);
    if (known?.identity !== policy.identity) return policy;
    if (known.refinements.some((route) => isForRoute(x, policy, route))) return undefined;
    return known.refinements.at(-1);
  }

  /** A route has refined a fill for this identity. */
  refined({ id, policy }: Identity, refinements: readonly Policy[]): void {
    this.#known.set(id, { identity: policy.identity, refinements });
  }

  /** A route has taken over from a fill for this identity. */
  setAside({ id, policy }: Identity): void {
    this.#known.set(id, { identity: policy.identity, refinements: [] }, { ttl: SET_ASIDE });
  }

  /** What was stored in front, and no route has refined, is the front's own affair again. */
  unrefined({ id }: Identity, depth: number): void {
    if (depth < 2) this.#known.delete(id);
  }
}

/** Whether a route has conditions that the cache in front has not asked, or could not ask yet. */
function isForRoute(x: Exchange, policy: Policy, { enabled, when, methods }: Policy): boolean {
  if (!methods.has(x.method)) return true;
  if (enabled && enabled !== policy.enabled) return true;
  return when !== undefined && (when !== policy.when || x.missed.size > 0);
}
