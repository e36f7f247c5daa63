import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import type { RedisClient } from '../../src/index.ts';
import { adapterOf } from '../../src/store/redis/clients/index.ts';
import { redisStore } from '../../src/store/redis/redis-store.ts';
import type { Store } from '../../src/store/store.ts';
import type { UsersClient } from './clients.ts';
import type { RedisProcess } from './redis.ts';

/* Clients of a server, and stores over them. */

export function clientOf(redis: RedisProcess, options: RedisOptions = {}): Redis {
  return new Redis(redis.url, { disconnectTimeout: 100, ...(options as object) });
}

export function client5Of(redis: RedisProcess): RedisClient {
  return new Redis5(redis.url, { disconnectTimeout: 100 });
}

export function clusterOf(redis: Pick<RedisProcess, 'url'>, keyPrefix = ''): Cluster {
  return new Cluster([redis.url], { keyPrefix, redisOptions: { disconnectTimeout: 100 } });
}

/** A store that closes its client, as it does with one of its own. */
export function storeOf(client: object, prefix = 'rrc:', maxEntries?: number, stagedFrom?: number): Store {
  const close = async (): Promise<void> => (client as Redis).disconnect();
  return redisStore(adapterOf(client as RedisClient), prefix, maxEntries, close, stagedFrom);
}

/** A store over a client of the app, which the store ends as if it were its own. */
export function storeOver({ option, end }: UsersClient, prefix?: string, maxEntries?: number): Store {
  return redisStore(adapterOf(option as RedisClient), prefix ?? 'rrc:', maxEntries, async () => end());
}

/** The same store, which stages every value, as it does with large ones. */
export function stagingStoreOf(client: object, prefix = 'rrc:', maxEntries?: number): Store {
  return storeOf(client, prefix, maxEntries, 1);
}
