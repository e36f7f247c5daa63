import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { OptionError, show } from '../../errors.ts';
import { assertKnownKeys, nearest, suggestion } from '../../known-names.ts';
import type { FaultEvent } from '../../observe/outcome.ts';
import { Throttle } from '../../observe/throttle.ts';
import type { RedisClient, RedisOption } from '../../options/redis.ts';
import { replyCode } from '../fault.ts';
import type { Client } from './client.ts';
import type { UsersClient } from './clients/index.ts';
import { ioredisClient } from './clients/ioredis.ts';
import { nodeRedisClient } from './clients/node-redis.ts';
import { CONNECTION_OPTIONS, retryDelay, SOCKET } from './connection-options.ts';
import { installed, ioredisModule } from './installed.ts';
import { keepReconnecting } from './reconnect.ts';
import { refuseReplicaReads } from './replica-reads.ts';

/** Clients that the package makes itself: which options they have, and what becomes of their errors. */

const ACCEPTED =
  'a client of ioredis, node-redis, iovalkey or Valkey GLIDE, a redis://, rediss://, valkey:// or valkeys:// URL, ioredis options, or { cluster: [nodes] }';

/** A master that was replaced while it hung must not be used once it replies again. */
const SENTINEL = { failoverDetector: true };

/** An error of a connection with the same code is reported at most once in this time. */
const REPORT_INTERVAL_MS = 10_000;

/** A client that the package has made. */
export interface OwnClient {
  readonly client: Client;
  /** What the client is an adapter of. */
  readonly made: UsersClient;
  /** Calls the listener with each error of the connection. */
  onError(listener: (error: Error) => void): void;
  close(): void;
}

/** A connection of the cache's own, made of the option `redis`. @throws {OptionError} */
export function ownClient(redis: Exclude<RedisOption, UsersClient>): OwnClient {
  if (typeof redis === 'string') return ofUrl(redis);
  if (isForeignClient(redis))
    throw new OptionError(
      'redis',
      redis,
      `${ACCEPTED}: a client of another library does not work, nor one of node-redis 4 or older (npm install redis@6)`,
    );
  if (typeof (redis as { then?: unknown } | null)?.then === 'function')
    throw new OptionError('redis', 'Option "redis" is a promise: write redis: await ...');
  if (!isOptions(redis)) throw new OptionError('redis', redis, ACCEPTED);
  refuseUnknownOptions(redis);
  if (!Object.hasOwn(redis, 'cluster'))
    return ownIoredis(
      new (ioredisModule().Redis)({ ...(CONNECTION_OPTIONS as object), ...SENTINEL, ...(redis as object) }),
    );
  const { cluster, options } = redis as { cluster: unknown; options?: ClusterOptions };
  if (!Array.isArray(cluster) || cluster.length === 0) {
    throw new OptionError('redis.cluster', cluster, 'a list of at least one node');
  }
  refuseReplicaReads('scaleReads', options?.scaleReads, 'master');
  const redisOptions: object = { ...(SOCKET as object), ...options?.redisOptions };
  return ownIoredis(new (ioredisModule().Cluster)([...cluster], { ...(options as object), redisOptions }));
}

/** @throws {OptionError} */
function ofUrl(text: string): OwnClient {
  if (!/^(?:redis|valkey)s?:\/\//i.test(text) || !URL.canParse(text))
    throw new OptionError('redis', text, ACCEPTED + urlFor(text));
  // The clients know the older scheme only.
  const url = text.replace(/^valkey/i, 'redis');
  if (!/^\/?\d*$/.test(new URL(url).pathname))
    throw new OptionError(
      'redis',
      text,
      'a URL whose path is the number of a database, such as redis://localhost:6379/0',
    );
  const library = installed();
  if (library.name === 'ioredis')
    return ownIoredis(new library.module.Redis(url, CONNECTION_OPTIONS as object));
  if (new URL(url).search !== '')
    throw new OptionError(
      'redis',
      text,
      'a URL without a query: what stands there, only ioredis and iovalkey know',
    );
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  const socket = {
    // node-redis would look up the brackets of an IPv6 address.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    ...(/^rediss:$/i.test(protocol) && { tls: true }),
    reconnectStrategy: retryDelay,
    socketTimeout: SOCKET.socketTimeout,
  };
  // The pings keep an idle connection that is alive from its timeout.
  const own = library.module.createClient({
    socket,
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    database: Number(pathname.slice(1)),
    pingInterval: SOCKET.socketTimeout / 2,
  });
  const client = nodeRedisClient(own);
  // It goes on trying, and tells each failure by an event.
  own.connect().catch(() => {});
  return {
    client,
    made: own,
    onError: (listener) => own.on('error', listener),
    close() {
      if (own.isOpen) own.destroy();
    },
  };
}

function ownIoredis(own: Redis | Cluster): OwnClient {
  const hasOwnStrategy = (own.options as RedisOptions).retryStrategy === CONNECTION_OPTIONS.retryStrategy;
  const stopReconnecting = hasOwnStrategy ? keepReconnecting(own) : undefined;
  own.on('error', (error) => {
    // ioredis would go on in database 0.
    if (isOfSelect(error)) own.disconnect(true);
  });
  const made = own as unknown as RedisClient;
  return {
    client: ioredisClient(made),
    made,
    onError: (listener) => own.on('error', listener),
    close() {
      stopReconnecting?.();
      // `disconnect` and not `quit`: a server that hangs must not delay a shutdown.
      own.disconnect();
    },
  };
}

/** For `localhost:6379`: the URL to write, after a colon. */
function urlFor(text: string): string {
  return /^[\w.-]+(?::\d+)?$/.test(text) ? `: write 'redis://${text}'` : '';
}

/** A client of an old node-redis is a plain object in some versions, and would be taken for options without a host. */
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

/** Reports connection errors. Without a listener, the clients print or throw each failed attempt to connect. */
export function reportErrors(own: OwnClient, onFault: (fault: FaultEvent) => void): void {
  const throttle = new Throttle(REPORT_INTERVAL_MS);
  let isDatabaseReported = false;
  own.onError((error: Error & { code?: string }) => {
    const { code, message } = describe(error);
    if (!isOfSelect(error)) {
      if (throttle.isDue(code)) onFault({ step: 'connection', code, message });
    } else if (!isDatabaseReported) {
      isDatabaseReported = true;
      onFault({
        step: 'connection',
        code,
        message: `Redis refuses the database of the option "redis": ${message}`,
      });
    }
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
