import type { StoredResponse } from '../codec/stored-response.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { usableOnError } from '../http/reuse.ts';
import type { Identity } from '../key/identify.ts';
import type { Outcome } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import type { Core } from './core.ts';
import type { Found } from './lookup.ts';
import { answerWith } from './serve.ts';
import { askedBy } from './storability.ts';
import { within } from './with-timeout.ts';

/**
 * With `originTimeout`, where what is stored may stand in for an app that fails: the app has only so long to show whether
 * it does. It is asked by a request of the cache's own, which goes on when the client has been answered.
 * @returns whether the client was answered, or is to look again, or is for the app itself.
 */
export async function standIn(
  x: Exchange,
  policy: Policy,
  core: Core,
  identity: Identity,
  found: Found,
  stored: StoredResponse,
): Promise<'answered' | 'again' | 'forward'> {
  const may = (): boolean => mayStandIn(x, policy, core, found);
  if (policy.originTimeout === undefined || !may()) return 'forward';
  const asked = core.refreshes.begin(x, policy, identity, stored, found.place, found.seen);
  const known = asked.then((result) => ({ result }));
  const timely = await within(known, policy.originTimeout);
  const result = timely ? timely.result : 'late';
  if (result === 'stored' || result === 'not-needed') return 'again';
  const failed = result === 'failed' || result === 'elsewhere' || result === 'late';
  if (!failed || !may()) return 'forward';
  const detail = result === 'failed' ? 'stale-if-error' : 'origin-timeout';
  answerInstead(x, core, stored, { fwd: 'stale', detail });
  return 'answered';
}

/** Whether what was found may stand in for an app that fails now (RFC 5861 §4). */
export function mayStandIn(x: Exchange, policy: Policy, core: Core, { stored }: Found): boolean {
  const whole = stored !== undefined && stored.status !== 206;
  return whole && usableOnError(504, stored, askedBy(x, policy), core.clock());
}

/** Answers with what is stored, in the app's stead. */
export function answerInstead(
  x: Exchange,
  core: Core,
  stored: StoredResponse,
  outcome: Omit<Outcome, 'kind'>,
): void {
  answerWith(x, core, stored, Math.max(0, core.clock() - stored.bornAt), { kind: 'forward', ...outcome });
}
