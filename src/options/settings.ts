import type { SealingKey } from '../codec/encryption.ts';
import { OptionError } from '../errors.ts';
import { parseEncrypt } from './encrypt.ts';
import { POLICY } from './policy.ts';
import { type Dynamic, fieldNames, MAX_TIMEOUT } from './policy-values.ts';
import type { RedisOption } from './redis.ts';
import type { CacheOptions } from './types.ts';
import { duration, known, oneOf, size } from './values.ts';

/** The options that a cache has once, for all of its middlewares. */

export interface Settings {
  readonly redis: RedisOption | undefined;
  readonly prefix: string;
  readonly name: string;
  readonly timeout: number;
  readonly showKey: boolean;
  readonly clock: () => number;
  readonly maxEntries: number | undefined;
  readonly invalidation: Invalidation | undefined;
  /** The prefix of the deployment before. */
  readonly previous: string | undefined;
  readonly near: { readonly maxSize: number; readonly ttl: number } | undefined;
  /** What seals and opens; none where nothing is sealed. */
  readonly encrypt: readonly SealingKey[];
  readonly refresh: { readonly concurrency: number; readonly deadline: number };
}

/** How a request may ask for a purge. Field names in lower case. */
export interface Invalidation {
  readonly header: string;
  /** A field that brings a secret, or a function that says whether this request may. */
  readonly authorize: Dynamic<boolean> | { readonly header: string; readonly secret: string };
}

const ALL: readonly (keyof CacheOptions)[] = [
  'redis',
  'prefix',
  'name',
  'timeout',
  'showKey',
  'clock',
  'maxEntries',
  'invalidation',
  'refresh',
  'previous',
  'near',
  'encrypt',
  ...POLICY,
];
/** RFC 8941 §3.3.4, as the first item of a Cache-Status member must be. */
const SF_TOKEN = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/;
/** A shorter secret could be found by asking. */
const MIN_SECRET = 16;

export function parseSettings(options: CacheOptions): Settings {
  known('options', options, ALL);
  const { redis, prefix = 'rrc:', name = 'redis-response-cache', timeout = 100, clock = Date.now } = options;
  const { showKey: shown = false, maxEntries } = options;
  const showKey = oneOf('showKey', shown, [true, false]);
  parsePrefix('prefix', prefix);
  if (typeof name !== 'string' || !SF_TOKEN.test(name)) {
    throw new OptionError(
      'name',
      name,
      "a token: letters, digits and - . _ : / after a letter, such as 'my-cache'",
    );
  }
  const budget = duration('timeout', timeout);
  if (budget < 1 || budget > MAX_TIMEOUT)
    throw new OptionError('timeout', timeout, 'at least 1 millisecond and at most 1 hour');
  if (typeof clock !== 'function') throw new OptionError('clock', clock, 'a function');
  if (maxEntries !== undefined && (!Number.isSafeInteger(maxEntries) || maxEntries < 1))
    throw new OptionError('maxEntries', maxEntries, 'a whole number of at least 1');
  const invalidation = parseInvalidation(options.invalidation);
  const refresh = parseRefresh(options.refresh);
  const shared = { redis, prefix, name, timeout: budget, showKey, clock };
  const previous = options.previous === undefined ? undefined : parsePrefix('previous', options.previous);
  if (previous === prefix) throw new OptionError('previous', previous, 'another prefix than `prefix`');
  const near = parseNear(options.near);
  const encrypt = parseEncrypt(options.encrypt);
  return Object.freeze({ ...shared, maxEntries, invalidation, refresh, previous, near, encrypt });
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

function parseNear(near: unknown): Settings['near'] {
  if (near === undefined || near === false) return undefined;
  const given = near === true ? {} : near;
  known('near', given, ['maxSize', 'ttl']);
  const { maxSize = '64mb', ttl = '10s' } = given as { maxSize?: unknown; ttl?: unknown };
  const bytes = size('near.maxSize', maxSize);
  if (bytes < 1) throw new OptionError('near.maxSize', maxSize, 'at least 1 byte');
  const ms = duration('near.ttl', ttl);
  if (ms < 1 || ms > MAX_TIMEOUT)
    throw new OptionError('near.ttl', ttl, 'at least 1 millisecond and at most 1 hour');
  return Object.freeze({ maxSize: bytes, ttl: ms });
}

function parseRefresh(refresh: unknown = {}): Settings['refresh'] {
  known('refresh', refresh, ['concurrency', 'timeout']);
  const { concurrency = 8, timeout = '30s' } = refresh as { concurrency?: unknown; timeout?: unknown };
  if (!Number.isSafeInteger(concurrency) || Number(concurrency) < 1)
    throw new OptionError('refresh.concurrency', concurrency, 'a whole number of at least 1');
  const deadline = duration('refresh.timeout', timeout);
  if (deadline < 1 || deadline > MAX_TIMEOUT)
    throw new OptionError('refresh.timeout', timeout, 'at least 1 millisecond and at most 1 hour');
  return Object.freeze({ concurrency: Number(concurrency), deadline });
}

function parseInvalidation(invalidation: unknown): Invalidation | undefined {
  if (invalidation === undefined) return undefined;
  known('invalidation', invalidation, ['header', 'authorize']);
  const { header, authorize } = invalidation as { header?: unknown; authorize?: unknown };
  const [name = ''] = fieldNames('invalidation.header', [header]);
  if (typeof authorize === 'function') {
    return Object.freeze({ header: name, authorize: authorize as Dynamic<boolean> });
  }
  known('invalidation.authorize', authorize, ['header', 'secret']);
  const { header: bringing, secret } = authorize as { header?: unknown; secret?: unknown };
  const [field = ''] = fieldNames('invalidation.authorize.header', [bringing]);
  if (typeof secret !== 'string' || secret.length < MIN_SECRET)
    throw new OptionError(
      'invalidation.authorize.secret',
      secret,
      `a string of at least ${MIN_SECRET} characters`,
    );
  return Object.freeze({ header: name, authorize: Object.freeze({ header: field, secret }) });
}
