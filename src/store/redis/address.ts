import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';
import type { RedisClient, RedisOption } from '../../options/redis.ts';

/** Where a store is. */

interface StorePlace {
  /** As people read it, in the statistics and at the head of the inspector. */
  readonly address: string;
  /** Two caches with the same one read and write the same keys. */
  readonly id: string;
}

/** Where a cache with these options stores responses. */
export function storePlaceOf(redis: RedisOption, prefix: string): StorePlace {
  const address = addressOf(redis);
  return { address, id: `${address} ${keyPrefixOf(redis)}${prefix}` };
}

/** What ioredis puts before each key. */
function keyPrefixOf(redis: RedisOption): string {
  if (typeof redis === 'string') return new URL(redis).searchParams.get('keyPrefix') ?? '';
  const isOwn = 'evalsha' in redis || Object.hasOwn(redis, 'cluster');
  const options = (isOwn ? (redis as { options?: object }).options : redis) as ClusterOptions | undefined;
  return options?.keyPrefix ?? options?.redisOptions?.keyPrefix ?? '';
}

/** The server that a `redis` option names, without credentials: `localhost:6379/0`, or the first nodes of a Cluster. */
function addressOf(redis: RedisOption): string {
  if (typeof redis === 'string') {
    const { hostname, port, pathname } = new URL(redis);
    return `${hostname || 'localhost'}:${port || 6379}/${Number(pathname.slice(1)) || 0}`;
  }
  const nodes = nodesOf(redis);
  if (nodes) return nodes.map(addressOfNode).join(', ');
  const options = ('evalsha' in redis ? redis.options : redis) as RedisOptions;
  const { host = 'localhost', port = 6379, path, sentinels, name, db = 0, Connector } = options;
  if (Connector) return `${Connector.name}/${db}`;
  const server = sentinels
    ? `${name} at ${sentinels.map((sentinel) => addressOfNode(sentinel as ClusterNode)).join(', ')}`
    : (path ?? `${host}:${port}`);
  return `${server}/${db}`;
}

/** The nodes that a Cluster begins with; `undefined` for anything but a Cluster. */
function nodesOf(redis: Exclude<RedisOption, string>): readonly ClusterNode[] | undefined {
  if (Object.hasOwn(redis, 'cluster')) return (redis as { cluster: readonly ClusterNode[] }).cluster;
  if ((redis as Partial<RedisClient>).isCluster !== true) return undefined;
  // ioredis has the nodes in a member of no documented type.
  const { startupNodes } = redis as { startupNodes?: unknown };
  return Array.isArray(startupNodes) ? startupNodes : [];
}

function addressOfNode(node: ClusterNode): string {
  if (typeof node === 'object') return `${node.host ?? 'localhost'}:${node.port ?? 6379}`;
  // As ioredis reads a node: a port, `host:port`, or a URL.
  const text = String(node);
  if (/^\d+$/.test(text)) return `localhost:${text}`;
  const url = text.includes('://') ? text : `redis://${text}`;
  if (!URL.canParse(url)) return 'an unknown node';
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || 6379}`;
}
