import type { Tracked, TrackedEvents } from '../client.ts';
import { CONNECTION_OPTIONS } from '../connection-options.ts';
import { keepReconnecting } from '../reconnect.ts';
import { type IoredisNode, peerOf } from './ioredis-node.ts';

/** The part of an ioredis connection that is used here. */
interface Connection extends Pick<IoredisNode, 'stream' | 'condition'> {
  readonly status: string;
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

/** RESP2 delivers invalidations as messages. Nothing is queued or sent again: what was read before a loss is invalid. */
const OPTIONS = {
  ...CONNECTION_OPTIONS,
  protocol: 2,
  replyMapping: undefined,
  lazyConnect: false,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  readOnly: false,
  keyPrefix: '',
};

const CHANNEL = '__redis__:invalidate';

/**
 * Two connections that speak RESP2: Redis reports the changes of what the `reader` has read to the `listener`, since ioredis
 * does not pass on what Redis reports to the connection that has read it (RESP3).
 * @param writer the client that writes, where the name of its server may lead to another one by now. Both must have reached the same.
 */
export function trackedPair(
  node: Pick<IoredisNode, 'duplicate'>,
  events: TrackedEvents,
  writer?: Pick<IoredisNode, 'stream' | 'condition'>,
): Tracked {
  const reader = node.duplicate(OPTIONS) as Connection;
  const listener = node.duplicate(OPTIONS) as Connection;
  const both = [reader, listener];
  /** The id that the server has given to the listener's connection. It is valid for the same stream only. */
  let listenerId: { readonly stream: object | undefined; readonly id: number } | undefined;

  const ready = (): void => {
    if (both.every(({ status }) => status === 'ready')) events.ready();
  };
  listener.on('messageBuffer', (_channel, keys) => events.changed(keys));
  const stopReconnecting = both.map((connection) => {
    // The client of the cache reports the same error.
    connection.on('error', () => {});
    connection.on('close', events.lost);
    connection.on('ready', ready);
    return keepReconnecting(connection);
  });

  async function idOfListener(): Promise<number> {
    const { stream } = listener;
    if (listenerId && listenerId.stream === stream) return listenerId.id;
    const id = Number(await listener.call('CLIENT', 'ID'));
    listenerId = { stream, id };
    return id;
  }

  return {
    agrees: () => !writer || peerOf(reader) === peerOf(writer),
    hget: (key, field) => reader.hgetBuffer(key, field),
    hmget: (key, fields) => reader.hmgetBuffer(key, ...fields),
    async enable() {
      // A connection that has subscribed cannot ask for its id any more.
      const id = await idOfListener();
      await listener.subscribe(CHANNEL);
      await reader.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id);
    },
    ping: () => Promise.all([reader.ping(), listener.ping()]),
    restart() {
      for (const connection of both) connection.disconnect(true);
    },
    close() {
      for (const stop of stopReconnecting) stop();
      for (const connection of both) connection.disconnect();
    },
  };
}
