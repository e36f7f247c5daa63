import type { IncomingMessage } from 'node:http';
import { identitySize } from '../codec/encodings.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { Exchange } from '../exchange/exchange.ts';
import {
  type ExplainRequest,
  isRequest,
  notExplained,
  probeRequest,
  responseOf,
} from '../exchange/probe-request.ts';
import { field } from '../http/headers.ts';
import { reuse } from '../http/reuse.ts';
import { normalizeQuery, sharedMethod } from '../key/cache-key.ts';
import type { Identity } from '../key/identify.ts';
import { bypass, type CacheOutcome } from '../observe/outcome.ts';
import { type CacheReason, reasonOf, reasonsOf } from '../observe/reasons.ts';
import type { Policy } from '../options/policy.ts';
import { OptionFailure } from '../options/user-function.ts';
import { differentAt } from '../sharing/audience.ts';
import { Fault } from '../store/fault.ts';
import type { CacheContext } from './context.ts';
import { type Decision, decide, outcomeOf } from './decide.ts';
import { acceptFound, decideNear, startLookUp } from './find-stored.ts';
import { isForwardedUnsafe, qualify } from './gate.ts';
import { Lookup } from './lookup.ts';
import { explainPurgeRequest } from './purge-request.ts';
import { isRepeatable, isWorthRefreshing } from './refresh.ts';
import { Transaction } from './transaction.ts';
import { dependentOutcome, passesAtOnce } from './verification.ts';

/** What a cache would do with a request now, and why. It contains the cache key and header values: take care where you log it. */
export interface Explanation {
  /** What `Cache-Status` would say, as far as it is known before the app answers; `undefined` while `enabled` is false. */
  readonly cacheStatus: string | undefined;
  /** The rules behind that, the most general first. */
  readonly because: readonly CacheReason[];
  /** Who asks; absent while `enabled` is false. */
  readonly caller?: {
    /** The names of the request's credentials, never their values: `authorization`, `cookie sid`. */
    readonly credentials: readonly string[];
    /** The kind of caller, as a short hash; empty for a request with no credentials and no values placed in front. */
    readonly shape: string;
    /** Whether the request has no credentials. */
    readonly stranger: boolean;
  };
  /** The cache key, where the request has one. */
  readonly key?: {
    readonly text: string;
    /** The id in Redis: the text itself, or its hash. */
    readonly id: string;
    /** The parts of the default key; `undefined` for a `key` of your own. */
    readonly of?: {
      readonly method: string;
      readonly scheme: string;
      readonly host: string;
      readonly path: string;
      /** The normalized query without `?`; `undefined` if no parameter is part of the key. */
      readonly query: string | undefined;
    };
  };
  /** The variant that the request selects: by the declared parts (option `vary`) and the fields that `Vary` names. */
  readonly variant?: {
    /** The id in Redis. */
    readonly id: string;
    readonly declaredParts: readonly unknown[];
    readonly vary: string | undefined;
    /** Whether the responses of the key vary, so that there may be other variants. */
    readonly others: boolean;
  };
  /** The stored response. `ttlMs` is negative for a stale one. */
  readonly stored?: {
    readonly status: number;
    readonly ageMs: number;
    readonly ttlMs: number;
    /** Bytes of the body as the app sent it. */
    readonly size: number;
    readonly tags: readonly string[];
    /** Time that the app took to make the response. */
    readonly originMs: number;
    /** Whether it was purged softly. */
    readonly purged: boolean;
    /** The names that select it: header fields (`accept-language`), and values placed in front (`res.locals.lang`). */
    readonly selectors: readonly string[];
    /** Who may have it: everyone, or the shapes of requests for which the app was seen to give the same response. */
    readonly audience:
      | 'everyone'
      | {
          readonly same: readonly string[];
          /** Shapes for which the app gave another one within the last 10 minutes. */
          readonly different: readonly string[];
          /** What is known of this request's shape. It may have the response if `same`. */
          readonly standing: 'same' | 'different' | 'unseen';
        };
  };
  /** The function among the options that failed for this request. */
  readonly failure?: { readonly option: string; readonly message: string };
  /** Why this process did not store the last response for the key. It remembers 1000 keys. */
  readonly refused?: CacheReason & { readonly at: Date };
}

/**
 * Explains what the cache does with a request. It calls the functions among the options and reads Redis, but changes
 * nothing: no lease, no count, no event, no value in the near cache. It decides by the functions that decide requests,
 * so that the two cannot differ.
 */
