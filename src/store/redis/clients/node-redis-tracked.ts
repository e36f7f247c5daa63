import { type Tracked, type TrackedEvents, TrackingRefused } from '../client.ts';
import { retryDelay } from '../connection-options.ts';
import { FORMS, type Single } from './node-redis-connection.ts';

/** RESP3, in which Redis reports the changes of what a connection has read to itself. It does not reconnect: this file does. */
const OVERRIDES = {
  RESP: 3,
  emitInvalidate: true,
  clientSideCache: undefined,
  maintNotifications: 'disabled',
  disableOfflineQueue: true,
  commandOptions: {},
};

/** A connection that is not there after this many milliseconds is given up: a server that hangs accepts it and says nothing. */
const CONNECT_MS = 5000;

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
  /** The one that is being opened. */
  let opening: Single | undefined;
  /** The database that the connection reads. */
  let database = '';
  /** Why the last attempt to connect has failed. */
  let failure: Error | undefined;
  /** Attempts since the server last tracked. */
  let attempts = 0;
  /** The number of the last attempt. An older one that succeeds is dropped. */
  let latest = 0;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function connect(): Promise<void> {
    const number = ++latest;
    const like = await node();
    const { socket } = like.options ?? {};
    const opened = like.duplicate({ ...OVERRIDES, socket: { ...socket, reconnectStrategy: false } });
    const ended = (): void => {
      if (connection === opened) lose();
    };
    // The client of the cache reports the same error.
    opened.on('error', ended);
    opened.on('end', ended);
    opened.on('invalidate', (key: Buffer | null) => events.changed(key === null ? null : [key]));
    opening = opened;
    const deadline = setTimeout(() => destroy(opened), CONNECT_MS).unref();
    try {
      await opened.connect();
      if (isClosed || number !== latest) throw new Error('Connection is closed.');
    } catch (error) {
      destroy(opened);
      throw error;
    } finally {
      clearTimeout(deadline);
      if (opening === opened) opening = undefined;
    }
    connection = opened;
  }

  async function open(): Promise<void> {
    const number = latest + 1;
    failure = undefined;
    try {
      await connect();
    } catch (error) {
      // A later attempt is on its way.
      if (isClosed || number !== latest) return;
      failure = error as Error;
    }
    // A server that refuses to track ends the connection. `enable` throws what it has replied.
    events.ready();
  }

  /** Opens another connection, in a moment. */
  function reopen(): void {
    latest++;
    clearTimeout(timer);
    if (!isClosed) timer = setTimeout(() => void open(), retryDelay(attempts++)).unref();
  }

  function drop(): void {
    for (const dropped of [connection, opening]) if (dropped) destroy(dropped);
    connection = undefined;
    opening = undefined;
  }

  function lose(): void {
    drop();
    events.lost();
    reopen();
  }

  function connected(): Single {
    if (!connection) throw new Error('Connection is closed.');
    return connection;
  }

  /** The user may have selected another database than the options of the client name. @throws {TrackingRefused} */
  async function compareDatabase(client: Single): Promise<void> {
    if ((await databaseOf(client)) !== database)
      throw new TrackingRefused('the client has selected another database than its options name');
  }

  void open();
  return {
    // Compared when it is enabled.
    agrees: () => true,
    hget: async (key, field) =>
      (await connected().sendCommand(['HGET', key, field], FORMS.buffers)) as Buffer | null,
    hmget: async (key, fields) =>
      (await connected().sendCommand(['HMGET', key, ...fields], FORMS.buffers)) as (Buffer | null)[],
    async enable() {
      if (!connection) {
        const failed = failure;
        failure = undefined;
        if (failed) throw failed;
        await connect();
      }
      // A version that knows no `emitInvalidate` does not ask the server to track.
      const info = await connected().sendCommand(['CLIENT', 'TRACKINGINFO'], FORMS.texts);
      if (!/"on"/.test(JSON.stringify(info)))
        throw new TrackingRefused(
          'this version of node-redis does not pass on reports of changes: npm install redis@6',
        );
      database = await databaseOf(connected());
      if (writer) {
        if ((await runIdOf(connected())) !== (await runIdOf(writer))) {
          lose();
          throw new Error('the name of the server leads to another one');
        }
        await compareDatabase(writer);
      }
      attempts = 0;
    },
    async ping() {
      await connected().sendCommand(['PING'], FORMS.texts);
      if (writer) await compareDatabase(writer);
    },
    restart() {
      drop();
      reopen();
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      drop();
    },
  };
}

/** A client that has ended by itself still has what it has registered. */
function destroy(client: Single): void {
  try {
    client.destroy();
  } catch {
    // Version 5 throws where it has ended.
  }
}

async function databaseOf(client: Single): Promise<string> {
  return / db=(\d+)/.exec(String(await client.sendCommand(['CLIENT', 'INFO'], FORMS.texts)))?.[1] ?? '';
}

/** What tells one server from all others. @throws {TrackingRefused} where the server does not say. */
async function runIdOf(client: Single): Promise<string> {
  const info = String(await client.sendCommand(['INFO', 'server'], FORMS.texts));
  const id = /run_id:(\w+)/.exec(info)?.[1];
  if (id === undefined) throw new TrackingRefused('INFO does not tell the run id of the server');
  return id;
}
