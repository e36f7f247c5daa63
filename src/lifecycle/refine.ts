import type { Exchange } from '../exchange/exchange.ts';
import type { Policy } from '../options/policy.ts';
import type { Core, Fill } from './core.ts';

/** What a route's cache does behind another one that is filling already. */

/** A route whose cache is off leaves the fill of the cache in front unstored. */
export function leave(x: Exchange, running: Fill | undefined, core: Core): void {
  if (running) setAside(running, core);
  x.forward();
}

/** A fill that goes on, but whose response is not stored; for a while the next requests are left to the route. */
export function setAside(running: Fill, core: Core): void {
  core.routes.setAside(running.identity);
  running.refused = 'route';
  running.watch.end();
}

/** A route behind the cache that has the same key: the fill under way goes on by the route's policy. */
export async function refine(x: Exchange, policy: Policy, running: Fill, core: Core): Promise<void> {
  running.policy = policy;
  running.refinements.push(policy);
  core.routes.refined(running.identity, running.refinements);
  if (!policy.methods.has(x.method)) running.refused = 'route';
  const { when } = policy;
  if (when && !(await running.watch.aside(() => when(x.req, x.res)))) running.refused = 'route';
  if (policy.guard !== 'off') running.watch.begin(x.req);
  x.forward();
}
