import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import {
  type IncomingMessage,
  METHODS,
  Server,
  type ServerResponse,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http';
import { Socket } from 'node:net';

/**
 * Requests that nobody sent: the app is asked again in this process, without a client or a port, by the way that
 * every request takes, so that each middleware does for it what it did for the original.
 *
 * Node itself plays the server's part, over a socket with nobody at the other end. So the app gets Node's own request
 * and response, and all that happens to them, from the parser's limits to `close`, is as with a client.
 */

/** What a synthetic request repeats of an original. */
export interface Blueprint {
  readonly method: string;
  /** Path and query as they were received. */
  readonly url: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly peer: Peer;
}

/** Facts of a connection that apps go by, `trust proxy` above all. */
interface Peer {
  readonly encrypted?: boolean | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remoteFamily?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localFamily?: string | undefined;
  readonly localPort?: number | undefined;
  /** The host that the client asked TLS for. */
  readonly servername?: string | false | undefined;
  /** The server that the original came to: what was asked by nobody can be asked again by the same way. */
  readonly server?: EventEmitter | undefined;
}

/** The way into an app: itself, or the server that it listens to. */
export type Entrance = (req: IncomingMessage, res: ServerResponse) => unknown;

/** How a synthetic request ended. */
export type Ending =
  | { readonly kind: 'finished'; readonly status: number }
  /** Given up before the answer was complete: by the app, by the signal, or by a parser that finds no request. */
  | { readonly kind: 'aborted' }
  | { readonly kind: 'timed-out' }
  /** What the app threw at once, which would have been an uncaught exception; or the blueprint is no request. */
  | { readonly kind: 'threw'; readonly error: unknown };

export interface Limits {
  /** In milliseconds from now; then the connection is closed, which a handler can hear and need not. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
}

const FACTS = [
  'encrypted',
  'remoteAddress',
  'remoteFamily',
  'remotePort',
  'localAddress',
  'localFamily',
  'localPort',
  'servername',
  'server',
] as const satisfies readonly (keyof Peer)[];

/** What decides where a request is aimed. */
const AIM: ReadonlySet<string> = new Set(['host', 'x-forwarded-host', 'x-forwarded-proto']);

/** Of the original's connection and of its body, which is not repeated. */
const NOT_REPEATED: ReadonlySet<string> = new Set([
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
 * What to repeat of a request: where it is aimed, and of the other header fields those that are wanted, so none of
 * the user's credentials unless told to. To be asked while the client is there, since a closed socket forgets its
 * peer, and outside of a watch, since it reads all header fields.
 * @param wanted given a lower-case name.
 */
export function blueprintOf(req: IncomingMessage, wanted: (name: string) => boolean): Blueprint {
  const { originalUrl, originalMethod } = req as { originalUrl?: string; originalMethod?: string };
  const { rawHeaders, socket } = req;
  const fields: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (NOT_REPEATED.has(name) || !(AIM.has(name) || wanted(name))) continue;
    fields.push([rawHeaders[i] as string, rawHeaders[i + 1] as string]);
  }
  return {
    method: originalMethod ?? req.method ?? 'GET',
    url: originalUrl ?? req.url ?? '/',
    fields,
    peer: Object.fromEntries(FACTS.map((name) => [name, socket[name as keyof Socket]])),
  };
}

/**
 * The way that a request took into its app: every listener of its server. `undefined` for one that came through no
 * server, or by HTTP/2, whose requests are of another kind.
 */
export function entranceOf(req: IncomingMessage): Entrance | undefined {
  const server: unknown = (req.socket as Peer | null)?.server;
  if (!(server instanceof EventEmitter) || server.listenerCount('request') === 0) return undefined;
  if (req.httpVersionMajor !== 1) return undefined;
  return (again, res) => server.emit('request', again, res);
}

/** Whether nobody sent this request. It is told by its socket, so nothing that a client sends makes it so. */
export function isSynthetic(req: IncomingMessage): boolean {
  return req.socket instanceof Sink;
}

/**
 * Where synthetic requests begin. They are nobody's, so nothing follows them that goes with the asynchronous context
 * of the request that gave rise to them: no trace, and no user.
 */
const nowhere = new AsyncResource('redis-response-cache');

/** Asks the app for what the blueprint says. Never rejects, and keeps no process alive. */
export function dispatch(blueprint: Blueprint, enter: Entrance, limits: Limits): Promise<Ending> {
  return nowhere.runInAsyncScope(run, undefined, blueprint, enter, limits);
}

function run(blueprint: Blueprint, enter: Entrance, { deadline, signal }: Limits): Promise<Ending> {
  return new Promise((resolve) => {
    let cut: Ending | undefined;
    let answer: ServerResponse | undefined;
    const sink = new Sink(blueprint.peer, (req, res) => {
      answer = res;
      // The connection was for this one request.
      res.once('close', () => sink.destroy());
      try {
        enter(req, res);
      } catch (error) {
        stop({ kind: 'threw', error });
      }
    });
    const stop = (why: Ending): void => {
      cut = why;
      sink.destroy();
    };
    const abort = nowhere.bind(() => stop({ kind: 'aborted' }));
    const timer = setTimeout(stop, deadline, { kind: 'timed-out' }).unref();
    sink.once('close', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      const finished = answer?.writableFinished;
      resolve(cut ?? (finished ? { kind: 'finished', status: answer!.statusCode } : { kind: 'aborted' }));
    });
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) return abort();
    try {
      sink.ask(serialized(blueprint));
    } catch (error) {
      stop({ kind: 'threw', error });
    }
  });
}

/** The server's end of a connection with nobody at the other end: one request comes, and what is answered is gone. */
class Sink extends Socket {
  readonly enter: Entrance;
  readonly #peer: Peer;

  constructor(peer: Peer, enter: Entrance) {
    super();
    this.enter = enter;
    this.#peer = peer;
    // An app that ends the connection has nobody to wait for.
    this.once('finish', () => this.destroy());
  }

  ask(request: Buffer): void {
    origin.emit('connection', this);
    for (const name of FACTS) {
      const value = this.#peer[name];
      // Most are accessors of every socket's, which would ask a connection.
      Object.defineProperty(this, name, { value, writable: true, configurable: true });
    }
    this.push(request);
  }

  override _read(): void {}

  /** Takes a turn of the event loop, as a connection would: a source without end lets others have theirs. */
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

/** Node's server, which never listens. */
class Origin extends Server {
  /** Whoever watches the requests of all servers, as tracing does, sees a synthetic one at the app's only. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== 'request') return super.emit(event as string, ...args);
    const [req, res] = args as [IncomingMessage, ServerResponse];
    (req.socket as Sink).enter(req, res);
    return true;
  }
}

// What the app's own server has let in is let in.
const origin = new Origin({ maxHeaderSize: 1024 * 1024, requireHostHeader: false });

/** The request line and the header fields, or an error if they would be anything else. */
function serialized({ method, url, fields }: Blueprint): Buffer {
  if (!METHODS.includes(method)) throw new TypeError(`no method: ${JSON.stringify(method)}`);
  if (!/^[\x21-\x7e]+$/.test(url)) throw new TypeError(`no request target: ${JSON.stringify(url)}`);
  let head = `${method} ${url} HTTP/1.1\r\n`;
  for (const [name, value] of fields) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    head += `${name}: ${value}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, 'latin1');
}
