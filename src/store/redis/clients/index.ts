import type { GlideClient, NodeRedisClient, RedisClient } from '../../../options/redis.ts';
import type { Client } from '../client.ts';
import { glideClient, isGlideCluster } from './glide.ts';
import { ioredisClient } from './ioredis.ts';
import { isGlide, isIoredis, isNodeRedis } from './kind.ts';
import { isNodeRedisCluster, nodeRedisClient } from './node-redis.ts';

/** A client of the user's. */
export type UsersClient = RedisClient | NodeRedisClient | GlideClient;

export function isClient(redis: unknown): redis is UsersClient {
  return isIoredis(redis) || isNodeRedis(redis) || isGlide(redis);
}

/** Whether a client is of a Cluster. */
export function isClusterClient(client: UsersClient): boolean {
  if (isIoredis(client)) return client.isCluster === true;
  return isNodeRedis(client) ? isNodeRedisCluster(client) : isGlideCluster(client);
}

/** The adapter for a client. @throws {OptionError} for a version of its library that does not work. */
export function adapterOf(client: UsersClient): Client {
  if (isIoredis(client)) return ioredisClient(client);
  return isNodeRedis(client) ? nodeRedisClient(client) : glideClient(client);
}
