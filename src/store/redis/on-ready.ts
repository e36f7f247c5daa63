import type { RedisClient } from '../../options/redis.ts';

/** The listeners of all caches that share a client: the client has one, so that many caches make it warn of no leak. */
interface Shared {
  readonly listeners: Set<() => void>;
  readonly notify: () => void;
}

const sharedByClient = new WeakMap<RedisClient, Shared>();

/** Calls the listener whenever the client is ready again. @returns a function that removes the listener. */
export function onReady(client: RedisClient, listener: () => void): () => void {
  const shared = sharedByClient.get(client) ?? share(client);
  shared.listeners.add(listener);
  return () => {
    shared.listeners.delete(listener);
    if (shared.listeners.size > 0 || sharedByClient.get(client) !== shared) return;
    sharedByClient.delete(client);
    client.off('ready', shared.notify);
  };
}

function share(client: RedisClient): Shared {
  const listeners = new Set<() => void>();
  const notify = (): void => {
    for (const listener of listeners) listener();
  };
  const shared = { listeners, notify };
  sharedByClient.set(client, shared);
  client.on('ready', notify);
  return shared;
}
