import type { ServerResponse } from 'node:http';
import type { Audience, StoredResponse } from '../codec/stored-response.ts';
import {
  type CaptureEnd,
  type CaptureHooks,
  capture,
  fieldsOf,
  type Reaction,
  type SentHead,
} from '../exchange/capture.ts';
import type { RequestTemplate } from '../exchange/internal-request.ts';
import { convertTo304, resetHead } from '../exchange/replay.ts';
import { joined } from '../http/cache-control.ts';
import { conditionsOf, notModified } from '../http/conditional.ts';
import type { FieldList } from '../http/headers.ts';
import { parseContentRange } from '../http/range.ts';
import { isFresh, mayServeOnError } from '../http/reuse.ts';
import type { Identity } from '../key/identify.ts';
import { variantText } from '../key/variant.ts';
import { bypass, type CacheDetail, type CacheOutcome, type ForwardReason } from '../observe/outcome.ts';
import { wordOf } from '../observe/reasons.ts';
import type { Policy } from '../options/policy.ts';
import { isSameAnswer } from '../sharing/answer.ts';
import { withFinding } from '../sharing/audience.ts';
import { placesOf } from '../sharing/placed.ts';
import type { Sharing } from '../sharing/reach.ts';
import { ReadWatch } from '../sharing/reads.ts';
import type { Lease } from '../store/store.ts';
import { reportCookie, reportUnshared } from './advice.ts';
import { type Flight, NOT_SHARED } from './collapse.ts';
import { namesOf, selectingBy, storeComplete } from './commit.ts';
import {
  detailOf,
  type FillResult,
  followersOf,
  hitForMissMs,
  isHitForMiss,
  refreshResultOf,
} from './fill-result.ts';
import type { FillState } from './fill-state.ts';
import type { Found } from './lookup.ts';
import { type MadeAnswer, Question } from './question.ts';
import { templateFor } from './refresh.ts';
import { validatorsOf } from './response-form.ts';
import { send } from './serve.ts';
import type { HeadCheck } from './setup-checks.ts';
import type { ShadowComparison } from './shadow-comparison.ts';
import { evaluate, type ResponseHead, type Storability, sharingOf, sharingRefusal } from './storability.ts';
import type { Transaction } from './transaction.ts';
import { confirmStored } from './validate.ts';
import {
  agreesWith,
  askAsStranger,
  canBeAsked,
  learnFrom,
  selectorsOf,
  strangersTemplate,
} from './verification.ts';

/** What a fill is for. */
interface FillPlan {
  /** The right to store the response; none in shadow mode where another fill has it. */
  readonly lease: Lease | undefined;
  readonly flight: Flight | undefined;
  /** Why the request is forwarded. */
  readonly reason: ForwardReason;
  /** What the look-up found: a response to be confirmed by a 304 or served on an error, or a part of one. */
  readonly candidate: StoredResponse | undefined;
  /** In shadow mode: what would have been served, to be compared with what the handler sends. */
  readonly shadow?: ShadowComparison | undefined;
  /** The response is compared with this stored one, and not stored: it may be for such a request, too. */
  readonly compared?: Found;
  /** The request is that of a stranger: its response is stored, and compared with this one. */
  readonly question?: Question;
}

/**
 * One run of the handler whose response may be stored. It serves a miss, a refresh, shadow mode, and the confirmation of
 * a stored response by a 304 (RFC 9111 section 4.3). Its states: running, head seen, ended, settled; `capture` moves it on.
 */
export class Fill implements CaptureHooks, FillState {
  readonly transaction: Transaction;
  readonly identity: Identity;
  readonly lease: Lease | undefined;
  /** When the handler was called: milliseconds since 1970. */
  readonly requestedAt: number;
  /** The head as middleware in front had left it. */
  readonly headBefore: FieldList;
  /** What the app reads of the request. */
  readonly reads: ReadWatch;
  /** The policy that the response is stored by: the own one, or that of the route that took it over. */
  policy: Policy;
  /** The policies of the routes that took it over, outermost first. */
  readonly overrides: Policy[] = [];
  /** Whether the response is held until its head is seen, since a stored one may be sent in its place. */
  readonly holds: boolean;
  readonly #plan: FillPlan;
  /** The stored response that a 304 may confirm, or that may be served on an error. */
  readonly #stale: StoredResponse | undefined;
  readonly #startedAt = performance.now();
  readonly #asksForRange: boolean;
  #refusal: CacheDetail | undefined;
  #head: (ResponseHead & SentHead) | undefined;
  /** The request for the whole that the response is a part of, if that is to be stored. */
  #wholeTemplate: RequestTemplate | undefined;
  #storability: Storability | Promise<Storability> = { reason: 'no-head' };
  sharing: Sharing | undefined;
  /** The policy by which `sharing` was made, and how much was read by then. */
  #judged: { readonly policy: Policy; readonly reads: number } | undefined;
  #strangersTemplate: RequestTemplate | undefined;
  #isShared = true;
  #headCheck: HeadCheck | undefined;

