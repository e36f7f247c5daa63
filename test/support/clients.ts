import { GlideClient, GlideClusterClient } from '@valkey/valkey-glide';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import {
  createClient as createClient5,
  createCluster as createCluster5,
  createSentinel as createSentinel5,
} from 'redis5';
import type { RedisOption } from '../../src/index.ts';

/* Clients of every library that the cache works with, as an app would make them. */

/** A client that belongs to the app. */
export interface UsersClient {
  readonly option: RedisOption;
  end(): void;
}

/** Makes a client of one server. It need not be there yet. */
type OfServer = (url: string) => UsersClient | Promise<UsersClient>;
/** Makes a client of a Cluster that is there. */
type OfCluster = (nodes: readonly string[]) => UsersClient | Promise<UsersClient>;

const nothing = (): void => {};

interface Ioredis {
  on(event: 'error', listener: () => void): unknown;
  disconnect(): void;
}

/** ioredis, and iovalkey. */
function ioredis(client: Ioredis): UsersClient {
  client.on('error', nothing);
  return { option: client as unknown as RedisOption, end: () => client.disconnect() };
}

interface NodeRedis {
  readonly isOpen: boolean;
  on(event: 'error', listener: () => void): unknown;
  connect(): Promise<unknown>;
  destroy(): unknown;
}

function usersOf(client: NodeRedis): UsersClient {
  client.on('error', nothing);
  return {
    option: client as unknown as RedisOption,
    end: () => {
      if (client.isOpen) Promise.resolve(client.destroy()).catch(nothing);
    },
  };
}

/** Its user connects it. Until it is there, its commands wait. */
function nodeRedis(client: NodeRedis): UsersClient {
  const users = usersOf(client);
  client.connect().catch(nothing);
  return users;
}

/** A Cluster, a pool or a client of Sentinels is not used before it is connected. */
async function connected(client: NodeRedis): Promise<UsersClient> {
  const users = usersOf(client);
  await client.connect();
  return users;
}

function addressOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

function glide(client: GlideClient | GlideClusterClient): UsersClient {
  return { option: client, end: () => client.close() };
}

export const CLIENTS: Record<string, OfServer> = {
  'ioredis 6': (url) => ioredis(new Redis(url, { disconnectTimeout: 100 })),
  'ioredis 5': (url) => ioredis(new Redis5(url, { disconnectTimeout: 100 })),
  iovalkey: (url) => ioredis(new Valkey(url, { disconnectTimeout: 100 })),
  'node-redis 6': (url) => nodeRedis(createClient({ url }) as unknown as NodeRedis),
  'node-redis 5': (url) => nodeRedis(createClient5({ url }) as unknown as NodeRedis),
  'Valkey GLIDE': async (url) => {
    // It connects with its first command, since otherwise a server that is not there yet is an error.
    const addresses = [addressOf(url)];
    return glide(await GlideClient.createClient({ addresses, lazyConnect: true, requestTimeout: 1000 }));
  },
};

/** Other ways to make one. */
export const OTHER_CLIENTS: Record<string, OfServer> = {
  'node-redis 6 in RESP2': (url) => nodeRedis(createClient({ url, RESP: 2 }) as unknown as NodeRedis),
  'node-redis 5 in RESP3': (url) => nodeRedis(createClient5({ url, RESP: 3 }) as unknown as NodeRedis),
  'node-redis 6 with a keyPrefix': (url) =>
    nodeRedis(createClient({ url, keyPrefix: 'app[1]*?:' }) as unknown as NodeRedis),
  'a pool of node-redis 6': (url) => connected(createClientPool({ url }) as unknown as NodeRedis),
};

export const CLUSTERS: Record<string, OfCluster> = {
  'ioredis 6': (nodes) => ioredis(new Cluster([...nodes], { redisOptions: { disconnectTimeout: 100 } })),
  'ioredis 5': (nodes) => ioredis(new Cluster5([...nodes], { redisOptions: { disconnectTimeout: 100 } })),
  iovalkey: (nodes) => ioredis(new ValkeyCluster([...nodes], { redisOptions: { disconnectTimeout: 100 } })),
  'node-redis 6': (nodes) =>
    connected(createCluster({ rootNodes: nodes.map((url) => ({ url })) }) as unknown as NodeRedis),
  'node-redis 5': (nodes) =>
    connected(createCluster5({ rootNodes: nodes.map((url) => ({ url })) }) as unknown as NodeRedis),
  'Valkey GLIDE': async (nodes) =>
    glide(await GlideClusterClient.createClient({ addresses: nodes.map(addressOf), requestTimeout: 1000 })),
};

interface Sentinels {
  readonly sentinels: { host: string; port: number }[];
  readonly name: string;
}

export const SENTINELS: Record<string, (of: Sentinels) => UsersClient | Promise<UsersClient>> = {
  'ioredis 6': (of) => ioredis(new Redis(of)),
  'ioredis 5': (of) => ioredis(new Redis5(of)),
  iovalkey: (of) => ioredis(new Valkey(of)),
  'node-redis 6': ({ sentinels, name }) =>
    connected(createSentinel({ name, sentinelRootNodes: sentinels }) as unknown as NodeRedis),
  'node-redis 5': ({ sentinels, name }) =>
    connected(createSentinel5({ name, sentinelRootNodes: sentinels }) as unknown as NodeRedis),
};
