import type { CacheMiddleware } from '../cache-middleware.ts';
import { OptionError } from '../errors.ts';
import { parseSettings } from '../options/parse.ts';
import { redisCache } from '../redis-cache.ts';
import { PATIENCE } from '../store/guard.ts';
import { Operator } from '../store/redis/operator.ts';
import { parseDuration } from './arguments.ts';
import { type Io, RedisError, UsageError } from './command.ts';
import { withAdvice } from './redis-advice.ts';
import { escapeUnsafe } from './text.ts';

/** What the commands that connect to Redis share: options, help, and the connection. */

export const REDIS_OPTIONS = {
  redis: { type: 'string' },
  prefix: { type: 'string' },
  cluster: { type: 'boolean' },
  'encrypt-key': { type: 'string', multiple: true },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const REDIS_HELP = `  --redis URL             redis://, rediss:// (TLS), valkey:// or valkeys:// (TLS);
                          default: $REDIS_URL
  --cluster               Redis is a Cluster; --redis may list several nodes, separated by commas
  --prefix PREFIX         the cache's prefix option (default rrc:)
  --encrypt-key ID:KEY    a key of the cache's encrypt option, in hex or base64; repeatable.
                          Default: $RRC_ENCRYPT_KEYS, separated by commas. Use the variable: other
                          users of this machine can see the arguments of a process.
  --timeout DURATION      deadline for one reply of Redis, from 20ms to 1h (default 10s)`;

interface Values {
  readonly redis?: string | undefined;
  readonly prefix?: string | undefined;
  readonly cluster?: boolean | undefined;
  readonly 'encrypt-key'?: string[] | undefined;
  readonly timeout?: string | undefined;
}

/** A connection to Redis, and the cache in it. */
export interface Session {
  readonly cache: CacheMiddleware;
  readonly redis: Operator;
  readonly prefix: string;
  /** Host, port and database of each node, for messages; no password. */
  readonly server: string;
  /** The prefix and the server, for messages: `rrc: at localhost:6379`. */
  readonly place: string;
}

/**
 * Connects to Redis, runs the work, and closes the connection in any case.
 * @throws {UsageError} for bad options. @throws {RedisError} when Redis cannot be reached, or fails during the work.
 */
export async function withRedis<T>(
  values: Values,
  io: Io,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const timeoutMs = parseDuration('--timeout', values.timeout ?? '10s', TIMEOUT_MS, TIMEOUT_ACCEPTED);
  const session = openSession(values, io, timeoutMs);
  const { redis, cache, server } = session;
  const interruption = interruptionOf(io.signal);
  const working = redis.reach(timeoutMs).then(
    () => work(session),
    (error: Error) => {
      throw new Error(`cannot reach Redis at ${server}: ${error.message}`);
    },
  );
  try {
    return await Promise.race([working, interruption.promise]);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new RedisError(withAdvice((error as Error).message), { cause: error });
  } finally {
    interruption.dispose();
    redis.close();
    await cache.close();
  }
}

/** The command calls with patience, so the cache's own `timeout`, at least 1 ms, is a part of this one. */
const TIMEOUT_MS = { min: PATIENCE, max: 3_600_000 } as const;
const TIMEOUT_ACCEPTED = 'from 20ms to 1h, such as 500ms or 1m';

/** @throws {UsageError} */
function openSession(values: Values, io: Io, timeoutMs: number): Session {
  const url = values.redis ?? io.env.REDIS_URL;
  if (!url) throw new UsageError('no Redis given: add --redis redis://localhost:6379, or set REDIS_URL');
  const nodes = url.split(',').map((node) => parseNode(node.trim()));
  if (nodes.length > 1 && !values.cluster)
    throw new UsageError('--redis lists several nodes, which only a Cluster has: add --cluster');
  const { prefix = 'rrc:' } = values;
  const encrypt = parseKeys(
    values['encrypt-key'] ?? io.env.RRC_ENCRYPT_KEYS?.split(',').filter(Boolean) ?? [],
  );
  const options = { prefix, timeout: timeoutMs / PATIENCE, warnings: false, ...encrypt } as const;
  let redis: Operator | undefined;
  try {
    // All options are checked before anything connects.
    parseSettings(options);
    redis = new Operator(values.cluster ? clusterOptions(nodes) : (nodes[0] as URL).href);
    const cache = redisCache({ redis: redis.client, ...options });
    const server = nodes.map(addressOf).join(', ');
    return { cache, redis, prefix, server, place: `${escapeUnsafe(prefix)} at ${server}` };
  } catch (error) {
    redis?.close();
    if (error instanceof OptionError) throw new UsageError(error.message);
    throw error;
  }
}

/** A promise that rejects when the signal is aborted. */
function interruptionOf(signal: AbortSignal): { promise: Promise<never>; dispose(): void } {
  let interrupt = (): void => {};
  const promise = new Promise<never>((_resolve, reject) => {
    interrupt = () => reject(new Error('interrupted'));
  });
  // Nobody may be waiting any more when it rejects.
  promise.catch(() => {});
  if (signal.aborted) interrupt();
  else signal.addEventListener('abort', interrupt);
  return { promise, dispose: () => signal.removeEventListener('abort', interrupt) };
}

/** @throws {UsageError} */
function parseNode(text: string): URL {
  const url = text.includes('://') ? text : `redis://${text}`;
  if (!/^(?:redis|valkey)s?:/i.test(url) || !URL.canParse(url) || new URL(url).hostname === '')
    throw new UsageError('--redis must be a URL such as redis://user:password@host:6379');
  return new URL(url);
}

/** `localhost:6379`, and `localhost:6379/1` for the database 1. */
function addressOf({ hostname, port, pathname }: URL): string {
  const database = /^\/[1-9]\d*$/.test(pathname) ? pathname : '';
  return `${hostname}:${port || 6379}${database}`;
}

function clusterOptions(nodes: readonly URL[]): ConstructorParameters<typeof Operator>[0] {
  const [{ protocol, username, password } = {} as URL] = nodes;
  const redisOptions = {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...((protocol === 'rediss:' || protocol === 'valkeys:') && { tls: {} }),
  };
  const cluster = nodes.map(({ hostname, port }) => ({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
  }));
  return { cluster, options: { redisOptions } };
}

/** The `encrypt` option. @throws {UsageError} */
function parseKeys(texts: readonly string[]): { encrypt?: { keys: { id: string; key: string }[] } } {
  if (texts.length === 0) return {};
  const keys = texts.map((text) => {
    const colon = text.indexOf(':');
    if (colon < 1)
      throw new UsageError(
        '--encrypt-key must be the id of a key, a colon, and the key: 2026-11:q83vASNFZ4k...',
      );
    return { id: text.slice(0, colon), key: text.slice(colon + 1) };
  });
  return { encrypt: { keys } };
}