  constructor(t: Transaction, plan: FillPlan) {
    this.transaction = t;
    this.identity = t.identity;
    this.policy = t.ownPolicy;
    this.reads = new ReadWatch(t.context.constants);
    this.lease = plan.lease;
    this.requestedAt = t.context.clock();
    this.headBefore = fieldsOf(t.exchange.res);
    this.#plan = plan;
    const { candidate } = plan;
    const conditions = conditionsOf(t.headers);
    this.#asksForRange = t.method === 'GET' && t.headers.range !== undefined && !conditions;
    this.#stale = candidate && candidate.status !== 206 && this.#canUse(candidate) ? candidate : undefined;
    this.holds = this.#stale !== undefined;
  }

  /** Calls the handler. */
  start(): void {
    const { context, exchange, refresh, startsMs, startedAt } = this.transaction;
    const { lease, policy } = this;
    refresh?.begin();
    startsMs.origin = this.#startedAt - startedAt;
    exchange.beginLeading();
    this.#plan.flight?.watch(() => unreadBytes(exchange.res));
    if (lease) context.leaseRenewal.keep(lease, policy.collapse.lease);
    this.transaction.fill = this;
    this.#headCheck = context.setupChecks?.atMiss(this.transaction);
    this.#prepareRequest();
    if (lease && policy.guard !== 'off') {
      if (this.transaction.caller.isStranger && !refresh) context.dependentPlaces.haveStrangersCome = true;
      this.#beginToWatch();
    }
    capture(exchange.res, this);
    this.transaction.callApp();
  }

  /** A route behind this cache stores the response by its own key, or not at all: frees whoever waits for this fill. */
  giveUp(): void {
    this.#refusal ??= 'route';
    this.reads.end();
    this.#stopSharing(0);
  }

  /** Why the response is not stored, where that was known before its head. */
  get refusal(): CacheDetail | undefined {
    return this.#refusal;
  }

  get limit(): number {
    return this.policy.maxBodySize;
  }

