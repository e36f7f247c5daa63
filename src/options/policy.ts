import type { Compression } from '../codec/compression.ts';
import { OptionError } from '../errors.ts';
import { parseCompress } from './compress.ts';
import {
  condition,
  type Dynamic,
  fieldNames,
  NAME,
  parseCollapse,
  parseMethods,
  parseOriginTimeout,
  parseQuery,
  parseStatuses,
} from './policy-values.ts';
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

/** How a cache key is hashed where it is not readable in Redis. */
export type HashName = 'sha1' | 'sha256';

/** What `redisCache` and `cache.with` decide by. */
export interface Policy {
  readonly mode: 'serve' | 'shadow';
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
  'mode',
  'compress',
];

const STATUSES = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

/** Of all options those that belong to a policy. */
export function policyOptionsOf(options: object): PolicyOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => (POLICY as readonly string[]).includes(name)),
  );
}

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
  const { jitter = 0, mode = 'serve', compress = false } = options;
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
    mode: oneOf('mode', mode, ['serve', 'shadow'] as const),
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
