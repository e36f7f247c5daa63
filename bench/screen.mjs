// What is seen while it runs: one line that moves, and tables.

const { stdout } = process;
const PLAIN_LINE_MS = 10_000;
const startedAt = performance.now();
let saidAt = -Infinity;

export const say = (line = '') => stdout.write(`${stdout.isTTY ? '\r\x1b[K' : ''}${line}\n`);

export function progress(title, text) {
  const line = `  ${elapsed()}  ${title}: ${text}`;
  if (stdout.isTTY) stdout.write(`\r${line.slice(0, stdout.columns - 1)}\x1b[K`);
  else if (performance.now() - saidAt > PLAIN_LINE_MS) {
    saidAt = performance.now();
    stdout.write(`${line}\n`);
  }
}

export function elapsed() {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** The first column to the left, the others to the right. */
export function table([head, ...rows]) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const draw = (row) =>
    row.map((cell, i) => (i ? cell.padStart(widths[i] + 2) : cell.padEnd(widths[0]))).join('');
  for (const row of [head, ...rows]) say(`  ${draw(row)}`);
}
