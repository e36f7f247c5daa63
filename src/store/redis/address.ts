import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';
import type { RedisOption } from '../../options/redis.ts';
import { isClient, isClusterClient, type UsersClient } from './clients/index.ts';
import { isGlide, isNodeRedis } from './clients/kind.ts';

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

/** What the client puts before each key. */
function keyPrefixOf(redis: RedisOption): string {
  if (typeof redis === 'string') return new URL(redis).searchParams.get('keyPrefix') ?? '';
  if (isNodeRedis(redis)) return String((redis as { _keyPrefix?: unknown })._keyPrefix ?? '');
  const isOwn = isClient(redis) || Object.hasOwn(redis, 'cluster');
  const options = (isOwn ? (redis as { options?: object }).options : redis) as ClusterOptions | undefined;
  return options?.keyPrefix ?? options?.redisOptions?.keyPrefix ?? '';
}

/** The server that a `redis` option names, without credentials: `localhost:6379/0`, or the first nodes of a Cluster. */
function addressOf(redis: RedisOption): string {
  if (typeof redis === 'string') return addressOfUrl(redis);
  if (isNodeRedis(redis)) return addressOfNodeRedis(redis);
  if (isGlide(redis)) return addressOfGlide(redis);
  const nodes = nodesOf(redis);
  if (nodes) return nodes.map(addressOfNode).join(', ');
  const options = (isClient(redis) ? (redis as { options: object }).options : redis) as RedisOptions;
  const { host = 'localhost', port = 6379, path, sentinels, name, db = 0, Connector } = options;
  if (Connector) return `${Connector.name}/${db}`;
  const server = sentinels
    ? `${name} at ${sentinels.map((sentinel) => addressOfNode(sentinel as ClusterNode)).join(', ')}`
    : (path ?? `${host}:${port}`);
  return `${server}/${db}`;
}

function addressOfUrl(text: string): string {
  const { hostname, port, pathname } = new URL(text);
  return `${hostname || 'localhost'}:${port || 6379}/${Number(pathname.slice(1)) || 0}`;
}

/** The nodes that a Cluster of ioredis begins with; `undefined` for anything but that. */
function nodesOf(redis: Exclude<RedisOption, string>): readonly ClusterNode[] | undefined {
  if (Object.hasOwn(redis, 'cluster')) return (redis as { cluster: readonly ClusterNode[] }).cluster;
  if (!isClient(redis) || !isClusterClient(redis)) return undefined;
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

interface NodeRedisOptions {
  readonly url?: string;
  readonly socket?: { readonly host?: string; readonly port?: number; readonly path?: string };
  readonly database?: number;
  readonly rootNodes?: readonly NodeRedisOptions[];
}

function addressOfNodeRedis(client: UsersClient): string {
  const { options, _options } = client as { options?: NodeRedisOptions; _options?: NodeRedisOptions };
  const { rootNodes } = _options ?? {};
  if (rootNodes) return rootNodes.map((node) => addressOfServer(node).replace(/\/\d+$/, '')).join(', ');
  return options ? addressOfServer(options) : numbered(client);
}

function addressOfServer({ url, socket, database }: NodeRedisOptions): string {
  const { host = 'localhost', port = 6379, path } = socket ?? {};
  if (url && path === undefined) return addressOfUrl(url);
  return `${path ?? `${host}:${port}`}/${database ?? 0}`;
}

interface GlideConfig {
  readonly addresses: readonly { readonly host: string; readonly port?: number }[];
  readonly databaseId?: number;
}

function addressOfGlide(client: UsersClient): string {
  const { config } = client as { config?: GlideConfig };
  if (!config) return numbered(client);
  const addresses = config.addresses.map(({ host, port = 6379 }) => `${host}:${port}`).join(', ');
  return isClusterClient(client) ? addresses : `${addresses}/${config.databaseId ?? 0}`;
}

const numbers = new WeakMap<UsersClient, number>();
let last = 0;

/** For a client that does not tell: the same client is at the same place. */
function numbered(client: UsersClient): string {
  const number = numbers.get(client) ?? ++last;
  numbers.set(client, number);
  return `client ${number}`;
}
