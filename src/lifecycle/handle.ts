import type { StoredResponse } from '../codec/stored-response.ts';
import { selects } from '../key/variant.ts';
import { ABANDONED, bypass, type CacheOutcome, type ForwardReason } from '../observe/outcome.ts';
import { Fault } from '../store/fault.ts';
import type { Turn } from './collapse.ts';
import { type Decision, decide, outcomeOf, type RequestFacts } from './decide.ts';
import { Fill } from './fill.ts';
import { acceptFound, claimUnseen, decideNear, discardDamaged, startLookUp } from './find-stored.ts';
import { isForwardedUnsafe, qualify } from './gate.ts';
import { forwardHead } from './head-request.ts';
import { forwardUnsafe } from './invalidate.ts';
import { reportError } from './option-fault.ts';
import { answerPurgeRequest } from './purge-request.ts';
import type { Refresh, RefreshResult } from './refresh.ts';
import { choose } from './representation.ts';
import { serve, serveOnError, serveStored, serveUnsatisfied } from './serve.ts';
import { shadow } from './shadow.ts';
import { serveAfterTimeout } from './stale-if-error.ts';
import type { Transaction } from './transaction.ts';
import { comparisonRef, dependentOutcome, passesAtOnce } from './verification.ts';

/**
 * READ THIS FIRST. The life of one request at one cache:
 *
 *   begin       nested caches, purge by a header field, unsafe methods
 *   qualify     is it looked up at all, and by which key (gate.ts)
 *   look up     near cache, then Redis (lookup.ts); a miss that is expected acquires the lease instead (`fillUnseen`)
 *   decide      one pure function (decide.ts)
 *   serve       from what is stored (serve.ts); or
 *   fill        one request runs the handler, others wait for it (collapse.ts, fill.ts, commit.ts)
 *   settle      one report for each request (transaction.ts)
 *
 * If a step fails, the app answers the request.
 */
export async function handle(t: Transaction): Promise<void> {
  const { context, exchange } = t;
  if (context.reporter.isListening) exchange.keepContext();
  try {
    const begun = begin(t);
    if (begun instanceof Promise ? await begun : begun) await answer(t);
  } catch (error) {
    const detail = reportError(context.reporter, error, t.ownPolicy);
    // The app's own errors never get here (see `Exchange.forward`). The app is called unless it was called already.
    if (exchange.forwarded || exchange.res.headersSent) return;
    // A fill that could not begin gives its lease back.
    t.fill?.giveUp();
    // What a route could not decide is not stored by a cache in front.
    t.inFront?.fill?.giveUp();
    if (t.refresh?.isFor(t.ownPolicy, exchange.cacheLevel)) dropRefresh(t, t.refresh, 'failed');
    else {
      t.reportInPlaceOfFront();
      t.forward(bypass(detail));
    }
  }
}

/**
 * All steps before the look-up.
 * @returns whether the request is looked up. A promise only where there is something to wait for, so that a usual hit awaits
 * nothing but the store.
 */
function begin(t: Transaction): boolean | Promise<boolean> {
  const { context, exchange, ownPolicy: policy } = t;
  const outerFill = t.inFront?.fill;
  if (policy.enabled || outerFill || context.settings.invalidation) return beginByAsking(t);
  if (policy.compress) exchange.askByOwnTags();
  return enter(t) && lookUpIfQualified(t);
}

