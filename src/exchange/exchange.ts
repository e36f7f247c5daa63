import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Validators } from '../http/conditional.ts';
import type { Next } from '../types.ts';
import { beforeHead } from './before-head.ts';
import { announcesBody, withHost } from './http2.ts';
import { addCacheStatus } from './replay.ts';
import { isSynthetic } from './synthetic.ts';
import { original } from './views.ts';

/** The requests that a cache of this process leads a fill for. */
const led = new WeakSet<IncomingMessage>();

/** One request on its way through the cache: what it asked as it came, and the way to the app behind. */
export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  /** The request's header fields as they came, whatever is hidden from the app later. */
  headers: IncomingHttpHeaders;
  /** The cache key, once it is known. */
  key: string | undefined;
  /** What the `when` option asked for of the person and did not find, so that it is the same for all it lets in. */
  readonly missed: Set<string> = new Set();
  /** The header fields that `when` and the key were made by, in lower case; `*` for all of them. */
  readonly asked: Set<string> = new Set();
  /** Milliseconds that each step took. */
  readonly took: { lookup?: number; origin?: number; store?: number } = {};
  /** Until when, by `performance.now()`, the request may wait for another's fill; set when it first does. */
  waitsUntil: number | undefined;
  /**
   * Whether another cache in front is filling with this very request: to wait for a fill could be to wait for
   * itself, if both caches share their keys.
   */
  readonly isLed: boolean;
  readonly #next: Next;
  #forwarded = false;

  constructor(req: IncomingMessage, res: ServerResponse, next: Next) {
    this.req = req;
    this.res = res;
    this.method = req.method ?? '';
    this.headers = withHost(original(req.headers));
    this.isLed = led.has(req);
    this.#next = next;
  }

  /** Whether the app was called, so that whatever goes wrong now is not to be answered here. */
  get forwarded(): boolean {
    return this.#forwarded;
  }

  /** A GET with a body, or a method disguised by a header, does not mean what its URL says. */
  get disguised(): boolean {
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
    try {
      this.#next();
    } catch (error) {
      if (isSynthetic(this.req)) {
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
    beforeHead(this.res, () => addCacheStatus(this.res, cacheStatus));
    this.forward();
  }

  /** Says that the app is about to answer this request for a cache. */
  lead(): void {
    led.add(this.req);
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
    const { req } = this;
    const hidden = ranged ? CONDITIONS : HIDDEN;
    const asked: [string, string | undefined][] = [
      ['if-none-match', validators?.etag],
      ['if-modified-since', validators?.lastModified],
    ];
    const changes = asked.some(([, value]) => value !== undefined);
    this.keepHeaders();
    if (!changes && !Object.keys(this.headers).some((name) => hidden.has(name))) return;
    const distinct = this.#hide(hidden);
    for (const [name, value] of asked) {
      if (value === undefined) continue;
      req.headers[name] = value;
      req.rawHeaders.push(name, value);
      if (distinct) distinct[name] = [value];
    }
  }

  /** Takes header fields away from the request, as if they had never been sent. */
  strip(names: readonly string[]): void {
    this.#hide(new Set(names));
    const left = { ...this.headers };
    for (const name of names) delete left[name];
    this.headers = left;
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
