import type { GlideClient, NodeRedisClient, RedisClient } from '../../../options/redis.ts';

/** Which library a client is of, by its methods: it may come from another copy of the library. */

export function isIoredis(redis: unknown): redis is RedisClient {
  const client = redis as Partial<RedisClient> | null;
  return typeof client?.hgetBuffer === 'function' && typeof client.evalsha === 'function';
}

export function isNodeRedis(redis: unknown): redis is NodeRedisClient {
  const client = redis as Partial<NodeRedisClient> | null;
  return typeof client?.sendCommand === 'function' && typeof client.isOpen === 'boolean';
}

export function isGlide(redis: unknown): redis is GlideClient {
  return typeof (redis as Partial<GlideClient> | null)?.customCommand === 'function';
}
