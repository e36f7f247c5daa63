import { AsyncResource } from 'node:async_hooks';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Validators } from '../http/conditional.ts';
import { ownEntityTags } from '../http/content-coding.ts';
import type { Next } from '../options/types.ts';
import type { FrontDoor } from './front-door.ts';
import { original } from './guard/views.ts';
import { announcesBody, withHost } from './http2.ts';
import { isInternal } from './internal-request.ts';
import { onHead } from './on-head.ts';
import { addCacheStatus } from './replay.ts';
import type { Target } from './target.ts';
import { targetOf, trustProxyOf } from './target.ts';

/** The requests that a cache of this process leads a fill for. */
const leaderRequests = new WeakSet<IncomingMessage>();
/** By how many caches of this process a request was let pass: whatever cache comes now is behind them. */
const cachesPassed = new WeakMap<IncomingMessage, number>();

/** One request on its way through the cache: what it asked as it came, and the way to the app behind. */
export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  /** The request's header fields as they came, whatever is hidden from the app later. */
  headers: IncomingHttpHeaders;
  /**
   * Whether another cache in front is filling with this very request: to wait for a fill could be to wait for
   * itself, if both caches share their keys.
   */
  readonly isLeader: boolean;
  /**
   * How far in the cache stands: 0 in front of the app, 1 in the app, more behind other caches that let the request pass.
   * What middleware in front has found out about the person was not seen by the guard, so what is stored further in is
   * not for a cache further out.
   */
  readonly cacheLevel: number;
  readonly #next: Next;
  readonly #door: FrontDoor | undefined;
  #trust: unknown;
  #target: Target | undefined;
  #hasTarget = false;
  #context: AsyncResource | undefined;
  #forwarded = false;
  #absentIdentity: Set<string> | undefined;
  #headersRead: Set<string> | undefined;

  /** @param door where the request comes through one, instead of from the app. */
  constructor(req: IncomingMessage, res: ServerResponse, next: Next, door?: FrontDoor) {
    this.req = req;
    this.res = res;
    this.method = req.method ?? '';
    this.headers = withHost(original(req.headers));
    this.isLeader = leaderRequests.has(req);
    this.#next = next;
    this.#door = door;
    this.cacheLevel = door?.isBeforeApp(req) && !cachesPassed.has(req) ? 0 : 1 + (cachesPassed.get(req) ?? 0);
  }

  /** Where the request is aimed, as far as the app trusts it. */
  get target(): Target | undefined {
    if (!this.#hasTarget) {
      this.#trust = trustProxyOf(this.req, this.#door?.express);
      this.#target = targetOf(this.req, this.#trust);
    }
    this.#hasTarget = true;
    return this.#target;
  }

  /**
   * Whether the app that answers aims the request as the key was made: an app within a listener that does not show it
   * may trust X-Forwarded-* of which the key knows nothing.
   */
  get targetMatchesApp(): boolean {
    const { target } = this;
    const trust = trustProxyOf(this.req);
    if (trust === undefined || trust === this.#trust) return true;
    const aim = targetOf(this.req, trust);
    return aim?.scheme === target?.scheme && aim?.host === target?.host;
  }

  /** What the `when` option asked for of the person and did not find, so that it is the same for all it lets in. */
  get absentIdentity(): Set<string> {
    this.#absentIdentity ??= new Set();
    return this.#absentIdentity;
  }

  /** The header fields that `when` and the key were made by, in lower case; `*` for all of them. */
  get headersRead(): Set<string> {
    this.#headersRead ??= new Set();
    return this.#headersRead;
  }

  /** Whether the app was called, so that whatever goes wrong now is not to be answered here. */
  get forwarded(): boolean {
    return this.#forwarded;
  }

  /** Keeps the asynchronous context that the request came in, for those who listen: its trace, its user. */
  keepContext(): void {
    this.#context = new AsyncResource('redis-response-cache');
  }

  inItsContext(run: () => void): void {
    if (this.#context) this.#context.runInAsyncScope(run);
    else run();
  }

  /** A GET with a body, or a method disguised by a header, does not mean what its URL says. */
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

  get hasBody(): boolean {
    const { 'content-length': length, 'transfer-encoding': coding } = this.headers;
    return announcesBody(this.req) ?? (coding !== undefined || (length !== undefined && length !== '0'));
  }

  /** Lets the app answer. An error that it throws at once is its own, and goes where it would have gone. */
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

  /** Ends a request that nobody waits for. */
  drop(): void {
    this.#forwarded = true;
    this.res.destroy();
  }

  /** Lets the app answer, and says in the answer what was decided. */
  forwardWith(cacheStatus: string): void {
    onHead(this.res, () => addCacheStatus(this.res, cacheStatus));
    this.forward();
  }

  /** Says that the app is about to answer this request for a cache. */
  beginLeading(): void {
    leaderRequests.add(this.req);
  }

  /** Keeps the header fields as they came, since the app may change what it is given. */
  keepHeaders(): void {
    this.headers = { ...this.headers };
  }

  /**
   * Hides from the app what would make it answer less than the whole representation, which is what is to be stored,
   * and asks instead whether a stored one has changed, if there is one. `headers` stays as it came.
   */
  askForWhole(validators: Validators | undefined, ranged: boolean): void {
    const hidden = ranged ? CONDITIONS : HIDDEN;
    const asked: [string, string | undefined][] = [
      ['if-none-match', validators?.etag],
      ['if-modified-since', validators?.lastModified],
    ];
    const changes = asked.some(([, value]) => value !== undefined);
    this.keepHeaders();
    if (!changes && !Object.keys(this.headers).some((name) => hidden.has(name))) return;
    const distinct = this.#hide(hidden);
    for (const [name, value] of asked) if (value !== undefined) this.#give(name, value, distinct);
  }

  /**
   * Asks the app by its own entity tags, where the client was given those of encodings: it changes what it has got a
   * copy of (`If-Match`).
   */
  askByOwnTags(): void {
    const given = this.req.headers['if-match'];
    const own = given && ownEntityTags(given);
    if (own === undefined || own === given) return;
    this.keepHeaders();
    this.#give('if-match', own, this.#hide(new Set(['if-match'])));
  }

  /** Takes header fields away from the request, as if they had never been sent. */
  strip(names: readonly string[]): void {
    this.#hide(new Set(names));
    const left = { ...this.headers };
    for (const name of names) delete left[name];
    this.headers = left;
  }

  #give(name: string, value: string, distinct: Record<string, string[] | undefined> | undefined): void {
    this.req.headers[name] = value;
    this.req.rawHeaders.push(name, value);
    if (distinct) distinct[name] = [value];
  }

  #hide(names: ReadonlySet<string>): Record<string, string[] | undefined> | undefined {
    const { req } = this;
    const distinct = distinctOf(req);
    for (let i = req.rawHeaders.length - 2; i >= 0; i -= 2) {
      if (names.has((req.rawHeaders[i] as string).toLowerCase())) req.rawHeaders.splice(i, 2);
    }
    for (const name of names) {
      delete req.headers[name];
      delete distinct?.[name];
    }
    return distinct;
  }
}

/** Node builds this view when it is first read, and would stumble over a raw list that was shortened before. */
function distinctOf(req: IncomingMessage): Record<string, string[] | undefined> | undefined {
  try {
    return req.headersDistinct;
  } catch {
    // Early versions of Node 20 cannot build it of a field named `__proto__`.
    return undefined;
  }
}

const CONDITIONS: ReadonlySet<string> = new Set(['if-none-match', 'if-modified-since']);
const HIDDEN: ReadonlySet<string> = new Set([...CONDITIONS, 'range', 'if-range']);
