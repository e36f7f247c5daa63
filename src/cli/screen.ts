import type { Io } from './command.ts';

/** Switches to the alternate screen and hides the cursor; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const CURSOR_HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** The whole terminal, and its keyboard: q and Ctrl-C abort the signal. */
export class Screen {
  exitCode = 0;
  readonly #io: Io;
  readonly #controller = new AbortController();
  readonly #onResize = (): void => this.#redraw();
  /** Also for an error that nothing catches. */
  readonly #onExit = (): void => this.leave();
  #view: () => readonly string[] = () => [];
  #hasLeft = false;

  constructor(io: Io) {
    this.#io = io;
    io.out.write(ENTER);
    io.out.on?.('resize', this.#onResize);
    process.once('exit', this.#onExit);
    if (io.signal.aborted) this.#controller.abort();
    io.signal.addEventListener('abort', () => this.#controller.abort(), { once: true });
    if (io.input.isTTY) void this.#readKeys().catch(() => {});
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @param view makes the lines: now, and again when the terminal has another size. */
  draw(view: () => readonly string[]): void {
    this.#view = view;
    this.#redraw();
  }

  /** May be called more than once. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    process.off('exit', this.#onExit);
    this.#io.out.off?.('resize', this.#onResize);
    this.#io.input.setRawMode?.(false);
    this.#io.input.destroy?.();
    this.#io.out.write(LEAVE);
  }

  #redraw(): void {
    const lines = this.#view();
    const rows = (this.#io.out.rows || 24) - 1;
    const drawn = lines.slice(0, rows).map((line) => `${line}${CLEAR_LINE}\n`);
    this.#io.out.write(`${CURSOR_HOME}${drawn.join('')}${CLEAR_BELOW}`);
  }

  async #readKeys(): Promise<void> {
    this.#io.input.setRawMode?.(true);
    for await (const keys of this.#io.input) {
      // In raw mode, Ctrl-C is a character and sends no signal.
      if (/\x03/.test(String(keys))) this.exitCode = 130;
      if (/[qQ\x03]/.test(String(keys))) this.#controller.abort();
    }
  }
}
