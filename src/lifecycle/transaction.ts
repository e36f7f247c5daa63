import type { IncomingHttpHeaders } from 'node:http';
import type { StoredResponse } from '../codec/stored-response.ts';
import { onceUnnoticed } from '../exchange/disconnect-watch.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { onHead } from '../exchange/on-head.ts';
import { addCacheStatus } from '../exchange/replay.ts';
import { type Directives, requestDirectives } from '../http/cache-control.ts';
import { mayServeOnError } from '../http/reuse.ts';
import type { Identity } from '../key/identify.ts';
import type { Selecting } from '../key/variant.ts';
import { cacheStatus } from '../observe/cache-status.ts';
import type { CacheOutcome, RequestSteps } from '../observe/outcome.ts';
import type { ReportedRequest } from '../observe/reporter.ts';
import type { Policy } from '../options/policy.ts';
import { type Standing, standingOf } from '../sharing/audience.ts';
import { Caller } from '../sharing/caller.ts';
import { retriesWithin, type Waiter } from './collapse.ts';
import type { CacheContext } from './context.ts';
import type { RequestFacts } from './decide.ts';
import type { Found } from './lookup.ts';
import type { ForwardedRequest, NestableFill } from './nested.ts';
import { isWorthRefreshing, type Refresh } from './refresh.ts';
import { isOver } from './with-timeout.ts';

/**
 * One request at one cache, from its arrival to its one ending (`settle`). The functions of the lifecycle take it as their
 * first argument and record their results in it.
 */
export class Transaction implements RequestFacts, ReportedRequest, Waiter, ForwardedRequest, Selecting {
  readonly exchange: Exchange;
  readonly context: CacheContext;
  /** The policy of this middleware: a fill begins by it. */
  readonly ownPolicy: Policy;
  /** The policy of the look-up: the own one, or that of the route whose cache took part in the key's last fill. */
  policy: Policy;
  /** What this request refreshes, when the cache itself sent it. */
  readonly refresh: Refresh | undefined;
  /** Set once the request qualifies for a look-up. */
  identity!: Identity;
  /** The last look-up's result. */
  found!: Found;
  /** The same request at the cache in front that has forwarded it. */
  readonly inFront: ForwardedRequest | undefined;
  next: ForwardedRequest | undefined;
  fill: NestableFill | undefined;
  invalidates: string | undefined;
  /** The arrival at this cache, or at the one in front, by `performance.now()`. */
  readonly startedAt: number;
  /** Milliseconds from the arrival to the begin of each step; a step that was not taken is absent. */
  readonly startsMs: { -readonly [step in keyof RequestSteps]: RequestSteps[step] } = {};
  /** Milliseconds that each step took. */
  readonly durationsMs: { -readonly [step in keyof RequestSteps]: RequestSteps[step] } = {};
  /** Bytes of body sent from a stored response. */
  bytes = 0;
  /** Milliseconds that the handler had taken to make the response that was sent. */
  savedMs = 0;
  /** Milliseconds that the request has waited for the store. */
  spentMs: number;
  /** How often the request may look up again. */
  retriesLeft = 0;
  #waitUntil: number | undefined;
  #directives: Directives | undefined;
  #caller: Caller | undefined;

  constructor(exchange: Exchange, policy: Policy, context: CacheContext) {
    this.exchange = exchange;
    this.context = context;
    this.ownPolicy = policy;
    this.policy = policy;
    this.refresh = context.refreshes.of(exchange.req);
    this.inFront = context.nested.inFront(exchange.req);
    this.spentMs = this.inFront?.spentMs ?? 0;
    this.startedAt = this.inFront?.startedAt ?? performance.now();
  }

  get method(): string {
    return this.exchange.method;
  }

  get headers(): IncomingHttpHeaders {
    return this.exchange.headers;
  }

  /** Who asks. */
  get caller(): Caller {
    if (!this.#caller) {
      const { context, exchange, ownPolicy } = this;
      const rule = { credentials: ownPolicy.credentials, ignore: this.ignored };
      this.#caller = new Caller(exchange, rule, context.constants);
    }
    return this.#caller;
  }

  /** Names that are no credentials and select nothing. */
  protected get ignored(): ReadonlySet<string> {
    return this.ownPolicy.vary.ignore;
  }

  get isStranger(): boolean {
    return this.caller.isStranger;
  }

  placed(name: string): string | null {
    return this.caller.placed(name);
  }

  /** Whether the stored response may be given to this request (option `guard`). */
  standing({ audience }: StoredResponse): Standing {
    if (!audience || this.ownPolicy.guard !== 'verify') return 'same';
    return standingOf(audience, () => this.caller.shape, this.context.clock());
  }

  get isEncodedInFront(): boolean {
    return this.exchange.isBodyWrapped;
  }

