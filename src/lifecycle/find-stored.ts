import { Fault, isAway } from '../store/fault.ts';
import type { Lead } from './collapse.ts';
import { type Decision, decide } from './decide.ts';
import type { Found, Lookup } from './lookup.ts';
import { chooseEncoded, negotiate } from './representation.ts';
import type { Transaction } from './transaction.ts';

/** Finding what is stored for a request: first in the near cache, then in Redis. */

/**
 * The decision for a response in the near cache, if it can be served without asking Redis; `undefined` otherwise. A
 * stale one is left to the look-up, since Redis may hold a newer one.
 */
export function decideNear(t: Transaction): Extract<Decision, { kind: 'serve' }> | undefined {
  const { context, policy } = t;
  // Shadow mode measures look-ups in Redis.
  if (policy.mode !== 'serve') return undefined;
  const found = context.lookup.near(t);
  // Decoding a compressed body takes longer than asking Redis.
  const stored = found?.stored && chooseEncoded(t, found.stored);
  if (!found || !stored) return undefined;
  t.found = stored === found.stored ? found : { ...found, stored };
  const decision = decide(t, t.found, policy, context.clock());
  return decision.kind === 'serve' && decision.refresh !== 'stale' ? decision : undefined;
}

/** Starts the look-up in Redis. Pass the result to `acceptFound`. Two functions, so that a hit awaits one promise. */
export function startLookUp(t: Transaction, lookup: Lookup): Promise<Found | Fault> {
  const { startedAt, startsMs } = t;
  startsMs.lookup = performance.now() - startedAt;
  return lookup.find(t);
}

/**
 * Asks for the lease of a fill in place of a look-up, where nothing is expected to be stored: the lease is given only if
 * nothing is. So a miss has one round trip to Redis before its handler runs, and not two.
 * @returns a fault where Redis does not reply; `undefined` where the request has to be looked up: something is stored, another
 *   fill is under way, or the server refuses to write.
 */
export async function claimUnseen(t: Transaction): Promise<Lead | Fault | undefined> {
  const { context, durationsMs, found, identity, ownPolicy, startedAt, startsMs } = t;
  const sentAt = performance.now();
  const lead = await context.collapse.tryLead(
    found.ref,
    identity.key,
    undefined,
    ownPolicy.collapse.lease,
    t,
  );
  if (!lead) return undefined;
  // A server that refuses to write may still be read from.
  if (lead instanceof Fault && !isAway(lead) && lead.code !== 'timeout') {
    context.lookup.misses.reset();
    return undefined;
  }
  startsMs.lookup = sentAt - startedAt;
  durationsMs.lookup = performance.now() - sentAt;
  if (!(lead instanceof Fault)) context.lookup.rememberNothing(t);
  return lead;
}

/** Takes what the look-up has found, in the representation that the request accepts. */
export function acceptFound(t: Transaction, found: Found | Fault): Found | Fault | Promise<Found> {
  const { durationsMs, policy, refresh, startedAt, startsMs } = t;
  durationsMs.lookup = performance.now() - startedAt - (startsMs.lookup as number);
  if (found instanceof Fault) return found;
  t.found = found;
  // A refresh needs the stored bytes as they are; shadow mode compares with the body that the app sent.
  if (!found.stored?.encodings || refresh) return found;
  return negotiated(t, found, policy.mode === 'shadow');
}

async function negotiated(t: Transaction, found: Found, asSent: boolean): Promise<Found> {
  const chosen = await negotiate(t, found, asSent);
  t.found = chosen;
  return chosen;
}

/** Deletes damaged values that the look-up met, and tells the listeners. */
export function discardDamaged({ context, found }: Transaction): void {
  for (const ref of found.damaged) {
    const key = `${ref.id} ${ref.variant}`;
    context.reporter.fault({ step: 'decode', code: 'corrupt', message: 'a damaged value', key });
    context.track(context.store.responses.discard(ref));
  }
}
