import type { IncomingMessage, ServerResponse } from 'node:http';
import { OptionError } from '../errors.ts';
import type { QueryRule } from './types.ts';
import { duration, known, names } from './values.ts';

/** What the options of a policy may be, one by one. */

/** A function of the exchange that may take its time. */
export type Dynamic<T> = (req: IncomingMessage, res: ServerResponse) => T | Promise<T>;

/** Far below the longest delay of a timer, which fires at once when it is asked for more. */
export const MAX_TIMEOUT: number = 3_600_000;
/** A lease that is not renewed ends after this many milliseconds: how long a dead process can hold a place. */
const LEASE = 5000;
/** A lease is renewed three times in its length, which takes a round trip. */
const MIN_LEASE = 100;
/** Tags remember a response for twice as long after it has expired. */
const MAX_LEASE = 30_000;
/** A token, but for the star: what looks like a pattern would match nothing and so share what must not be. */
export const NAME: RegExp = /^[!#$%&'+\-.^_`|~0-9A-Za-z]+$/;
/** Methods are case-sensitive, and those that Node knows are upper case. */
const METHOD = /^[A-Z][A-Z-]*$/;
/** A parameter's root name has no brackets and no dots; a longer one would never be met. */
const ROOT = /^[^[.]+$/;
/** Their responses are about one request and never reused. */
const NEVER_CACHED = new Set(['PUT', 'PATCH', 'DELETE', 'CONNECT', 'TRACE', 'OPTIONS']);

export function condition(option: string, value: unknown): Dynamic<boolean> | undefined {
  if (value === true) return undefined;
  if (value === false) return () => false;
  if (typeof value !== 'function') throw new OptionError(option, value, 'a boolean or a function');
  return value as Dynamic<boolean>;
}

export function parseMethods(methods: unknown, keyed: boolean): ReadonlySet<string> {
  const list = names('methods', methods, METHOD, "a list of methods such as ['GET', 'HEAD', 'POST']");
  for (const method of list) {
    if (NEVER_CACHED.has(method))
      throw new OptionError('methods', method, 'a method whose responses can be reused');
    if (method !== 'GET' && method !== 'HEAD' && !keyed) {
      throw new OptionError(
        'methods',
        method,
        'GET or HEAD, unless `key` is given and covers the request body',
      );
    }
  }
  return new Set(list);
}

export function fieldNames(option: string, value: unknown): readonly string[] {
  return names(option, value, NAME, 'a list of header field names').map((name) => name.toLowerCase());
}

export function parseCollapse(collapse: unknown): { readonly wait: number; readonly lease: number } {
  if (collapse === false) return Object.freeze({ wait: 0, lease: LEASE });
  known('collapse', collapse, ['wait', 'lease']);
  const { wait = '10s', lease = LEASE } = collapse as { wait?: unknown; lease?: unknown };
  const held = duration('collapse.lease', lease);
  if (held < MIN_LEASE || held > MAX_LEASE)
    throw new OptionError('collapse.lease', lease, 'at least 100 milliseconds and at most 30 seconds');
  return Object.freeze({ wait: duration('collapse.wait', wait), lease: held });
}

export function parseOriginTimeout(timeout: unknown): number | undefined {
  if (timeout === undefined) return undefined;
  const limit = duration('originTimeout', timeout);
  if (limit > MAX_TIMEOUT) throw new OptionError('originTimeout', timeout, 'at most 1 hour');
  return limit;
}

export function parseStatuses(statuses: unknown): ReadonlySet<number> {
  const valid = (status: unknown): boolean =>
    Number.isInteger(status) && Number(status) >= 200 && Number(status) <= 599;
  if (!Array.isArray(statuses) || !statuses.every(valid) || statuses.some((s) => s === 206 || s === 304)) {
    throw new OptionError(
      'statuses',
      statuses,
      'a list of final status codes (200 to 599) other than 206 and 304',
    );
  }
  return new Set(statuses);
}

export function parseQuery(query: unknown = true): QueryRule {
  if (typeof query === 'boolean') return query;
  const accepted = 'a boolean, a list of root names of parameters, or { except: [root names] }';
  if (Array.isArray(query)) return names('vary.query', query, ROOT, accepted);
  if (typeof query !== 'object' || query === null) throw new OptionError('vary.query', query, accepted);
  known('vary.query', query, ['except']);
  return Object.freeze({
    except: names('vary.query.except', (query as { except?: unknown }).except, ROOT, accepted),
  });
}
