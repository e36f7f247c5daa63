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
