/* Formats numbers, sizes, times and bodies. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

export const count = (value) => whole.format(value);
export const brief = (value) => (value < 10_000 ? tenths.format(value) : short.format(value));
export const percent = (share) => `${tenths.format(share * 100)} %`;

export function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  let size = value;
  for (; size >= 1000 && i < units.length - 1; i++) size /= 1000;
  return `${size < 10 && i > 0 ? size.toFixed(1) : whole.format(size)} ${units[i]}`;
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/** Milliseconds in the two largest units. */
export function duration(ms) {
  const length = Math.abs(ms);
  const sign = ms < 0 ? '−' : '';
  if (length < 1) return length === 0 ? '0 ms' : `${sign}${length.toFixed(2)} ms`;
  if (length < 10) return `${sign}${tenths.format(length)} ms`;
  if (length < 1000) return `${sign}${whole.format(length)} ms`;
  const index = UNITS.findIndex(([, size]) => length >= size);
  const [unit, size] = UNITS[index];
  const next = UNITS[index + 1];
  const amount = Math.floor(length / size);
  const rest = next ? Math.floor((length % size) / next[1]) : 0;
  if (!next && length < 10_000) return `${sign}${tenths.format(length / size)} s`;
  return `${sign}${amount} ${unit}${rest > 0 && amount < 10 ? ` ${rest} ${next[0]}` : ''}`;
}

const WORDS = {
  __proto__: null,
  ms: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
};

/** The milliseconds of a duration as people and this page write it: `90s`, `2 days`, `9 min 56 s`; else `undefined`. */
export function parseDuration(text) {
  const parts = [...text.matchAll(/\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*/giy)];
  const length = parts.reduce((sum, [part]) => sum + part.length, 0);
  if (parts.length === 0 || length !== text.length) return undefined;
  let sum = 0;
  for (const [, amount, unit] of parts) {
    const word = unit.toLowerCase();
    const size = WORDS[word] ?? WORDS[word.replace(/s$/, '')];
    if (size === undefined) return undefined;
    sum += amount * size;
  }
  return Math.round(sum);
}

export const clock = (time) => new Date(time).toLocaleTimeString();
export const instant = (time) => new Date(time).toLocaleString();

/**
 * JSON with line breaks and indentation; `undefined` for a text that is not JSON. It is not serialized again, because
 * that would change numbers such as `1.0` and `12345678901234567890`.
 */
export function indentJson(text) {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  let depth = 0;
  const newline = () => `\n${'  '.repeat(depth)}`;
  const tokens = text.matchAll(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|[^\s{}[\],:"]+/g);
  let result = '';
  for (const [token] of tokens) {
    if (token === '{' || token === '[') {
      depth++;
      result += token + newline();
    } else if (token === '}' || token === ']') {
      depth--;
      result += newline() + token;
    } else if (token === ',') result += token + newline();
    else if (token === ':') result += ': ';
    else result += /^[{[]/.test(token) ? token[0] + token.at(-1) : token;
  }
  return result;
}

/** A hex dump: offset, bytes and ASCII characters, sixteen bytes on a line. */
export function hexDump(base64) {
  const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const lines = [];
  for (let offset = 0; offset < data.length; offset += 16) {
    const row = [...data.subarray(offset, offset + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${offset.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${ascii}`);
  }
  return lines.join('\n');
}
