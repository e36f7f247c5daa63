import { WARNINGS, type WarningCode } from '../codes.ts';
import { OptionError, show } from '../errors.ts';
import { SF_TOKEN } from '../observe/cache-status.ts';
import { parseCompress } from './compress.ts';
import { parseEncrypt } from './encrypt.ts';
import {
  callable,
  duration,
  durationFrom,
  fieldName,
  fieldNames,
  flag,
  listOf,
  NAME,
  numberFrom,
  objectOf,
  oneOf,
  optional,
  ownMember,
  type Parser,
  setOf,
  sizeFrom,
  timeout,
  timeoutOrZero,
  wholeNumberFrom,
} from './parsers.ts';
import type { Dynamic, Invalidation, Policy, Settings } from './policy.ts';
import type { RedisOption } from './redis.ts';
import { parseTags } from './tags.ts';
import { parseTtl } from './ttl.ts';
import type { CacheOptions, KeyPart, PolicyOptions, QueryRule } from './types.ts';
import { BOOLEAN, KEY_PART, userFunction } from './user-function.ts';

/*
 * Every option of `redisCache`, once: its level, its group in the documentation, its default and its parser.
 *
 * To add an option:
 *   1. types.ts: declare and document it, in `PolicyOptions` if `cache.with` may override it for some routes, else in
 *      `CacheOptions`. The docstring becomes docs/options.md (`node scripts/options.mjs`) and the API reference.
 *   2. policy.ts: declare what it is once parsed, under the same name, in `Policy` or in `Settings`.
 *   3. Here: add its row. The compiler fails until all three files have the same names.
 *
 * To remove one: delete it in these three files, and say in `REMOVED` what users should do instead.
 */

/** Options that `cache.with` may override. */
export type PolicyName = keyof PolicyOptions;
/** Options that a cache has once. */
export type SettingName = Exclude<keyof CacheOptions, PolicyName>;

type Group =
  | 'Storage'
  | 'What is cached'
  | 'Cache key'
  | 'Freshness'
  | 'Stale responses'
  | 'Safety'
  | 'Collapsing'
  | 'Purging'
  | 'Redis failures'
  | 'Reporting';

interface Row<Level, Given, Parsed> {
  readonly level: Level;
  /** The heading in docs/options.md. */
  readonly group: Group;
  /** The value of an option that is left out. */
  readonly default: Given;
  readonly parse: Parser<Parsed>;
  /** Set if the option changes the cache key or the variant of a request. */
  readonly makesKeys?: true;
}

type Schema = { readonly [N in PolicyName]-?: Row<'policy', PolicyOptions[N], Policy[N]> } & {
  readonly [N in SettingName]-?: Row<'cache', CacheOptions[N], Settings[N]>;
};

/** `undefined` forwards a request, as `null` does. */
const KEY = { ...KEY_PART, accepts: (value: unknown) => value === undefined || KEY_PART.accepts(value) };

