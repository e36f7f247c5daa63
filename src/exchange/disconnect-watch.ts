import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Finds out whether the app can have noticed that its client is gone. An app that notices it may stop half-way and end
 * its response all the same, and nothing in the response tells.
 */

/** Properties of a response, a request and their socket that tell whether the client is still there. */
const TELLTALE = {
  res: ['destroyed', 'closed', 'errored', 'writable', 'writableAborted', 'socket', 'connection', 'stream'],
  req: [
    'destroyed',
    'closed',
    'errored',
    'readable',
    'readableAborted',
    'aborted',
    'socket',
    'connection',
    'stream',
  ],
  socket: [
    ...['destroyed', 'closed', 'errored', 'readable', 'writable', 'readyState'],
    ...['pending', 'readableEnded', 'writableEnded', 'writableFinished'],
  ],
} as const;

const TELLING = ['close', 'aborted', 'error'] as const;
/** Events that tell it. */
const EVENTS: ReadonlySet<unknown> = new Set(['close', 'aborted', 'error', 'end']);

/** A request, a response or a socket that an adapter makes may be no emitter. */
function emitter(message: object): Partial<Pick<NodeJS.EventEmitter, 'on' | 'off'>> {
  return message;
}

/** By which the listeners of the cache itself are known, which tell the app nothing. */
const OWN: unique symbol = Symbol('own listener');

function isOwn(listener: object): boolean {
  return OWN in listener;
}

/** Adds a listener of the cache's own, which is called once. */
export function onceUnnoticed(res: ServerResponse, event: 'close', listener: () => void): void {
  (listener as { [OWN]?: true })[OWN] = true;
  res.once(event, listener);
}

export class DisconnectWatch {
  readonly #res: ServerResponse;
  readonly #socket: Socket | null;
  #noticed = false;
  #isPaused = false;
  #restore: (() => void)[] = [];
  // Listeners are noted as they are added: one that is called once is gone by the time that the client is known to be.
  readonly #noteListener = (event: unknown, listener: object): void => {
    if (!this.#isPaused && EVENTS.has(event) && !isOwn(listener)) this.#noticed = true;
  };
  readonly #noteSocketListener = (event: unknown, listener: object): void => {
    // Node adds a listener itself after an error, and it is too late to hear of that error.
    if (event === 'error' && this.quietly(() => this.#socket?.errored)) return;
    this.#noteListener(event, listener);
  };

  /** To be made before the app is called. The listeners of middleware in front count, too: it may tell the app. */
  constructor(res: ServerResponse) {
    this.#res = res;
    this.#socket = res.socket;
    this.#noticed = hasListener(res) || hasListener(res.req);
    for (const message of [res, res.req]) {
      const queue = (message as { __onFinished?: { queue?: object[] | null } | null }).__onFinished?.queue;
      if (queue) this.#watchQueue(queue);
    }
    emitter(res).on?.('newListener', this.#noteListener);
    emitter(res.req).on?.('newListener', this.#noteListener);
    if (this.#socket) emitter(this.#socket).on?.('newListener', this.#noteSocketListener);
  }

  /** The package on-finished adds one listener, for middleware in front, and calls by it all who come later. */
  #watchQueue(queue: object[]): void {
    const { push } = queue;
    queue.push = (...listeners) => {
      for (const listener of listeners) this.#noteListener('close', listener);
      return Reflect.apply(push, queue, listeners);
    };
    this.#restore.push(() => Reflect.deleteProperty(queue, 'push'));
  }

  /** Whether the app can have noticed that the client is gone, since `begin`. */
  get noticed(): boolean {
    return this.#noticed;
  }

  /** The client is gone: from now on, what the app reads of it counts. */
  begin(): void {
    const res = this.#res;
    const { locals } = res as { locals?: object };
    if ([res, res.req, locals].some(hasAbortSignal)) this.#noticed = true;
    const onRead = (): void => {
      if (!this.#isPaused) this.#noticed = true;
    };
    const restore = this.#restore;
    for (const name of TELLTALE.res) restore.push(watchProperty(res, name, onRead));
    for (const name of TELLTALE.req) restore.push(watchProperty(res.req, name, onRead));
    const socket = this.#socket;
    if (socket) for (const name of TELLTALE.socket) restore.push(watchProperty(socket, name, onRead));
  }

  /** Runs code that is not the app's: what it reads and listens to does not count. */
  quietly<T>(run: () => T): T {
    const wasPaused = this.#isPaused;
    this.#isPaused = true;
    try {
      return run();
    } finally {
      this.#isPaused = wasPaused;
    }
  }

  /** The app was told by other means, as by an error. */
  notice(): void {
    this.#noticed = true;
  }

  end(): void {
    emitter(this.#res).off?.('newListener', this.#noteListener);
    emitter(this.#res.req).off?.('newListener', this.#noteListener);
    if (this.#socket) emitter(this.#socket).off?.('newListener', this.#noteSocketListener);
    for (const restore of this.#restore) restore();
    this.#restore = [];
  }
}

/** Whether somebody else than the cache listens for the end of the connection. */
function hasListener(message: Partial<Pick<NodeJS.EventEmitter, 'listenerCount' | 'listeners'>>): boolean {
  // Adapters may make messages that are no emitters.
  if (typeof message.listenerCount !== 'function') return false;
  return TELLING.some(
    (event) => message.listenerCount?.(event) && message.listeners?.(event).some((each) => !isOwn(each)),
  );
}

/** Whether middleware in front has left an `AbortSignal` there, by which it tells the app that the client is gone. */
function hasAbortSignal(object: object | undefined): boolean {
  const properties = Object.values(Object.getOwnPropertyDescriptors(object ?? {}));
  return properties.some(({ value }) => value instanceof AbortSignal || value instanceof AbortController);
}

/** Puts an accessor in front of a property. @returns a function that takes it away again. */
function watchProperty(object: object, name: string, onRead: () => void): () => void {
  const own = Object.getOwnPropertyDescriptor(object, name);
  if (own ? !own.configurable || !('value' in own) : !(name in object)) return () => {};
  let value: unknown = own?.value;
  const inherited = Object.getPrototypeOf(object) as object;
  Object.defineProperty(object, name, {
    configurable: true,
    enumerable: own?.enumerable ?? false,
    get(): unknown {
      onRead();
      return own ? value : Reflect.get(inherited, name, object);
    },
    set(next: unknown) {
      if (own) value = next;
      else Reflect.set(inherited, name, next, object);
    },
  });
  return () => {
    if (own) Object.defineProperty(object, name, { ...own, value });
    else Reflect.deleteProperty(object, name);
  };
}
