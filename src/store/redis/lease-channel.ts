import type { Delivery, Subscriber, SubscriberEvents } from './client.ts';

interface Channel {
  readonly subscribed: Promise<Delivery>;
  readonly waiters: Set<() => void>;
}

/**
 * Waits for the messages that other processes publish when a lease ends. What receives them is opened when it is
 * first needed. A message may be lost with that connection, so a waiting request also looks up from time to
 * time.
 */
export class LeaseChannel {
  readonly #connect: (events: SubscriberEvents) => Subscriber;
  readonly #channels = new Map<string, Channel>();
  #subscriber: Subscriber | undefined;
  #isClosed = false;

  constructor(connect: (events: SubscriberEvents) => Subscriber) {
    this.#connect = connect;
  }

  /**
   * Resolves when a message is published on the channel, and after `ms` milliseconds at the latest.
   * @param hasEnded is asked once the channel is subscribed to: whether the lease has ended already. It is told how a message
   *   must be sent.
   */
  async wait(channel: string, ms: number, hasEnded: (delivery: Delivery) => Promise<boolean>): Promise<void> {
    const { subscribed, waiters } = this.#channels.get(channel) ?? this.#subscribe(channel);
    let wake = (): void => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const timer = setTimeout(wake, ms);
    waiters.add(wake);
    try {
      const delivery = await Promise.race([subscribed, woken]);
      if (await hasEnded(delivery ?? '+')) return;
      await woken;
    } finally {
      clearTimeout(timer);
      waiters.delete(wake);
      if (waiters.size === 0 && this.#channels.delete(channel)) {
        this.#subscriber?.unsubscribe(channel);
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { waiters } of this.#channels.values()) for (const wake of waiters) wake();
    this.#subscriber?.close();
  }

  #subscribe(channel: string): Channel {
    // A channel that cannot be subscribed to has no messages.
    const subscribed = this.#isClosed
      ? Promise.resolve<Delivery>('+')
      : this.#opened()
          .subscribe(channel)
          .catch((): Delivery => '+');
    const opened: Channel = { subscribed, waiters: new Set() };
    this.#channels.set(channel, opened);
    return opened;
  }

  #opened(): Subscriber {
    if (this.#subscriber) return this.#subscriber;
    const subscriber = this.#connect({
      received: (channel) => {
        for (const wake of this.#channels.get(channel)?.waiters ?? []) wake();
      },
      // What does not reconnect is replaced when the next one is needed.
      ended: () => {
        if (this.#subscriber === subscriber) this.#subscriber = undefined;
      },
    });
    this.#subscriber = subscriber;
    return subscriber;
  }
}
