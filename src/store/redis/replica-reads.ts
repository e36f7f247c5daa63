import { OptionError } from '../../errors.ts';

/**
 * A replica lags behind its master: it may still return what a purge has deleted.
 * @param reads what a client's option says that reads go to. @param master the values that mean the master.
 * @throws {OptionError} for any other.
 */
export function refuseReplicaReads(option: string, reads: unknown, master: string): void {
  if (reads !== undefined && reads !== master)
    throw new OptionError('redis', { [option]: String(reads) }, `a client with ${option}: '${master}'`);
}