/** The same where a function among the options is asked, or another cache in front has begun a fill. */
async function beginByAsking(t: Transaction): Promise<boolean> {
  const { context, exchange, ownPolicy: policy } = t;
  const outerFill = t.inFront?.fill;
  const { enabled } = policy;
  if (enabled) {
    const isEnabled = (): unknown => enabled(exchange.req, exchange.res);
    if (!(await (outerFill ? outerFill.reads.untrackedAsync(isEnabled) : isEnabled()))) {
      if (outerFill) context.nested.takeOver(outerFill);
      exchange.forward();
      return false;
    }
  }
  if (policy.compress) exchange.askByOwnTags();
  if (outerFill && outerFill.policy.identity === policy.identity) {
    context.setupChecks?.onSecondMount(t);
    await context.nested.override(outerFill, exchange, policy);
    exchange.forward();
    return false;
  }
  if (outerFill) context.nested.takeOver(outerFill);
  if (!enter(t)) return false;
  if (context.settings.invalidation && (await answerPurgeRequest(t))) return false;
  return lookUpIfQualified(t);
}

/** The request is this cache's to handle. @returns whether it goes on: it does not where another cache refreshes by it. */
function enter(t: Transaction): boolean {
  const { exchange, ownPolicy: policy, refresh } = t;
  t.reportInPlaceOfFront();
  // This internal request refreshes the response of another cache (another policy, level, `redisCache` call or copy of this
  // package): forward it.
  if (refresh ? !refresh.isFor(policy, exchange.cacheLevel) : exchange.isRefreshOnItsWay) {
    t.forward(bypass('refresh'));
    return false;
  }
  if (refresh) exchange.arriveAsRefresh();
  return true;
}

function lookUpIfQualified(t: Transaction): boolean | Promise<boolean> {
  if (isForwardedUnsafe(t)) return forwardUnsafe(t).then(() => false);
  const qualified = qualify(t);
  return qualified instanceof Promise
    ? qualified.then((unqualified) => isQualified(t, unqualified))
    : isQualified(t, qualified);
}

/** Forwards a request that is not looked up. */
function isQualified(t: Transaction, unqualified: CacheOutcome | undefined): boolean {
  if (!unqualified) return true;
  if (t.refresh) dropRefresh(t, t.refresh, 'bypass');
  else t.forward(unqualified);
  return false;
}

/** Looks up, decides and acts. It is called again when what was found has changed meanwhile. */
function answer(t: Transaction): void | Promise<void> {
  const { context } = t;
  const isFirstLook = t.startsMs.lookup === undefined;
  if (isFirstLook && !t.refresh) {
    const near = decideNear(t);
    if (near) return isCheckDue(t, near.stored) ? compare(t, 'vary-miss') : serve(t, near);
    if (context.lookup.expectsNothing(t)) return fillUnseen(t);
  }
  return lookUp(t);
}

async function lookUp(t: Transaction): Promise<void> {
  const { context, policy, refresh } = t;
  const looked = acceptFound(t, await startLookUp(t, context.lookup));
  const found = looked instanceof Promise ? await looked : looked;
  if (found instanceof Fault) {
    if (refresh) dropRefresh(t, refresh, 'in-progress');
    else bypassRedis(t, found);
    return;
  }
  if (found.damaged.length > 0) discardDamaged(t);
  if (refresh) return refreshStored(t, refresh);
  const decision = decide(t, found, policy, context.clock());
  if (policy.mode === 'shadow') return shadow(t, decision);
  if (decision.kind === 'serve')
    return isCheckDue(t, decision.stored) ? compare(t, 'vary-miss') : serve(t, decision);
  if (t.isAbandoned) return t.settle(ABANDONED);
  return act(t, decision);
}

/** Redis has not said what is stored. */
function bypassRedis(t: Transaction, { code }: Fault): void {
  if (t.isAbandoned) t.settle(ABANDONED);
  else t.forward(bypass(code));
}

/**
 * Runs the handler without a look-up, if nothing is stored and nobody else runs it. Else, and where a request without anything
 * stored would not lead a fill, it is looked up as any other. Where Redis does not reply, the app answers.
 */
