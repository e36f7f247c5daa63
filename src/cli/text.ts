import bytes from 'bytes';
import type { EntrySummary } from '../entries/types.ts';
import type { Io, Output } from './command.ts';

/** Text for a terminal. Data from Redis may contain anything, and must not control the terminal. */

/** Control characters (C0, DEL, C1), invisible characters, and those that change the direction of the text. */
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** The text in one line, with unsafe characters as escapes: `\x1b`, `\u202e`. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, escapeOf);
}

/** Like `escapeUnsafe`, but keeps line breaks and tabs. */
export function escapeUnsafeLines(text: string): string {
  return text.replace(UNSAFE, (char) => (/[\t\n]/.test(char) ? char : escapeOf(char)));
}

function escapeOf(char: string): string {
  const code = char.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
}

/** One line of JSON, with unsafe characters as JSON escapes. */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value);
  return `${text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}

/** 12,345 */
export function formatNumber(number: number): string {
  return number.toLocaleString('en-US');
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** A duration in its largest unit: 12m. */
export function formatDuration(ms: number): string {
  const [unit, length] = UNITS.find(([, length]) => Math.abs(ms) >= length) ?? ['s', 1000];
  return `${Math.trunc(ms / length)}${unit}`;
}

export function formatBytes(size: number): string {
  return bytes.format(size, { decimalPlaces: 1 }) ?? '';
}

const ELLIPSIS = '...';

/** Shortens the text to a number of columns. */
export function truncate(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let left = columns - ELLIPSIS.length;
  let result = '';
  for (const char of text) {
    left -= widthOf(char);
    if (left < 0) break;
    result += char;
  }
  return `${result}${ELLIPSIS}`;
}

/** An upper bound: beyond Latin, Greek, Cyrillic and their neighbors, it counts every character as two columns. */
function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += (char.codePointAt(0) as number) < 0x1100 ? 1 : 2;
  return width;
}

/** Who may have a stored response: `requests without credentials and 2 kinds of callers`. */
export function audienceText(audience: EntrySummary['audience']): string {
  if (audience === 'everyone') return 'everyone';
  const { strangers, same, different } = audience;
  const kinds = (count: number): string => `${count} ${count === 1 ? 'kind' : 'kinds'} of callers`;
  const some = [strangers ? 'requests without credentials' : '', same > 0 ? kinds(same) : ''].filter(Boolean);
  const others = different > 0 ? `, not ${kinds(different)} who got another response` : '';
  return `${some.join(' and ') || 'nobody'}${others}`;
}

type Style = 'bold' | 'dim' | 'red' | 'yellow';
const CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, yellow: 33 };

/** Styles text on a terminal with colors (https://no-color.org). */
export function painter(output: Output, { env }: Io): (style: Style, text: string) => string {
  if (!output.isTTY || env.NO_COLOR || env.TERM === 'dumb') return (_style, text) => text;
  return (style, text) => `\x1b[${CODES[style]}m${text}\x1b[0m`;
}

/** Columns in a line of the output; unlimited if it is not a terminal. */
export function columnsOf({ isTTY, columns }: Output): number {
  return isTTY ? columns || 80 : Number.POSITIVE_INFINITY;
}
