import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Compression, parseCompress } from './compression.ts';
import { OptionError } from './errors.ts';
import type { HashName } from './key.ts';
import { checkTtl } from './ttl.ts';
import type { PolicyOptions, QueryRule, Value, VaryOptions } from './types.ts';
import {
  areTags,
  callable,
  duration,
  fraction,
  known,
  MAX_TAG_LENGTH,
  MAX_TAGS,
  names,
  oneOf,
  size,
} from './values.ts';

/** Options, parsed once: defaults filled in, units converted, every mistake thrown. The request path validates nothing. */

/** A function of the exchange that may take its time. */
export type Dynamic<T> = (req: IncomingMessage, res: ServerResponse) => T | Promise<T>;

/** What `redisCache` and `cache.with` decide by. */
export interface Policy {
  /** The same object in all policies that make the same key and variant of a request. */
  readonly identity: object;
  /** `undefined`: always. */
  readonly enabled: Dynamic<boolean> | undefined;
  readonly when: Dynamic<boolean> | undefined;
  readonly storeWhen: Dynamic<boolean> | undefined;
  readonly methods: ReadonlySet<string>;
  readonly statuses: ReadonlySet<number>;
  /** The `ttl` option as given; `lifetimeFor` reads it. */
  readonly ttl: Value<unknown>;
  readonly key: PolicyOptions['key'] | undefined;
  readonly query: QueryRule;
  /** Whether the query rule was given, so that it counts beside a `key` of the user's own too. */
  readonly queryDeclared: boolean;
  readonly headers: readonly string[];
  readonly cookies: readonly string[];
  readonly by: VaryOptions['by'] | undefined;
  readonly hash: HashName | undefined;
  readonly maxBodySize: number;
  readonly locals: readonly string[];
  readonly directives: 'follow' | 'ignore' | 'override';
  /** Lower case. */
  readonly targeted: readonly string[];
  readonly setCookie: 'refuse' | 'strip' | 'store';
  readonly guard: 'refuse' | 'warn' | 'off';
  /**
   * In milliseconds: how long a request waits for another's fill, 0 when it does not; for how long a fill takes the
   * right to store at a time.
   */
  readonly collapse: { readonly wait: number; readonly lease: number };
  /** What a response that states no such window has, in milliseconds. */
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  /** After how many milliseconds without a head the app counts as failed, where something stale may stand in. */
  readonly originTimeout: number | undefined;
  /** How eagerly responses are refreshed before they are stale; 0 for not at all. */
  readonly earlyRefresh: number;
  /** By how much of itself, at most, a lifetime that `ttl` gives is shortened at random. */
  readonly jitter: number;
  /** The `tags` option as given; `tagsOf` reads it. */
  readonly tags: Value<unknown>;
  readonly compress: Compression | undefined;
}

export const POLICY: readonly (keyof PolicyOptions)[] = [
  'enabled',
  'when',
  'storeWhen',
  'methods',
  'statuses',
  'ttl',
  'key',
  'vary',
  'hashKeys',
  'maxBodySize',
  'locals',
  'directives',
  'targeted',
  'setCookie',
  'guard',
  'collapse',
  'tags',
  'staleWhileRevalidate',
  'staleIfError',
  'originTimeout',
  'earlyRefresh',
  'jitter',
  'compress',
];

