import { Fault } from '../store/fault.ts';
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
