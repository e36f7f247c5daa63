import { StoreError } from '../errors.ts';
import { Fault } from './fault.ts';

/**
 * The reply of the store to a call of the cache's handle.
 * @param action what was to be done, for the message: `confirm the purge`.
 * @throws {StoreError} when the store did not reply in time, or refused. Its `cause` is the fault.
 */
export function orThrow<T>(reply: T | Fault, action: string): T {
  if (reply instanceof Fault)
    throw new StoreError(`Redis did not ${action}: ${reply.message}`, { cause: reply });
  return reply;
}
