import bytes from 'bytes';
import ms from 'ms';
import { OptionError } from '../errors.ts';

/** Parsers of single option values: what they return is valid, what they throw names the option. */

/** The longest length of time: 2^31 seconds, as RFC 9111 §1.2.2 has it. */
const MAX_DURATION = 2 ** 31 * 1000;

/** Milliseconds of a duration, or `undefined` when it is none. A string without a unit is none: too often wrong. */
export function milliseconds(value: unknown): number | undefined {
  const parsed = typeof value === 'string' && /[a-z]\s*$/i.test(value) ? ms(value as ms.StringValue) : value;
  if (typeof parsed !== 'number' || !Number.isFinite(parsed)) return undefined;
  return parsed >= 0 && parsed <= MAX_DURATION ? parsed : undefined;
}

export function duration(option: string, value: unknown): number {
  const parsed = milliseconds(value);
  if (parsed === undefined) {
    throw new OptionError(
      option,
      value,
      "a duration: milliseconds, or a string with a unit such as '30s' or '1h'",
    );
  }
  return parsed;
}

/** Whatever else ends in a number `bytes` would read as that many bytes: '1mib' as 1. */
const SIZE = /^\d+(?:\.\d+)? ?[kmg]?b$/i;

export function size(option: string, value: unknown): number {
  const parsed = typeof value === 'string' && SIZE.test(value) ? bytes.parse(value) : value;
  if (typeof parsed !== 'number' || !Number.isSafeInteger(parsed) || parsed < 0) {
    throw new OptionError(
      option,
      value,
      "a size: a whole number of bytes, or a string with a unit such as '1mb'",
    );
  }
  return parsed;
}

/** A number from 0 to this one. */
export function fraction(option: string, value: unknown, most: number): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= most)) {
    throw new OptionError(option, value, `a number from 0 to ${most}`);
  }
  return value;
}

export function oneOf<T>(option: string, value: unknown, accepted: readonly T[]): T {
  if (!accepted.includes(value as T)) {
    throw new OptionError(option, value, accepted.map((choice) => JSON.stringify(choice)).join(' or '));
  }
  return value as T;
}

export function callable<T extends (...args: never[]) => unknown>(
  option: string,
  value: T | undefined,
): T | undefined {
  if (value !== undefined && typeof value !== 'function') throw new OptionError(option, value, 'a function');
  return value;
}

/** A list of strings that all match, or a complaint that says what each must be. */
export function names(option: string, value: unknown, pattern: RegExp, accepted: string): readonly string[] {
  if (
    !Array.isArray(value) ||
    !Array.from(value).every((name) => typeof name === 'string' && pattern.test(name))
  ) {
    throw new OptionError(option, value, accepted);
  }
  return Object.freeze([...value]);
}

/** Complains about names that are no option, since a misspelt one would silently do nothing. */
export function known(of: string, value: unknown, accepted: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new OptionError(of, value, `an object of ${accepted.join(', ')}`);
  }
  for (const name of Object.keys(value)) {
    if (accepted.includes(name)) continue;
    const path = of === 'options' ? name : `${of}.${name}`;
    throw new OptionError(
      path,
      (value as Record<string, unknown>)[name],
      `left out: the options are ${accepted.join(', ')}`,
    );
  }
}

/** A response with more tags is not stored: a copy that misses some could not be purged by them. */
export const MAX_TAGS = 128;
/** Characters of the longest tag. */
export const MAX_TAG_LENGTH = 256;

/** Whether this is a list of tags that the cache can keep. */
export function areTags(tags: unknown): tags is readonly string[] {
  return (
    Array.isArray(tags) &&
    tags.length <= MAX_TAGS &&
    Array.from(tags).every((tag) => typeof tag === 'string' && tag !== '' && tag.length <= MAX_TAG_LENGTH)
  );
}
