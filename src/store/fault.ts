import { show } from '../errors.ts';
import type { RedisErrorCode } from '../observe/outcome.ts';

/**
 * Why a call to the store gave no answer, as `Cache-Status` names it. `invalidating` is no reply of the store: the process
 * does not read what it has not confirmed to be invalidated.
 */
type FaultCode = 'timeout' | 'unavailable' | 'invalidating' | 'error' | RedisErrorCode;

/** Why a call of the store has no result. It is returned in place of the result, so that it cannot be overlooked. */
export class Fault {
  readonly code: FaultCode;
  readonly message: string;

  constructor(code: FaultCode, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** Codes of a server that serves nobody, which is as bad as no reply. Any other error is a reply. */
const AWAY: ReadonlySet<FaultCode> = new Set(['unavailable', 'LOADING', 'CLUSTERDOWN', 'MASTERDOWN', 'BUSY']);

export function isAway({ code }: Fault): boolean {
  return AWAY.has(code);
}

/** How the messages of the clients begin when they have no connection. */
const LOST = new RegExp(
  `^(?:${[
    // ioredis and iovalkey
    'Connection is closed',
    "Stream isn't writeable",
    'Reached the max retries',
    'Failed to refresh',
    'None of',
    "Cluster isn't ready",
    'Command timed out',
    'Redis connection lost',
    // node-redis
    'The client is closed',
    'The client is offline',
    'Disconnects client',
    'Socket closed unexpectedly',
    'Socket timeout',
    'Connection timeout',
    'All the root nodes are unavailable',
    'Cannot find node',
    'The command was aborted',
    'Timeout waiting for a client',
    'Command timeout',
    // The adapter of Valkey GLIDE writes this.
    'Valkey GLIDE: ',
  ].join('|')})`,
);

/**
 * A reply that is not of the documented form. Something other than Redis has replied, which stores nothing: that is as bad
 * as no reply.
 */
export class MalformedReply extends Error {
  constructor(command: string, reply: unknown) {
    super(`the server replied to ${command} with ${show(reply)}, which Redis never does`);
    this.name = 'MalformedReply';
  }
}

export function toFault(error: unknown): Fault {
  if (!(error instanceof Error)) return new Fault('error', String(error));
  if (error instanceof MalformedReply) return new Fault('unavailable', error.message);
  const system = (error as NodeJS.ErrnoException).code;
  if (LOST.test(error.message) || (typeof system === 'string' && /^E[A-Z]+$/.test(system))) {
    return new Fault('unavailable', error.message);
  }
  return new Fault(replyCode(error.message) ?? 'error', error.message);
}

/** The code that begins an error reply of Redis: OOM, READONLY, LOADING, NOAUTH, NOPERM, CLUSTERDOWN, ... */
export function replyCode(message: string): RedisErrorCode | undefined {
  return /^([A-Z]{2,})\b/.exec(message)?.[1] as RedisErrorCode | undefined;
}

/** Whether Redis has a value of another type at the key. */
export function isWrongType(error: unknown): boolean {
  return error instanceof Error && replyCode(error.message) === 'WRONGTYPE';
}

/** Whether a script failed because a Cluster is moving the slot of its keys, so that no master has all of them. */
export function isHalfMoved(error: unknown): boolean {
  return error instanceof Error && /TRYAGAIN|Too many Cluster redirections/.test(error.message);
}

/** Whether the Redis user may not run a command, by itself or in a script. */
export function isNotPermitted(error: unknown): boolean {
  return error instanceof Error && /^NOPERM|can't run this command|ACL failure/.test(error.message);
}

/** Whether a Cluster has refused a script because its keys are in two slots. Such a script has changed nothing. */
export function isOfTwoSlots(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('CROSSSLOT');
}
