import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FieldList } from '../http/headers.ts';
import type { Fields } from '../http/vary.ts';
import { CapturedBody, chunkBytes, chunkSize } from './chunk.ts';
import { DisconnectWatch, onceUnnoticed } from './disconnect-watch.ts';
import { hasReasonPhrase, isCancelled, isGone } from './http2.ts';
import { isInternal } from './internal-request.ts';
import { onHead } from './on-head.ts';

/** A response's head, at the moment it is about to be sent. */
export interface SentHead {
  readonly status: number;
  readonly message: string;
  readonly fields: FieldList;
  /** The same fields by lower-case name. */
  readonly headers: Fields;
  /** The body's length in bytes, where it is known by now. */
  readonly length: number | undefined;
}

/** How a capture ended. */
export type CaptureEnd =
  | { readonly kind: 'complete'; readonly body: CapturedBody }
  /** The body was not kept: `head` did not ask for it. */
  | { readonly kind: 'not-kept' }
  /** Nothing to store: too large, or bytes that do not match the head. */
  | { readonly kind: 'refused'; readonly reason: 'too-large' | 'incomplete' };

/** What to do with a response whose head is known: keep its body, pass it on only, or answer something else. */
export type Reaction = 'keep' | 'pass' | 'replace';

export interface CaptureHooks {
  /** The largest body kept, in bytes. It may change until the head is sent. */
  readonly limit: number;
  /** Whether the response is held until its head is seen, since `head` may say `'replace'`. */
  readonly holds: boolean;
  /** What the app reads of the person: calls into middleware in front do not count. */
  readonly reads: { leave(): void; return(): void };
  /** Called once, when the head is about to be sent. It may still set header fields. */
  head(head: SentHead): Reaction;
  /** Called once, when the body has grown past the limit. */
  overflow(): void;
  /** Called once, when the app has ended the response, after its last byte was passed on. */
  end(end: CaptureEnd): void;
  /** Called when the client is gone, while the app may still end what it began. */
  clientDisconnected(): void;
  /** Called instead of `end` when the app will not end the response any more. */
  aborted(): void;
  /** Called in place of `end` after `head` said `'replace'`: nothing was sent, so it is time to answer. */
  replace(): void;
}

/** After the connection is gone, a handler has this long (in milliseconds) to end what it began. */
const GRACE = 60_000;
/** A response that will be replaced may go on this long (in milliseconds) before it is. */
const PATIENCE = 1000;

type Method = (...args: unknown[]) => unknown;
type Methods = Record<(typeof METHODS)[number], Method>;
const METHODS = ['write', 'end', 'destroy', 'writeHead', 'flushHeaders'] as const;

/** The methods of a response. Those of its prototype are read there, where V8 finds them faster. */
function methodsOf(res: Methods): Methods {
  const has = METHODS.some((name) => Object.hasOwn(res, name));
  const { write, end, destroy, writeHead, flushHeaders } = has
    ? res
    : (Object.getPrototypeOf(res) as Methods);
  return { write, end, destroy, writeHead, flushHeaders };
}

/**
 * Watches what the app writes to a response, without delaying, copying or reordering what the client gets: each
 * call goes to the original first, with its arguments, return value and errors. Middleware inside wraps around
 * this, middleware outside is wrapped by it.
 *
 * Where the hooks hold the response, it is held until its head has been seen and no byte longer.
 *
 * It replaces no more methods than it needs: behind Express, V8 up to that of Node 22 gives every response a hidden class of
 * its own for each property that is added, and looks up anew whatever is read after that.
 */
