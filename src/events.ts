import { EventEmitter } from 'node:events';
import type { CacheEvents, FaultEvent, GuardEvent, RequestEvent } from './outcome.ts';

/** The events of a cache. A listener that throws is the listener's own trouble: the request goes on. */
export class Events {
  readonly #emitter = new EventEmitter();
  #warned = false;

  /** Whether anyone listens: what nobody hears need not be measured. */
  get heard(): boolean {
    return this.#emitter.listenerCount('request') > 0;
  }

  on<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): void {
    this.#emitter.on(event, listener as (...args: unknown[]) => void);
  }

  off<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): void {
    this.#emitter.off(event, listener as (...args: unknown[]) => void);
  }

  request(event: RequestEvent): void {
    this.#emit('request', event);
  }

  fault(event: FaultEvent): void {
    this.#emit('fault', event);
  }

  guard(event: GuardEvent): void {
    this.#emit('guard', event);
  }

  #emit(name: keyof CacheEvents, event: CacheEvents[keyof CacheEvents][0]): void {
    try {
      this.#emitter.emit(name, event);
    } catch (error) {
      if (this.#warned) return;
      this.#warned = true;
      process.emitWarning(`a listener of '${name}' threw: ${error}`, { type: 'RedisResponseCacheWarning' });
    }
  }
}
