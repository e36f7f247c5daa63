import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import type { RedisClient } from '../../src/index.ts';
import { redisStore } from '../../src/store/redis/redis-store.ts';
import type { Store } from '../../src/store/store.ts';
import { type RedisProcess, startRedis } from './redis.ts';
import { until } from './until.ts';

/** A server that is a whole Cluster: it minds hash slots. */
export async function startCluster(): Promise<RedisProcess> {
  const redis = await startRedis({
    args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
  });
  await redis.cli('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
  await until(async () => /cluster_state:ok/.test(String(await redis.cli('CLUSTER', 'INFO'))));
  return redis;
}

export function clientOf(redis: RedisProcess, options: RedisOptions = {}): Redis {
  return new Redis(redis.url, { disconnectTimeout: 100, ...(options as object) });
}

export function client5Of(redis: RedisProcess): RedisClient {
  return new Redis5(redis.url, { disconnectTimeout: 100 });
}

export function clusterOf(redis: RedisProcess, keyPrefix = ''): Cluster {
  return new Cluster([redis.url], { keyPrefix, redisOptions: { disconnectTimeout: 100 } });
}

/** A store that closes its client, as it does with one of its own. */
export function storeOf(client: object, prefix = 'rrc:', maxEntries?: number): Store {
  return redisStore(client as RedisClient, prefix, maxEntries, async () => (client as Redis).disconnect());
}