/** The order is that of docs/options.md. */
export const SCHEMA: Schema = {
  redis: { level: 'cache', group: 'Storage', default: undefined, parse: parseRedis },
  prefix: { level: 'cache', group: 'Storage', default: 'rrc:', parse: parsePrefix },
  maxEntries: { level: 'cache', group: 'Storage', default: undefined, parse: optional(wholeNumberFrom(1)) },
  near: { level: 'cache', group: 'Storage', default: false, parse: parseNear },
  compress: { level: 'policy', group: 'Storage', default: false, parse: parseCompress },
  encrypt: { level: 'cache', group: 'Storage', default: undefined, parse: parseEncrypt },
  hashKeys: { level: 'policy', group: 'Storage', default: undefined, parse: parseHashKeys, makesKeys: true },

  mode: { level: 'policy', group: 'What is cached', default: 'serve', parse: oneOf(['serve', 'shadow']) },
  enabled: {
    level: 'policy',
    group: 'What is cached',
    default: true,
    parse: conditionOf(userFunction('enabled', 'enabled-error', BOOLEAN)),
  },
  when: {
    level: 'policy',
    group: 'What is cached',
    default: true,
    parse: conditionOf(userFunction('when', 'when-error', BOOLEAN)),
  },
  methods: { level: 'policy', group: 'What is cached', default: ['GET', 'HEAD'], parse: parseMethods },
  statuses: {
    level: 'policy',
    group: 'What is cached',
    default: [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501],
    parse: parseStatuses,
  },
  storeWhen: {
    level: 'policy',
    group: 'What is cached',
    default: true,
    parse: conditionOf(userFunction('storeWhen', 'store-when-error', BOOLEAN)),
  },
  maxBodySize: { level: 'policy', group: 'What is cached', default: '1mb', parse: sizeFrom(0) },
  locals: {
    level: 'policy',
    group: 'What is cached',
    default: [],
    parse: listOf(/./s, 'a list of names of res.locals values'),
  },

  key: {
    level: 'policy',
    group: 'Cache key',
    default: undefined,
    parse: optional(functionOf(userFunction<KeyPart | undefined>('key', 'key-error', KEY, 'key-ambiguous'))),
    makesKeys: true,
  },
  vary: { level: 'policy', group: 'Cache key', default: {}, parse: parseVary, makesKeys: true },

  ttl: { level: 'policy', group: 'Freshness', default: '1h', parse: parseTtl },
  jitter: { level: 'policy', group: 'Freshness', default: 0, parse: numberFrom(0, 1) },
  directives: {
    level: 'policy',
    group: 'Freshness',
    default: 'follow',
    parse: oneOf(['follow', 'ignore', 'override']),
  },
  targeted: { level: 'policy', group: 'Freshness', default: [], parse: fieldNames },

  staleWhileRevalidate: { level: 'policy', group: 'Stale responses', default: 0, parse: duration },
  staleIfError: { level: 'policy', group: 'Stale responses', default: 0, parse: duration },
  originTimeout: {
    level: 'policy',
    group: 'Stale responses',
    default: undefined,
    parse: optional(timeoutOrZero),
  },
  earlyRefresh: {
    level: 'policy',
    group: 'Stale responses',
    default: false,
    parse: oneOf([true, false], ': numbers are no longer accepted; write true instead of 1'),
  },
  refresh: {
    level: 'cache',
    group: 'Stale responses',
    default: {},
    parse: objectOf({
      concurrency: { default: 8, parse: wholeNumberFrom(1) },
      timeout: { default: '30s', parse: timeout },
    }),
  },

  guard: {
    level: 'policy',
    group: 'Safety',
    default: 'verify',
    parse: oneOf(['verify', 'reads', 'off']),
    makesKeys: true,
  },
  credentials: { level: 'policy', group: 'Safety', default: [], parse: setOf(fieldNames), makesKeys: true },
  setCookie: {
    level: 'policy',
    group: 'Safety',
    default: 'refuse',
    parse: oneOf(['refuse', 'strip', 'store']),
  },

  collapse: { level: 'policy', group: 'Collapsing', default: {}, parse: parseCollapse },

  tags: { level: 'policy', group: 'Purging', default: [], parse: parseTags },
  invalidation: { level: 'cache', group: 'Purging', default: undefined, parse: parseInvalidation },

  timeout: { level: 'cache', group: 'Redis failures', default: 100, parse: timeout },

  name: { level: 'cache', group: 'Reporting', default: 'redis-response-cache', parse: parseName },
  showKey: { level: 'cache', group: 'Reporting', default: false, parse: flag },
  warnings: { level: 'cache', group: 'Reporting', default: true, parse: parseWarnings },
  clock: { level: 'cache', group: 'Reporting', default: Date.now, parse: parseClock },
};

/** Options of former versions, and what to do without them. */
export const REMOVED: Readonly<Record<string, string>> = {
  previous: 'Leave it out, and fill the cache under the new prefix with cache.warm().',
};

/** `store/redis/connect.ts` checks it, which knows the client. */
function parseRedis(_option: string, redis: unknown): RedisOption | undefined {
  return redis as RedisOption | undefined;
}

