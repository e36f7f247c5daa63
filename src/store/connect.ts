import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { OptionError } from '../errors.ts';
import type { FaultEvent, RedisClient, RedisOption } from '../types.ts';
import { MemoryStore } from './memory-store.ts';
import { RedisStore } from './redis-store.ts';
import type { ReachableStore } from './store.ts';

const ACCEPTED =
  'an ioredis Redis or Cluster, a redis:// or rediss:// URL, ioredis options, or { cluster: [nodes] }';

/**
 * Our own connections: a command that finds none fails at once instead of waiting in a queue, and reconnecting
 * never gives up.
 */
const OWN: RedisOptions = {
  maxRetriesPerRequest: 0,
  retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2000),
};

/** How often, in milliseconds, the same trouble of a connection is reported at most. */
const REPORT_EVERY = 10_000;

/** The store for the `redis` option. A client made here is closed with the store; the user's own never is. */
export function connect(
  redis: RedisOption | undefined,
  prefix: string,
  clock: () => number,
  onFault: (fault: FaultEvent) => void,
): ReachableStore {
  if (redis === undefined) {
    warnInProduction();
    return new MemoryStore(clock);
  }
  if (isClient(redis)) {
    refuseReplicaReads(redis.options);
    return new RedisStore(redis, prefix, async () => {});
  }
  const own = create(redis);
  reportErrors(own, onFault);
  // `disconnect` rather than `quit`: a server that hangs must not hold up a shutdown.
  return new RedisStore(own as unknown as RedisClient, prefix, async () => own.disconnect());
}

function create(redis: RedisOption): Redis | Cluster {
  if (typeof redis === 'string') {
    if (!/^rediss?:\/\//i.test(redis) || !URL.canParse(redis))
      throw new OptionError('redis', hidden(redis), ACCEPTED);
    return new Redis(redis, OWN as object);
  }
  if (typeof redis !== 'object' || redis === null || Array.isArray(redis)) {
    throw new OptionError('redis', redis, ACCEPTED);
  }
  if (!('cluster' in redis)) return new Redis({ ...(OWN as object), ...(redis as object) });
  const { cluster, options } = redis;
  if (!Array.isArray(cluster) || cluster.length === 0) {
    throw new OptionError('redis.cluster', cluster, 'a list of at least one node');
  }
  refuseReplicaReads(options ?? {});
  return new Cluster([...cluster], options as object);
}

function isClient(redis: unknown): redis is RedisClient {
  const client = redis as Partial<RedisClient> | null;
  return typeof client?.getBuffer === 'function' && typeof client.evalsha === 'function';
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
    const code = error.code ?? 'error';
    const now = performance.now();
    if (now - (reportedAt.get(code) ?? -REPORT_EVERY) < REPORT_EVERY) return;
    reportedAt.set(code, now);
    onFault({ step: 'connection', code, message: error.message });
  });
}

/** A URL without its password. */
function hidden(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//***@');
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
