import { replyCode } from '../fault.ts';
import { type Tracked, type TrackedEvents, TrackingRefused } from '../redis/client.ts';

/** What a tracking reports. */
interface TrackingEvents {
  /** These keys have changed; `null` if any key may have. */
  changed(keys: readonly Buffer[] | null): void;
  /** From now on, changes may go unreported. */
  lost(): void;
  /** The server refuses to track, or cannot. */
  refused(error: Error): void;
}

/** The connection is pinged this often, in milliseconds. */
const HEARTBEAT_MS = 500;
/** A reply to a ping is trusted until this many milliseconds after the ping was sent. */
const TRUST_MS = 1500;
/** A server that refuses is asked again after this many milliseconds: the rights of its user may have changed. */
const REFUSED_BACKOFF_MS = 30_000;

/**
 * Client tracking of one server. Redis remembers which keys a connection has read, and reports their changes. It reports
 * nothing to a connection that it has lost, so the connection is trusted for a moment only after its last sign of life, and
 * everything that was read before a loss is invalid.
 */
export class Tracking {
  readonly connection: Tracked;
  readonly #events: TrackingEvents;
  #isReady = false;
  #isEnabled = false;
  #isEnabling = false;
  #aliveUntil = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  /** Counts the losses. Redis may not report changes of what was read in another epoch. */
  epoch = 0;

  /** @param track opens a connection to the server that is used by nobody else. */
  constructor(track: (events: TrackedEvents) => Tracked, events: TrackingEvents) {
    this.#events = events;
    this.connection = track({
      ready: () => {
        this.#isReady = true;
        void this.#enableTracking();
      },
      lost: () => this.invalidate(),
      changed: (keys) => events.changed(keys),
    });
  }

  /** Whether Redis reports every change, as far as this process can tell. */
  get isAlive(): boolean {
    return this.isAliveAt(performance.now());
  }

  /** @param now by `performance.now()`. */
  isAliveAt(now: number): boolean {
    return this.#isEnabled && now < this.#aliveUntil;
  }

  /** Invalidates everything, and connects again, to where the server is by now. */
  restart(): void {
    this.invalidate();
    if (this.#closed) return;
    this.connection.restart();
  }

  close(): void {
    this.#closed = true;
    this.invalidate();
    clearTimeout(this.#retry);
    this.connection.close();
  }

  /** Ends the epoch: nothing that was read before is valid. */
  invalidate(): void {
    this.#isReady = false;
    this.#isEnabled = false;
    this.epoch++;
    clearTimeout(this.#heartbeat);
    this.#events.lost();
  }

  async #enableTracking(): Promise<void> {
    if (!this.#isReady || this.#isEnabling || this.#isEnabled || this.#closed) return;
    this.#isEnabling = true;
    const { epoch } = this;
    const startedAt = performance.now();
    try {
      await this.connection.enable();
      if (epoch === this.epoch) {
        this.#isEnabled = true;
        this.#aliveUntil = startedAt + TRUST_MS;
        this.#scheduleHeartbeat();
      }
    } catch (error) {
      if (epoch === this.epoch) this.#scheduleRetry(error as Error);
    } finally {
      this.#isEnabling = false;
    }
    // A connection was lost and restored meanwhile.
    if (epoch !== this.epoch) void this.#enableTracking();
  }

  #scheduleRetry(error: Error): void {
    // An error that is no reply of the server means that a connection is about to close.
    const isRefused = error instanceof TrackingRefused || replyCode(error.message) !== undefined;
    if (isRefused) this.#events.refused(error);
    clearTimeout(this.#retry);
    const backoffMs = isRefused ? REFUSED_BACKOFF_MS : HEARTBEAT_MS;
    this.#retry = setTimeout(() => void this.#enableTracking(), backoffMs).unref();
  }

  #scheduleHeartbeat(): void {
    this.#heartbeat = setTimeout(() => void this.#ping(), HEARTBEAT_MS).unref();
  }

  /** A change that the server has reported before its reply to the ping arrives before that reply. */
  async #ping(): Promise<void> {
    const { epoch } = this;
    const sentAt = performance.now();
    const deadline = setTimeout(() => epoch === this.epoch && this.restart(), TRUST_MS * 2).unref();
    try {
      await this.connection.ping();
      if (epoch !== this.epoch) return;
      this.#aliveUntil = sentAt + TRUST_MS;
      this.#scheduleHeartbeat();
    } catch {
      if (epoch === this.epoch) this.restart();
    } finally {
      clearTimeout(deadline);
    }
  }
}
