import type { IncomingMessage } from 'node:http';
import type { StoredResponse } from '../codec/stored-response.ts';
import { Exchange } from '../exchange/exchange.ts';
import { type ExplainRequest, probeRequest, responseOf } from '../exchange/probe-request.ts';
import { targetOf } from '../exchange/target.ts';
import { field } from '../http/headers.ts';
import { isUnsafe } from '../http/invalidation.ts';
import { reuse } from '../http/reuse.ts';
import { normalizeQuery, redisId } from '../key/cache-key.ts';
import { type Identity, identify } from '../key/identify.ts';
import { cacheStatus } from '../observe/cache-status.ts';
import type { Outcome } from '../observe/outcome.ts';
import { type Rule, ruleOf, rulesOf } from '../observe/reasons.ts';
import type { Policy } from '../options/policy.ts';
import { Fault } from '../store/fault.ts';
import type { Core } from './core.ts';
import { bypass, gate } from './gate.ts';
import { type Found, Lookup } from './lookup.ts';
import { isWorthRefreshing } from './refresh.ts';
import { suffices } from './serve.ts';
import { askedBy } from './storability.ts';

/** What a cache would do with a request now, and why. It holds the key and header values that are part of it. */
export interface Explanation {
  /** What `Cache-Status` would say, as far as it is known before the app answers; `undefined` while `enabled` is false. */
  readonly cacheStatus: string | undefined;
  /** The rules behind that, the most general first. */
  readonly because: readonly Rule[];
  /** The cache key, where the request has one. */
  readonly key?: {
    readonly text: string;
    /** As it stands in Redis: itself, or its hash. */
    readonly id: string;
    /** What it is made of; `undefined` for a `key` of your own. */
    readonly of?: {
      readonly method: string;
      readonly scheme: string;
      readonly host: string;
      readonly path: string;
      /** As normalized, without the question mark; `undefined` where none of it belongs to the key. */
      readonly query: string | undefined;
    };
  };
  /** Which of the responses for the key: by the declared parts (option `vary`) and the fields that `Vary` names. */
  readonly variant?: {
    /** As it stands in Redis. */
    readonly id: string;
    readonly declared: readonly unknown[];
    readonly vary: string | undefined;
    /** Whether the key's responses vary by fields, so that there may be others. */
    readonly others: boolean;
  };
  /** What is stored there. Times in milliseconds; `ttl` is negative when it is stale. */
  readonly stored?: {
    readonly status: number;
    readonly age: number;
    readonly ttl: number;
    /** Of the body, in bytes. */
    readonly size: number;
    readonly tags: readonly string[];
    /** How long the app took to make it. */
    readonly took: number;
    /** Whether it was purged softly. */
    readonly purged: boolean;
  };
  /** Why the last response for the key was not stored, where this process remembers (1000 keys). */
  readonly refused?: Rule & { readonly at: Date };
}

/**
 * Goes the way of a request without being one: functions among the options are asked, Redis is read once, and nothing is
 * changed, leased, counted or told.
 */
export async function explain(
  core: Core,
  policy: Policy,
  request: IncomingMessage | string | URL,
  init: ExplainRequest = {},
): Promise<Explanation> {
  const given = typeof request === 'string' || request instanceof URL ? undefined : request;
  const res = given ? responseOf(given) : probeRequest(request as string | URL, init);
  const x = new Exchange(given ?? res.req, res, () => {});
  if (policy.enabled && !(await policy.enabled(x.req, x.res))) return { cacheStatus: undefined, because: [] };
  const early = await unasked(x, policy);
  if (early) return told(core, early);
  const identity = await identify(x, policy);
  if (typeof identity === 'string') return told(core, bypass(identity));

  const key = keyOf(x, policy, identity);
  const last = core.refusals.get(redisId(identity.key, undefined));
  const refused = last && { refused: { ...ruleOf(last.detail), at: new Date(last.at) } };
  // One of its own, so that nothing is remembered for having been explained.
  const lookup = new Lookup(core.store, core.keyring, core.owed);
  const found = await lookup.find(identity, x.headers, policy.hash, x.depth);
  if (found instanceof Fault) return told(core, bypass(found.code), { key, ...refused });
  const decided = await decide(x, policy, core, identity, found, given !== undefined);
  const { stored } = found;
  const variant = {
    id: found.place.variant,
    declared: identity.declared === '' ? [] : JSON.parse(identity.declared),
    vary: stored && field(stored.headers, 'vary'),
    others: found.otherVariants,
  };
  return told(core, decided, {
    ...{ key, variant },
    ...(stored && { stored: summary(stored, core.clock()) }),
    ...refused,
  });
}

