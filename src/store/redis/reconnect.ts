/** What is used of an ioredis client here. */
interface Endable {
  connect(): Promise<unknown>;
  on(event: 'end', listener: () => void): unknown;
}

/** How soon a connection that has ended is opened again, in milliseconds. */
const SOON = 50;

/**
 * Opens a connection again whenever it ends. ioredis tries again by itself, but not when it is told to leave a server
 * while it still looks for one, as when a Sentinel names the next master in that very moment: then it ends for good.
 *
 * @returns what lets it end
 */
export function unending(client: Endable): () => void {
  let wanted = true;
  client.on('end', () => {
    // What fails ends again.
    if (wanted) setTimeout(() => void (wanted && client.connect().catch(() => {})), SOON).unref();
  });
  return () => {
    wanted = false;
  };
}
