import { onceUnnoticed } from '../exchange/disconnect-watch.ts';
import { bypass } from '../observe/outcome.ts';
import { Fault } from '../store/fault.ts';
import type { Decision } from './decide.ts';
import { Fill } from './fill.ts';
import { ShadowComparison } from './shadow-comparison.ts';
import type { Transaction } from './transaction.ts';
import { comparisonRef } from './verification.ts';

/*
 * `mode: 'shadow'`: the app answers every request as the client sent it. In the background, the response that the cache
 * would have served is compared with the app's, and the response that it would have stored is stored.
 */

/** Fields of a request for less than the whole response. */
const FOR_LESS = ['range', 'if-none-match', 'if-modified-since'] as const;

/** Lets the app answer a request, and records what the cache would have done. */
export async function shadow(t: Transaction, decision: Decision): Promise<void> {
  const { exchange, context, identity, found, policy } = t;
  const comparison = new ShadowComparison(t, decision);
  const isForLess = FOR_LESS.some((name) => exchange.headers[name] !== undefined);
  if (exchange.method !== 'GET' || isForLess) {
    onceUnnoticed(exchange.res, 'close', () => comparison.count());
    return t.forward(bypass(comparison.detail));
  }
  comparison.begin();
  // A response that would have been refreshed in the background is stored again.
  const isFill = decision.kind === 'serve' ? decision.refresh === 'stale' : decision.kind !== 'forward';
  const compared = decision.kind === 'compare' ? found : undefined;
  const ref = compared ? comparisonRef(found.ref, t.caller.shape) : found.ref;
  const seen = compared ? undefined : found.value;
  const isWanted = isFill && !context.dependentPlaces.isDependent(found.ref, t.caller);
  const turn = isWanted
    ? await context.collapse.tryLead(ref, identity.key, seen, policy.collapse.lease, t)
    : undefined;
  const lead = turn instanceof Fault ? undefined : turn;
  new Fill(t, {
    lease: lead?.lease,
    flight: lead?.flight,
    reason: 'bypass',
    candidate: undefined,
    shadow: comparison,
    ...(compared && lead && { compared }),
  }).start();
}