function parsePrefix(option: string, prefix: unknown): string {
  const valid = typeof prefix === 'string' && /^[!-z|~]{1,100}$/.test(prefix) && !/[*?[\]\\^]/.test(prefix);
  if (valid) return prefix;
  throw new OptionError(
    option,
    prefix,
    'up to 100 printable characters without space, braces and * ? [ ] ^ \\',
  );
}

function parseName(option: string, name: unknown): string {
  // As the first item of a Cache-Status member must be.
  if (typeof name === 'string' && SF_TOKEN.test(name)) return name;
  throw new OptionError(
    option,
    name,
    "a token: letters, digits and - . _ : / after a letter, such as 'my-cache'",
  );
}

const nearParts = objectOf({
  maxSize: { default: '64mb', parse: sizeFrom(1) },
  ttl: { default: '10s', parse: timeout },
});

function parseNear(option: string, near: unknown): Settings['near'] {
  if (near === false) return undefined;
  if (typeof near !== 'object' && near !== true)
    throw new OptionError(
      option,
      near,
      "true, false or an object { maxSize, ttl }, such as { maxSize: '64mb' }",
    );
  return nearParts(option, near === true ? {} : near);
}

function parseHashKeys(option: string, hashKeys: unknown): boolean | undefined {
  if (hashKeys === undefined || typeof hashKeys === 'boolean') return hashKeys;
  throw new OptionError(
    option,
    hashKeys,
    'true or false: true hashes every cache key, by SHA-256 with the encrypt option, else by SHA-1',
  );
}

function parseClock(option: string, clock: unknown): () => number {
  const now = callable<() => unknown>(option, clock);
  const time = now();
  if (typeof time === 'number' && Number.isFinite(time)) return now as () => number;
  throw new OptionError(
    option,
    `Option "${option}" returned ${show(time)}, but must return milliseconds, as Date.now() does.`,
  );
}

/** A function that is called as `made` makes it. */
function functionOf<T>(made: (run: unknown) => Dynamic<T>): Parser<Dynamic<T>> {
  return (option, value) => made(callable(option, value));
}

/** `undefined` for `true`, so that nothing is called where there is no condition. */
function conditionOf(made: (run: unknown) => Dynamic<boolean>): Parser<Dynamic<boolean> | undefined> {
  return (option, condition) => {
    if (condition === true) return undefined;
    if (condition === false) return () => false;
    if (typeof condition !== 'function') throw new OptionError(option, condition, 'a boolean or a function');
    return made(condition);
  };
}

/** Methods are case-sensitive (RFC 9110 §9.1), and all that Node parses are upper case. */
const methodList = listOf(
  /^[A-Z][A-Z-]*$/,
  "a list of methods in upper case such as ['GET', 'HEAD', 'POST']",
);
/** Responses to these methods are never reused for another request. */
const NEVER_CACHED = new Set(['PUT', 'PATCH', 'DELETE', 'CONNECT', 'TRACE', 'OPTIONS']);

function parseMethods(option: string, methods: unknown): ReadonlySet<string> {
  const list = methodList(option, methods);
  const never = list.find((method) => NEVER_CACHED.has(method));
  if (never !== undefined)
    throw new OptionError(option, never, 'a method whose responses can be reused, such as GET');
  return new Set(list);
}

function parseStatuses(option: string, statuses: unknown): ReadonlySet<number> {
  const valid = (status: unknown): boolean =>
    Number.isInteger(status) && Number(status) >= 200 && Number(status) <= 599;
  if (!Array.isArray(statuses) || !statuses.every(valid) || statuses.some((s) => s === 206 || s === 304)) {
    throw new OptionError(
      option,
      statuses,
      'a list of final status codes (200 to 599) other than 206 and 304',
    );
  }
  return new Set(statuses);
}

