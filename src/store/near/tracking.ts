import { keepReconnecting } from '../redis/reconnect.ts';

/** The part of an ioredis connection that is used here. */
export interface Connection {
  readonly status: string;
  readonly stream?: { readonly remoteAddress?: string; readonly remotePort?: number };
  hgetBuffer(key: string, field: string): Promise<Buffer | null>;
  hmgetBuffer(key: string, ...fields: string[]): Promise<(Buffer | null)[]>;
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  ping(): Promise<unknown>;
  on(event: 'messageBuffer', listener: (channel: Buffer, keys: readonly Buffer[] | null) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'ready' | 'close' | 'end', listener: () => void): unknown;
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
}

/** What a tracking reports. */
interface TrackingEvents {
  /** These keys have changed; `null` if any key may have. */
  changed(keys: readonly Buffer[] | null): void;
  /** From now on, changes may go unreported. */
  lost(): void;
  /** The server refuses to track, or cannot. */
  refused(error: Error): void;
}

/** Both connections are pinged this often, in milliseconds. */
const HEARTBEAT_MS = 500;
/** A reply to a ping is trusted until this many milliseconds after the ping was sent. */
const TRUST_MS = 1500;
/** A server that refuses is asked again after this many milliseconds: the rights of its user may have changed. */
const REFUSED_BACKOFF_MS = 30_000;
const CHANNEL = '__redis__:invalidate';

/**
 * Client tracking of one server. Redis remembers which keys the `reader` has read, and reports their changes to the
 * listener. It reports nothing to a connection that it has lost, so both connections are trusted for a moment only after
 * their last sign of life, and everything that was read before a loss is invalid.
 */
export class Tracking {
  readonly reader: Connection;
  readonly #listener: Connection;
  readonly #events: TrackingEvents;
  #isEnabled = false;
  #isEnabling = false;
  #aliveUntil = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #stopReconnecting: (() => void)[] = [];
  /** The id that the server has given to the listener's connection. It is valid for the same stream only. */
  #listenerId: { readonly stream: object | undefined; readonly id: number } | undefined;
  /** Counts the losses. Redis may not report changes of what was read in another epoch. */
  epoch = 0;

  /** @param connect opens a connection to the server that speaks RESP2 and is used by nobody else. */
  constructor(connect: () => Connection, events: TrackingEvents) {
    this.#events = events;
    this.reader = connect();
    this.#listener = connect();
    this.#listener.on('messageBuffer', (_channel, keys) => events.changed(keys));
    for (const connection of [this.reader, this.#listener]) {
      // The client of the cache reports the same error.
      connection.on('error', () => {});
      connection.on('close', () => this.invalidate());
      connection.on('ready', () => void this.#enableTracking());
      this.#stopReconnecting.push(keepReconnecting(connection));
    }
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
    this.reader.disconnect(true);
    this.#listener.disconnect(true);
  }

  close(): void {
    this.#closed = true;
    this.invalidate();
    clearTimeout(this.#retry);
    for (const stop of this.#stopReconnecting) stop();
    this.reader.disconnect();
    this.#listener.disconnect();
  }

  /** Ends the epoch: nothing that was read before is valid. */
  invalidate(): void {
    this.#isEnabled = false;
    this.epoch++;
    clearTimeout(this.#heartbeat);
    this.#events.lost();
  }

  async #enableTracking(): Promise<void> {
    if (this.#isEnabling || this.#isEnabled || this.#closed) return;
    if (this.reader.status !== 'ready' || this.#listener.status !== 'ready') return;
    this.#isEnabling = true;
    const { epoch } = this;
    const startedAt = performance.now();
    try {
      // A connection that has subscribed cannot ask for its id any more.
      const id = await this.#idOfListener();
      await this.#listener.subscribe(CHANNEL);
      await this.reader.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id);
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

  async #idOfListener(): Promise<number> {
    const { stream } = this.#listener;
    if (this.#listenerId && this.#listenerId.stream === stream) return this.#listenerId.id;
    const id = Number(await this.#listener.call('CLIENT', 'ID'));
    this.#listenerId = { stream, id };
    return id;
  }

  #scheduleRetry(error: Error): void {
    // An error that is no reply of the server means that a connection is about to close.
    const isRefused = error.name === 'ReplyError';
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
      await Promise.all([this.reader.ping(), this.#listener.ping()]);
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
