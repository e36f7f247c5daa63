import type { IncomingMessage } from 'node:http';
import type { Exchange } from './exchange.ts';

/** Whether the key of a request with a body was made of the body. */

/** Where middleware in front puts a body. */
const BODIES = ['body', 'rawBody'] as const;

/**
 * - `read`: a body was there and was read, or the stream was.
 * - `unread`: nothing looked at the body.
 * - `absent`: something looked for the body, but no body parser has run yet.
 */
export type BodyReading = 'read' | 'unread' | 'absent';

/** A watch over the body of a request, while the functions among the options make its key. */
export class BodyWatch {
  readonly #req: IncomingMessage;
  readonly #hadRead: boolean;
  readonly #undo: (() => void)[];
  #reading: BodyReading = 'unread';

  constructor(req: IncomingMessage) {
    this.#req = req;
    this.#hadRead = req.readableDidRead;
    this.#undo = BODIES.map((name) => this.#watch(name));
  }

  /** Leaves the request as it would be without the watch. */
  end(): BodyReading {
    for (const undo of this.#undo) undo();
    return this.#req.readableDidRead && !this.#hadRead ? 'read' : this.#reading;
  }

  #watch(name: (typeof BODIES)[number]): () => void {
    const req: object = this.#req;
    const own = Object.getOwnPropertyDescriptor(req, name);
    const isValue = own !== undefined && own.get === undefined && own.set === undefined;
    let value: unknown = own?.value;
    let isSet = isValue;
    const note = (body: unknown): unknown => {
      if (this.#isThere(body)) this.#reading = 'read';
      else if (this.#reading === 'unread') this.#reading = 'absent';
      return body;
    };
    const get = (): unknown => {
      if (isSet) return note(value);
      return note(own ? own.get?.call(req) : Reflect.get(Object.getPrototypeOf(req), name, req));
    };
    const set = (next: unknown): void => {
      if (own?.set) own.set.call(req, next);
      else [isSet, value] = [true, next];
    };
    const enumerable = own?.enumerable ?? false;
    if (!Reflect.defineProperty(req, name, { configurable: true, enumerable, get, set })) return () => {};
    return () => {
      if (Object.getOwnPropertyDescriptor(req, name)?.get !== get) return;
      if (isSet)
        Object.defineProperty(req, name, {
          configurable: true,
          enumerable: true,
          writable: true,
          ...(isValue && own),
          value,
        });
      else if (own) Object.defineProperty(req, name, own);
      else Reflect.deleteProperty(req, name);
    };
  }

  /**
   * Whether a value is what a parser made of the body. Body parsers write an empty object where the media type is not
   * theirs; only a JSON body that was read can be one.
   */
  #isThere(body: unknown): boolean {
    if (hasContent(body)) return true;
    const type = String(this.#req.headers['content-type'] ?? '');
    return typeof body === 'object' && body !== null && this.#req.readableDidRead && /\bjson\b/i.test(type);
  }
}

/** Whether a request that is not GET or HEAD has a body, which adapters without a socket may have parsed already. */
export function bringsBody({ req, method, hasBody }: Exchange): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  return hasBody || hasContent(Object.getOwnPropertyDescriptor(req, 'body')?.value);
}

function hasContent(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return body !== undefined && body !== null && body !== '';
  if (body instanceof Uint8Array) return body.length > 0;
  const prototype: unknown = Object.getPrototypeOf(body);
  const isPlain = Array.isArray(body) || prototype === null || Object.getPrototypeOf(prototype) === null;
  // A stream, or an instance of a class of the app's.
  return !isPlain || Object.keys(body).length > 0;
}
