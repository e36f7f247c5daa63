import type { RedisErrorCode } from '../observe/outcome.ts';

/**
 * Why a call to the store gave no answer, as `Cache-Status` names it. `invalidating` is no reply of the store: the process
 * does not read what it has not confirmed to be invalidated.
 */
export type FaultCode = 'timeout' | 'unavailable' | 'invalidating' | 'error' | RedisErrorCode;

/** Why a verb gave no answer. It stands where the answer would, so that it can't be overlooked. */
export class Fault {
  readonly code: FaultCode;
  readonly message: string;

  constructor(code: FaultCode, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** Replies of a server that is there but serves nobody: as good as silence. Any other reply is one at least. */
const AWAY: ReadonlySet<FaultCode> = new Set(['unavailable', 'LOADING', 'CLUSTERDOWN', 'MASTERDOWN', 'BUSY']);

export function isAway({ code }: Fault): boolean {
  return AWAY.has(code);
}

/** What ioredis says when there is no server to talk to. */
const LOST =
  /^(?:Connection is closed|Stream isn't writeable|Reached the max retries|Failed to refresh|None of|Cluster isn't ready|Command timed out|Redis connection lost)/;

export function toFault(error: unknown): Fault {
  if (!(error instanceof Error)) return new Fault('error', String(error));
  const system = (error as NodeJS.ErrnoException).code;
  if (LOST.test(error.message) || (typeof system === 'string' && /^E[A-Z]+$/.test(system))) {
    return new Fault('unavailable', error.message);
  }
  // Redis's replies begin with their code: OOM, READONLY, LOADING, NOAUTH, NOPERM, CLUSTERDOWN, ...
  const code = /^([A-Z]{2,})\b/.exec(error.message)?.[1] as RedisErrorCode | undefined;
  return new Fault(code ?? 'error', error.message);
}

/** What a client throws at once is no answer either. */
export function attempted<T>(send: () => Promise<T>): Promise<T> {
  try {
    return send();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** What a Cluster says of a script whose keys are not all at one of its masters; ioredis then tries in vain. */
export function isHalfMoved(error: unknown): boolean {
  return error instanceof Error && /TRYAGAIN|Too many Cluster redirections/.test(error.message);
}

/** What a server that is one of a Cluster says of keys in two slots; a script with such keys has not begun. */
export function isOfTwoSlots(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('CROSSSLOT');
}
