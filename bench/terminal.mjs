// Output of a run: tables, and one line of progress.

const { stdout } = process;
/** Where stdout is no terminal, at most one line of progress in this time. */
const PROGRESS_INTERVAL_MS = 10_000;
const startedAt = performance.now();
let progressAt = -Infinity;

export const print = (line = '') => stdout.write(`${stdout.isTTY ? '\r\x1b[K' : ''}${line}\n`);

export function progress(title, text) {
  const line = `  ${elapsed()}  ${title}: ${text}`;
  if (stdout.isTTY) stdout.write(`\r${line.slice(0, stdout.columns - 1)}\x1b[K`);
  else if (performance.now() - progressAt > PROGRESS_INTERVAL_MS) {
    progressAt = performance.now();
    stdout.write(`${line}\n`);
  }
}

/** Since the start of the process, as minutes and seconds. */
export function elapsed() {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** The first column is aligned to the left, the others to the right. */
export function printTable([head, ...rows]) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const lineOf = (row) =>
    row.map((cell, i) => (i ? cell.padStart(widths[i] + 2) : cell.padEnd(widths[0]))).join('');
  for (const row of [head, ...rows]) print(`  ${lineOf(row)}`);
}