/** Far below the longest delay of a timer, which fires at once when it is asked for more. */
export const MAX_TIMEOUT: number = 3_600_000;
/** A lease that is not renewed ends after this many milliseconds: how long a dead process can hold a place. */
const LEASE = 5000;
/** A lease is renewed three times in its length, which takes a round trip. */
const MIN_LEASE = 100;
/** Tags remember a response for twice as long after it has expired. */
const MAX_LEASE = 30_000;
const STATUSES = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
/** A token, but for the star: what looks like a pattern would match nothing and so share what must not be. */
const NAME = /^[!#$%&'+\-.^_`|~0-9A-Za-z]+$/;
/** Methods are case-sensitive, and those that Node knows are upper case. */
const METHOD = /^[A-Z][A-Z-]*$/;
/** A parameter's root name has no brackets and no dots; a longer one would never be met. */
const ROOT = /^[^[.]+$/;
/** Their responses are about one request and never reused. */
const NEVER_CACHED = new Set(['PUT', 'PATCH', 'DELETE', 'CONNECT', 'TRACE', 'OPTIONS']);

/** @param identity that of the policy which these options refine without touching `key`, `vary` and `hashKeys`. */
export function parsePolicy(options: PolicyOptions, identity: object = {}): Policy {
  const {
    enabled = true,
    when = true,
    storeWhen = true,
    methods = ['GET', 'HEAD'],
    statuses = STATUSES,
  } = options;
  const { ttl = '1h', vary = {}, hashKeys = false, maxBodySize = '1mb', locals = [] } = options;
  const {
    directives = 'follow',
    targeted = [],
    setCookie = 'refuse',
    guard = 'refuse',
    collapse = {},
    tags = [],
  } = options;
  const { staleWhileRevalidate = 0, staleIfError = 0, originTimeout, earlyRefresh = false } = options;
  const { jitter = 0, compress = false } = options;
  known('vary', vary, ['headers', 'query', 'cookies', 'by']);
  const key = callable('key', options.key);
  checkTtl('ttl', ttl);
  if (typeof tags !== 'function' && !areTags(tags))
    throw new OptionError(
      'tags',
      tags,
      `up to ${MAX_TAGS} strings of 1 to ${MAX_TAG_LENGTH} characters, or a function`,
    );
  const hash = oneOf('hashKeys', hashKeys, [false, true, 'sha1', 'sha256'] as const);
  return Object.freeze({
    identity,
    enabled: condition('enabled', enabled),
    when: condition('when', when),
    storeWhen: condition('storeWhen', storeWhen),
    methods: parseMethods(methods, key !== undefined),
    statuses: parseStatuses(statuses),
    ttl,
    key,
    query: parseQuery(vary.query),
    queryDeclared: vary.query !== undefined,
    headers: fieldNames('vary.headers', vary.headers ?? []),
    cookies: names('vary.cookies', vary.cookies ?? [], NAME, 'a list of cookie names'),
    by: callable('vary.by', vary.by),
    hash: hash === true ? 'sha1' : hash || undefined,
    maxBodySize: size('maxBodySize', maxBodySize),
    locals: names('locals', locals, /./s, 'a list of names of res.locals values'),
    directives: oneOf('directives', directives, ['follow', 'ignore', 'override'] as const),
    targeted: fieldNames('targeted', targeted),
    setCookie: oneOf('setCookie', setCookie, ['refuse', 'strip', 'store'] as const),
    guard: oneOf('guard', guard, ['refuse', 'warn', 'off'] as const),
    collapse: parseCollapse(collapse),
    tags,
    staleWhileRevalidate: duration('staleWhileRevalidate', staleWhileRevalidate),
    staleIfError: duration('staleIfError', staleIfError),
    originTimeout: parseOriginTimeout(originTimeout),
    earlyRefresh:
      typeof earlyRefresh === 'boolean' ? Number(earlyRefresh) : fraction('earlyRefresh', earlyRefresh, 1000),
    jitter: fraction('jitter', jitter, 1),
    compress: parseCompress(compress),
  });
}

/** The policy of `cache.with(overrides)`, and the options it was made of. */
export function refinePolicy(
  options: PolicyOptions,
  policy: Policy,
  overrides: PolicyOptions,
): { options: PolicyOptions; policy: Policy } {
  known('options', overrides, POLICY);
  const refined = { ...options, ...overrides };
  const same = !('key' in overrides || 'vary' in overrides || 'hashKeys' in overrides);
  return { options: refined, policy: parsePolicy(refined, same ? policy.identity : {}) };
}

function condition(option: string, value: unknown): Dynamic<boolean> | undefined {
  if (value === true) return undefined;
  if (value === false) return () => false;
  if (typeof value !== 'function') throw new OptionError(option, value, 'a boolean or a function');
  return value as Dynamic<boolean>;
}

function parseMethods(methods: unknown, keyed: boolean): ReadonlySet<string> {
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

function parseCollapse(collapse: unknown): Policy['collapse'] {
  if (collapse === false) return Object.freeze({ wait: 0, lease: LEASE });
  known('collapse', collapse, ['wait', 'lease']);
  const { wait = '10s', lease = LEASE } = collapse as { wait?: unknown; lease?: unknown };
  const held = duration('collapse.lease', lease);
  if (held < MIN_LEASE || held > MAX_LEASE)
    throw new OptionError('collapse.lease', lease, 'at least 100 milliseconds and at most 30 seconds');
  return Object.freeze({ wait: duration('collapse.wait', wait), lease: held });
}

function parseOriginTimeout(timeout: unknown): number | undefined {
  if (timeout === undefined) return undefined;
  const limit = duration('originTimeout', timeout);
  if (limit > MAX_TIMEOUT) throw new OptionError('originTimeout', timeout, 'at most 1 hour');
  return limit;
}

function parseStatuses(statuses: unknown): ReadonlySet<number> {
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

function parseQuery(query: unknown = true): QueryRule {
  if (typeof query === 'boolean') return query;
  const accepted = 'a boolean, a list of root names of parameters, or { except: [root names] }';
  if (Array.isArray(query)) return names('vary.query', query, ROOT, accepted);
  if (typeof query !== 'object' || query === null) throw new OptionError('vary.query', query, accepted);
  known('vary.query', query, ['except']);
  return Object.freeze({
    except: names('vary.query.except', (query as { except?: unknown }).except, ROOT, accepted),
  });
}
