import type { Output } from './command.ts';
import { formatNumber } from './format.ts';

/** How often the progress is drawn on a terminal, and how often a line is written elsewhere. */
const DRAW_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 5000;
/** Characters of the bar. */
const MIN_BAR = 10;
const MAX_BAR = 30;

/** Shows the progress of a command: a bar on a terminal, a line every few seconds elsewhere. */
export class Progress {
  readonly #out: Output;
  #total: number | undefined;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #done = 0;
  #failed = 0;

  constructor(out: Output, total: number | undefined) {
    this.#out = out;
    this.#total = total;
    this.#timer = setInterval(() => this.#show(), out.isTTY ? DRAW_INTERVAL_MS : LINE_INTERVAL_MS);
  }

  get elapsedSeconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  update(done: number, failed: number, total: number | undefined = this.#total): void {
    this.#total = total;
    this.#done = done;
    this.#failed = failed;
  }

  end(): void {
    clearInterval(this.#timer);
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
  }

  #show(): void {
    const { isTTY, columns = 80 } = this.#out;
    const counts = this.#counts();
    this.#out.write(isTTY ? `\r${this.#bar(columns - counts.length - 2)}${counts}\x1b[K` : `${counts}\n`);
  }

  #counts(): string {
    const ended = this.#done + this.#failed;
    const perSecond = ended / this.elapsedSeconds;
    const rate = perSecond < 10 ? perSecond.toFixed(1) : formatNumber(Math.round(perSecond));
    return [
      this.#total === undefined ? formatNumber(ended) : `${formatNumber(ended)}/${formatNumber(this.#total)}`,
      `${rate}/s`,
      ...(this.#failed > 0 ? [`${formatNumber(this.#failed)} failed`] : []),
      formatClock(this.elapsedSeconds),
    ].join('  ');
  }

  /** Empty if the line has no room for a bar, or the total is unknown. */
  #bar(room: number): string {
    const width = Math.min(room - 2, MAX_BAR);
    if (!this.#total || width < MIN_BAR) return '';
    const full = Math.floor((width * (this.#done + this.#failed)) / this.#total);
    return `[${'#'.repeat(full).padEnd(width, '.')}] `;
  }
}

/** Minutes and seconds, or hours, minutes and seconds: 1:02:03. */
function formatClock(seconds: number): string {
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60);
  const parts = whole < 3600 ? [minutes, whole % 60] : [Math.floor(minutes / 60), minutes % 60, whole % 60];
  return parts.map((part, i) => (i > 0 ? String(part).padStart(2, '0') : part)).join(':');
}
