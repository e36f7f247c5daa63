/* Figures as people read them. */

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

/** Of milliseconds, in its two largest units. */
export function duration(ms) {
  const length = Math.abs(ms);
  const sign = ms < 0 ? '−' : '';
  if (length < 1) return length === 0 ? '0 ms' : `${sign}${length.toFixed(2)} ms`;
  if (length < 10) return `${sign}${tenths.format(length)} ms`;
  if (length < 1000) return `${sign}${whole.format(length)} ms`;
  const at = UNITS.findIndex(([, size]) => length >= size);
  const [unit, size] = UNITS[at];
  const next = UNITS[at + 1];
  const amount = Math.floor(length / size);
  const rest = next ? Math.floor((length % size) / next[1]) : 0;
  if (!next && length < 10_000) return `${sign}${tenths.format(length / size)} s`;
  return `${sign}${amount} ${unit}${rest > 0 && amount < 10 ? ` ${rest} ${next[0]}` : ''}`;
}

export const clock = (at) => new Date(at).toLocaleTimeString();
export const instant = (at) => new Date(at).toLocaleString();

/** JSON with line breaks, and every figure and string exactly as it stands there; `undefined` for what is none. */
export function pretty(text) {
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

/** Sixteen bytes a line: where, in hex, and as far as they are ASCII. */
export function dump(base64) {
  const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const lines = [];
  for (let at = 0; at < data.length; at += 16) {
    const row = [...data.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${ascii}`);
  }
  return lines.join('\n');
}
