import bytes from 'bytes';
import ms from 'ms';

/** Durations and sizes: their types, and the numbers that they stand for. */

type Unit =
  | 'ms'
  | 's'
  | 'sec'
  | 'second'
  | 'seconds'
  | 'm'
  | 'min'
  | 'minute'
  | 'minutes'
  | 'h'
  | 'hour'
  | 'hours'
  | 'd'
  | 'day'
  | 'days'
  | 'w'
  | 'week'
  | 'weeks';

/** A length of time: a number of **milliseconds**, or a number with its unit such as `'30s'` or `'1 hour'`. */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`;

/** An amount of memory: a number of **bytes**, or a number with its unit such as `'1mb'` (1,048,576 bytes). */
export type Size = number | `${number}${'b' | 'kb' | 'mb' | 'gb' | 'B' | 'KB' | 'MB' | 'GB'}`;

/** The longest duration: 2^31 seconds, the greatest delta-seconds of RFC 9111 §1.2.2. */
const MAX_DURATION = 2 ** 31 * 1000;

/** Without this pattern, `bytes` reads the leading number of any text: '1mib' as 1 byte. */
const SIZE = /^\d+(?:\.\d+)? ?[kmg]?b$/i;

/**
 * The milliseconds of a duration; `undefined` for anything else. A string of digits is none: users mean seconds by it as
 * often as milliseconds.
 */
export function milliseconds(value: unknown): number | undefined {
  const parsed = typeof value === 'string' && /[a-z]\s*$/i.test(value) ? ms(value as ms.StringValue) : value;
  if (typeof parsed !== 'number' || !Number.isFinite(parsed)) return undefined;
  return parsed >= 0 && parsed <= MAX_DURATION ? parsed : undefined;
}

/** The bytes of a size; `undefined` for anything else. */
export function byteCount(value: unknown): number | undefined {
  const parsed = typeof value === 'string' && SIZE.test(value) ? bytes.parse(value) : value;
  return typeof parsed === 'number' && Number.isSafeInteger(parsed) && parsed >= 0 ? parsed : undefined;
}
