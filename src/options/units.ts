/** Units of options. */

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
