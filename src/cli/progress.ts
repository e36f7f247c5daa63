import type { Output } from './command.ts';

/** Shows how far a command has come: a bar on a terminal, a line now and then elsewhere. */

/** In milliseconds: how often a terminal is drawn to, and how often a line is written. */
const DRAWN = 100;
const WRITTEN = 5000;
/** Characters of the bar. */
const BAR = [10, 30] as const;

export class Progress {
  readonly #out: Output;
  #total: number | undefined;
  readonly #since = performance.now();
  readonly #timer: NodeJS.Timeout;
  #done = 0;
  #failed = 0;

  constructor(out: Output, total: number | undefined) {
    this.#out = out;
    this.#total = total;
    this.#timer = setInterval(() => this.#show(), out.isTTY ? DRAWN : WRITTEN);
  }

  /** In seconds. */
  get elapsed(): number {
    return (performance.now() - this.#since) / 1000;
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
    const facts = this.#facts();
    this.#out.write(isTTY ? `\r${this.#bar(columns - facts.length - 2)}${facts}\x1b[K` : `${facts}\n`);
  }

  #facts(): string {
    const asked = this.#done + this.#failed;
    const count = this.#total === undefined ? figure(asked) : `${figure(asked)}/${figure(this.#total)}`;
    const failed = this.#failed > 0 ? [`${figure(this.#failed)} failed`] : [];
    const rate = asked / this.elapsed;
    return [
      count,
      `${rate < 10 ? rate.toFixed(1) : figure(Math.round(rate))}/s`,
      ...failed,
      clock(this.elapsed),
    ].join('  ');
  }

  /** Nothing where there is no room for it, or no end known. */
  #bar(room: number): string {
    const width = Math.min(room - 2, BAR[1]);
    if (!this.#total || width < BAR[0]) return '';
    const full = Math.floor((width * (this.#done + this.#failed)) / this.#total);
    return `[${'#'.repeat(full).padEnd(width, '.')}] `;
  }
}

/** A number as it is read: 12,345. */
export function figure(number: number): string {
  return number.toLocaleString('en-US');
}

/** Hours, where there are any, minutes and seconds: 1:02:03. */
function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60);
  const parts = whole < 3600 ? [minutes, whole % 60] : [Math.floor(minutes / 60), minutes % 60, whole % 60];
  return parts.map((part, i) => (i > 0 ? String(part).padStart(2, '0') : part)).join(':');
}
