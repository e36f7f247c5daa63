// biome-ignore-all lint/complexity/noThisInStatic: a bundler renames a class whose static block names it, and stacks show that.
import type { ErrorCode } from './codes.ts';

/** Errors of construction and of the cache's methods. Requests never cause them. */

/**
 * An error is an instance of its class in every copy of this package: an ES module and a CommonJS module in one process are
 * two. The prototype of a class has the name of the class under this symbol.
 */
const BRAND = Symbol.for('redis-response-cache.error');

/** Makes `instanceof` of this very class go by the brand. Classes derived from it are compared as usual. */
function brand(
  type: { readonly prototype: Error },
  name: string,
  isInstance: (brand: unknown) => boolean = (found) => found === name,
): void {
  Object.defineProperty(type.prototype, BRAND, { value: name });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== type) return Reflect.apply(Function.prototype[Symbol.hasInstance], this, [value]);
      return isInstance((value as { readonly [BRAND]?: unknown } | null | undefined)?.[BRAND]);
    },
  });
}

/** Every error that this package throws. Requests never end in one: the app answers them. */
export class CacheError extends Error {
  static {
    brand(this, 'CacheError', (found) => typeof found === 'string');
  }
  override readonly name: string = 'CacheError';
  readonly code: ErrorCode;
  /** Where the documentation explains the code: a path in this package, such as `docs/errors.md#err_rrc_option`. */
  readonly docs: string;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.docs = docsOf(code);
  }
}

/** The place of a code in the documentation. */
export function docsOf(code: string): string {
  return `docs/errors.md#${code.toLowerCase()}`;
}

/** Options whose value no message shows. */
const SECRET = /pass|secret|token|authorize|encrypt/i;

/**
 * An option is unknown or has a bad value. The message names the option, shows the value, unless it may be a secret, and
 * says what to write instead. Thrown by `redisCache(options)`, `cache.with(overrides)` and every other function that takes
 * options.
 */
export class OptionError extends CacheError {
  static {
    brand(this, 'OptionError');
  }
  override readonly name = 'OptionError';
  declare readonly code: 'ERR_RRC_OPTION';
  /** The option's name, with a dot before that of a part: `vary.headers`. */
  readonly option: string;

  /** @param problem the value and what the option must be, or the whole message. */
  constructor(option: string, ...problem: [value: unknown, accepted: string] | [message: string]) {
    super('ERR_RRC_OPTION', problem.length === 1 ? problem[0] : badValue(option, ...problem));
    this.option = option;
  }
}

/** A method was called with an argument that it cannot work with. The message says what it needs. */
export class ArgumentError extends CacheError {
  static {
    brand(this, 'ArgumentError');
  }
  override readonly name = 'ArgumentError';
  declare readonly code: 'ERR_RRC_ARGUMENT';

  constructor(message: string) {
    super('ERR_RRC_ARGUMENT', message);
  }
}

/** `cache.purge(target)` was given no valid target. */
export class PurgeError extends CacheError {
  static {
    brand(this, 'PurgeError');
  }
  override readonly name = 'PurgeError';
  declare readonly code: 'ERR_RRC_PURGE';

  constructor(message: string) {
    super('ERR_RRC_PURGE', message);
  }
}

/** Redis did not confirm a call of a method such as `cache.purge`. The message and `cause` have the reason. */
export class StoreError extends CacheError {
  static {
    brand(this, 'StoreError');
  }
  override readonly name = 'StoreError';
  declare readonly code: 'ERR_RRC_STORE';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_RRC_STORE', message, options);
  }
}

/** A package that is needed here is not installed. The message says which. */
export class DependencyError extends CacheError {
  static {
    brand(this, 'DependencyError');
  }
  override readonly name = 'DependencyError';
  declare readonly code: 'ERR_RRC_DEPENDENCY';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_RRC_DEPENDENCY', message, options);
  }
}

/** `fromSitemap` or `fromAccessLog` could not read its source. The message names it; `cause` has the reason. */
export class SourceError extends CacheError {
  static {
    brand(this, 'SourceError');
  }
  override readonly name = 'SourceError';
  declare readonly code: 'ERR_RRC_SOURCE';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_RRC_SOURCE', message, options);
  }
}

function badValue(option: string, value: unknown, accepted: string): string {
  if (value === undefined) return `Option "${option}" is missing: it must be ${accepted}.`;
  return `Option "${option}" is ${SECRET.test(option) ? '***' : show(value)}, but must be ${accepted}.`;
}

/** What `redisCache` returned, as far as a function needs it. @throws {ArgumentError} */
export function assertCache(method: string, cache: unknown, methods: readonly string[]): void {
  const has = (name: string): boolean =>
    typeof (cache as Record<string, unknown> | null | undefined)?.[name] === 'function';
  if (methods.every(has)) return;
  throw new ArgumentError(`${method}() needs the cache that redisCache() returned, not ${show(cache)}.`);
}

/** A value as messages show it: at most 120 characters, and without what may be a secret. */
export function show(value: unknown): string {
  if (typeof value === 'function') return `a function${value.name ? ` (${value.name})` : ''}`;
  // JSON has no NaN and no infinity.
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'symbol')
    return String(value);
  let text: string | undefined;
  try {
    text = JSON.stringify(value, function (this: Record<string, unknown>, name, json) {
      const raw = this[name];
      return raw instanceof Uint8Array ? `${raw.length} bytes` : json;
    });
  } catch {
    // Cyclic values have no JSON.
  }
  return withoutSecrets(text ?? String(value)).slice(0, 120);
}

/** 32 bytes in hex or base64. */
const KEY = /(?<![\w+/-])(?:[0-9a-f]{64}|[\w+/-]{43}=?)(?![\w+/=-])/gi;

/** Masks credentials of URLs, and values that have the name or the form of a secret. */
function withoutSecrets(text: string): string {
  return text
    .replace(/:[^"]*@/g, ':***@')
    .replace(/("[^"]*(?:pass|secret|token|key)[^"]*":)"(?:[^"\\]|\\.)*"/gi, '$1"***"')
    .replace(KEY, '***');
}
