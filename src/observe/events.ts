import { createHash } from 'node:crypto';
import { type Channel, channel } from 'node:diagnostics_channel';
import debug from 'debug';
import { cacheStatus } from './cache-status.ts';
import type {
  CacheEvents,
  FaultEvent,
  GuardEvent,
  PurgeEvent,
  RefreshEvent,
  RequestEvent,
  StoreEvent,
} from './outcome.ts';
import type { Stats } from './stats.ts';

type Name = keyof CacheEvents;
type Event<E extends Name = Name> = CacheEvents[E][0];
type Listener = (event: never) => unknown;

/** What all events of one kind go to beside the cache's own listeners: one channel and one log for all caches. */
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
};

/**
 * The events of a cache: to its listeners, to the channels of `node:diagnostics_channel` and to the logs of `debug`. A
 * listener that throws is the listener's own trouble: the request goes on, and so do the other listeners.
 */
export class Events {
  readonly #name: string;
  readonly #showKey: boolean;
  readonly #stats: Stats;
  readonly #listeners: Record<Name, readonly Listener[]> = {
    request: [],
    fault: [],
    guard: [],
    store: [],
    purge: [],
    refresh: [],
  };
  #warned = false;

  /** @param name that of the cache. @param showKey whether channels and logs may have keys. */
  constructor(name: string, showKey: boolean, stats: Stats) {
    this.#name = name;
    this.#showKey = showKey;
    this.#stats = stats;
  }

  /** Whether anyone listens to requests: what nobody hears need not be measured. */
  get heard(): boolean {
    return this.#isHeard('request');
  }

  on<E extends Name>(event: E, listener: (...args: CacheEvents[E]) => void): void {
    this.#listeners[event] = [...this.#listeners[event], listener];
  }

  off<E extends Name>(event: E, listener: (...args: CacheEvents[E]) => void): void {
    const at = this.#listeners[event].lastIndexOf(listener);
    this.#listeners[event] = this.#listeners[event].filter((_, i) => i !== at);
  }

  request(event: RequestEvent): void {
    this.#tell('request', event);
  }

  fault(event: FaultEvent): void {
    this.#stats.fault(event);
    this.#tell('fault', event);
  }

  guard(event: GuardEvent): void {
    this.#tell('guard', event);
  }

  store(event: StoreEvent): void {
    this.#tell('store', event);
  }

  purge(event: PurgeEvent): void {
    this.#stats.purge(event);
    this.#tell('purge', event);
  }

  refresh(event: RefreshEvent): void {
    this.#stats.refresh(event);
    this.#tell('refresh', event);
  }

  #isHeard(name: Name): boolean {
    const { channel, log } = OUTLETS[name];
    return this.#listeners[name].length > 0 || channel.hasSubscribers || log.enabled;
  }

  #tell(name: Name, event: Event): void {
    if (!this.#isHeard(name)) return;
    for (const listener of this.#listeners[name]) this.#call(name, listener, event);
    const { channel, log } = OUTLETS[name];
    if (!channel.hasSubscribers && !log.enabled) return;
    const message = discreet(this.#name, event, this.#showKey);
    if (channel.hasSubscribers) channel.publish(message);
    if (log.enabled) log('%s', lineOf(message));
  }

  #call(name: Name, listener: Listener, event: Event): void {
    const failed = (error: unknown): void => {
      if (this.#warned) return;
      this.#warned = true;
      process.emitWarning(`a listener of '${name}' threw: ${error}`, { type: 'RedisResponseCacheWarning' });
    };
    try {
      const result = listener(event as never);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

/** An event as others than the cache's own listeners get it. */
type Message = Event & { readonly cache: string; readonly keyHash?: string };

/**
 * Keys hold URLs with their queries, and whatever a `key` function gave; tags are as the app named them, and the text of
 * an error that no store named may quote anything. None of that goes where logs are kept, unless it is to be shown.
 */
function discreet(cache: string, event: Event, showKey: boolean): Message {
  const message: Record<string, unknown> = { cache, ...event };
  if (typeof message.key === 'string') message.keyHash = hashOf(message.key);
  if (!showKey) {
    delete message.key;
    delete message.tags;
    if (message.code === 'error') delete message.message;
  }
  return message as unknown as Message;
}

/** Enough to tell that two lines are about the same key. */
function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 12);
}

function lineOf(message: Message): string {
  if (!('took' in message && 'kind' in message && 'method' in message)) return JSON.stringify(message);
  const { cache, method, status, key, keyHash = '-', took } = message;
  const steps = Object.entries(took).map(([step, ms]) => `${step} ${ms.toFixed(1)} ms`);
  return `${method} ${key ?? `#${keyHash}`} ${status} ${cacheStatus(cache, message)} (${steps.join(', ')})`;
}