function told(core: Core, outcome: Outcome, more: Partial<Explanation> = {}): Explanation {
  return { cacheStatus: cacheStatus(core.name, outcome), because: rulesOf(outcome), ...more };
}

/** What is decided before anything is looked up. */
async function unasked(x: Exchange, policy: Policy): Promise<Outcome | undefined> {
  if (!policy.methods.has(x.method) && isUnsafe(x.method)) return { kind: 'forward', fwd: 'method' };
  const gated = gate(x, policy);
  if (gated || !policy.when) return gated;
  return (await policy.when(x.req, x.res)) ? undefined : bypass('when');
}

/** The decision of the lifecycle, up to where the app would be asked. @param real whether the request was sent. */
async function decide(
  x: Exchange,
  policy: Policy,
  core: Core,
  identity: Identity,
  found: Found,
  real: boolean,
): Promise<Outcome> {
  const now = core.clock();
  const directives = askedBy(x, policy);
  const stored = found.stored && suffices(x, found.stored, now) ? found.stored : undefined;
  const refreshable = real
    ? core.refreshes.canRefresh(x, found.place)
    : x.method === 'GET' || x.method === 'HEAD';
  const canRefresh = stored !== undefined && isWorthRefreshing(stored, policy) && refreshable;
  const usable = stored && reuse(stored, directives, now, canRefresh);
  if (usable?.kind === 'send') return hit(usable.ttl, usable.refresh ? 'stale-while-revalidate' : undefined);
  if (!stored && !found.otherVariants && core.previous && refreshable) {
    const before = await core.previous.find(identity, x.headers, policy.hash, x.depth);
    if (!(before instanceof Fault) && before.stored && suffices(x, before.stored, now)) {
      const usable = reuse(before.stored, directives, now, true);
      if (usable.kind === 'send') return hit(usable.ttl, 'previous');
    }
  }
  const missed = found.stored?.status === 206 ? 'partial' : found.otherVariants ? 'vary-miss' : 'uri-miss';
  const fwd = usable?.kind === 'validate' ? usable.fwd : missed;
  if (directives?.has('only-if-cached')) return { kind: 'unsatisfied', fwd, detail: 'only-if-cached' };
  return { kind: 'forward', fwd, ...(x.method === 'HEAD' && { detail: 'head' }) };
}

function hit(ttl: number, detail: string | undefined): Outcome {
  return { kind: 'hit', ttl: Math.floor(ttl / 1000), ...(detail !== undefined && { detail }) };
}

function keyOf(x: Exchange, policy: Policy, { key: text, id }: Identity): NonNullable<Explanation['key']> {
  const target = policy.key ? undefined : targetOf(x.req);
  if (!target) return { text, id };
  const url = normalizeQuery(target.url, policy.query);
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? undefined : url.slice(mark + 1);
  const { scheme, host } = target;
  return { text, id, of: { method: x.method === 'HEAD' ? 'GET' : x.method, scheme, host, path, query } };
}

function summary(stored: StoredResponse, now: number): NonNullable<Explanation['stored']> {
  const { status, body, tags, originMs, purged } = stored;
  // The same sum that decides.
  const { age, ttl } = reuse(stored, undefined, now, false);
  return { status, age, ttl, size: body.length, tags, took: originMs, purged };
}
