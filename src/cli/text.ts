import bytes from 'bytes';
import type { Io, Output } from './command.ts';

/** How things are written on a terminal. What stands in Redis may come from anywhere, and moves no cursor. */

/** Controls (C0, DEL, C1), and what turns or hides the text around it. */
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A text in one line, with escapes in the place of all that is not to be seen as it is: `\x1b`, `\u202e`. */
export function escaped(text: string): string {
  return text.replace(UNSAFE, codeOf);
}

/** The same of several lines. */
export function escapedLines(text: string): string {
  return text.replace(UNSAFE, (char) => (/[\t\n]/.test(char) ? char : codeOf(char)));
}

function codeOf(char: string): string {
  const code = char.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
}

/** One line of JSON, with the same escapes, as JSON has them. */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value);
  return `${text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** A length of time in its largest unit: 12m. */
export function span(ms: number): string {
  const [unit, length] = UNITS.find(([, least]) => Math.abs(ms) >= least) ?? ['s', 1000];
  return `${Math.trunc(ms / length)}${unit}`;
}

export function sizeText(size: number): string {
  return bytes.format(size, { decimalPlaces: 1 }) ?? '';
}

/** The text, or its beginning, in so many columns. */
export function fitted(text: string, columns: number): string {
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

const ELLIPSIS = '...';

/** At most: some of what lies beyond Latin, Greek, Cyrillic and the like is one column wide all the same. */
function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += (char.codePointAt(0) as number) < 0x1100 ? 1 : 2;
  return width;
}

type Style = 'bold' | 'dim' | 'red' | 'yellow';
const CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, yellow: 33 };

/** Colours for a terminal that wants them (https://no-color.org). */
export function painter(output: Output, { env }: Io): (style: Style, text: string) => string {
  if (!output.isTTY || env.NO_COLOR || env.TERM === 'dumb') return (_style, text) => text;
  return (style, text) => `\x1b[${CODES[style]}m${text}\x1b[0m`;
}

/** Columns of a line of output: as many as it takes where it is no terminal. */
export function columnsOf({ isTTY, columns }: Output): number {
  return isTTY ? columns || 80 : Number.POSITIVE_INFINITY;
}
