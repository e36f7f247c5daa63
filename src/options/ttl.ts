import { OptionError } from '../errors.ts';
import { duration } from './parsers.ts';
import type { TtlByStatus, Value } from './types.ts';
import { milliseconds } from './units.ts';

/** The `ttl` option: parsed when the cache is made, evaluated for each response. */

/** The longest lifetime of an error response whose status `ttl` does not name: an outage must not outlast itself. */
export const ERROR_LIFETIME = 60_000;

const ACCEPTED = "a duration such as '1h', { default: '1h', 404: '30s' }, a function, or false";

/** @throws {OptionError} unless it is one of the forms of `ttl`. What a function returns is checked by `lifetimeFor`. */
export function parseTtl(option: string, ttl: unknown): Value<unknown> {
  if (typeof ttl === 'function' || ttl === false || milliseconds(ttl) !== undefined) return ttl;
  if (typeof ttl !== 'object' || ttl === null || Array.isArray(ttl) || Object.keys(ttl).length === 0)
    throw new OptionError(option, ttl, ACCEPTED);
  for (const [status, value] of Object.entries(ttl)) {
    if (status !== 'default' && !/^[2-5]\d\d$/.test(status))
      throw new OptionError(
        `${option}.${status}`,
        `Unknown option "${option}.${status}". "${option}" takes "default" and status codes from 200 to 599.`,
      );
    duration(`${option}.${status}`, value);
  }
  return ttl;
}

/**
 * The lifetime in milliseconds that an evaluated `ttl` gives to a status; `false` for none.
 * @param computed whether a function of the user's returned it: then it was made for this status.
 * @throws {OptionError} when it is no ttl, which only a function can return.
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
