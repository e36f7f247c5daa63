import { AsyncResource } from 'node:async_hooks';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Validators } from '../http/conditional.ts';
import type { Next } from '../options/request.ts';
import { cachesPassed, leaderRequests, refreshRequests, unviewed } from '../shared-state.ts';
import { OptionReads } from '../sharing/option-view.ts';
import type { FrontDoor } from './front-door.ts';
import { announcesBody, withHost } from './http2.ts';
import { isInternal } from './internal-request.ts';
import { hideFields, requestWhole, restoreEntityTags } from './origin-request.ts';
import type { RequestTarget } from './target.ts';
import { ignoredProxyField, targetOf, trustProxyOf } from './target.ts';

const OWN_TARGET: ReadonlySet<string> = new Set(['host', ':authority', ':scheme']);
const FORWARDED_TARGET: ReadonlySet<string> = new Set([
  ...OWN_TARGET,
  ...['x-forwarded-host', 'x-forwarded-proto'],
]);

/** The HTTP side of one request at one cache: the request as it came, the response, and the way to the app behind. */
export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  /** The request's header fields as they came, whatever is hidden from the app later. */
  headers: IncomingHttpHeaders;
  /** Whether a cache in front leads a fill with this very request: waiting for a fill could be waiting for itself. */
  readonly isLeader: boolean;
  /**
   * How deep in the app this cache is: 0 in front of the app, 1 in the app, more behind other caches that forwarded the
   * request. A cache never uses what a deeper one has stored: middleware between the two may have turned people away.
   */
  readonly cacheLevel: number;
  /** Whether middleware in front has wrapped `write`, and so may change the body: compression does. */
  readonly isBodyWrapped: boolean;
  readonly #next: Next;
  readonly #door: FrontDoor | undefined;
  #trust: unknown;
  #target: RequestTarget | undefined;
  #hasTarget = false;
  #context: AsyncResource | undefined;
  #forwarded = false;
  #optionReads: OptionReads | undefined;

  /** @param door the front door that the request came through, where it did not come from the app. */
  constructor(req: IncomingMessage, res: ServerResponse, next: Next, door?: FrontDoor) {
    this.req = req;
    this.res = res;
    this.method = req.method ?? '';
    this.headers = withHost(unviewed(req.headers));
    this.isLeader = leaderRequests.has(req);
    this.isBodyWrapped = Object.hasOwn(res, 'write');
    this.#next = next;
    this.#door = door;
    this.cacheLevel = door?.isBeforeApp(req) && !cachesPassed.has(req) ? 0 : 1 + (cachesPassed.get(req) ?? 0);
  }

  /** Scheme, host and URL of the request, by the app's own rules of trust; `undefined` where they are ambiguous. */
  get target(): RequestTarget | undefined {
    return this.#received();
  }

  #received(): RequestTarget | undefined {
    if (!this.#hasTarget) {
      this.#trust = trustProxyOf(this.req, this.#door?.express);
      this.#target = targetOf(this.req, this.#trust);
    }
    this.#hasTarget = true;
    return this.#target;
  }

  /**
   * Whether the app derives the same scheme and host as the key. A listener around the app can hide its `trust proxy` from
   * the key.
   */
  get targetMatchesApp(): boolean {
    const target = this.#received();
    const trust = trustProxyOf(this.req);
    if (trust === undefined || trust === this.#trust) return true;
    const aim = targetOf(this.req, trust);
    return aim?.scheme === target?.scheme && aim?.host === target?.host;
  }

  /** A field of a proxy that the app ignores, since its `trust proxy` is off, and that names another scheme or host. */
  get ignoredProxyField(): string | undefined {
    const { target } = this;
    return target && ignoredProxyField(this.req, target, this.#door?.express);
  }

  /** The header fields that the target was made of, in lower case. */
  get targetFields(): ReadonlySet<string> {
    return this.#target?.isForwarded ? FORWARDED_TARGET : OWN_TARGET;
  }

  /** What `when` and `key` have read of the request. */
  get optionReads(): OptionReads {
    this.#optionReads ??= new OptionReads();
    return this.#optionReads;
  }

  /** Whether the app was called: from then on it answers, whatever goes wrong here. */
  get forwarded(): boolean {
    return this.#forwarded;
  }

  /** Keeps the asynchronous context of the request (its trace, its user) for event listeners. */
  keepContext(): void {
    this.#context = new AsyncResource('redis-response-cache');
  }

  inItsContext(run: () => void): void {
    if (this.#context) this.#context.runInAsyncScope(run);
    else run();
  }

  /** Whether a header field or middleware says that the method is another one. */
  get hasMethodOverride(): boolean {
    const { headers } = this;
    const original = (this.req as { originalMethod?: string }).originalMethod;
    return (
      (original !== undefined && original !== this.method) ||
      headers['x-http-method-override'] !== undefined ||
      headers['x-http-method'] !== undefined ||
      headers['x-method-override'] !== undefined
    );
  }

  /**
   * Whether the client asks for another protocol, as for a WebSocket (RFC 9110 section 7.8). Some clients offer HTTP/2 over
   * plain text (h2c) with every request; that is no reason to expect another protocol, since Node does not speak it.
   */
  get asksForUpgrade(): boolean {
    const { upgrade } = this.headers;
    return upgrade !== undefined && upgrade.toLowerCase() !== 'h2c';
  }

  /** Whether the client has disconnected. The cache's own requests have none. */
  get isDisconnected(): boolean {
    const { req, res } = this;
    if (isInternal(req)) return false;
    // A request that is over is destroyed, too; and the objects of adapters may lack a socket.
    const socket = req.socket as IncomingMessage['socket'] | undefined;
    return res.destroyed === true || req.aborted === true || socket?.destroyed === true;
  }

  get hasBody(): boolean {
    const { 'content-length': length, 'transfer-encoding': coding } = this.headers;
    // Adapters that make requests without a socket (serverless-http) give the length as a number.
    return (
      announcesBody(this.req) ?? (coding !== undefined || (length !== undefined && Number(length) !== 0))
    );
  }

  /** Lets the app answer. An error that it throws synchronously becomes an uncaught exception, as without the cache. */
  forward(): void {
    this.#forwarded = true;
    cachesPassed.set(this.req, 1 + (cachesPassed.get(this.req) ?? 0));
    try {
      this.#next();
    } catch (error) {
      if (isInternal(this.req)) {
        this.res.destroy();
        return;
      }
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /** Ends an internal request. */
  drop(): void {
    this.#forwarded = true;
    this.res.destroy();
  }

  /** Whether another cache refreshes a response by this request, which has not reached that cache yet. */
  get isRefreshOnItsWay(): boolean {
    return refreshRequests.get(this.req) === 'on-its-way';
  }

  /** Whether a cache refreshes a response by this request. */
  get isRefresh(): boolean {
    return refreshRequests.has(this.req);
  }

  /** Marks the request: it has reached the cache that refreshes a response by it. */
  arriveAsRefresh(): void {
    refreshRequests.set(this.req, 'arrived');
  }

  /** Marks the request: a cache of this process leads a fill with it. */
  beginLeading(): void {
    leaderRequests.add(this.req);
  }

  /** Copies the header fields, since the app may change them. */
  keepHeaders(): void {
    this.headers = { ...this.headers };
  }

  /**
   * Asks the app for the whole representation, and whether the stored one is still valid where there are validators.
   * `headers` stays as it came.
   */
  askForWhole(validators: Validators | undefined, keepsRange: boolean): void {
    this.keepHeaders();
    requestWhole(this.req, this.headers, validators, keepsRange);
  }

  /** Gives the app its own entity tags in `If-Match`, where the client has those of encodings. */
  askByOwnTags(): void {
    if (this.headers['if-match'] === undefined) return;
    const asCame = { ...this.headers };
    if (restoreEntityTags(this.req)) this.headers = asCame;
  }

  /** Takes header fields away from the request, as if they had never been sent. */
  strip(names: readonly string[]): void {
    hideFields(this.req, new Set(names));
    const left = { ...this.headers };
    for (const name of names) delete left[name];
    this.headers = left;
  }
}
