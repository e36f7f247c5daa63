/** After this many failures in a row the breaker opens. */
const MAX_FAILURES = 5;
/** The time from opening to the first probe. It doubles with each failed probe, up to `MAX_BACKOFF_MS`. */
const BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 8000;

/**
 * Keeps calls from a server that does not reply. It opens after five failures in a row. While it is open, a probe finds
 * out whether the server replies again, so no call has to find out by its own delay. A successful probe closes it.
 */
export class CircuitBreaker {
  readonly #probe: () => Promise<boolean>;
  readonly #now: () => number;
  #failures = 0;
  #backoffMs = BACKOFF_MS;
  #probeAt = 0;
  #isProbing = false;

  /**
   * @param probe resolves to whether the server replies. It never rejects.
   * @param now a clock in milliseconds that never goes back.
   */
  constructor(probe: () => Promise<boolean>, now: () => number = () => performance.now()) {
    this.#probe = probe;
    this.#now = now;
  }

  /** Whether calls are not to be sent. The first question after the backoff starts a probe, and does not wait for it. */
  isOpen(): boolean {
    if (this.#failures < MAX_FAILURES) return false;
    if (!this.#isProbing && this.#now() >= this.#probeAt) void this.#tryProbe();
    return true;
  }

  /** The server has replied. */
  succeed(): void {
    this.#failures = 0;
    this.#backoffMs = BACKOFF_MS;
  }

  /** The server has not replied. */
  fail(): void {
    this.#failures++;
    if (this.#failures === MAX_FAILURES) this.#probeAt = this.#now() + this.#backoffMs;
  }

  /** Something else than the server has replied: opens at once. */
  trip(): void {
    if (this.#failures < MAX_FAILURES) this.#probeAt = this.#now() + this.#backoffMs;
    this.#failures = MAX_FAILURES;
  }

  async #tryProbe(): Promise<void> {
    this.#isProbing = true;
    const isAlive = await this.#probe();
    this.#isProbing = false;
    if (isAlive) {
      this.succeed();
      return;
    }
    this.#backoffMs = Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS);
    this.#probeAt = this.#now() + this.#backoffMs;
  }
}
