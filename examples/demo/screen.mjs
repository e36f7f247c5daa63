// What the demo shows: one line per phase that moves while it runs, and numbers as people read them.

const REDRAW_MS = 120;
const PLAIN_LINE_MS = 1500;
const TITLE_WIDTH = 46;
const NAME_WIDTH = 14;

const { stdout } = process;

export const say = (line = '') => stdout.write(`${line}\n`);

export const bold = (text) => (stdout.isTTY && !process.env.NO_COLOR ? `\x1b[1m${text}\x1b[22m` : text);

/**
 * Runs one phase and keeps its line alive: redrawn in place on a terminal, a line now and then elsewhere.
 * `work` calls `tick` for each of the `total` steps; resolves to what `work` gives.
 */
export async function phase(title, total, work) {
  const started = performance.now();
  let done = 0;

  const line = () =>
    `  ${title.padEnd(TITLE_WIDTH)} ${`${count(done)} of ${count(total)}`.padStart(15)}  ${time(performance.now() - started).padStart(7)}`;
  const redraw = () => stdout.write(stdout.isTTY ? `\r${line()}\x1b[K` : `${line()} ...\n`);

  if (stdout.isTTY) redraw();
  const timer = setInterval(redraw, stdout.isTTY ? REDRAW_MS : PLAIN_LINE_MS);
  try {
    return await work(() => {
      done += 1;
    });
  } finally {
    clearInterval(timer);
    stdout.write(`${stdout.isTTY ? '\r' : ''}${line()}${stdout.isTTY ? '\x1b[K' : ''}\n`);
  }
}

/** Rows of cells, the first column to the left, the others to the right; the first row is the head. */
export function table([head, ...rows]) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const draw = (row) =>
    row.map((cell, i) => (i ? cell.padStart(widths[i] + 3) : cell.padEnd(widths[0]))).join('');
  say(`  ${bold(draw(head))}`);
  for (const row of rows) say(`  ${draw(row)}`);
}

/** Lines of `name   what`; what takes several lines stays in its column. */
export function facts(entries) {
  for (const [name, ...lines] of entries) {
    lines.forEach((line, i) => {
      say(`  ${bold((i ? '' : name).padEnd(NAME_WIDTH))}   ${line}`);
    });
  }
}

export const count = (n) => n.toLocaleString('en-US');

export function time(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
}

export const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} kB`;

export const percent = (part, whole) => `${((100 * part) / whole).toFixed(1)} %`;
