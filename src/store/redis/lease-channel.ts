/** What is used of an ioredis connection for listening. */
export interface Subscriber {
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  on(event: 'message', listener: (channel: string) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  disconnect(): void;
}

interface Channel {
  readonly subscribed: Promise<unknown>;
  readonly waiters: Set<() => void>;
}

/**
 * Waits for what other processes publish when they give a lease back. One connection of its own, opened when first
 * needed; a message may be lost with it, so whoever waits looks again by himself from time to time.
 */
export class Wake {
  readonly #connect: () => Subscriber;
  readonly #channels = new Map<string, Channel>();
  #subscriber: Subscriber | undefined;

  constructor(connect: () => Subscriber) {
    this.#connect = connect;
  }

  /**
   * Resolves when something is published on the channel, or after `ms` milliseconds.
   * @param over asked once, when the channel is being listened to: whether it is too late to wait.
   */
  async wait(channel: string, ms: number, over: () => Promise<boolean>): Promise<void> {
    const { subscribed, waiters } = this.#channels.get(channel) ?? this.#listen(channel);
    let wake = (): void => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const timer = setTimeout(wake, ms);
    waiters.add(wake);
    try {
      await Promise.race([subscribed, woken]);
      if (await over()) return;
      await woken;
    } finally {
      clearTimeout(timer);
      waiters.delete(wake);
      if (waiters.size === 0 && this.#channels.delete(channel)) {
        this.#subscriber?.unsubscribe(channel).catch(() => {});
      }
    }
  }

  close(): void {
    for (const { waiters } of this.#channels.values()) for (const wake of waiters) wake();
    this.#subscriber?.disconnect();
  }

  #listen(channel: string): Channel {
    this.#subscriber ??= this.#open();
    const subscribed = this.#subscriber.subscribe(channel).catch(() => {});
    const listened: Channel = { subscribed, waiters: new Set() };
    this.#channels.set(channel, listened);
    return listened;
  }

  #open(): Subscriber {
    const subscriber = this.#connect();
    subscriber.on('message', (channel) => {
      for (const wake of this.#channels.get(channel)?.waiters ?? []) wake();
    });
    // The client that the cache works with says the same, and is listened to.
    subscriber.on('error', () => {});
    // One that does not try again is replaced when next needed.
    subscriber.on('end', () => {
      if (this.#subscriber === subscriber) this.#subscriber = undefined;
    });
    return subscriber;
  }
}
