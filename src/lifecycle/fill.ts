import type { ServerResponse } from 'node:http';
import type { StoredResponse } from '../codec/stored-response.ts';
import {
  type CaptureEnd,
  type CaptureHooks,
  capture,
  fieldsOf,
  type Reaction,
  type SentHead,
} from '../exchange/capture.ts';
import { ReadTracker } from '../exchange/guard/guard.ts';
import type { RequestTemplate } from '../exchange/internal-request.ts';
import { convertTo304, resetHead } from '../exchange/replay.ts';
import { joined } from '../http/cache-control.ts';
import { conditionsOf, notModified } from '../http/conditional.ts';
import type { FieldList } from '../http/headers.ts';
import { parseContentRange } from '../http/range.ts';
import { isFresh, mayServeOnError } from '../http/reuse.ts';
import type { Identity } from '../key/identify.ts';
import { bypass, type Detail, type ForwardReason, type Outcome } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import type { Lease } from '../store/store.ts';
import { type Flight, NOT_SHARED } from './collapse.ts';
import { storeComplete } from './commit.ts';
import {
  detailOf,
  type FillResult,
  followersOf,
  hitForMissMs,
  isHitForMiss,
  refreshResultOf,
} from './fill-result.ts';
import type { FillState } from './fill-state.ts';
import { templateFor } from './refresh.ts';
import { validatorsOf } from './response-form.ts';
import { send } from './serve.ts';
import type { ShadowComparison } from './shadow-comparison.ts';
import { evaluate, evaluateReads, type ResponseHead, type Storability } from './storability.ts';
import type { Transaction } from './transaction.ts';
import { confirmStored } from './validate.ts';

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
  readonly shadow: ShadowComparison | undefined;
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
  /** What the app reads of the person behind the request. */
  readonly reads: ReadTracker = new ReadTracker();
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
  #refusal: Detail | undefined;
  #head: (ResponseHead & SentHead) | undefined;
  /** The request for the whole that the response is a part of, if that is to be stored. */
  #wholeTemplate: RequestTemplate | undefined;
  #storability: Storability | Promise<Storability> = { reason: 'no-head' };
  #isShared = true;

  constructor(t: Transaction, plan: FillPlan) {
    this.transaction = t;
    this.identity = t.identity;
    this.policy = t.ownPolicy;
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
    this.#prepareRequest();
    if (lease && policy.guard !== 'off') this.reads.begin(exchange.req);
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
  get refusal(): Detail | undefined {
    return this.#refusal;
  }

  get limit(): number {
    return this.policy.maxBodySize;
  }

  head(sent: SentHead): Reaction {
    const receivedAt = this.transaction.context.clock();
    const head = { ...sent, dated: sent.headers, receivedAt };
    this.#head = head;
    if (this.#stale && this.#isAnsweredBy(this.#stale, head)) return 'replace';
    if (this.#isMisplaced(head.status)) this.#refusal ??= 'partial';
    this.#storability = this.lease ? evaluate(this, head) : { reason: 'fill-under-way' };
    if (this.#storability instanceof Promise) void this.#storability.then((known) => this.#actOn(known));
    else this.#actOn(this.#storability);
    this.#announce(head);
    const stores = this.#storability instanceof Promise || this.#storability.reason === undefined;
    return (stores && this.lease) || this.#plan.shadow?.comparesBody ? 'keep' : 'pass';
  }

  overflow(): void {
    this.#stopSharing(this.#hitForMissMs);
  }

  end(end: CaptureEnd): void {
    const { durationsMs, context } = this.transaction;
    durationsMs.origin = performance.now() - this.#startedAt;
    const { flight } = this.#plan;
    if (flight) flight.committing = end.kind === 'complete';
    this.#wholeTemplate = this.#templateOfWhole();
    context.track(this.#settle(this.#store(end), end));
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
    this.transaction.context.track(this.#settle(Promise.resolve(this.#incomplete()), undefined));
  }

  /** Answers with the stored response: the app has confirmed it, or has failed. */
  replace(): void {
    const { context, exchange, durationsMs } = this.transaction;
    this.reads.end();
    durationsMs.origin = performance.now() - this.#startedAt;
    resetHead(exchange.res, this.headBefore);
    context.track(this.#settle(this.#replaceBy(this.#stale!, this.#head!), undefined));
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
    if (storability.reason !== undefined) this.#stopSharing(this.#hitForMissMs);
    // Stored for validation only (max-age=0, no-cache): each request has to ask the app, and none need wait to do it.
    else if (!isFresh(storability.ageing, this.#head!.receivedAt)) this.#plan.flight?.release();
  }

  get #hitForMissMs(): number {
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
    const detail = storability?.reason;
    const stored = storability !== undefined && detail === undefined && head.length !== undefined;
    if (shadow) {
      const why: Detail = detail === undefined || !this.lease ? shadow.detail : `${shadow.detail}; ${detail}`;
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
    const outcome: Outcome = {
      kind: 'forward',
      fwd: reason,
      ...((this.#stale || isKnown) && { fwdStatus: head.status }),
      ...(stored && { stored }),
      ...(detail !== undefined && { detail }),
    };
    this.transaction.announce(outcome);
  }

  #incomplete(): FillResult {
    return this.#plan.flight?.clientDisconnected
      ? { kind: 'disconnected' }
      : { kind: 'not-stored', reason: 'incomplete' };
  }

  /** Commits a complete response that may be stored. */
  async #store(end: CaptureEnd): Promise<FillResult> {
    this.reads.end();
    const storability = await this.#storability;
    const head = this.#head;
    const readReason = head && this.lease && evaluateReads(this, head, storability);
    if (storability.reason !== undefined) return { kind: 'not-stored', reason: storability.reason };
    if (end.kind === 'refused')
      return end.reason === 'incomplete' ? this.#incomplete() : { kind: 'not-stored', reason: end.reason };
    if (readReason !== undefined) return { kind: 'not-stored', reason: readReason };
    // What may be stored has a head, its fill has a lease, and its body was kept.
    const { chunks } = end as Extract<CaptureEnd, { kind: 'complete' }>;
    return storeComplete(this, this.lease!, head!, chunks, storability);
  }

  async #replaceBy(stored: StoredResponse, head: ResponseHead & SentHead): Promise<FillResult> {
    const { reason } = this.#plan;
    if (head.status === 304 && this.lease) return confirmStored(this, this.lease, stored, head, reason);
    const outcome: Outcome = {
      kind: 'forward',
      fwd: reason,
      fwdStatus: head.status,
      detail: 'stale-if-error',
    };
    send(this.transaction, stored, head.receivedAt - stored.bornAt, outcome);
    return { kind: 'origin-failed' };
  }

  /** The one ending: gives the lease back, tells followers, refresh, nested caches and shadow mode, and reports. */
  async #settle(storing: Promise<FillResult>, end: CaptureEnd | undefined): Promise<void> {
    const { transaction: t, lease } = this;
    const { context, exchange, refresh } = t;
    const { flight, shadow } = this.#plan;
    const result = await storing.catch((error: unknown): FillResult => {
      context.reporter.fault({ step: 'store', code: 'error', message: String(error) });
      return { kind: 'not-stored', reason: 'error' };
    });
    this.reads.end();
    t.fill = undefined;
    context.nested.forget(exchange.req);
    if (lease) context.leaseRenewal.drop(lease);
    if (result.kind === 'stored') {
      if (this.overrides.length === 0) context.nested.forgetOverride(this.identity, exchange.cacheLevel);
    } else if (lease && this.#isShared) {
      const released = context.store.leases.release(lease, isHitForMiss(result) ? this.#hitForMissMs : 0);
      this.limitWait();
      await released;
    }
    flight?.settle(followersOf(result, flight.hasFollowers));
    refresh?.settle(refreshResultOf(result));
    t.settle(this.#outcomeOf(result));
    if (this.#wholeTemplate) this.#requestWhole(this.#wholeTemplate, result);
    await shadow?.compare(this, this.#head, end);
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
    return templateFor({ exchange: t.exchange, policy, identity: this.identity }, this.#head.headers.vary);
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
    void context.refreshes.begin(refreshable, undefined, template);
  }

  #outcomeOf(result: FillResult): Outcome {
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

/** Where a response waits for its client to read: how many bytes were sent by then. `undefined` where it does not wait. */
function unreadBytes(res: ServerResponse): number | undefined {
  return res.writableNeedDrain ? res.socket?.bytesWritten : undefined;
}
