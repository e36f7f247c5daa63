import { OptionError } from '../../errors.ts';
import type { FaultEvent } from '../../observe/outcome.ts';
import type { StoreKind } from '../../observe/stats.ts';
import type { RedisOption } from '../../options/redis.ts';
import { memoryStore } from '../memory/memory-store.ts';
import { NearCache, type NearOptions } from '../near/near-cache.ts';
import { withNearCache } from '../near/near-store.ts';
import type { Store } from '../store.ts';
import type { Client } from './client.ts';
import { adapterOf, isClient, isClusterClient } from './clients/index.ts';
import { ownClient, reportErrors } from './own-client.ts';
import { redisStore } from './redis-store.ts';

interface StoreOptions {
  readonly maxEntries: number | undefined;
  readonly near: NearOptions | undefined;
}

/**
 * The store for the `redis` option. Closing it closes a client made here, but never the user's own.
 * @throws {OptionError} for a `redis` that is none of those accepted, for `maxEntries` on a Cluster, and for `near` with a client
 *   that cannot have it.
 */
export function connect(
  redis: RedisOption | undefined,
  prefix: string,
  { maxEntries, near }: StoreOptions,
  clock: () => number,
  onFault: (fault: FaultEvent) => void,
): Store {
  const storeOver = (client: Client, close: () => Promise<void>): Store => {
    const store = redisStore(client, prefix, maxEntries, close);
    if (!near) return store;
    if (typeof client.tracking === 'string')
      throw new OptionError('near', `Option near does not work with this client: ${client.tracking}`);
    return withNearCache(store, new NearCache(client.tracking, client, prefix, near, onFault));
  };
  if (redis === undefined) return memoryStore(clock, maxEntries);
  if (maxEntries !== undefined && isCluster(redis)) {
    throw new OptionError(
      'maxEntries',
      maxEntries,
      'left out with a Redis Cluster: set `maxmemory` and `maxmemory-policy volatile-ttl` on its servers',
    );
  }
  if (isClient(redis)) return storeOver(adapterOf(redis), async () => {});
  const own = ownClient(redis);
  reportErrors(own, onFault);
  return storeOver(own.client, async () => own.close());
}

/** Where a cache with this option stores responses. */
export function storeKindOf(redis: RedisOption | undefined): StoreKind {
  if (redis === undefined) return 'memory';
  return isCluster(redis) ? 'cluster' : 'redis';
}

function isCluster(redis: RedisOption): boolean {
  if (isClient(redis)) return isClusterClient(redis);
  return typeof redis === 'object' && redis !== null && Object.hasOwn(redis, 'cluster');
}
