import { createHash } from 'node:crypto';
import { type Channel, channel } from 'node:diagnostics_channel';
import debug from 'debug';
import { cacheStatus } from './cache-status.ts';
import type { CacheEvents } from './outcome.ts';

type Name = keyof CacheEvents;
type Event<E extends Name = Name> = CacheEvents[E][0];
type Listener = (event: never) => unknown;

/** Where the events of one name go besides listeners: a diagnostics channel and a `debug` log, shared by all caches. */
interface Outlet {
  readonly channel: Channel;
  readonly log: debug.Debugger;
}

const outlet = (name: Name): Outlet => ({
  channel: channel(`redis-response-cache:${name}`),
  log: debug(`redis-response-cache:${name}`),
});
const OUTLETS: Readonly<Record<Name, Outlet>> = {
  request: outlet('request'),
  fault: outlet('fault'),
  guard: outlet('guard'),
  store: outlet('store'),
  purge: outlet('purge'),
  refresh: outlet('refresh'),
  warning: outlet('warning'),
};

/**
 * Sends the events of one cache to its listeners, to channels of `node:diagnostics_channel` and to `debug` logs. A listener
 * that throws or rejects affects neither the request nor other listeners: the first error is reported.
 */
export class Events {
  readonly #cache: string;
  readonly #showKey: boolean;
  readonly #onListenerError: (event: Name, error: unknown) => void;
  readonly #listeners: Record<Name, readonly Listener[]> = {
    request: [],
    fault: [],
    guard: [],
    store: [],
    purge: [],
    refresh: [],
    warning: [],
  };
  #hasReported = false;

  /**
   * @param cache the cache's name. @param showKey whether channels and logs get cache keys, tags and error messages.
   * @param onListenerError gets the first error of a listener, and the name of its event.
   */
  constructor(cache: string, showKey: boolean, onListenerError: (event: Name, error: unknown) => void) {
    this.#cache = cache;
    this.#showKey = showKey;
    this.#onListenerError = onListenerError;
  }

  /** Whether anybody gets events of this name. If not, the event need not be made. */
  hasListeners(name: Name): boolean {
    const { channel, log } = OUTLETS[name];
    // `enabled` is undefined as long as `debug` has no namespaces.
    return this.#listeners[name].length > 0 || channel.hasSubscribers || log.enabled === true;
  }

  /** Whether a listener was added for events of this name. */
  isListenedTo(name: Name): boolean {
    return this.#listeners[name].length > 0;
  }

  on<E extends Name>(name: E, listener: (...args: CacheEvents[E]) => void): void {
    this.#listeners[name] = [...this.#listeners[name], listener];
  }

  /** Removes a listener: the last one, if it was added several times. */
  off<E extends Name>(name: E, listener: (...args: CacheEvents[E]) => void): void {
    const last = this.#listeners[name].lastIndexOf(listener);
    this.#listeners[name] = this.#listeners[name].filter((_, i) => i !== last);
  }

  emit<E extends Name>(name: E, event: Event<E>): void {
    for (const listener of this.#listeners[name]) this.#call(name, listener, event);
    const { channel, log } = OUTLETS[name];
    if (!channel.hasSubscribers && !log.enabled) return;
    const message = redact(this.#cache, event, this.#showKey);
    if (channel.hasSubscribers) channel.publish(message);
    if (log.enabled) log('%s', lineOf(message));
  }

  #call(name: Name, listener: Listener, event: Event): void {
    const warn = (error: unknown): void => {
      if (this.#hasReported) return;
      this.#hasReported = true;
      this.#onListenerError(name, error);
    };
    try {
      const result = listener(event as never);
      if (result instanceof Promise) result.catch(warn);
    } catch (error) {
      warn(error);
    }
  }
}

/** An event as channels and logs get it. */
type Message = Event & { readonly cache: string; readonly keyHash?: string };

/**
 * Removes what must not reach logs by accident. A cache key has a URL with its query or what the `key` option returned,
 * tags are named by the app, and the message of an error without a code may quote anything: see `withoutQuotes`.
 */
function redact(cache: string, event: Event, showKey: boolean): Message {
  const message: Record<string, unknown> = { cache, ...event };
  if (typeof message.key === 'string') message.keyHash = hashOf(message.key);
  if (!showKey) {
    delete message.key;
    delete message.tags;
    if (typeof message.option === 'string') message.message = withoutQuotes(String(message.message));
    else if (message.code === 'error') delete message.message;
  }
  return message as unknown as Message;
}

/**
 * The message about a function among the options without what that function's error says. The engine's own errors about
 * code are kept: they name properties, not values.
 */
function withoutQuotes(message: string): string {
  return message.replace(
    /(?<=^Option "[\w.]+" threw )(?!(?:Type|Reference)Error:)([\w ()]+):.*$/s,
    '$1 (showKey: true logs its message)',
  );
}

/** Shows whether two messages are about the same key. */
function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 12);
}

/** `GET /leads #9f2c6b1e04d7 200 shop; hit; ttl=41 (lookup 0.4 ms, total 0.6 ms)` for a request, JSON for other events. */
function lineOf(message: Message): string {
  if (!('durationsMs' in message)) return JSON.stringify(message);
  const { cache, method, path, status, key, keyHash = '-', durationsMs } = message;
  const steps = Object.entries(durationsMs).map(([step, ms]) => `${step} ${ms.toFixed(1)} ms`);
  return `${method} ${path} ${key ?? `#${keyHash}`} ${status} ${cacheStatus(cache, message)} (${steps.join(', ')})`;
}
