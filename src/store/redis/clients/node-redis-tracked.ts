import { replyCode } from '../../fault.ts';
import type { Tracked, TrackedEvents } from '../client.ts';
import { FORMS, type Single } from './node-redis-connection.ts';

/** The connection speaks RESP3, in which Redis reports the changes of what it has read to itself. It does not reconnect: this file does. */
const OVERRIDES = {
  RESP: 3,
  emitInvalidate: true,
  clientSideCache: undefined,
  maintNotifications: 'disabled',
  disableOfflineQueue: true,
  commandOptions: {},
};

/** A lost connection is opened again after so many milliseconds, and after twice as many each time that it fails. */
const RETRY_MS = { first: 50, last: 2000 } as const;

/**
 * One connection whose reads the server tracks.
 * @param node gives the client that it is made like.
 * @param writer the client that writes, where the name of its server may lead to another one by now. Both must have reached the same.
 */
export function trackedPush(
  node: () => Promise<Single>,
  writer: Single | undefined,
  events: TrackedEvents,
): Tracked {
  let connection: Single | undefined;
  /** What the server replied when it was asked to track. */
  let refusal: Error | undefined;
  let retryMs: number = RETRY_MS.first;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  /** Counts the connections that were begun: only the last one is used. */
  let begun = 0;

  async function connect(): Promise<void> {
    const number = ++begun;
    const like = await node();
    const { socket } = (like as unknown as { options: { socket?: object } }).options;
    const opened = like.duplicate({ ...OVERRIDES, socket: { ...socket, reconnectStrategy: false } });
    const ended = (): void => {
      if (connection === opened) drop(reopen);
    };
    // The client of the cache reports the same error.
    opened.on('error', ended);
    opened.on('end', ended);
    opened.on('invalidate', (key: Buffer | null) => events.changed(key === null ? null : [key]));
    await opened.connect();
    if (isClosed || number !== begun) {
      opened.destroy();
      throw new Error('Connection is closed.');
    }
    connection = opened;
  }

  function reopen(): void {
    if (isClosed) return;
    connect().then(
      () => {
        retryMs = RETRY_MS.first;
        events.ready();
      },
      (error: Error) => {
        // A later attempt is on its way.
        if (connection || isClosed) return;
        if (replyCode(error.message) !== undefined) {
          refusal = error;
          events.ready();
          return;
        }
        clearTimeout(timer);
        timer = setTimeout(reopen, retryMs).unref();
        retryMs = Math.min(2 * retryMs, RETRY_MS.last);
      },
    );
  }

  function drop(then: () => void): void {
    const dropped = connection;
    connection = undefined;
    clearTimeout(timer);
    if (dropped) {
      events.lost();
      if (dropped.isOpen) dropped.destroy();
    }
    then();
  }

  function connected(): Single {
    if (!connection) throw new Error('Connection is closed.');
    return connection;
  }

  reopen();
  return {
    peer: '',
    hget: async (key, field) =>
      (await connected().sendCommand(['HGET', key, field], FORMS.buffers)) as Buffer | null,
    hmget: async (key, fields) =>
      (await connected().sendCommand(['HMGET', key, ...fields], FORMS.buffers)) as (Buffer | null)[],
    async enable() {
      if (!connection) {
        const refused = refusal;
        refusal = undefined;
        if (refused) throw refused;
        await connect();
      }
      // A version that knows no `emitInvalidate` does not ask the server to track.
      const info = await connected().sendCommand(['CLIENT', 'TRACKINGINFO'], FORMS.texts);
      if (!/"on"/.test(JSON.stringify(info)))
        throw new Error(
          'ERR this version of node-redis does not ask for reports of changes: npm install redis@6',
        );
      if (!writer) return;
      const [own, theirs] = await Promise.all([runIdOf(connected()), runIdOf(writer)]);
      if (own !== theirs) {
        drop(reopen);
        throw new Error('the name of the server leads to another one');
      }
    },
    ping: async () => connected().sendCommand(['PING'], FORMS.texts),
    restart: () => drop(reopen),
    close() {
      isClosed = true;
      drop(() => {});
    },
  };
}

/** What tells one server from all others. */
async function runIdOf(client: Single): Promise<string | undefined> {
  const info = String(await client.sendCommand(['INFO', 'server'], FORMS.texts));
  return /run_id:(\w+)/.exec(info)?.[1];
}
