import { ArgumentError, show } from '../errors.ts';
import { suggestion } from '../known-names.ts';
import type { CacheEvents } from '../observe/outcome.ts';

/** The arguments of `cache.on` and `cache.off`. */

const EVENTS: Readonly<Record<keyof CacheEvents, true>> = {
  request: true,
  fault: true,
  guard: true,
  store: true,
  purge: true,
  refresh: true,
  warning: true,
};

/** @throws {ArgumentError} for an event that does not exist, and for a listener that is no function. */
export function assertListener(method: 'on' | 'off', event: unknown, listener: unknown): void {
  const known = Object.keys(EVENTS);
  if (!known.includes(event as string)) {
    const advice = typeof event === 'string' ? suggestion(event, known) : '';
    throw new ArgumentError(
      `Unknown event ${show(event)}.${advice || ` The events are ${known.join(', ')}.`}`,
    );
  }
  if (typeof listener !== 'function')
    throw new ArgumentError(`${method}() needs a function as the listener, not ${show(listener)}.`);
}
