import bytes from 'bytes';
import type { Io, Output } from './command.ts';

/** How the command writes numbers, sizes, ages and lines that fit the terminal. */

/** 12,345 */
export function formatNumber(number: number): string {
  return number.toLocaleString('en-US');
}

/** `1 client`, `12,345 clients`. */
export function formatCount(count: number, one: string, many: string = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 ? one : many}`;
}

export function formatEntries(count: number): string {
  return formatCount(count, 'entry', 'entries');
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** An age, a TTL or another duration, in its largest unit: `12m`, `-3s`. */
export function formatDuration(ms: number): string {
  const [unit, length] = UNITS.find(([, length]) => Math.abs(ms) >= length) ?? ['s', 1000];
  // Without a negative zero.
  return `${Math.trunc(ms / length) || 0}${unit}`;
}

/** A damaged clock may have stored an instant that is no date. */
export function formatDate(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** A number of bytes in its largest unit, of 1024 each: `5.9KB`. */
export function formatBytes(size: number): string {
  return bytes.format(size, { decimalPlaces: 1 }) ?? '';
}

const ELLIPSIS = '...';

/** Shortens the text to a number of columns, at its end. */
export function truncate(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  return `${startOf(text, columns - ELLIPSIS.length)}${ELLIPSIS}`;
}

/** Shortens a cache key to a number of columns: first `GET https://` goes, then the host, then the middle. */
export function shortenKey(key: string, columns: number): string {
  const leftOut = [/^$/, /^GET (?=https?:)/, /^GET https?:\/\//, /^GET https?:\/\/[^/]+(?=\/)/];
  const forms = leftOut.map((start) => key.replace(start, ''));
  const fitting = forms.find((text) => widthOf(text) <= columns);
  if (fitting !== undefined) return fitting;
  const room = columns - ELLIPSIS.length;
  const last = forms.at(-1) as string;
  const start = startOf(last, Math.floor(room / 3));
  const end = [...startOf([...last].reverse().join(''), room - widthOf(start))].reverse().join('');
  return `${start}${ELLIPSIS}${end}`;
}

/** The longest start of the text that has at most this width. */
function startOf(text: string, columns: number): string {
  let left = columns;
  let result = '';
  for (const char of text) {
    left -= widthOf(char);
    if (left < 0) break;
    result += char;
  }
  return result;
}

/** An upper bound: beyond Latin, Greek, Cyrillic and their neighbors, it counts every character as two columns. */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += (char.codePointAt(0) as number) < 0x1100 ? 1 : 2;
  return width;
}

/** The text in lines of at most so many columns, broken at spaces. A longer word is a line of its own. */
export function wrapped(text: string, columns: number): string[] {
  const [first = '', ...words] = text.split(' ');
  const lines: string[] = [];
  let line = first;
  for (const word of words) {
    if (widthOf(line) + 1 + widthOf(word) > columns) {
      lines.push(line);
      line = word;
    } else {
      line += ` ${word}`;
    }
  }
  return [...lines, line];
}

/** A label and items with commas between them, in lines of at most so many columns. */
export function labeled(label: string, items: readonly string[], columns: number): string[] {
  const indent = ' '.repeat(LABEL);
  const lines: string[] = [];
  let line = label.padEnd(LABEL);
  items.forEach((item, i) => {
    const text = i < items.length - 1 ? `${item},` : item;
    const isFirst = line.length === LABEL;
    if (!isFirst && widthOf(line) + 1 + widthOf(text) > columns) {
      lines.push(line);
      line = indent + text;
    } else {
      line += isFirst ? text : ` ${text}`;
    }
  });
  return [...lines, line].map((text) => truncate(text, columns));
}

/** Columns of a label. */
const LABEL = 10;

export type Style = 'bold' | 'dim' | 'red' | 'yellow';
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