async function fillUnseen(t: Transaction): Promise<void> {
  const { context, policy } = t;
  const nothing = context.lookup.nothing(t);
  t.found = nothing;
  const decision = decide(t, nothing, policy, context.clock());
  const mayLead = policy.mode === 'serve' && policy.collapse.wait > 0 && decision.kind === 'fill';
  if (!mayLead || passesAtOnce(t)) return lookUp(t);
  const lead = await claimUnseen(t);
  if (!lead) return lookUp(t);
  if (lead instanceof Fault) return bypassRedis(t, lead);
  if (t.isAbandoned) return abandon(t, lead);
  const { lease, flight } = lead;
  new Fill(t, { lease, flight, reason: decision.reason, candidate: undefined }).start();
}

/** Acts on a decision that does not serve. */
async function act(t: Transaction, decision: Exclude<Decision, { kind: 'serve' }>): Promise<void> {
  if (decision.kind === 'unsatisfied') return serveUnsatisfied(t, outcomeOf(decision));
  if (decision.kind === 'compare') return compare(t, decision.reason);
  const stored = decision.kind === 'fill' ? undefined : decision.stored;
  if (stored && decision.reason === 'stale' && t.retriesLeft > 0 && t.canRefresh(stored)) {
    const result = await serveAfterTimeout(t, stored);
    if (result === 'answered') return;
    if (result === 'look-again') return lookAgain(t);
  }
  if (decision.kind === 'forward') return forwardHead(t, outcomeOf(decision));
  return fill(t, decision.reason);
}

/** Runs the handler, or waits for another request that does. */
async function fill(t: Transaction, reason: ForwardReason): Promise<void> {
  const { context, found, identity } = t;
  if (passesAtOnce(t)) return t.forward(dependentOutcome(reason));
  const leaseMs = t.ownPolicy.collapse.lease;
  const turn: Turn = await context.collapse.join(found.ref, identity.key, found.value, leaseMs, t);
  if (t.isAbandoned) return abandon(t, turn);
  switch (turn.kind) {
    case 'lead': {
      const { lease, flight } = turn;
      return new Fill(t, { lease, flight, reason, candidate: candidateOf(t) }).start();
    }
    case 'stored':
      return serveShared(t, turn, reason);
    case 'look-again':
      if (t.retriesLeft > 0) return lookAgain(t);
      return t.forward({ kind: 'forward', fwd: reason, detail: 'fill-under-way' });
    case 'failed':
      if (found.stored && t.canServeStale())
        return serveOnError(t, found.stored, { fwd: reason, detail: 'stale-if-error', collapsed: true });
      return t.forward({ kind: 'forward', fwd: reason, detail: 'nothing-to-share' });
    case 'not-shared':
      return t.forward({ kind: 'forward', fwd: reason, detail: 'nothing-to-share' });
    case 'busy':
      context.setupChecks?.onBusy(t);
      return t.forward({ kind: 'forward', fwd: reason, detail: 'fill-under-way' });
    case 'fault':
      return t.forward({ kind: 'forward', fwd: reason, detail: turn.fault.code });
  }
}

/**
 * Runs the handler for a request of a shape that was not seen yet, or waits for another of the same shape, to learn whether
 * the app gives it what is stored.
 */
async function compare(t: Transaction, reason: ForwardReason): Promise<void> {
  const { context, found, identity, caller } = t;
  if (passesAtOnce(t)) return t.forward(dependentOutcome(reason));
  // A part cannot be compared with the whole.
  if (t.headers.range !== undefined) return t.forward({ kind: 'forward', fwd: reason, detail: 'verifying' });
  const ref = comparisonRef(found.ref, caller.shape);
  const leaseMs = t.ownPolicy.collapse.lease;
  const turn = await context.collapse.join(ref, identity.key, undefined, leaseMs, t);
  if (t.isAbandoned) return abandon(t, turn);
  switch (turn.kind) {
    case 'lead':
      return new Fill(t, { ...turn, reason, candidate: undefined, compared: found }).start();
    case 'look-again':
      if (t.retriesLeft > 0) return lookAgain(t);
      return t.forward({ kind: 'forward', fwd: reason, detail: 'fill-under-way' });
    case 'fault':
      return t.forward({ kind: 'forward', fwd: reason, detail: turn.fault.code });
    case 'busy':
      return t.forward({ kind: 'forward', fwd: reason, detail: 'fill-under-way' });
    default:
      return t.forward(dependentOutcome(reason));
  }
}

