import { unending } from '../redis/reconnect.ts';

/** What is used of an ioredis connection here. */
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

/** What a server's word about changes is taken to. */
export interface Tracked {
  /** These keys have changed, or all of them may have. */
  changed(keys: readonly Buffer[] | null): void;
  /** From now on changes may go unnoticed. */
  lost(): void;
  /** The server does not want to, or cannot. */
  refused(error: Error): void;
}

/** How often both connections are asked whether they live, in milliseconds. */
const BEAT = 500;
/** How long after the question the answer to it is good for. */
const GOOD_FOR = 1500;
/** A server that refuses is asked again after so long: it may have been given another user's rights. */
const AGAIN = 30_000;
const CHANNEL = '__redis__:invalidate';

/**
 * One server's word about changes (client tracking). Redis remembers what the `reader` has read, and says on the
 * `listener` when it changes. It says nothing to a connection that it has lost, so neither is trusted for longer than
 * a moment past its last sign of life, and what was known before either was lost is worth nothing after.
 */
export class Tracking {
  readonly reader: Connection;
  readonly #listener: Connection;
  readonly #tracked: Tracked;
  #armed = false;
  #arming = false;
  #aliveUntil = 0;
  #beat: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #end: (() => void)[] = [];
  /** What the server knows the listener by, for as long as it is the same connection. */
  #listens: { readonly stream: object | undefined; readonly id: number } | undefined;
  /** Counts the times that it was lost: what was read in another era is not known to be watched. */
  era = 0;

  /** @param connect opens a connection to the server that speaks RESP2 and is not shared with anybody. */
  constructor(connect: () => Connection, tracked: Tracked) {
    this.#tracked = tracked;
    this.reader = connect();
    this.#listener = connect();
    this.#listener.on('messageBuffer', (_channel, keys) => tracked.changed(keys));
    for (const connection of [this.reader, this.#listener]) {
      // The client that the cache works with says the same, and is listened to.
      connection.on('error', () => {});
      connection.on('close', () => this.lose());
      connection.on('ready', () => void this.#arm());
      this.#end.push(unending(connection));
    }
  }

  /** Whether changes are certain to be noticed, to the best of anybody's knowledge. */
  get alive(): boolean {
    return this.#armed && performance.now() < this.#aliveUntil;
  }

  /** Forgets what it was told, and connects anew: to where the server is by now. */
  restart(): void {
    this.lose();
    if (this.#closed) return;
    this.reader.disconnect(true);
    this.#listener.disconnect(true);
  }

  close(): void {
    this.#closed = true;
    this.lose();
    clearTimeout(this.#again);
    for (const end of this.#end) end();
    this.reader.disconnect();
    this.#listener.disconnect();
  }

  lose(): void {
    this.#armed = false;
    this.era++;
    clearTimeout(this.#beat);
    this.#tracked.lost();
  }

  async #arm(): Promise<void> {
    if (this.#arming || this.#armed || this.#closed) return;
    if (this.reader.status !== 'ready' || this.#listener.status !== 'ready') return;
    this.#arming = true;
    const { era } = this;
    const since = performance.now();
    try {
      // Who listens can say no more who it is, so it is asked before, once.
      const id = await this.#identity();
      await this.#listener.subscribe(CHANNEL);
      await this.reader.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id);
      if (era === this.era) {
        this.#armed = true;
        this.#aliveUntil = since + GOOD_FOR;
        this.#beatLater();
      }
    } catch (error) {
      if (era === this.era) this.#failed(error as Error);
    } finally {
      this.#arming = false;
    }
    // It was lost and found meanwhile.
    if (era !== this.era) void this.#arm();
  }

  async #identity(): Promise<number> {
    const { stream } = this.#listener;
    if (this.#listens && this.#listens.stream === stream) return this.#listens.id;
    const id = Number(await this.#listener.call('CLIENT', 'ID'));
    this.#listens = { stream, id };
    return id;
  }

  #failed(error: Error): void {
    // Anything but the server's own reply means that a connection is being lost, which has not been said yet.
    const refused = error.name === 'ReplyError';
    if (refused) this.#tracked.refused(error);
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.#arm(), refused ? AGAIN : BEAT).unref();
  }

  #beatLater(): void {
    this.#beat = setTimeout(() => void this.#ask(), BEAT).unref();
  }

  /** What the server had to say before it answers comes before its answer. */
  async #ask(): Promise<void> {
    const { era } = this;
    const since = performance.now();
    const late = setTimeout(() => era === this.era && this.restart(), GOOD_FOR * 2).unref();
    try {
      await Promise.all([this.reader.ping(), this.#listener.ping()]);
      if (era !== this.era) return;
      this.#aliveUntil = since + GOOD_FOR;
      this.#beatLater();
    } catch {
      if (era === this.era) this.restart();
    } finally {
      clearTimeout(late);
    }
  }
}