  head(sent: SentHead): Reaction {
    const receivedAt = this.transaction.context.clock();
    const { status, message, fields, headers, length } = sent;
    const head = { status, message, fields, headers, length, dated: headers, receivedAt };
    this.#head = head;
    if (this.#stale && this.#isAnsweredBy(this.#stale, head)) return 'replace';
    if (this.#isMisplaced(head.status)) this.#refusal ??= 'partial';
    this.#share(head);
    this.#storability = this.sharing ? evaluate(this, head, this.sharing) : { reason: 'fill-under-way' };
    if (this.#storability instanceof Promise) void this.#storability.then((known) => this.#actOn(known));
    else this.#actOn(this.#storability);
    if (this.#verifying === 'credentials') this.#stopSharing(this.hitForMissMs);
    if (this.#headCheck) this.#checkSetup(this.#headCheck, head);
    this.#announce(head);
    const stores = this.#storability instanceof Promise || this.#storability.reason === undefined;
    return (stores && this.lease) || this.#plan.shadow?.comparesBody ? 'keep' : 'pass';
  }

  /** Who may have the response. It is the same at the end as at the head, unless the app has read more. */
  #share(head: ResponseHead): void {
    const { lease, policy, reads } = this;
    if (!lease) return;
    const judged = this.#judged;
    if (judged && judged.policy === policy && judged.reads === reads.count) return;
    this.#judged = { policy, reads: reads.count };
    this.sharing = sharingOf(this, head);
  }

  #checkSetup(check: HeadCheck, head: SentHead): void {
    const reason = this.#storability instanceof Promise ? undefined : this.#storability.reason;
    const isRouted = this.overrides.length > 0 || this.#refusal === 'route';
    this.transaction.context.setupChecks?.atHead(this.transaction, check, head, reason, isRouted);
  }

  overflow(): void {
    this.#stopSharing(this.hitForMissMs);
  }

  end(end: CaptureEnd): void {
    const { durationsMs, context } = this.transaction;
    durationsMs.origin = performance.now() - this.#startedAt;
    const { flight } = this.#plan;
    this.reads.end();
    if (this.#head) this.#share(this.#head);
    const commits = end.kind === 'complete' && this.sharing?.reach !== 'unverified';
    if (flight && commits) flight.committing = true;
    this.#wholeTemplate = this.#templateOfWhole();
    if (end.kind === 'complete' && (!commits || this.#plan.compared))
      this.#strangersTemplate = this.#isShared
        ? strangersTemplate(this, this.#head?.headers.vary)
        : undefined;
    if (end.kind === 'complete' && !this.#usesBodyAtOnce) end.body.copy();
    context.track(this.#settle(end));
  }

  /** Whether all that a complete body is for has it, or a copy, before the call of `end` returns. */
  get #usesBodyAtOnce(): boolean {
    return !(this.#storability instanceof Promise || this.#plan.shadow);
  }

  limitWait(): void {
    this.#plan.flight?.limitWait();
  }

  clientDisconnected(): void {
    const { lease } = this;
    const { flight } = this.#plan;
    // The handler finishes for its followers; the response is stored only if no other fill has taken the lease.
    if (lease) this.transaction.context.leaseRenewal.drop(lease);
    if (flight) flight.clientDisconnected = true;
  }

  aborted(): void {
    this.transaction.context.track(this.#settle(undefined, Promise.resolve(this.#incomplete())));
  }

  /** Answers with the stored response: the app has confirmed it, or has failed. */
  replace(): void {
    const { context, exchange, durationsMs } = this.transaction;
    this.reads.end();
    durationsMs.origin = performance.now() - this.#startedAt;
    resetHead(exchange.res, this.headBefore);
    context.track(this.#settle(undefined, this.#replaceBy(this.#stale!, this.#head!)));
  }

  /** What middleware has placed may throw, whatever one asks of it. Then what the app reads is not known. */
  #beginToWatch(): void {
    const { caller, exchange } = this.transaction;
    const { req, res } = exchange;
    try {
      const places = placesOf(req, res);
      if (this.policy.guard === 'verify') caller.noteShape(places);
      this.reads.begin(req, res, places);
    } catch {
      this.reads.end();
      this.#refusal ??= 'error';
    }
  }

  #prepareRequest(): void {
    const { exchange } = this.transaction;
    if (this.#plan.shadow) exchange.keepHeaders();
    else exchange.askForWhole(this.#stale && validatorsOf(this.#stale), this.#asksForRange);
  }

  /** Whether a stale stored response can still be the answer: it has a validator, or may be served on an error. */
  #canUse(stored: StoredResponse): boolean {
    if (this.#plan.shadow) return false;
    const { etag, lastModified } = validatorsOf(stored);
    if (etag !== undefined || lastModified !== undefined || stored.staleIfError > 0) return true;
    return (this.transaction.directivesUnder(this.policy)?.seconds('stale-if-error') ?? 0) > 0;
  }

  #isAnsweredBy(stored: StoredResponse, { status, receivedAt }: ResponseHead): boolean {
    if (status === 304) return true;
    return mayServeOnError(status, stored, this.transaction.directivesUnder(this.policy), receivedAt);
  }

  /** Whether the response answers a range alone, where the whole was asked for or is stored. */
  #isMisplaced(status: number): boolean {
    if (this.#plan.shadow) return false;
    const { candidate } = this.#plan;
    if (status === 206) return !this.#asksForRange || (candidate !== undefined && candidate.status !== 206);
    return this.#asksForRange && status >= 400;
  }

  /** What the head decides acts at the head: nobody waits for a response that will not be shared. */
  #actOn(storability: Storability): void {
    if (this.#plan.compared) return;
    if (storability.reason !== undefined) this.#stopSharing(this.hitForMissMs);
    // Stored for validation only (max-age=0, no-cache): each request has to ask the app, and none need wait to do it.
    else if (!isFresh(storability.ageing, this.#head!.receivedAt)) this.#plan.flight?.release();
  }

  get hitForMissMs(): number {
    return hitForMissMs(performance.now() - this.#startedAt);
  }

  /** Gives the lease back and releases the followers. @param hitForMissMs how long nobody waits for the next fill. */
  #stopSharing(hitForMissMs: number): void {
    const { lease } = this;
    const { flight } = this.#plan;
    if (!this.#isShared || !lease) return;
    this.#isShared = false;
    const { context } = this.transaction;
    context.leaseRenewal.drop(lease);
    context.track(context.store.leases.release(lease, hitForMissMs));
    flight?.settle(NOT_SHARED);
  }

  /** Writes what is being done into the head. The app was asked for the whole, so conditions are answered here. */
  #announce(head: ResponseHead): void {
    const { exchange, method, headers } = this.transaction;
    const { shadow, reason } = this.#plan;
    const storability = this.#storability instanceof Promise ? undefined : this.#storability;
    const detail = storability?.reason ?? this.#verifying;
    const stored = storability !== undefined && detail === undefined && head.length !== undefined;
    if (shadow) {
      const why: CacheDetail =
        detail === undefined || !this.lease ? shadow.detail : `${shadow.detail}; ${detail}`;
      const outcome = { ...bypass(why), ...(stored && { stored }) };
      this.transaction.announce(outcome);
      return;
    }
    const conditions = method === 'GET' ? conditionsOf(headers) : undefined;
    const { etag, 'last-modified': lastModified } = head.headers;
    const validators = { etag: joined(etag), lastModified: joined(lastModified) };
    const isKnown =
      conditions !== undefined && head.status === 200 && notModified(conditions, validators, head.receivedAt);
    if (isKnown) convertTo304(exchange.res);
    const outcome: CacheOutcome = {
      kind: 'forward',
      fwd: reason,
      ...((this.#stale || isKnown) && { fwdStatus: head.status }),
      ...(stored && { stored }),
      ...(detail !== undefined && { detail }),
    };
    this.transaction.announce(outcome);
  }

  /** What is said of a response whose caller has credentials, until it was compared. */
  get #verifying(): CacheDetail | undefined {
    if (this.#plan.compared) return 'verifying';
    if (this.sharing?.reach !== 'unverified') return undefined;
    return canBeAsked(this.transaction) ? 'verifying' : 'credentials';
  }

  #incomplete(): FillResult {
    return this.#plan.flight?.clientDisconnected
      ? { kind: 'disconnected' }
      : { kind: 'not-stored', reason: 'incomplete' };
  }

  #store(end: CaptureEnd): FillResult | Promise<FillResult> {
    const storability = this.#storability;
    return storability instanceof Promise
      ? storability.then((known) => this.#storeBy(known, end))
      : this.#storeBy(storability, end);
  }

  /** Stores a complete response, compares it with the stored one, or leaves it to its caller. */
  #storeBy(storability: Storability, end: CaptureEnd): FillResult | Promise<FillResult> {
    const head = this.#head;
    const sharing = this.sharing;
    if (storability.reason !== undefined) return this.#refused(storability.reason);
    if (end.kind === 'refused')
      return end.reason === 'incomplete' ? this.#incomplete() : { kind: 'not-stored', reason: end.reason };
    const unshared = sharing && sharingRefusal(this, sharing);
    if (unshared !== undefined) return this.#refused(unshared);
    // What may be stored has a head, its fill has a lease, and its body was kept.
    const { body } = end as Extract<CaptureEnd, { kind: 'complete' }>;
    const answer = (): MadeAnswer => this.#answerOf(head!, body.copy(), sharing!);
    const { compared } = this.#plan;
    if (compared) return this.#compare(compared, answer());
    // The whole is asked for as a stranger would, behind the answer.
    if (sharing!.reach === 'unverified' && head!.status === 206)
      return { kind: 'not-stored', reason: 'partial' };
    if (sharing!.reach === 'unverified')
      return this.#strangersTemplate
        ? { kind: 'unverified', answer: answer() }
        : { kind: 'not-stored', reason: 'credentials' };
    return storeComplete(this, this.lease!, head!, body, storability, {
      selectors: sharing!.selectors,
      audience: sharing!.reach === 'everyone' ? undefined : this.#audienceFor(answer),
    });
  }

  /** A response that is not stored. Where it shows what the app has read of its caller, the listeners are told. */
  #refused(reason: CacheDetail): FillResult {
    const sharing = this.sharing;
    const word = wordOf(reason);
    if (sharing && (word === 'varies' || word === 'depends-on-credentials')) {
      const { personal, selectors } = sharing;
      reportUnshared(this.transaction, personal.length > 0 ? personal : selectors, reason);
    } else if (reason === 'set-cookie') reportCookie(this.transaction);
    const { compared, question } = this.#plan;
    if (question) question.result = 'not-stored';
    const isOwn = sharing?.reach === 'personal' || OWN_BY_ITS_WORD.has(reason);
    return compared && isOwn ? { kind: 'compared', isSame: false } : { kind: 'not-stored', reason };
  }

  #answerOf(head: ResponseHead & SentHead, chunks: readonly Buffer[], { selectors }: Sharing): MadeAnswer {
    const { vary } = head.headers;
    const coding = joined(head.headers['content-encoding']);
    const headers = coding === undefined ? [] : ['Content-Encoding', coding];
    return {
      status: head.status,
      field: (name) => head.headers[name],
      chunks,
      variant: variantText(this.identity.declared, namesOf({ vary, headers, selectors }), selectingBy(this)),
    };
  }

  async #compare({ stored }: Found, answer: MadeAnswer): Promise<FillResult> {
    const isSame = stored && (await agreesWith(stored, answer));
    return isSame === undefined
      ? { kind: 'not-stored', reason: 'verifying' }
      : { kind: 'compared', isSame, answer };
  }

  /** The shapes that may have a response made for a stranger, or for a caller whom the key covers. */
  #audienceFor(made: () => MadeAnswer): Audience {
    const { caller, context, found } = this.transaction;
    const now = context.clock();
    const { stored } = found;
    // What was seen of others holds for the next response, if this one comes from a request of theirs.
    const isOneOfThem = stored?.audience && this.transaction.standing(stored) === 'same';
    const before = isOneOfThem ? stored.audience : { same: [], different: [] };
    const audience = withFinding(before, caller.shape, 'same', now);
    const { question } = this.#plan;
    if (!question) return audience;
    const answer = made();
    const isSame = question.answer.variant === answer.variant && isSameAnswer(question.answer, answer);
    question.result = isSame ? 'same' : 'different';
    return withFinding(audience, question.shape, question.result, now);
  }

  async #replaceBy(stored: StoredResponse, head: ResponseHead & SentHead): Promise<FillResult> {
    const { reason } = this.#plan;
    if (head.status === 304 && this.lease) return confirmStored(this, this.lease, stored, head, reason);
    const outcome: CacheOutcome = {
      kind: 'forward',
      fwd: reason,
      fwdStatus: head.status,
      detail: 'stale-if-error',
    };
    send(this.transaction, stored, head.receivedAt - stored.bornAt, outcome);
    return { kind: 'origin-failed' };
  }

  /**
   * The one ending: gives the lease back, tells followers, refresh, nested caches and shadow mode, and reports.
   * @param end of the response, which is stored then, if it may be. @param ending what it comes to without one.
   */
  async #settle(end: CaptureEnd | undefined, ending?: Promise<FillResult>): Promise<void> {
    const { transaction: t, lease } = this;
    const { context, exchange, refresh } = t;
    const { flight, shadow } = this.#plan;
    const result = await this.#resultOf(end, ending);
    this.reads.end();
    t.fill = undefined;
    context.nested.forget(exchange.req);
    if (result.kind === 'unverified') {
      await this.#ask(result.answer);
      await shadow?.compare(this, this.#head, end);
      return;
    }
    if (lease) context.leaseRenewal.drop(lease);
    const { compared } = this.#plan;
    const isCompared = result.kind === 'compared' && compared !== undefined;
    if (isCompared) t.settle(this.#outcomeOf(result));
    const isHelpful = isCompared
      ? await learnFrom(this, compared, result, this.#strangersTemplate)
      : !isHitForMiss(result);
    if (this.sharing?.reach === 'personal' && !t.caller.isStranger && !compared)
      context.dependentPlaces.remember(t.found.ref, t.caller.shape);
    if (result.kind === 'stored') {
      if (end && this.sharing && this.sharing.selectors.length > 0)
        context.varieties.stored(this.identity.id);
      if (this.overrides.length === 0) context.nested.forgetOverride(this.identity, exchange.cacheLevel);
    } else if (lease && this.#isShared) {
      const released = context.store.leases.release(lease, isHelpful ? 0 : this.hitForMissMs);
      this.limitWait();
      await released;
    }
    flight?.settle(followersOf(result, flight.hasFollowers));
    refresh?.settle(refreshResultOf(result));
    if (!isCompared) t.settle(this.#outcomeOf(result));
    if (this.#wholeTemplate) this.#requestWhole(this.#wholeTemplate, result);
    await shadow?.compare(this, this.#head, end);
  }

  /** What the fill comes to. An error is one of this package's or of the option functions that it calls. */
  async #resultOf(end: CaptureEnd | undefined, ending: Promise<FillResult> | undefined): Promise<FillResult> {
    try {
      return await (end ? this.#store(end) : ending!);
    } catch (error) {
      this.transaction.context.reporter.fault({ step: 'store', code: 'error', message: String(error) });
      return { kind: 'not-stored', reason: 'error' };
    }
  }

  /** The request is over for its client; the lease and the flight go on. */
  async #ask(answer: MadeAnswer): Promise<void> {
    const { transaction: t } = this;
    t.settle(this.#outcomeOf({ kind: 'unverified', answer }));
    const question = new Question(this.lease!, this.#plan.flight!, answer, t.caller.shape);
    await askAsStranger(this, question, this.#strangersTemplate!);
  }

  /**
   * The app answers a range by itself, as without the cache. Where the whole fits, the cache asks for it behind the answer,
   * since it answers every later range.
   */
  #templateOfWhole(): RequestTemplate | undefined {
    const { transaction: t, policy } = this;
    const { candidate } = this.#plan;
    if (this.#head?.status !== 206 || !this.#asksForRange || !this.lease) return undefined;
    // The socket of a client that has disconnected has forgotten its address.
    if (t.exchange.isDisconnected) return undefined;
    const part = parseContentRange(joined(this.#head.headers['content-range']));
    if (!part || part.size > policy.maxBodySize || part.size === part.last - part.first + 1) return undefined;
    const mayBeStored = this.#refusal === 'partial' && candidate !== undefined && candidate.status !== 206;
    // What a promise resolves to is in the result of the fill.
    const isStorable = this.#storability instanceof Promise || this.#storability.reason === undefined;
    if (!(mayBeStored || isStorable) || !t.context.refreshes.canRefresh(t.exchange, this.lease))
      return undefined;
    const selectors = selectorsOf(this.#head.headers.vary, this.sharing);
    return templateFor({ exchange: t.exchange, policy, identity: this.identity }, selectors);
  }

  #requestWhole(template: RequestTemplate, result: FillResult): void {
    const { context, exchange, found, identity } = this.transaction;
    const isPartStored = result.kind === 'stored';
    if (!isPartStored && detailOf(result) !== 'partial') return;
    const { lease, variant } = isPartStored
      ? result.commit
      : { lease: this.lease!, variant: found.ref.variant };
    const refreshable = {
      exchange,
      identity,
      policy: this.policy,
      found: { ref: { id: lease.id, variant }, value: isPartStored ? { version: lease.token } : found.value },
    };
    void context.refreshes.begin(refreshable, () => template);
  }

  #outcomeOf(result: FillResult): CacheOutcome {
    const { shadow, reason } = this.#plan;
    const detail = detailOf(result);
    const stored = result.kind === 'stored';
    if (shadow) {
      if (detail !== undefined && this.lease) this.transaction.context.reporter.refused(detail);
      return { ...bypass(shadow.detail), ...(stored && { stored }) };
    }
    return {
      kind: 'forward',
      fwd: reason,
      stored,
      ...(this.#stale && this.#head && { fwdStatus: this.#head.status }),
      ...(detail !== undefined && { detail }),
      ...(this.transaction.refresh && { refresh: true }),
    };
  }
}

/** Reasons by which a response says that it is for its caller, so that it is another one than what is stored. */
const OWN_BY_ITS_WORD: ReadonlySet<CacheDetail> = new Set(['private', 'no-store', 'set-cookie']);

/** Where a response waits for its client to read: how many bytes were sent by then. `undefined` where it does not wait. */
function unreadBytes(res: ServerResponse): number | undefined {
  return res.writableNeedDrain ? res.socket?.bytesWritten : undefined;
}