export async function explain(
  context: CacheContext,
  policy: Policy,
  request: IncomingMessage | string | URL,
  init: ExplainRequest = {},
): Promise<Explanation> {
  const given = isRequest(request) ? request : undefined;
  if (!given && typeof request !== 'string' && typeof (request as URL | null)?.href !== 'string')
    throw notExplained(request);
  const res = given ? responseOf(given) : probeRequest(request as string | URL, init);
  const exchange = new context.Exchange(given ?? res.req, res, () => {});
  const t = given
    ? new ExplainedTransaction(exchange, policy, context)
    : new ProbeTransaction(exchange, policy, context);
  let unqualified: CacheOutcome | undefined;
  try {
    if (policy.enabled && !(await policy.enabled(exchange.req, exchange.res)))
      return { cacheStatus: undefined, because: [] };
    unqualified = (await outcomeOfCommand(t)) ?? (await qualify(t));
  } catch (error) {
    if (!(error instanceof OptionFailure)) throw error;
    const { detail, option, message } = error;
    return explained(t, bypass(detail), { failure: { option, message } });
  }
  if (!t.key) return explained(t, unqualified!);

  const { identity } = t;
  const last = context.reporter.refusalOf(identity.key);
  const facts = {
    key: keyOf(exchange, policy, identity),
    ...(last && { refused: { ...reasonOf(last.detail), at: new Date(last.at) } }),
  };
  if (unqualified) return explained(t, unqualified, facts);
  const near = decideNear(t);
  const { peek, getNear } = context.store.responses;
  const lookup = new Lookup({ get: peek, getNear }, context.keyring, context.pendingInvalidations);
  const found = near ? t.found : await acceptFound(t, await startLookUp(t, lookup));
  if (found instanceof Fault) return explained(t, bypass(found.code), facts);
  const decision = near ?? decide(t, found, t.policy, context.clock());
  const { stored } = found;
  const variant = {
    id: found.ref.variant,
    declaredParts: identity.declared === '' ? [] : JSON.parse(identity.declared),
    vary: stored && field(stored.headers, 'vary'),
    others: found.otherVariants,
  };
  return explained(t, outcomeOfDecision(t, decision), {
    ...facts,
    variant,
    ...(stored && { stored: summary(t, stored) }),
  });
}

/** What `Cache-Status` says of the decision, unless the request passes at once. */
function outcomeOfDecision(t: Transaction, decision: Decision): CacheOutcome {
  const { mode } = t.policy;
  const fills = decision.kind === 'compare' || decision.kind === 'fill' || decision.kind === 'validate';
  if (fills && mode === 'serve' && passesAtOnce(t)) return dependentOutcome(decision.reason);
  return outcomeOf(decision, mode);
}

/** A request that is explained. It stays as it is. */
class ExplainedTransaction extends Transaction {
  #hidden: readonly string[] = [];

  /** Takes header fields away from what is explained. */
  hide(names: readonly string[]): void {
    this.#hidden = names;
    const left = { ...this.headers };
    for (const name of names) delete left[name];
    this.exchange.headers = left;
  }

  protected override get ignored(): ReadonlySet<string> {
    return new Set([...super.ignored, ...this.#hidden]);
  }
}

/** A request that nobody sends: a real one for the same URL could be refreshed behind its answer. */
class ProbeTransaction extends ExplainedTransaction {
  override canRefresh(stored: StoredResponse): boolean {
    return isRepeatable(this.method) && isWorthRefreshing(stored, this.policy);
  }
}

/** The outcome of a request that changes what is stored: a purge by a header field, or an unsafe method. */
async function outcomeOfCommand(t: ExplainedTransaction): Promise<CacheOutcome | undefined> {
  const { outcome, hidden } = await explainPurgeRequest(t);
  if (outcome) return outcome;
  t.hide(hidden);
  return isForwardedUnsafe(t) ? { kind: 'forward', fwd: 'method' } : undefined;
}

function explained(t: Transaction, outcome: CacheOutcome, more: Partial<Explanation> = {}): Explanation {
  return { cacheStatus: t.cacheStatus(outcome), because: reasonsOf(outcome), caller: callerOf(t), ...more };
}

function callerOf({ caller }: Transaction): NonNullable<Explanation['caller']> {
  const { credentials, shape, isStranger } = caller;
  return { credentials: credentials.map(({ name }) => name), shape, stranger: isStranger };
}

function keyOf(x: Exchange, policy: Policy, { key: text, id }: Identity): NonNullable<Explanation['key']> {
  const target = policy.key ? undefined : x.target;
  if (!target) return { text, id };
  const url = normalizeQuery(target.url, policy.vary.query);
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? undefined : url.slice(mark + 1);
  const { scheme, host } = target;
  return { text, id, of: { method: sharedMethod(x.method), scheme, host, path, query } };
}

function summary(t: Transaction, stored: StoredResponse): NonNullable<Explanation['stored']> {
  const { status, tags, originMs, purged, selectors } = stored;
  const now = t.context.clock();
  // The same sum that decides.
  const { age, ttl } = reuse(stored, undefined, now, false);
  const audience = audienceOf(t, stored, now);
  const size = identitySize(stored);
  return { status, ageMs: age, ttlMs: ttl, size, tags, originMs, purged, selectors, audience };
}

function audienceOf(
  t: Transaction,
  stored: StoredResponse,
  now: number,
): NonNullable<Explanation['stored']>['audience'] {
  const { audience } = stored;
  if (!audience) return 'everyone';
  return { same: audience.same, different: differentAt(audience, now), standing: t.standing(stored) };
}
