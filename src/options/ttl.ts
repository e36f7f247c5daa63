import { OptionError } from '../errors.ts';
import type { TtlByStatus } from './types.ts';
import { duration, milliseconds } from './values.ts';

/** The `ttl` option: checked when the cache is made, read for each response. */

/** An error response is kept this long unless its status is named: an outage must not outlive itself. */
export const ERROR_LIFETIME = 60_000;

/**
 * The lifetime in milliseconds that an evaluated `ttl` gives a status; `false` for none.
 * @param computed whether a function of the user's gave it, who then knows what the status is.
 * @throws {OptionError} when it is no ttl at all, which only a function's can be.
 */
export function lifetimeFor(ttl: unknown, status: number, computed: boolean): number | false {
  if (ttl === false || ttl === undefined || ttl === null) return false;
  const limit = status >= 400 && !computed ? ERROR_LIFETIME : Number.POSITIVE_INFINITY;
  if (typeof ttl === 'object') {
    const byStatus = ttl as TtlByStatus;
    const named = byStatus[status];
    if (named !== undefined) return duration(`ttl.${status}`, named);
    return byStatus.default === undefined
      ? false
      : Math.min(duration('ttl.default', byStatus.default), limit);
  }
  return Math.min(duration('ttl', ttl), limit);
}

/** @throws {OptionError} unless it is one of the forms of `ttl`. */
export function checkTtl(option: string, ttl: unknown): void {
  if (typeof ttl === 'function' || ttl === false || milliseconds(ttl) !== undefined) return;
  const accepted = "a duration such as '1h', { default: '1h', 404: '30s' }, a function, or false";
  if (typeof ttl !== 'object' || ttl === null || Array.isArray(ttl) || Object.keys(ttl).length === 0)
    throw new OptionError(option, ttl, accepted);
  for (const [status, value] of Object.entries(ttl)) {
    if (status !== 'default' && !/^[2-5]\d\d$/.test(status))
      throw new OptionError(`ttl.${status}`, value, accepted);
    duration(`ttl.${status}`, value);
  }
}
