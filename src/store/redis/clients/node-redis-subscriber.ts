import type { Delivery, Subscriber, SubscriberEvents } from '../client.ts';
import { retryDelay } from '../connection-options.ts';
import type { Channels, ShardChannels, Single } from './node-redis-connection.ts';

/** How node-redis receives the messages of channels. */

/** A connection of our own, because in RESP2 a connection that subscribes can do nothing else. @param node gives a client like it. */
export function ownSubscriber(
  node: () => Promise<Single>,
  { received, ended }: SubscriberEvents,
): Subscriber {
  let isClosed = false;
  const opening = node().then((like) => {
    const client = like.duplicate({
      // Subscriptions wait for the connection. It is silent while there is no message, and goes on trying until it is closed.
      disableOfflineQueue: false,
      clientSideCache: undefined,
      socket: { ...like.options?.socket, socketTimeout: undefined, reconnectStrategy: retryDelay },
    });
    // The client of the cache reports the same error, and without a listener it would end the process.
    client.on('error', () => {
      if (!client.isOpen) ended();
    });
    client.on('end', ended);
    if (isClosed) throw new Error('Connection is closed.');
    client.connect().catch(ended);
    return client;
  });
  opening.catch(ended);
  return {
    async subscribe(channel) {
      await (await opening).subscribe(channel, () => received(channel));
      return '+';
    },
    unsubscribe: (channel) => void opening.then((client) => client.unsubscribe(channel)).catch(() => {}),
    close() {
      isClosed = true;
      opening.then((client) => client.destroy()).catch(() => {});
    },
  };
}

/** Over the user's client, which opens a connection for channels by itself. Only listeners of our own are removed. */
export function sharedSubscriber(
  client: Channels,
  delivery: Delivery,
  received: (channel: string) => void,
): Subscriber {
  const listeners = new Map<string, () => void>();
  const unsubscribe = (channel: string): void => {
    const listener = listeners.get(channel);
    if (listener && listeners.delete(channel)) client.unsubscribe(channel, listener).catch(() => {});
  };
  return {
    async subscribe(channel) {
      const listener = (): void => received(channel);
      listeners.set(channel, listener);
      await client.subscribe(channel, listener);
      return delivery;
    },
    unsubscribe,
    close() {
      for (const channel of [...listeners.keys()]) unsubscribe(channel);
    },
  };
}

/** In the shards of the channels; by all nodes where the servers have no shard channels (before Redis 7). */
export function shardedSubscriber(
  cluster: Channels & ShardChannels,
  received: (channel: string) => void,
): Subscriber {
  const inShards: Channels = {
    subscribe: (channel, listener) => cluster.sSubscribe(channel, listener),
    unsubscribe: (channel, listener) => cluster.sUnsubscribe(channel, listener),
  };
  const sharded = sharedSubscriber(inShards, '*', received);
  const plain = sharedSubscriber(cluster, '+', received);
  return {
    async subscribe(channel) {
      try {
        return await sharded.subscribe(channel);
      } catch (error) {
        if (!/unknown command/i.test((error as Error).message)) throw error;
        return plain.subscribe(channel);
      }
    },
    unsubscribe(channel) {
      sharded.unsubscribe(channel);
      plain.unsubscribe(channel);
    },
    close() {
      sharded.close();
      plain.close();
    },
  };
}