/** Whether this hit is one of the few by which the cache sees anew that the app gives such a caller what is stored. */
function isCheckDue(t: Transaction, stored: StoredResponse): boolean {
  const { context, found } = t;
  if (!stored.audience || stored.status === 206 || t.method !== 'GET' || t.isStranger) return false;
  return t.headers.range === undefined && context.dependentPlaces.isCheckDue(found.ref);
}

/** What the look-up found, if it may be given to the request once the app has confirmed it. */
function candidateOf(t: Transaction): StoredResponse | undefined {
  const { stored } = t.found;
  return stored && t.standing(stored) === 'same' ? stored : undefined;
}

/** Ends a request whose client has disconnected. If it would lead, one of the others does. */
function abandon(t: Transaction, turn: Turn): void {
  if (turn.kind === 'lead') t.context.track(t.context.collapse.giveBack(turn));
  t.settle(ABANDONED);
}

/** Answers with what another request's fill has committed, if this request selects it and may use it. */
async function serveShared(
  t: Transaction,
  { stored: committed }: Extract<Turn, { kind: 'stored' }>,
  reason: ForwardReason,
): Promise<void> {
  const { context, exchange, identity, policy } = t;
  if (selects(identity, t, exchange.cacheLevel, committed)) {
    const stored = await choose(t, committed);
    const facts: RequestFacts = {
      method: t.method,
      headers: t.headers,
      directives: t.directives,
      isStranger: t.isStranger,
      standing: (response) => t.standing(response),
      canRefresh: () => false,
    };
    const decision = stored && decide(facts, { stored, otherVariants: true }, policy, context.clock());
    if (decision?.kind === 'serve')
      return serveStored(t, decision.stored, decision.ageMs, {
        kind: 'forward',
        fwd: reason,
        collapsed: true,
      });
    // Looking again would find the same: it has to be validated.
    if (decision?.kind === 'validate')
      return t.forward({ kind: 'forward', fwd: reason, detail: 'nothing-to-share' });
  }
  if (t.retriesLeft > 0) return lookAgain(t);
  t.forward({ kind: 'forward', fwd: reason, detail: 'nothing-to-share' });
}

function lookAgain(t: Transaction): void | Promise<void> {
  t.retriesLeft--;
  return answer(t);
}

/** Handles the cache's own refresh request: runs the handler, unless the response was replaced or another fill runs. */
async function refreshStored(t: Transaction, refresh: Refresh): Promise<void> {
  const { context, found, identity, ownPolicy } = t;
  if (identity.key !== refresh.key || identity.declared !== refresh.declared)
    return dropRefresh(t, refresh, 'another-key');
  if (found.value?.version !== refresh.version) return dropRefresh(t, refresh, 'not-needed');
  const { question } = refresh.purpose;
  if (question)
    return new Fill(t, { ...question.take(), reason: 'uri-miss', candidate: undefined, question }).start();
  const leaseMs = ownPolicy.collapse.lease;
  const lead = await context.collapse.tryLead(found.ref, identity.key, found.value, leaseMs, t);
  if (!lead || lead instanceof Fault) return dropRefresh(t, refresh, 'in-progress');
  // After a fill with nothing to share, nobody waits for another attempt.
  if (lead.flight.hitForMiss) {
    context.track(context.collapse.giveBack(lead));
    return dropRefresh(t, refresh, 'in-progress');
  }
  new Fill(t, { ...lead, reason: 'stale', candidate: candidateOf(t) }).start();
}

function dropRefresh(t: Transaction, refresh: Refresh, result: RefreshResult): void {
  refresh.settle(result);
  t.exchange.drop();
}