export function capture(res: ServerResponse, given: CaptureHooks): void {
  /** None any more, once it is settled. */
  let hooks: CaptureHooks | undefined = given;
  const own = res as unknown as Methods;
  const { write, end, destroy, writeHead, flushHeaders } = methodsOf(own);
  let chunks: Buffer[] | undefined = [];
  let length = 0;
  let head: SentHead | undefined;
  /** The status that went out, which an outer middleware or an error may have changed. */
  let sent = 0;
  /** The length of a body that is given whole, while its `end` is running. */
  let whole: number | undefined;
  let ending = false;
  let replaced = false;
  let isTooLarge = false;
  const watch = new DisconnectWatch(res);
  let isClientGone = false;
  /** Whether the length of the body was stated in a head that was sent before the client was gone. */
  let isLengthKnown = false;

  /**
   * Returns the hooks and drops all references. Node keeps a response long after its end, and objects that have become old
   * wait for a major garbage collection.
   */
  const settle = (): CaptureHooks | undefined => {
    const last = hooks;
    hooks = undefined;
    chunks = undefined;
    head = undefined;
    watch.end();
    return last;
  };

  const pass = (method: Method, args: unknown[]): unknown => {
    if (!hooks) return Reflect.apply(method, res, args);
    const { reads } = hooks;
    reads.leave();
    try {
      return isClientGone
        ? watch.quietly(() => Reflect.apply(method, res, args))
        : Reflect.apply(method, res, args);
    } finally {
      reads.return();
    }
  };

  /** Counts a chunk. @returns whether the body is kept. */
  const count = (size: number, limit: number): boolean => {
    if (!chunks) return false;
    if (length + size > limit) {
      isTooLarge = true;
      chunks = undefined;
      hooks?.overflow();
      return false;
    }
    length += size;
    return true;
  };

  // Each has a name before the response has it: V8 takes a function that is written where a property is set for one that
  // is there to stay, and lets all that it sees grow old with it.
  const passHead: Method = (...args) => (replaced ? res : pass(writeHead, args));
  // Under the listener, so that what it decides is done.
  own.writeHead = passHead;
  onHead(res, (message) => {
    if (!hooks) return;
    head = headOf(res, message, whole);
    const reaction = hooks.head(head);
    if (reaction !== 'keep') chunks = undefined;
    replaced = reaction === 'replace';
    if (replaced) setTimeout(replace, PATIENCE).unref();
    sent = res.statusCode;
  });

  /**
   * Has the head decided on now: before Node is halfway through a call that it would have to be taken out of, or
   * because Node makes no head any more for a client that is gone.
   */
  const decide = (): void => {
    if (head || !hooks || res.headersSent) return;
    if (hooks.holds || isClientGone || isGone(res)) watch.quietly(() => res.writeHead(res.statusCode));
  };

  const passWrite: Method = (...args) => {
    decide();
    if (replaced) return ignored(args, true);
    const passed = pass(write, args);
    // Its callback gets an error, and so does one who looks at what it returns.
    if (isClientGone && (passed === false || typeof args.at(-1) === 'function')) watch.notice();
    // HTTP/2 writes by this what it is given to `end`.
    if (hooks && !ending && chunks) {
      const bytes = chunkBytes(args);
      if (count(bytes.length, hooks.limit)) chunks.push(bytes);
    }
    return passed;
  };

  const passEnd: Method = (...args) => {
    if (!head) whole = length + chunkSize(args);
    if (!head && hooks?.holds) stateLength(res, whole);
    decide();
    if (replaced) {
      replace();
      return ignored(args, res);
    }
    let passed: unknown;
    ending = true;
    try {
      passed = pass(end, args);
    } finally {
      ending = false;
    }
    if (!hooks) return passed;
    count(chunkSize(args), hooks.limit);
    if (!isClientGone && isDestroyed()) {
      abort();
      return passed;
    }
    const how = outcome(args);
    settle()?.end(how);
    if (how.kind === 'complete') how.body.release();
    return passed;
  };

  const passFlush: Method = (...args) => {
    decide();
    return replaced ? undefined : pass(flushHeaders, args);
  };

  const abort = (): unknown => settle()?.aborted();
  const passDestroy: Method = (...args) => {
    // A response without a socket (light-my-request) destroys itself at its end.
    if (!ending) abort();
    return pass(destroy, args);
  };
  own.write = passWrite;
  own.end = passEnd;
  // Node has `flushHeaders` call `writeHead`, which is enough unless the response is held or Node makes no head any more.
  if (given.holds) own.flushHeaders = passFlush;

  const { socket } = res;
  /** Whether the connection tells that the app has destroyed the response. */
  const isTold = socket instanceof Socket && hasReasonPhrase(res);
  if (!isTold) own.destroy = passDestroy;
  /** Node has an error or `undefined` there once `destroy` was called, and `null` where the connection was lost. */
  const isDestroyed = (): boolean => isTold && res.errored !== null;

  const closed = (): void => {
    if (!hooks) return;
    // Whose time is up, though nobody asked, is not waited for either.
    if (isDestroyed() || !(isCancelled(res) ?? hungUp(socket)) || isInternal(res.req)) {
      abort();
      return;
    }
    own.flushHeaders = passFlush;
    own.destroy = passDestroy;
    // A client that hung up does not spoil what the handler is about to finish. A pipe stops, though.
    isClientGone = true;
    isLengthKnown = head?.headers['content-length'] !== undefined;
    watch.begin();
    hooks.clientDisconnected();
    res.once('unpipe', abort);
    setTimeout(abort, GRACE).unref();
  };
  if (isGone(res)) closed();
  else onceUnnoticed(res, 'close', closed);

  function replace(): void {
    const last = settle();
    if (!last) return;
    const patched = {
      write: own.write,
      end: own.end,
      writeHead: own.writeHead,
      flushHeaders: own.flushHeaders,
    };
    Object.assign(own, { write, end, writeHead, flushHeaders });
    last.replace();
    // What the app still writes goes nowhere.
    Object.assign(own, patched);
  }

  /** Whether the connection is destroyed, or half-closed in front of an app that listens for it. */
  function isCut(): boolean {
    return socket != null && (socket.destroyed || (socket.readableEnded && watch.noticed));
  }

  function outcome(end: readonly unknown[]): CaptureEnd {
    if (isTooLarge) return { kind: 'refused', reason: 'too-large' };
    if (!chunks || !head) return { kind: 'not-kept' };
    if (isClientGone && !isLengthKnown && watch.noticed) return { kind: 'refused', reason: 'incomplete' };
    // The connection has ended, and 'close' is yet to come: what the app has seen of that until now is not known.
    if (!isClientGone && watch.quietly(isCut)) {
      hooks?.clientDisconnected();
      return { kind: 'refused', reason: 'incomplete' };
    }
    const stated = head.headers['content-length'];
    // "A message that is incomplete" (RFC 9112 §8): its bytes are not as many as it says.
    if (stated !== undefined && String(stated) !== String(length))
      return { kind: 'refused', reason: 'incomplete' };
    // The head that was seen may not be the one that was sent, if that was refused and an error sent instead.
    if (sent !== res.statusCode) return { kind: 'refused', reason: 'incomplete' };
    return { kind: 'complete', body: new CapturedBody(chunks, end) };
  }
}

