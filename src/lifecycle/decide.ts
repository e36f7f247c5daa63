import type { StoredResponse } from '../codec/stored-response.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { isEarly, type Reuse, reuse } from '../http/reuse.ts';
import type { Identity } from '../key/identify.ts';
import type { Policy } from '../options/policy.ts';
import type { Core } from './core.ts';
import type { Found } from './lookup.ts';
import { isWorthRefreshing } from './refresh.ts';
import { chosen } from './representation.ts';
import { answerWith, suffices } from './serve.ts';
import { askedBy } from './storability.ts';

/** What was found, and how it may be used for this request. */
export interface Weighed {
  /** `undefined` where nothing was found that could be the answer, whatever its age. */
  readonly stored: StoredResponse | undefined;
  readonly usable: Reuse | undefined;
  /** Whether it could be refreshed behind the answer. */
  readonly canRefresh: boolean;
}

export function weigh(x: Exchange, policy: Policy, core: Core, found: Found): Weighed {
  const now = core.clock();
  const stored = found.stored && suffices(x, found.stored, now) ? found.stored : undefined;
  if (!stored) return NOTHING;
  const canRefresh = isWorthRefreshing(stored, policy) && core.refreshes.canRefresh(x, found.place);
  return { stored, usable: reuse(stored, askedBy(x, policy), now, canRefresh), canRefresh };
}

/** Answers with what was found, if it may be sent as it is. @returns whether it did. */
export function answeredBy(
  x: Exchange,
  policy: Policy,
  core: Core,
  identity: Identity,
  found: Found,
  { stored, usable, canRefresh }: Weighed,
): boolean {
  if (!stored || usable?.kind !== 'send') return false;
  const { age, ttl, refresh } = usable;
  const early = !refresh && policy.earlyRefresh > 0 && canRefresh;
  if (refresh || (early && isEarly(stored, ttl, policy.earlyRefresh, Math.random()))) {
    core.refreshes.begin(x, policy, identity, stored, found.place, found.seen);
  }
  const detail = refresh ? { detail: 'stale-while-revalidate' } : found.near ? { detail: 'near' } : {};
  answerWith(x, core, stored, age, { kind: 'hit', ttl: Math.floor(ttl / 1000), ...detail });
  return true;
}

/** The same with what is near, and fresh: what is not may be another by now, which Redis knows. */
export function answeredNear(x: Exchange, policy: Policy, core: Core, identity: Identity): boolean {
  let found = core.lookup.near(identity, x.headers, policy.hash, x.depth);
  if (!found) return false;
  if (found.stored?.encodings) {
    const stored = chosen(x, policy, found.stored);
    // To decode one takes longer than to ask.
    if (stored instanceof Promise) return false;
    found = { ...found, stored };
  }
  const weighed = weigh(x, policy, core, found);
  if (weighed.usable?.kind !== 'send' || weighed.usable.refresh) return false;
  return answeredBy(x, policy, core, identity, found, weighed);
}

const NOTHING: Weighed = { stored: undefined, usable: undefined, canRefresh: false };
