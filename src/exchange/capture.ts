import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FieldList } from '../http/headers.ts';
import { beforeHead } from './before-head.ts';

/** A response's head, at the moment it is about to be sent. */
export interface Head {
  readonly status: number;
  readonly message: string;
  readonly fields: FieldList;
  /** The same fields by lower-case name. */
  readonly headers: OutgoingHttpHeaders;
  /** The body's length in bytes, where it is known by now. */
  readonly length: number | undefined;
}

/** How a capture ended. */
export type End =
  | { readonly kind: 'complete'; readonly chunks: readonly Buffer[] }
  /** Nothing to store: given up by `head`, too large, or bytes that do not match the head. */
  | { readonly kind: 'refused'; readonly reason: 'head' | 'too-large' | 'incomplete' };

export interface CaptureHooks {
  /** The largest body kept, in bytes. */
  readonly limit: number;
  /** Called once, when the head is about to be sent: whether to keep the body. It may still set header fields. */
  head(head: Head): boolean;
  /** Called once, when the app has ended the response, after its last byte was passed on. */
  end(end: End): void;
  /** Called instead of `end` when the app will not end the response any more. */
  abandoned(): void;
}

/** After the connection is gone, a handler has this long (in milliseconds) to end what it began. */
const GRACE = 60_000;

/**
 * Watches what the app writes to a response, without delaying, copying or reordering what the client gets: each
 * call goes to the original first, with its arguments, return value and errors. Middleware inside wraps around
 * this, middleware outside is wrapped by it.
 */
export function capture(res: ServerResponse, hooks: CaptureHooks): void {
  const { write, end, destroy } = res;
  let chunks: Buffer[] | undefined = [];
  let length = 0;
  let head: Head | undefined;
  /** The length of a body that is given whole, while its `end` is running. */
  let whole: number | undefined;
  let settled = false;
  let refused: 'head' | 'too-large' = 'head';

  const keep = (args: readonly unknown[]): void => {
    if (!chunks) return;
    if (length + sizeOf(args) > hooks.limit) {
      refused = 'too-large';
      chunks = undefined;
      return;
    }
    const bytes = bytesOf(args);
    length += bytes.length;
    chunks.push(bytes);
  };

  let sent = 0;

  beforeHead(res, (message) => {
    head = headOf(res, message, whole);
    if (!hooks.head(head)) chunks = undefined;
    sent = res.statusCode;
  });

  /** For a client that is gone Node makes no head any more, but what is stored needs one. */
  const headForNobody = (): void => {
    if (res.destroyed && !res.headersSent) res.writeHead(res.statusCode);
  };

  res.write = function writeCaptured(this: ServerResponse, ...args: unknown[]): boolean {
    if (!settled) headForNobody();
    const passed = Reflect.apply(write, this, args) as boolean;
    if (!settled) keep(args);
    return passed;
  } as ServerResponse['write'];

  res.end = function endCaptured(this: ServerResponse, ...args: unknown[]): ServerResponse {
    if (settled) return Reflect.apply(end, this, args) as ServerResponse;
    if (!head) whole = length + sizeOf(args);
    headForNobody();
    const passed = Reflect.apply(end, this, args) as ServerResponse;
    if (settled) return passed;
    settled = true;
    keep(args);
    hooks.end(outcome());
    chunks = undefined;
    return passed;
  } as ServerResponse['end'];

  const abandon = (): void => {
    if (settled) return;
    settled = true;
    chunks = undefined;
    hooks.abandoned();
  };
  res.destroy = function destroyCaptured(this: ServerResponse, ...args: unknown[]): ServerResponse {
    abandon();
    return Reflect.apply(destroy, this, args) as ServerResponse;
  } as ServerResponse['destroy'];
  const { socket } = res;
  const closed = (): void => {
    if (settled) return;
    if (hungUp(socket)) {
      // A client that hung up does not spoil what the handler is about to finish. A pipe stops, though.
      res.once('unpipe', abandon);
      setTimeout(abandon, GRACE).unref();
    } else abandon();
  };
  if (res.destroyed) closed();
  else res.once('close', closed);

  function outcome(): End {
    if (!chunks || !head) return { kind: 'refused', reason: refused };
    const stated = head.headers['content-length'];
    // "A message that is incomplete" (RFC 9112 §8): its bytes are not as many as it says.
    if (stated !== undefined && String(stated) !== String(length))
      return { kind: 'refused', reason: 'incomplete' };
    // The head that was seen may not be the one that was sent, if that was refused and an error sent instead.
    if (sent !== res.statusCode) return { kind: 'refused', reason: 'incomplete' };
    return { kind: 'complete', chunks };
  }
}

/** The fields set so far, in order and in the case they were set in. */
export function fieldsOf(res: ServerResponse): FieldList {
  const { getRawHeaderNames } = res as { getRawHeaderNames?(): string[] };
  // HTTP/2 has no case to keep.
  const names = getRawHeaderNames?.call(res) ?? res.getHeaderNames();
  return names.map((name) => [name, res.getHeader(name) as string | number | readonly string[]]);
}

function headOf(res: ServerResponse, message: string | undefined, whole: number | undefined): Head {
  const stated = res.getHeader('content-length');
  return {
    status: res.statusCode,
    message: message ?? res.statusMessage ?? '',
    fields: fieldsOf(res),
    headers: res.getHeaders(),
    length: stated === undefined ? whole : Number(stated),
  };
}

/** Whether a connection was closed from the other side: what is destroyed on this side has neither end nor error. */
function hungUp(socket: Socket | null): boolean {
  return !socket || socket.readableEnded || socket.errored !== null;
}

function sizeOf([chunk, encoding]: readonly unknown[]): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk, encodingOf(encoding));
  return chunk instanceof Uint8Array ? chunk.length : 0;
}

/** A private copy of a chunk: the handler may use its buffer again later. */
function bytesOf([chunk, encoding]: readonly unknown[]): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk, encodingOf(encoding));
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.alloc(0);
}

function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8';
}