/** A call that has nothing to do any more, but whose caller waits to hear that it is done. */
function ignored<T>(args: readonly unknown[], result: T): T {
  const done = args.findLast((argument) => typeof argument === 'function');
  if (done) process.nextTick(done as () => void);
  return result;
}

/** What Node says by itself of a body that is given whole to `end`, and can't once the head is asked for earlier. */
function stateLength(res: ServerResponse, length: number | undefined): void {
  const unstated = !['content-length', 'transfer-encoding', 'trailer'].some((name) => res.hasHeader(name));
  const bodiless = res.statusCode === 204 || res.statusCode === 304;
  if (length !== undefined && unstated && !bodiless && !res.headersSent)
    res.setHeader('Content-Length', length);
}

/** The fields set so far, in order and in the case they were set in. */
export function fieldsOf(res: ServerResponse): FieldList {
  const names = namesOf(res);
  return names.length === 0 ? NO_FIELDS : listOf(names, res.getHeaders());
}

const NO_FIELDS: FieldList = [];

function namesOf(res: ServerResponse): string[] {
  const { getRawHeaderNames } = res as { getRawHeaderNames?(): string[] };
  // HTTP/2 has no case to keep.
  return getRawHeaderNames?.call(res) ?? res.getHeaderNames();
}

/** @param headers the fields by lower-case name, in the same order. */
function listOf(names: readonly string[], headers: OutgoingHttpHeaders): FieldList {
  const fields: [string, string | number | readonly string[]][] = [];
  for (const lower in headers) {
    const value = headers[lower] as string | number | readonly string[];
    // Node appends to a list in place.
    fields.push([names[fields.length] as string, typeof value === 'object' ? [...value] : value]);
  }
  return fields;
}

function headOf(res: ServerResponse, message: string | undefined, whole: number | undefined): SentHead {
  const headers = res.getHeaders();
  const stated = headers['content-length'];
  return {
    status: res.statusCode,
    message: message ?? (hasReasonPhrase(res) ? (res.statusMessage ?? '') : ''),
    fields: listOf(namesOf(res), headers),
    headers: headers as Fields,
    length: stated === undefined ? whole : Number(stated),
  };
}

/** Whether a connection was closed from the other side: what is destroyed on this side has neither end nor error. */
function hungUp(socket: Socket | null): boolean {
  return !socket || socket.readableEnded || socket.errored !== null;
}
