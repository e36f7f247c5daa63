/** The part of an ioredis connection that is used for listening. */
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
 * Waits for the messages that other processes publish when a lease ends. It has a connection of its own, which is opened
 * when it is first needed. A message may be lost with that connection, so a waiting request also looks up from time to
 * time.
 */
export class LeaseChannel {
  readonly #connect: () => Subscriber;
  readonly #channels = new Map<string, Channel>();
  #subscriber: Subscriber | undefined;

  constructor(connect: () => Subscriber) {
    this.#connect = connect;
  }

  /**
   * Resolves when a message is published on the channel, and after `ms` milliseconds at the latest.
   * @param hasEnded is asked once the channel is subscribed to: whether the lease has ended already.
   */
  async wait(channel: string, ms: number, hasEnded: () => Promise<boolean>): Promise<void> {
    const { subscribed, waiters } = this.#channels.get(channel) ?? this.#subscribe(channel);
    let wake = (): void => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const timer = setTimeout(wake, ms);
    waiters.add(wake);
    try {
      await Promise.race([subscribed, woken]);
      if (await hasEnded()) return;
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

  #subscribe(channel: string): Channel {
    this.#subscriber ??= this.#open();
    const subscribed = this.#subscriber.subscribe(channel).catch(() => {});
    const opened: Channel = { subscribed, waiters: new Set() };
    this.#channels.set(channel, opened);
    return opened;
  }

  #open(): Subscriber {
    const subscriber = this.#connect();
    subscriber.on('message', (channel) => {
      for (const wake of this.#channels.get(channel)?.waiters ?? []) wake();
    });
    // The client of the cache reports the same error.
    subscriber.on('error', () => {});
    // A connection that does not reconnect is replaced when the next one is needed.
    subscriber.on('end', () => {
      if (this.#subscriber === subscriber) this.#subscriber = undefined;
    });
    return subscriber;
  }
}
