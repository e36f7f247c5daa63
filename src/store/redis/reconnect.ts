/** The part of an ioredis client that is used here. */
interface Reconnectable {
  connect(): Promise<unknown>;
  on(event: 'end', listener: () => void): unknown;
}

/** An ended connection is opened again after this many milliseconds. */
const BACKOFF_MS = 50;

/**
 * Opens a connection again whenever it ends. ioredis reconnects by itself, except when it is told to leave a server while
 * it still resolves the next one, as when a Sentinel names a new master in that moment: then the connection ends for good.
 *
 * @returns a function that stops reconnecting.
 */
export function keepReconnecting(client: Reconnectable): () => void {
  let isWanted = true;
  client.on('end', () => {
    // A connection attempt that fails ends again.
    if (isWanted) setTimeout(() => void (isWanted && client.connect().catch(() => {})), BACKOFF_MS).unref();
  });
  return () => {
    isWanted = false;
  };
}