  /** The cache key, once it is known. */
  get key(): string | undefined {
    return (this.identity as Identity | undefined)?.key;
  }

  /** The request's cache directives; `undefined` where the `directives` option ignores them. */
  get directives(): Directives | undefined {
    return this.directivesUnder(this.policy);
  }

  directivesUnder(policy: Policy): Directives | undefined {
    if (policy.directives !== 'follow') return undefined;
    this.#directives ??= requestDirectives(this.exchange.headers);
    return this.#directives;
  }

  /** Whether the stored response can be refreshed in the background, and whether that is wanted. */
  canRefresh(stored: StoredResponse): boolean {
    const { context, exchange, found, policy } = this;
    return isWorthRefreshing(stored, policy) && context.refreshes.canRefresh(exchange, found.ref);
  }

  /** Names the policy to look up by, and starts the retries that its `collapse.wait` allows. */
  lookUpBy(policy: Policy): void {
    this.policy = policy;
    this.retriesLeft = retriesWithin(policy.collapse.wait);
  }

  /** How many milliseconds the request may still wait for another request's fill. */
  remainingWait(): number {
    // A cache in front leads a fill with this very request: waiting could be waiting for itself.
    if (this.exchange.isLeader) return 0;
    const now = performance.now();
    this.#waitUntil ??= now + this.policy.collapse.wait;
    return Math.max(0, this.#waitUntil - now);
  }

  /** Whether it has waited as long as it may. */
  hasWaitedInVain(): boolean {
    return this.#waitUntil !== undefined && isOver(this.#waitUntil);
  }

  /** Whether the response that the look-up found may be served if the handler fails now (RFC 5861 §4). */
  canServeStale(): boolean {
    const { stored } = this.found;
    if (!stored || stored.status === 206 || this.standing(stored) !== 'same') return false;
    return mayServeOnError(504, stored, this.directives, this.context.clock());
  }

  /** Reports the request in place of the cache in front: it has one member in `Cache-Status`, one event and one count. */
  reportInPlaceOfFront(): void {
    if (this.inFront) this.inFront.next = this;
  }

  /**
   * Whether the app need not be called any more, since the client has disconnected while the request waited. An unsafe
   * request is made for what it does, and not for its answer alone. Other requests may wait for the response to one by which
   * a cache in front leads a fill.
   */
  get isAbandoned(): boolean {
    const { exchange } = this;
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD') return false;
    return exchange.isDisconnected && !exchange.isLeader;
  }

  /** Lets the app answer without storing its response, and says why in `Cache-Status`. */
  forward(outcome: CacheOutcome): void {
    this.settleAtHead(outcome);
    this.callApp();
  }

  /** Calls the app. Until the head is sent, a cache further in may report the request in place of this one. */
  callApp(): void {
    const { context, exchange } = this;
    context.nested.forward(exchange.req, this);
    exchange.forward();
  }

  /** This cache's member of `Cache-Status` (RFC 9211). */
  cacheStatus(outcome: CacheOutcome): string {
    const { name, showKey } = this.context.settings;
    return cacheStatus(name, outcome, showKey ? this.key : undefined);
  }

  /** Adds this cache's member to `Cache-Status`, unless a cache further in reports the request. */
  announce(outcome: CacheOutcome): void {
    if (!this.next) addCacheStatus(this.exchange.res, this.cacheStatus(outcome));
  }

  /**
   * The one ending of a request: counts it, remembers why its response was not stored, and tells the listeners, unless a
   * cache further in reports it.
   */
  settle(outcome: CacheOutcome): void {
    if (!this.next) this.context.reporter.request(outcome, this);
  }

  /**
   * Announces and counts when the head is about to be sent, and emits the event when the response closes. For requests that
   * the app answers.
   */
  settleAtHead(outcome: CacheOutcome): void {
    const { context, exchange } = this;
    const { reporter } = context;
    let isCounted = false;
    onHead(exchange.res, () => {
      context.nested.forget(exchange.req);
      if (this.next) return;
      isCounted = true;
      this.announce(outcome);
      reporter.count(outcome, this);
    });
    if (!reporter.isListening) return;
    onceUnnoticed(exchange.res, 'close', () => {
      if (this.next) return;
      if (!isCounted) reporter.count(outcome, this);
      reporter.emit(outcome, this);
    });
  }

  /** The path of the URL, without the query, the fragment, and what a client sends before the path. */
  get path(): string {
    const { originalUrl, url = '' } = this.exchange.req as { originalUrl?: string; url?: string };
    return (originalUrl ?? url).replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*|[?#].*$/gis, '');
  }

  /** Status code of the response to the client. */
  get status(): number {
    return this.exchange.res.statusCode;
  }

  inItsContext(run: () => void): void {
    this.exchange.inItsContext(run);
  }
}
