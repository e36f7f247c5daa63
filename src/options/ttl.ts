import { OptionError, show } from '../errors.ts';
import { duration, withUnit } from './parsers.ts';
import type { Dynamic } from './policy.ts';
import type { TtlByStatus } from './types.ts';
import { type Duration, milliseconds } from './units.ts';
import { userFunction } from './user-function.ts';

/** The `ttl` option: parsed when the cache is made, evaluated for each response. */

/** The longest lifetime of an error response whose status `ttl` does not name: an outage must not outlast itself. */
export const ERROR_LIFETIME = 60_000;

const ACCEPTED = "a duration such as '1h', { default: '1h', 404: '30s' }, a function, or false";

/** The `ttl` option, or what its function returned. */
export type Ttl = Duration | TtlByStatus | false;

/** @throws {OptionError} unless it is one of the forms of `ttl`. */
export function parseTtl(option: string, ttl: unknown): Ttl | Dynamic<Ttl> {
  return typeof ttl === 'function' ? ttlFunction(ttl) : parseForm(option, ttl);
}

const ttlFunction = userFunction<Ttl>('ttl', 'ttl-error', {
  accepts(ttl) {
    try {
      parseForm('ttl', ttl);
      return true;
    } catch {
      return false;
    }
  },
  accepted: "a duration such as '1h', { default: '1h', 404: '30s' }, or false",
  shows: (ttl) => (ttl === undefined ? 'undefined' : show(ttl)),
});

function parseForm(option: string, ttl: unknown): Ttl {
  if (ttl === false || milliseconds(ttl) !== undefined) return ttl as Ttl;
  if (typeof ttl !== 'object' || ttl === null || Array.isArray(ttl) || Object.keys(ttl).length === 0)
    throw new OptionError(option, ttl, ACCEPTED + withUnit(ttl));
  for (const [status, value] of Object.entries(ttl)) {
    if (status !== 'default' && !/^[2-5]\d\d$/.test(status))
      throw new OptionError(
        `${option}.${status}`,
        `Unknown option "${option}.${status}". "${option}" takes "default" and status codes from 200 to 599.`,
      );
    duration(`${option}.${status}`, value);
  }
  return ttl as TtlByStatus;
}

/**
 * The lifetime in milliseconds that an evaluated `ttl` gives to a status; `false` for none.
 * @param computed whether a function of the user's returned it: then it was made for this status.
 */
export function lifetimeFor(ttl: Ttl, status: number, computed: boolean): number | false {
  if (ttl === false) return false;
  const limit = status >= 400 && !computed ? ERROR_LIFETIME : Number.POSITIVE_INFINITY;
  if (typeof ttl === 'object') {
    if (Object.hasOwn(ttl, status)) return duration(`ttl.${status}`, ttl[status]);
    return Object.hasOwn(ttl, 'default') ? Math.min(duration('ttl.default', ttl.default), limit) : false;
  }
  return Math.min(duration('ttl', ttl), limit);
}
