import type { CacheMiddleware } from '../cache-middleware.ts';
import { OptionError } from '../errors.ts';
import { parseSettings } from '../options/parse.ts';
import { milliseconds } from '../options/units.ts';
import { redisCache } from '../redis-cache.ts';
import { Operator } from '../store/redis/operator.ts';
import { type Io, UsageError } from './command.ts';

/** What the commands that work on Redis itself have in common. */

export const REDIS_OPTIONS = {
  redis: { type: 'string' },
  prefix: { type: 'string' },
  cluster: { type: 'boolean' },
  'encrypt-key': { type: 'string', multiple: true },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
} as const;

export const REDIS_HELP = `  --redis URL             redis:// or rediss:// (TLS); default: $REDIS_URL
  --cluster               it is a Cluster; --redis may be some of its nodes, with commas between
  --prefix PREFIX         the cache's prefix (default rrc:)
  --encrypt-key ID:KEY    a key of its encrypt option, in hex or base64; may be repeated; default:
                          $RRC_ENCRYPT_KEYS, with commas between, which no list of processes shows
  --timeout DURATION      how long Redis may take for one answer (default 10s)`;

export const EXIT_HELP =
  'Exits with 0 if all went well, 1 if not, 2 for wrong usage, 130 if it was interrupted.';

interface Values {
  readonly redis?: string | undefined;
  readonly prefix?: string | undefined;
  readonly cluster?: boolean | undefined;
  readonly 'encrypt-key'?: string[] | undefined;
  readonly timeout?: string | undefined;
}

/** Redis, and the cache in it. */
export interface Session {
  readonly cache: CacheMiddleware;
  readonly redis: Operator;
  /** How the prefix and the server are told to whoever asks, without a password. */
  readonly prefix: string;
  readonly server: string;
}

/** The guard gives what is off a request's path so many times its `timeout`. */
const PATIENCE = 20;

/**
 * Works on Redis, and closes the connection whatever happens.
 * @throws {UsageError} @throws why Redis cannot be reached, or why the work ended.
 */
export async function withRedis<T>(
  values: Values,
  io: Io,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const url = values.redis ?? io.env.REDIS_URL;
  if (!url) throw new UsageError('where is Redis? give --redis URL, or set REDIS_URL');
  const timeout = milliseconds(values.timeout ?? '10s');
  if (!timeout) throw new UsageError('--timeout takes a duration such as 500ms or 1m');
  const nodes = url.split(',').map((node) => nodeOf(node.trim()));
  if (nodes.length > 1 && !values.cluster)
    throw new UsageError('several nodes are those of a Cluster: give --cluster beside them');
  const { prefix = 'rrc:' } = values;
  const keys = keysOf(values['encrypt-key'] ?? io.env.RRC_ENCRYPT_KEYS?.split(',').filter(Boolean) ?? []);
  const server = nodes.map(({ host }) => host).join(', ');
  const session = opened(() => {
    // Whether all of them are right is known before anything connects.
    parseSettings({ prefix, ...keys });
    const redis = new Operator(values.cluster ? clusterOf(nodes) : (nodes[0] as URL).href);
    const cache = redisCache({ redis: redis.client, prefix, timeout: timeout / PATIENCE, ...keys });
    return { cache, redis, prefix, server };
  });
  const { redis, cache } = session;
  let interrupt: (() => void) | undefined;
  const interrupted = new Promise<never>((_resolve, reject) => {
    interrupt = () => reject(new Error('interrupted'));
    if (io.signal.aborted) interrupt();
    else io.signal.addEventListener('abort', interrupt);
  });
  interrupted.catch(() => {});
  const working = redis.reach(timeout).then(
    () => work(session),
    (error: Error) => {
      throw new Error(`cannot reach Redis at ${server}: ${error.message}`);
    },
  );
  try {
    return await Promise.race([working, interrupted]);
  } finally {
    if (interrupt) io.signal.removeEventListener('abort', interrupt);
    redis.close();
    await cache.close();
  }
}

function nodeOf(text: string): URL {
  const url = text.includes('://') ? text : `redis://${text}`;
  if (!/^rediss?:/i.test(url) || !URL.canParse(url) || new URL(url).hostname === '')
    throw new UsageError('--redis takes a URL such as redis://user:password@host:6379');
  return new URL(url);
}

function clusterOf(nodes: readonly URL[]): ConstructorParameters<typeof Operator>[0] {
  const [{ protocol, username, password } = {} as URL] = nodes;
  const redisOptions = {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' && { tls: {} }),
  };
  const cluster = nodes.map(({ hostname, port }) => ({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
  }));
  return { cluster, options: { redisOptions } };
}

function keysOf(texts: readonly string[]): { encrypt?: { keys: { id: string; key: string }[] } } {
  if (texts.length === 0) return {};
  return {
    encrypt: {
      keys: texts.map((text) => {
        const at = text.indexOf(':');
        if (at < 1)
          throw new UsageError('--encrypt-key takes the id of a key and the key: 2026-11:q83vASNFZ4k...');
        return { id: text.slice(0, at), key: text.slice(at + 1) };
      }),
    },
  };
}

/** What the cache refuses is wrong usage here. */
function opened<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (error instanceof OptionError) throw new UsageError(error.message);
    throw error;
  }
}
