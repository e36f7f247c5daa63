import type { ClusterNode, RedisOptions } from 'ioredis';
import type { RedisClient, RedisOption } from '../../options/redis.ts';

/** Where a store is, for people: in the statistics, and at the head of the inspector. */

/** The server that a `redis` option names, without credentials: `localhost:6379/0`, or the first nodes of a Cluster. */
export function addressOf(redis: RedisOption): string {
  if (typeof redis === 'string') {
    const { hostname, port, pathname } = new URL(redis);
    return `${hostname || 'localhost'}:${port || 6379}/${Number(pathname.slice(1)) || 0}`;
  }
  const nodes = nodesOf(redis);
  if (nodes) return nodes.map(addressOfNode).join(', ');
  const options = ('evalsha' in redis ? redis.options : redis) as RedisOptions;
  const { host = 'localhost', port = 6379, path, sentinels, name, db = 0 } = options;
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
