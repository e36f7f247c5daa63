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
  socket: ['destroyed', 'closed', 'errored', 'readable', 'writable', 'readyState'],
} as const;

/** Events by which the app hears of it. */
const EVENTS = ['close', 'aborted', 'error'] as const;

export class DisconnectWatch {
  readonly #res: ServerResponse;
  readonly #socket: Socket | null;
  /** How many listeners there were before the app was called. */
  readonly #listeners: number;
  #noticed = false;
  #isPaused = false;
  #restore: (() => void)[] = [];

  /** To be made before the app is called. */
  constructor(res: ServerResponse) {
    this.#res = res;
    this.#socket = res.socket;
    this.#listeners = this.#countListeners();
  }

  /** The client is gone: from now on, what the app reads of it counts. */
  begin(): void {
    const res = this.#res;
    if (this.#countListeners() > this.#listeners) this.#noticed = true;
    const onRead = (): void => {
      if (!this.#isPaused) {
        this.#noticed = true;
      }
    };
    for (const name of TELLTALE.res) this.#restore.push(watchProperty(res, name, onRead));
    for (const name of TELLTALE.req) this.#restore.push(watchProperty(res.req, name, onRead));
    const socket = this.#socket;
    if (socket) for (const name of TELLTALE.socket) this.#restore.push(watchProperty(socket, name, onRead));
  }

  /** Runs code that is not the app's: what it reads does not count. */
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

  /** Whether the app can have noticed by now that the client is gone. */
  get noticed(): boolean {
    // A listener that is added now is called at once, or is about to be.
    return this.#noticed || this.#countListeners() > this.#listeners;
  }

  #countListeners(): number {
    const { req } = this.#res;
    let count = 0;
    // Requests and responses that an adapter makes may be no emitters.
    for (const event of EVENTS)
      count += (this.#res.listenerCount?.(event) ?? 0) + (req.listenerCount?.(event) ?? 0);
    return count;
  }

  end(): void {
    for (const restore of this.#restore) restore();
    this.#restore = [];
  }
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