/** The name of a header field in lower case, of a cookie, or of a value that middleware has placed. */
const IGNORED =
  /^(?:cookie [!-~]+|req\.\S+|res\.locals\.\S+|client certificate|[!#$%&'+\-.^_`|~0-9A-Za-z]+)$/;
const ignoredNames = listOf(IGNORED, "a list of names such as ['x-device-id', 'cookie theme', 'req.bucket']");

/** A name as the cache names it: that of a header field in lower case. */
function asNamed(name: string): string {
  return /^(?:cookie |req\.|res\.locals\.)/.test(name) ? name : name.toLowerCase();
}

const varyParts = objectOf({
  headers: { default: [], parse: fieldNames },
  query: { default: true, parse: parseQuery },
  cookies: { default: [], parse: listOf(NAME, 'a list of cookie names') },
  by: {
    default: undefined,
    parse: optional(
      functionOf(userFunction<KeyPart>('vary.by', 'vary-by-error', KEY_PART, 'vary-ambiguous')),
    ),
  },
  caller: {
    default: undefined,
    parse: optional(
      functionOf(userFunction<KeyPart>('vary.caller', 'vary-caller-error', KEY_PART, 'vary-ambiguous')),
    ),
  },
  ignore: {
    default: [],
    parse: (option, names) => new Set(ignoredNames(option, names).map(asNamed)),
  },
});

function parseVary(option: string, vary: unknown): Policy['vary'] {
  const parts = varyParts(option, vary);
  const queryDeclared = ownMember(vary as object, 'query') !== undefined;
  return Object.freeze({ ...parts, queryDeclared });
}

const RULE = 'a boolean, a list of root names of parameters, or { except: [root names] }';
/** The root name of `filter[a]` and `filter.a` is `filter`: a longer name would match no parameter. */
const rootNames = listOf(/^[^[.]+$/, RULE);
const except = objectOf({ except: { default: undefined, parse: rootNames } });

function parseQuery(option: string, query: unknown): QueryRule {
  if (typeof query === 'boolean') return query;
  if (Array.isArray(query)) return rootNames(option, query);
  if (typeof query !== 'object' || query === null) throw new OptionError(option, query, RULE);
  return except(option, query);
}

const collapseParts = objectOf({
  wait: { default: '10s', parse: duration },
  // A lease is renewed three times in its length, which takes a round trip to Redis: so it cannot be shorter than
  // 100 ms. The index of a tag keeps a response for twice the longest lease after it has expired.
  lease: { default: '5s', parse: durationFrom(100, 30_000) },
});

function parseCollapse(option: string, collapse: unknown): Policy['collapse'] {
  if (collapse === false) return Object.freeze({ ...collapseParts(option, {}), wait: 0 });
  if (collapse === true)
    throw new OptionError(
      option,
      collapse,
      'left out, which is the same, false, or an object { wait, lease }',
    );
  return collapseParts(option, collapse);
}

const warningParts = objectOf(
  Object.fromEntries(Object.keys(WARNINGS).map((code) => [code, { default: true, parse: flag }])),
);

function parseWarnings(option: string, warnings: unknown): ReadonlySet<WarningCode> {
  if (warnings === false) return new Set();
  const codes = warningParts(option, warnings === true ? {} : warnings);
  return new Set((Object.keys(codes) as WarningCode[]).filter((code) => codes[code]));
}

/** A shorter secret could be found by trying. */
const MIN_SECRET = 16;

const secretParts = objectOf({
  header: { default: undefined, parse: fieldName },
  secret: { default: undefined, parse: parseSecret },
});

const authorization = userFunction<boolean>('invalidation.authorize', 'error', BOOLEAN);

const invalidationParts = objectOf<Invalidation>({
  header: { default: undefined, parse: fieldName },
  authorize: {
    default: undefined,
    parse: (option, authorize) =>
      typeof authorize === 'function' ? authorization(authorize) : secretParts(option, authorize),
  },
});

function parseInvalidation(option: string, invalidation: unknown): Invalidation | undefined {
  return invalidation === undefined ? undefined : invalidationParts(option, invalidation);
}

function parseSecret(option: string, secret: unknown): string {
  if (typeof secret === 'string' && secret.length >= MIN_SECRET) return secret;
  throw new OptionError(option, secret, `a string of at least ${MIN_SECRET} characters`);
}
