import type { RedisOptions } from 'ioredis';
import { OptionError } from '../../errors.ts';
import type { FaultEvent } from '../../observe/outcome.ts';
import type { StoreKind } from '../../observe/stats.ts';
import type { RedisClient, RedisOption } from '../../options/redis.ts';
import { memoryStore } from '../memory/memory-store.ts';
import { NearCache, type NearOptions } from '../near/near-cache.ts';
import { withNearCache } from '../near/near-store.ts';
import type { Store } from '../store.ts';
import { CONNECTION_OPTIONS } from './connection-options.ts';
import { createClient, refuseReplicaReads, reportErrors } from './own-client.ts';
import { keepReconnecting } from './reconnect.ts';
import { redisStore } from './redis-store.ts';

interface StoreOptions {
  readonly maxEntries: number | undefined;
  readonly near: NearOptions | undefined;
}

/**
 * The store for the `redis` option. Closing it closes a client made here, but never the user's own.
 * @throws {OptionError} for a `redis` that is none of those accepted, and for `maxEntries` on a Cluster.
 */
export function connect(
  redis: RedisOption | undefined,
  prefix: string,
  { maxEntries, near }: StoreOptions,
  clock: () => number,
  onFault: (fault: FaultEvent) => void,
): Store {
  const storeOver = (client: RedisClient, close: () => Promise<void>): Store => {
    const store = redisStore(client, prefix, maxEntries, close);
    return near ? withNearCache(store, new NearCache(client, prefix, near, onFault)) : store;
  };
  if (redis === undefined) return memoryStore(clock, maxEntries);
  if (maxEntries !== undefined && isCluster(redis)) {
    throw new OptionError(
      'maxEntries',
      maxEntries,
      'left out with a Redis Cluster: set `maxmemory` and `maxmemory-policy volatile-ttl` on its servers',
    );
  }
  if (isClient(redis)) {
    refuseReplicaReads(redis.options);
    return storeOver(redis, async () => {});
  }
  const own = createClient(redis);
  reportErrors(own, onFault);
  const hasOwnStrategy = (own.options as RedisOptions).retryStrategy === CONNECTION_OPTIONS.retryStrategy;
  const stopReconnecting = hasOwnStrategy ? keepReconnecting(own) : undefined;
  // `disconnect` and not `quit`: a server that hangs must not delay a shutdown.
  return storeOver(own as unknown as RedisClient, async () => {
    stopReconnecting?.();
    own.disconnect();
  });
}

function isClient(redis: unknown): redis is RedisClient {
  const client = redis as Partial<RedisClient> | null;
  return typeof client?.hgetBuffer === 'function' && typeof client.evalsha === 'function';
}

/** Where a cache with this option stores responses. */
export function storeKindOf(redis: RedisOption | undefined): StoreKind {
  if (redis === undefined) return 'memory';
  return isCluster(redis) ? 'cluster' : 'redis';
}

function isCluster(redis: RedisOption): boolean {
  if (isClient(redis)) return redis.isCluster === true;
  return typeof redis === 'object' && redis !== null && Object.hasOwn(redis, 'cluster');
}
