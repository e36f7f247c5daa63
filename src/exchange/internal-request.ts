import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import {
  type IncomingMessage,
  METHODS,
  type RequestListener,
  Server,
  type ServerResponse,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http';
import { Socket } from 'node:net';
import { internalSockets, rawHeadersOf } from '../shared-state.ts';
import { onceUnnoticed } from './disconnect-watch.ts';

/**
 * Internal requests: requests that the cache itself sends to the app, in this process, without a client or a port. They
 * enter through the same request listeners as all requests, so every middleware treats them like the original request.
 *
 * Node's own server parses them from a socket that is connected to nobody. So the app gets Node's request and response,
 * and everything from the parser's limits to the `close` event is the same as with a client.
 */

/** What an internal request copies from an original request. */
export interface RequestTemplate {
  readonly method: string;
  /** Path and query as received. */
  readonly url: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly peer: PeerInfo;
}

/** Properties of the connection that apps read, mostly for `trust proxy`. */
interface PeerInfo {
  readonly encrypted?: boolean | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remoteFamily?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localFamily?: string | undefined;
  readonly localPort?: number | undefined;
  /** The host name of the TLS handshake (SNI). */
  readonly servername?: string | false | undefined;
  /** The server that received the original, so that an internal request can itself be a template. */
  readonly server?: EventEmitter | undefined;
}

/** How an internal request ended. */
export type DispatchResult =
  | { readonly kind: 'finished'; readonly status: number }
  /**
   * Closed before the response was complete: by the app, by the signal, or because Node could not parse the request.
   */
  | { readonly kind: 'aborted' }
  | { readonly kind: 'timed-out' }
  /**
   * The listener threw synchronously, which with a client is an uncaught exception; or the template is not a request.
   */
  | { readonly kind: 'threw'; readonly error: unknown };

interface DispatchLimits {
  /** After this many milliseconds the connection is closed. A handler can notice, but is not stopped. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const PEER_PROPERTIES = [
  'encrypted',
  'remoteAddress',
  'remoteFamily',
  'remotePort',
  'localAddress',
  'localFamily',
  'localPort',
  'servername',
  'server',
] as const satisfies readonly (keyof PeerInfo)[];

/** Methods of a TLS connection, of which an internal request has none. */
const OF_TLS = [
  ...[
    'getCipher',
    'getProtocol',
    'getPeerCertificate',
    'getPeerX509Certificate',
    'getCertificate',
    'getSession',
  ],
] as const;

/** Fields that determine the target. They are always copied. */
const TARGET_FIELDS: ReadonlySet<string> = new Set(['host', 'x-forwarded-host', 'x-forwarded-proto']);

/** Fields of the original's connection and of its body, which an internal request does not have. */
const NOT_COPIED: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The template of a request: its target, and those other header fields that the caller wants, so that credentials are
 * copied only on purpose.
 *
 * Call it while the client is connected, because a closed socket has no peer address any more.
 * @param wanted whether to copy a field, given its lower-case name.
 */
export function templateOf(req: IncomingMessage, wanted: (name: string) => boolean): RequestTemplate {
  const { originalUrl, originalMethod } = req as { originalUrl?: string; originalMethod?: string };
  const { socket } = req;
  const rawHeaders = rawHeadersOf(req);
  const fields: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (NOT_COPIED.has(name) || !(TARGET_FIELDS.has(name) || wanted(name))) continue;
    fields.push([rawHeaders[i] as string, rawHeaders[i + 1] as string]);
  }
  return {
    method: originalMethod ?? req.method ?? 'GET',
    url: originalUrl ?? req.url ?? '/',
    fields,
    peer: Object.fromEntries(PEER_PROPERTIES.map((name) => [name, socket[name as keyof Socket]])),
  };
}

/**
 * All request listeners of the server that received a request. `undefined` for a request that came through no server,
 * or over HTTP/2, whose requests cannot be built from a socket.
 */
export function listenerOf(req: IncomingMessage): RequestListener | undefined {
  const server: unknown = (req.socket as PeerInfo | null)?.server;
  if (!(server instanceof EventEmitter) || server.listenerCount('request') === 0) return undefined;
  if (req.httpVersionMajor !== 1) return undefined;
  return (internal, res) => server.emit('request', internal, res);
}

/** Whether a cache of this process sent this request. Its socket tells, so no client can pretend it. */
export function isInternal(req: IncomingMessage): boolean {
  return internalSockets.has(req.socket);
}

/**
 * The asynchronous context of internal requests. It is detached from that of the request that caused them, whose trace
 * and user they must not inherit.
 */
const detachedContext = new AsyncResource('redis-response-cache');

/** Sends the internal request of a template to a listener. Never rejects, and keeps no process alive. */
export function dispatch(
  template: RequestTemplate,
  listener: RequestListener,
  limits: DispatchLimits,
): Promise<DispatchResult> {
  return detachedContext.runInAsyncScope(run, undefined, template, listener, limits);
}

function run(
  template: RequestTemplate,
  listener: RequestListener,
  { timeoutMs, signal }: DispatchLimits,
): Promise<DispatchResult> {
  return new Promise((resolve) => {
    let failure: DispatchResult | undefined;
    let response: ServerResponse | undefined;
    const socket = new NullSocket(template.peer, (req, res) => {
      response = res;
      // The connection serves a single request.
      onceUnnoticed(res, 'close', () => socket.destroy());
      try {
        listener(req, res);
      } catch (error) {
        fail({ kind: 'threw', error });
      }
    });
    const fail = (result: DispatchResult): void => {
      failure = result;
      socket.destroy();
    };
    const abort = detachedContext.bind(() => fail({ kind: 'aborted' }));
    const timer = setTimeout(fail, timeoutMs, { kind: 'timed-out' }).unref();
    socket.once('close', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      const finished = response?.writableFinished;
      resolve(
        failure ?? (finished ? { kind: 'finished', status: response!.statusCode } : { kind: 'aborted' }),
      );
    });
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) return abort();
    try {
      socket.send(serializeHead(template));
    } catch (error) {
      fail({ kind: 'threw', error });
    }
  });
}

