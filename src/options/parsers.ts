import ms from 'ms';
import { OptionError, show } from '../errors.ts';
import { assertKnownKeys } from '../known-names.ts';
import { byteCount, milliseconds } from './units.ts';

/**
 * The building blocks of option parsing. A parser takes the name of an option and the value that the user gave, and
 * returns a valid value or throws an `OptionError`.
 */
export type Parser<T> = (option: string, value: unknown) => T;

/** One member of an object of options: its value when it is left out, and its parser. */
interface Member<T> {
  readonly default: unknown;
  readonly parse: Parser<T>;
}

export type Members<T> = { readonly [N in keyof T]: Member<T[N]> };

/** The longest `timeout`. A Node timer of more than 2^31 ms would fire at once. */
const HOUR = 3_600_000;

/** What a duration is, for messages. */
export const DURATION = "a number of milliseconds, or a string with a unit such as '30s' or '1h'";

export function duration(option: string, value: unknown): number {
  const parsed = milliseconds(value);
  if (parsed === undefined) throw new OptionError(option, value, `a duration: ${DURATION}${withUnit(value)}`);
  return parsed;
}

/** What to write for a number without its unit, after a colon; empty for any other value. */
export function withUnit(value: unknown): string {
  const isBare = typeof value === 'string' && /^\d+$/.test(value);
  return isBare ? `: write '${value}s' for seconds, or ${value} for milliseconds` : '';
}

/** @param least in milliseconds, as `most`. */
export function durationFrom(least: number, most: number): Parser<number> {
  return (option, value) => {
    const parsed = milliseconds(value);
    if (parsed !== undefined && parsed >= least && parsed <= most) return parsed;
    const bounds = `${ms(least, { long: true })} to ${ms(most, { long: true })}`;
    throw new OptionError(option, value, `a duration from ${bounds}: ${DURATION}${withUnit(value)}`);
  };
}

/** How long to wait for something. */
export const timeout: Parser<number> = durationFrom(1, HOUR);
/** As `timeout`; 0 is allowed. */
export const timeoutOrZero: Parser<number> = durationFrom(0, HOUR);

/** @param least bytes. */
export function sizeFrom(least: number): Parser<number> {
  return (option, value) => {
    const parsed = byteCount(value);
    if (parsed !== undefined && parsed >= least) return parsed;
    const bound = least > 0 ? ` of at least ${least}` : '';
    throw new OptionError(
      option,
      value,
      `a size${bound}: a whole number of bytes, or a string with a unit such as '1mb'`,
    );
  };
}

export function numberFrom(least: number, most: number): Parser<number> {
  return (option, value) => {
    if (typeof value === 'number' && value >= least && value <= most) return value;
    throw new OptionError(option, value, `a number from ${least} to ${most}`);
  };
}

/** @param most no bound where it is left out. */
export function wholeNumberFrom(least: number, most?: number): Parser<number> {
  return (option, value) => {
    if (Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= (most ?? Number(value)))
      return Number(value);
    const bounds = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new OptionError(option, value, `a whole number ${bounds}`);
  };
}

/** @param note what else the message says. */
export function oneOf<const T>(accepted: readonly T[], note = ''): Parser<T> {
  return (option, value) => {
    if (accepted.includes(value as T)) return value as T;
    throw new OptionError(option, value, accepted.map((choice) => show(choice)).join(' or ') + note);
  };
}

export const flag: Parser<boolean> = oneOf([true, false]);

/** A function. What it takes and returns cannot be checked before it is called. */
export function callable<T extends (...args: never[]) => unknown>(option: string, value: unknown): T {
  if (typeof value !== 'function') throw new OptionError(option, value, 'a function');
  return value as unknown as T;
}

/** A list of strings that all match. The parsed list is a copy, so that the user's may change. */
export function listOf(pattern: RegExp, accepted: string): Parser<readonly string[]> {
  return (option, value) => {
    // `Array.from` makes the holes of a sparse list visible.
    const valid =
      Array.isArray(value) && Array.from(value).every((s) => typeof s === 'string' && pattern.test(s));
    if (!valid) throw new OptionError(option, value, accepted);
    return Object.freeze([...value]);
  };
}

/** A token (RFC 9110 §5.6.2) without the star: `x-*` looks like a pattern, but would match no field. */
export const NAME: RegExp = /^[!#$%&'+\-.^_`|~0-9A-Za-z]+$/;

const listOfFieldNames = listOf(NAME, "a list of header field names such as ['accept-language']");

/** Names of header fields, in lower case. */
export function fieldNames(option: string, value: unknown): readonly string[] {
  return Object.freeze(listOfFieldNames(option, value).map((name) => name.toLowerCase()));
}

/** The name of a header field, in lower case. */
export function fieldName(option: string, value: unknown): string {
  if (typeof value === 'string' && NAME.test(value)) return value.toLowerCase();
  throw new OptionError(option, value, "the name of a header field such as 'X-Cache-Invalidate'");
}

/** A list as a set. */
export function setOf(parse: Parser<readonly string[]>): Parser<ReadonlySet<string>> {
  return (option, value) => new Set(parse(option, value));
}

/** `undefined` where the option is left out. */
export function optional<T>(parse: Parser<T>): Parser<T | undefined> {
  return (option, value) => (value === undefined ? undefined : parse(option, value));
}

/** An object of options: a member that is unknown is refused, one that is left out has its default. */
export function objectOf<T extends object>(members: Members<T>): Parser<Readonly<T>> {
  const names = Object.keys(members);
  return (option, value) => {
    assertKnownKeys(option, value, names);
    return Object.freeze(parseMembers(members, value, `${option}.`));
  };
}

/** @param path what stands before the name of a member in messages. */
export function parseMembers<T extends object>(members: Members<T>, values: object, path = ''): T {
  const parsed = Object.entries<Member<unknown>>(members).map(([name, member]) => {
    const value = ownMember(values, name);
    return [name, member.parse(path + name, value === undefined ? member.default : value)];
  });
  return Object.fromEntries(parsed) as T;
}

/** A property of an object itself. What `Object.prototype` was given by other code is no option. */
export function ownMember(values: object, name: string): unknown {
  return Object.hasOwn(values, name) ? (values as Readonly<Record<string, unknown>>)[name] : undefined;
}

/**
 * The own properties of an object of options, as an object that inherits none, for a method that checks their values.
 * @param option the name of the method. @throws {OptionError} as `assertKnownKeys`.
 */
export function ownMembers<T extends object>(
  option: string,
  value: unknown,
  known: readonly (keyof T & string)[],
): Partial<T> {
  assertKnownKeys(option, value, known);
  return Object.assign(Object.create(null), value) as Partial<T>;
}

/** @throws {OptionError} */
export function abortSignal(option: string, signal: unknown): AbortSignal {
  if (typeof (signal as Partial<AbortSignal> | null)?.addEventListener === 'function')
    return signal as AbortSignal;
  throw new OptionError(option, signal, 'an AbortSignal');
}
