import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { OptionError } from '../../errors.ts';
import type { FaultEvent } from '../../observe/outcome.ts';
import type { RedisClient, RedisOption } from '../../options/redis.ts';
import { MemoryStore } from '../memory/memory-store.ts';
import { Near, type NearOptions } from '../near/near-cache.ts';
import { keepingNear } from '../near/near-store.ts';
import type { ReachableStore } from '../store.ts';
import { unending } from './reconnect.ts';
import { RedisStore } from './redis-store.ts';

const ACCEPTED =
  'an ioredis Redis or Cluster, a redis:// or rediss:// URL, ioredis options, or { cluster: [nodes] }';

/**
 * Our own sockets: one that has died without a word, as when a host vanishes, is given up after ten silent seconds
 * (the kernel would take a quarter of an hour), and one being closed does not hold the process up.
 */
const SOCKET: RedisOptions = { socketTimeout: 10_000, disconnectTimeout: 100 };

/**
 * Our own connections: a command that finds none fails at once instead of waiting in a queue, reconnecting never
 * gives up, and a server that is still loading says so itself (ioredis asks by INFO, and prints if it may not).
 */
const OWN: RedisOptions = {
  ...SOCKET,
  maxRetriesPerRequest: 0,
  enableReadyCheck: false,
  retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2000),
};

/** A master that was replaced while it hung must not be asked any more once it wakes up. */
const SENTINEL = { failoverDetector: true };

/** How often, in milliseconds, the same trouble of a connection is reported at most. */
const REPORT_EVERY = 10_000;

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
): ReachableStore {
  const over = (client: RedisClient, close: () => Promise<void>): ReachableStore => {
    const store = new RedisStore(client, prefix, maxEntries, close);
    return near ? keepingNear(store, new Near(client, prefix, near, onFault)) : store;
  };
  if (redis === undefined) {
    warnInProduction();
    return new MemoryStore(clock, maxEntries);
  }
  if (maxEntries !== undefined && isCluster(redis)) {
    throw new OptionError(
      'maxEntries',
      maxEntries,
      'left out with a Redis Cluster: set `maxmemory` and `maxmemory-policy volatile-ttl` on its servers',
    );
  }
  if (isClient(redis)) {
    refuseReplicaReads(redis.options);
    return over(redis, async () => {});
  }
  const own = create(redis);
  reportErrors(own, onFault);
  const end = (own.options as RedisOptions).retryStrategy === OWN.retryStrategy ? unending(own) : undefined;
  // `disconnect` rather than `quit`: a server that hangs must not hold up a shutdown.
  return over(own as unknown as RedisClient, async () => {
    end?.();
    own.disconnect();
  });
}

/** A connection of our own. @throws {OptionError} */
export function create(redis: Exclude<RedisOption, RedisClient>): Redis | Cluster {
  if (typeof redis === 'string') {
    if (!/^rediss?:\/\//i.test(redis) || !URL.canParse(redis))
      throw new OptionError('redis', redis, ACCEPTED);
    return new Redis(redis, OWN as object);
  }
  if (!isOptions(redis)) {
    throw new OptionError('redis', redis, ACCEPTED);
  }
  if (!('cluster' in redis)) return new Redis({ ...(OWN as object), ...SENTINEL, ...(redis as object) });
  const { cluster, options } = redis;
  if (!Array.isArray(cluster) || cluster.length === 0) {
    throw new OptionError('redis.cluster', cluster, 'a list of at least one node');
  }
  refuseReplicaReads(options ?? {});
  const redisOptions: object = { ...(SOCKET as object), ...options?.redisOptions };
  return new Cluster([...cluster], { ...(options as object), redisOptions });
}

/** A plain object: an instance of anything would be taken for options that name no host. */
function isOptions(redis: unknown): redis is object {
  if (typeof redis !== 'object' || redis === null) return false;
  const prototype = Object.getPrototypeOf(redis);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isClient(redis: unknown): redis is RedisClient {
  const client = redis as Partial<RedisClient> | null;
  return typeof client?.hgetBuffer === 'function' && typeof client.evalsha === 'function';
}

function isCluster(redis: RedisOption): boolean {
  if (isClient(redis)) return redis.isCluster === true;
  return typeof redis === 'object' && redis !== null && 'cluster' in redis;
}

/** A replica lags behind: a purge that has returned could still be read around. */
function refuseReplicaReads(options: object): void {
  const reads = (options as { scaleReads?: unknown }).scaleReads;
  if (reads !== undefined && reads !== 'master') {
    throw new OptionError('redis', { scaleReads: String(reads) }, "a Cluster with scaleReads: 'master'");
  }
}

/** Without a listener, ioredis prints every failed attempt to connect. */
function reportErrors(client: Redis | Cluster, onFault: (fault: FaultEvent) => void): void {
  const reportedAt = new Map<string, number>();
  client.on('error', (error: Error & { code?: string }) => {
    const { code, message } = describe(error);
    const now = performance.now();
    if (now - (reportedAt.get(code) ?? -REPORT_EVERY) < REPORT_EVERY) return;
    reportedAt.set(code, now);
    onFault({ step: 'connection', code, message });
  });
}

/** Of several addresses that all failed Node tells only the code; of an error reply the code is the first word. */
function describe({ code, message }: Error & { code?: string }): { code: string; message: string } {
  const reply = /^([A-Z]{2,})\b/.exec(message)?.[1];
  return { code: code ?? reply ?? 'error', message: message || `connect ${code}` };
}

let warned = false;

function warnInProduction(): void {
  if (warned || process.env.NODE_ENV !== 'production') return;
  warned = true;
  process.emitWarning('redisCache() without `redis` keeps responses in this process only', {
    type: 'RedisResponseCacheWarning',
    code: 'RRC_IN_PROCESS',
  });
}