/** The server's end of a connection without a client: one request is read from it, and its response is discarded. */
class NullSocket extends Socket {
  readonly listener: RequestListener;
  readonly #peer: PeerInfo;

  constructor(peer: PeerInfo, listener: RequestListener) {
    super();
    this.listener = listener;
    this.#peer = peer;
    internalSockets.add(this);
    // No client will close the other end.
    this.once('finish', () => this.destroy());
  }

  send(request: Buffer): void {
    server.emit('connection', this);
    for (const name of PEER_PROPERTIES) {
      const value = this.#peer[name];
      // Most are accessors of `Socket`, which would read the connection that this socket does not have.
      Object.defineProperty(this, name, { value, writable: true, configurable: true });
    }
    if (this.#peer.encrypted)
      for (const name of OF_TLS) Object.defineProperty(this, name, { value: () => null, configurable: true });
    this.push(request);
  }

  override _read(): void {}

  /**
   * Completes in the next turn of the event loop, as a connection does, so that an endless source does not block it.
   */
  override _write(_chunk: unknown, _encoding: unknown, written: () => void): void {
    setImmediate(written);
  }

  override _writev(_chunks: unknown, written: () => void): void {
    setImmediate(written);
  }

  override _final(ended: () => void): void {
    ended();
  }
}

/** Node's HTTP server, which parses internal requests and never listens. */
class InternalServer extends Server {
  /**
   * Calls the listener instead of emitting `request`: tracing, which instruments `emit` of every server, sees the
   * internal request once, at the app's own server.
   */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== 'request') return super.emit(event as string, ...args);
    const [req, res] = args as Parameters<RequestListener>;
    (req.socket as NullSocket).listener(req, res);
    return true;
  }
}

// No stricter than the app's own server, which has accepted the original.
const server = new InternalServer({ maxHeaderSize: 1024 * 1024, requireHostHeader: false });

/** The request line and header fields as bytes. @throws {TypeError} when a part of the template could not be one. */
function serializeHead({ method, url, fields }: RequestTemplate): Buffer {
  if (!METHODS.includes(method)) throw new TypeError(`Not an HTTP method: ${JSON.stringify(method)}`);
  if (!/^[\x21-\x7e]+$/.test(url)) throw new TypeError(`Not a request target: ${JSON.stringify(url)}`);
  let head = `${method} ${url} HTTP/1.1\r\n`;
  for (const [name, value] of fields) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    head += `${name}: ${value}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, 'latin1');
}
