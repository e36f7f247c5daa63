import type { RedisClient } from '../../options/redis.ts';

/** The listeners of all caches that share a client: the client has one, so that many caches make it warn of no leak. */
const listenersByClient = new WeakMap<RedisClient, Set<() => void>>();

/** Calls the listener whenever the client is ready again. @returns a function that removes the listener. */
export function onReady(client: RedisClient, listener: () => void): () => void {
  const listeners = listenersByClient.get(client) ?? new Set();
  const notify = (): void => {
    for (const each of listeners) each();
  };
  if (!listenersByClient.has(client)) {
    listenersByClient.set(client, listeners);
    client.on('ready', notify);
  }
  listeners.add(listener);
  return () => listeners.delete(listener);
}
