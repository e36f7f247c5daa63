import type { Cluster, ClusterOptions, Redis } from 'ioredis';
import { OptionError, show } from '../../errors.ts';
import { assertKnownKeys, nearest, suggestion } from '../../known-names.ts';
import type { FaultEvent } from '../../observe/outcome.ts';
import { Throttle } from '../../observe/throttle.ts';
import type { RedisClient, RedisOption } from '../../options/redis.ts';
import { replyCode } from '../fault.ts';
import { CONNECTION_OPTIONS, SOCKET } from './connection-options.ts';
import { ioredis } from './ioredis.ts';

/** Clients that the package makes itself: which options they have, and what becomes of their errors. */

const ACCEPTED =
  'an ioredis Redis or Cluster, a redis:// or rediss:// URL, ioredis options, or { cluster: [nodes] }';

/** A master that was replaced while it hung must not be used once it replies again. */
const SENTINEL = { failoverDetector: true };

/** An error of a connection with the same code is reported at most once in this time. */
const REPORT_INTERVAL_MS = 10_000;

/** A connection of the cache's own, made of the option `redis`. @throws {OptionError} */
export function createClient(redis: Exclude<RedisOption, RedisClient>): Redis | Cluster {
  if (typeof redis === 'string') {
    if (!/^rediss?:\/\//i.test(redis) || !URL.canParse(redis))
      throw new OptionError('redis', redis, ACCEPTED + urlFor(redis));
    if (!/^\/?\d*$/.test(new URL(redis).pathname))
      throw new OptionError(
        'redis',
        redis,
        'a URL whose path is the number of a database, such as redis://localhost:6379/0',
      );
    return new (ioredis().Redis)(redis, CONNECTION_OPTIONS as object);
  }
  if (isForeignClient(redis))
    throw new OptionError('redis', redis, `${ACCEPTED}: a client of another library does not work`);
  if (!isOptions(redis)) throw new OptionError('redis', redis, ACCEPTED);
  refuseUnknownOptions(redis);
  if (!Object.hasOwn(redis, 'cluster'))
    return new (ioredis().Redis)({ ...(CONNECTION_OPTIONS as object), ...SENTINEL, ...(redis as object) });
  const { cluster, options } = redis as { cluster: unknown; options?: ClusterOptions };
  if (!Array.isArray(cluster) || cluster.length === 0) {
    throw new OptionError('redis.cluster', cluster, 'a list of at least one node');
  }
  refuseReplicaReads(options ?? {});
  const redisOptions: object = { ...(SOCKET as object), ...options?.redisOptions };
  return new (ioredis().Cluster)([...cluster], { ...(options as object), redisOptions });
}

/** For `localhost:6379`: the URL to write, after a colon. */
function urlFor(text: string): string {
  return /^[\w.-]+(?::\d+)?$/.test(text) ? `: write 'redis://${text}'` : '';
}

/** A client of node-redis is a plain object in some versions, and would be taken for options without a host. */
function isForeignClient(redis: unknown): boolean {
  return typeof (redis as { sendCommand?: unknown } | null)?.sendCommand === 'function';
}

/** The options by which ioredis finds a server. */
const ADDRESS = ['host', 'port', 'path', 'sentinels', 'Connector'] as const;
/** An option of ioredis that names no server, and whose name is like one of those. */
const SIMILAR = 'sentinelTLS';
/** Other options of ioredis that say how to log in, and what is often given. */
const COMMON = [
  'username',
  'password',
  'db',
  'family',
  'tls',
  'keyPrefix',
  'name',
  'role',
  'lazyConnect',
] as const;

/**
 * Refuses objects that name no server, for which ioredis would connect to localhost, and misspelt names of what does. Other
 * names are passed on, since ioredis has many.
 */
function refuseUnknownOptions(redis: object): void {
  if (Object.hasOwn(redis, 'cluster')) {
    assertKnownKeys('redis', redis, ['cluster', 'options']);
    return;
  }
  const { url, uri } = redis as { url?: unknown; uri?: unknown };
  const given = url ?? uri;
  if (given !== undefined)
    throw new OptionError('redis', redis, `the URL itself: write redis: ${show(given).replaceAll('"', "'")}`);
  const names = Object.keys(redis);
  const known: readonly string[] = [...ADDRESS, ...COMMON];
  const misspelt = names.find(
    (name) => name !== SIMILAR && !known.includes(name) && nearest(name, ADDRESS) !== undefined,
  );
  if (misspelt !== undefined) {
    const advice = suggestion(misspelt, ADDRESS, 'redis.');
    throw new OptionError(`redis.${misspelt}`, `Unknown option "redis.${misspelt}".${advice}`);
  }
  if (!names.some((name) => known.includes(name)))
    throw new OptionError(
      'redis',
      redis,
      `${ACCEPTED}: it names no server, such as { host: 'localhost', port: 6379 }`,
    );
}

/** Whether it is a plain object. Any other object, such as a foreign client, would be taken for options without a host. */
function isOptions(redis: unknown): redis is object {
  if (typeof redis !== 'object' || redis === null) return false;
  const prototype = Object.getPrototypeOf(redis);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A replica lags behind its master: it may still return what a purge has deleted. */
export function refuseReplicaReads(options: object): void {
  const reads = (options as { scaleReads?: unknown }).scaleReads;
  if (reads !== undefined && reads !== 'master') {
    throw new OptionError('redis', { scaleReads: String(reads) }, "a Cluster with scaleReads: 'master'");
  }
}

/** Reports connection errors. Without a listener, ioredis prints every failed attempt to connect. */
export function reportErrors(client: Redis | Cluster, onFault: (fault: FaultEvent) => void): void {
  const throttle = new Throttle(REPORT_INTERVAL_MS);
  let isDatabaseReported = false;
  client.on('error', (error: Error & { code?: string }) => {
    const { code, message } = describe(error);
    if (isOfSelect(error)) {
      // ioredis would go on in database 0.
      client.disconnect(true);
      if (isDatabaseReported) return;
      isDatabaseReported = true;
      onFault({
        step: 'connection',
        code,
        message: `Redis refuses the database of the option "redis": ${message}`,
      });
    } else if (throttle.isDue(code)) onFault({ step: 'connection', code, message });
  });
}

/** Whether Redis has refused to select a database. ioredis tells so before it is ready. */
function isOfSelect(error: Error): boolean {
  return (error as { command?: { name?: string } }).command?.name === 'select';
}

/** When several addresses have failed, Node gives a code without a message. An error reply begins with its code. */
function describe({ code, message }: Error & { code?: string }): { code: string; message: string } {
  return { code: code ?? replyCode(message) ?? 'error', message: message || `connect ${code}` };
}
