import slotOf from 'cluster-key-slot';
import type { RedisClient } from '../../../options/redis.ts';
import type { Delivery, Subscriber, SubscriberEvents } from '../client.ts';
import { addressOf, type IoredisCluster } from './ioredis-node.ts';

/** The part of an ioredis connection that is used for listening. */
interface Connection {
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  ssubscribe(channel: string): Promise<unknown>;
  sunsubscribe(channel: string): Promise<unknown>;
  on(event: 'message' | 'smessage', listener: (channel: string) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  disconnect(): void;
}

/** Commands wait for the connection. */
const OPTIONS = { maxRetriesPerRequest: null, enableOfflineQueue: true, socketTimeout: undefined };

function listening(connection: Connection, { received, ended }: SubscriberEvents): Connection {
  connection.on('message', received);
  connection.on('smessage', received);
  // The client of the cache reports the same error.
  connection.on('error', () => {});
  connection.on('end', ended);
  return connection;
}

/** A connection of our own beside the client's, because a connection that subscribes can do nothing else. */
export function ioredisSubscriber(client: RedisClient, events: SubscriberEvents): Subscriber {
  const { duplicate } = client as unknown as { duplicate(options: object): Connection };
  const connection = listening(duplicate.call(client, OPTIONS), events);
  return {
    async subscribe(channel) {
      await connection.subscribe(channel);
      return '+';
    },
    unsubscribe: (channel) => void connection.unsubscribe(channel).catch(() => {}),
    close: () => connection.disconnect(),
  };
}

/** For a connection to one master. It is not opened again when it has ended: by then the channel may be at another master. */
const SHARD_OPTIONS = {
  ...OPTIONS,
  keyPrefix: '',
  lazyConnect: false,
  readOnly: false,
  retryStrategy: null,
};

/** One connection to each master whose channels are listened to. */
export function shardSubscriber(cluster: IoredisCluster, { received }: SubscriberEvents): Subscriber {
  const connections = new Map<string, Connection>();
  /** What ends the subscription of a channel. */
  const ends = new Map<string, () => Promise<unknown>>();

  function connectionTo(channel: string): Connection {
    const server = cluster.slots[slotOf(channel)]?.[0] ?? '';
    const open = connections.get(server);
    if (open) return open;
    const node = cluster.nodes('master').find((master) => addressOf(master) === server);
    if (!node) throw new Error("Cluster isn't ready: no master is known");
    const ended = (): void => void connections.delete(server);
    const connection = listening(node.duplicate(SHARD_OPTIONS) as Connection, { received, ended });
    connections.set(server, connection);
    return connection;
  }

  return {
    async subscribe(channel): Promise<Delivery> {
      const connection = connectionTo(channel);
      ends.set(channel, () => connection.sunsubscribe(channel));
      try {
        await connection.ssubscribe(channel);
        return '*';
      } catch (error) {
        // Servers before Redis 7 have no shard channels.
        if (!/unknown command/i.test((error as Error).message)) throw error;
        ends.set(channel, () => connection.unsubscribe(channel));
        await connection.subscribe(channel);
        return '+';
      }
    },
    unsubscribe(channel) {
      ends
        .get(channel)?.()
        .catch(() => {});
      ends.delete(channel);
    },
    close() {
      for (const connection of connections.values()) connection.disconnect();
    },
  };
}
