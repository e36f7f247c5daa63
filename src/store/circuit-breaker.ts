/** After this many failures in a row the breaker opens. */
const MAX_FAILURES = 5;
/** The time from opening to the first probe. It doubles with each failed probe, up to `MAX_BACKOFF_MS`. */
const BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 8000;

/** Runs a function after some milliseconds. @returns a function that cancels it. */
export type Schedule = (run: () => void, ms: number) => () => void;

/** Calls a listener whenever the connection is ready. @returns a function that removes the listener. */
export type OnReady = (listener: () => void) => () => void;

/**
 * Keeps calls from a server that does not reply. It opens after five failures in a row. While it is open, probes find out
 * whether the server replies again, so no request has to find out by its own delay. A successful probe closes it, and so
 * does a connection that is ready again.
 */
export class CircuitBreaker {
  readonly #probe: () => Promise<boolean>;
  readonly #onReady: OnReady;
  readonly #schedule: Schedule;
  #failures = 0;
  #backoffMs = BACKOFF_MS;
  /** Cancels the next probe; `undefined` where none is due. */
  #cancel: (() => void) | undefined;
  /** Removes the listener, which the connection has while the breaker is open; `undefined` while it is closed. */
  #ignoreReady: (() => void) | undefined;
  #isStopped = false;

  /** @param probe resolves to whether the server replies. It never rejects. */
  constructor(probe: () => Promise<boolean>, onReady: OnReady, schedule: Schedule = afterTimer) {
    this.#probe = probe;
    this.#onReady = onReady;
    this.#schedule = schedule;
  }

  /** Whether calls are not to be sent. */
  get isOpen(): boolean {
    return this.#failures >= MAX_FAILURES;
  }

  /** The server has replied: closes. */
  succeed(): void {
    this.#failures = 0;
    if (this.#ignoreReady) this.#endProbes();
  }

  /** The server has not replied. */
  fail(): void {
    this.#failures++;
    if (this.#failures === MAX_FAILURES) this.#open();
  }

  /** Something else than the server has replied: opens at once. */
  trip(): void {
    if (this.isOpen) return;
    this.#failures = MAX_FAILURES;
    this.#open();
  }

  /** Sends no more probes, also if calls that were sent before fail later. */
  stop(): void {
    this.#isStopped = true;
    this.#endProbes();
  }

  #endProbes(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#ignoreReady?.();
    this.#ignoreReady = undefined;
  }

  #open(): void {
    if (this.#isStopped) return;
    this.#backoffMs = BACKOFF_MS;
    this.#ignoreReady = this.#onReady(() => this.succeed());
    this.#probeLater();
  }

  #probeLater(): void {
    this.#cancel = this.#schedule(() => void this.#tryProbe(), this.#backoffMs);
  }

  async #tryProbe(): Promise<void> {
    this.#cancel = undefined;
    if (await this.#probe()) {
      this.succeed();
      return;
    }
    // It may have been closed, and opened once more, while the probe was on its way.
    if (!this.#ignoreReady || this.#cancel) return;
    this.#backoffMs = Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS);
    this.#probeLater();
  }
}

function afterTimer(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
}
