import type { Exchange } from '../exchange/exchange.ts';
import { reuse } from '../http/reuse.ts';
import type { Identity } from '../key/identify.ts';
import type { Policy } from '../options/policy.ts';
import { Fault } from '../store/fault.ts';
import type { Core } from './core.ts';
import type { Found } from './lookup.ts';
import { chosen } from './representation.ts';
import { answerWith, suffices } from './serve.ts';
import { askedBy } from './storability.ts';

/**
 * Where nothing is stored yet: answers with what the deployment before has stored, as far as it may be used, and has it
 * made anew behind the answer. Resolves to whether it could.
 */
export async function answeredByPrevious(
  x: Exchange,
  policy: Policy,
  core: Core,
  identity: Identity,
  found: Found,
): Promise<boolean> {
  if (!core.previous || !core.refreshes.canRefresh(x, found.place)) return false;
  const before = await core.previous.find(identity, x.headers, policy.hash, x.depth);
  const now = core.clock();
  if (before instanceof Fault || !before.stored || !suffices(x, before.stored, now)) return false;
  const stored = await chosen(x, policy, before.stored);
  if (!stored) return false;
  const usable = reuse(stored, askedBy(x, policy), now, true);
  if (usable.kind !== 'send') return false;
  void core.refreshes.begin(x, policy, identity, stored, found.place, found.seen);
  answerWith(x, core, stored, usable.age, { kind: 'hit', ttlMs: usable.ttl, detail: 'previous' });
  return true;
}
