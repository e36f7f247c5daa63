import slotOf from 'cluster-key-slot';
import type { RedisClient } from '../../options/redis.ts';
import { CONNECTION_OPTIONS } from '../redis/connection-options.ts';
import type { Connection } from './tracking.ts';

/** Which of a client's servers holds a key, and how to open a connection of our own to each server. */

/** The server that holds a key. */
export interface Home {
  readonly server: string;
  /** Whether the key is still there, as far as the client knows. */
  isStill(): boolean;
}

export interface Servers {
  /** Where the client would read this key now, its `keyPrefix` included; `undefined` while it does not know. */
  homeOf(key: string): Home | undefined;
  /** Opens connections to a server; `undefined` when the server has left the Cluster. */
  connect(server: string): (() => Connection) | undefined;
  /** Whether a connection to this peer reaches the same server that the client writes to. */
  agrees(peer: string): boolean;
  /** @returns a function that stops watching. */
  watch(on: { lost(): void; left(server: string): void }): () => void;
}

/** The remote address of a connection, as one text. */
export function peerOf({ stream }: Pick<Connection, 'stream'>): string {
  return stream ? `${stream.remoteAddress} ${stream.remotePort}` : 'none';
}

/** RESP2 delivers invalidations as messages. Nothing is queued or sent again: what was read before a loss is invalid. */
const OPTIONS = {
  ...CONNECTION_OPTIONS,
  protocol: 2,
  replyMapping: undefined,
  lazyConnect: false,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  readOnly: false,
  keyPrefix: '',
};

interface Duplicable {
  duplicate(options: object): Connection;
}

type Emitter = Record<'on' | 'off', (event: string, listener: (...args: never[]) => void) => unknown>;

export function serversOf(client: RedisClient): Servers {
  return client.isCluster ? mastersOf(client) : oneServer(client);
}

/** A URL, options or a Sentinel lead to one server at a time. */
function oneServer(client: RedisClient): Servers {
  const home: Home = { server: 'redis', isStill: () => true };
  const { duplicate } = client as unknown as Duplicable;
  return {
    homeOf: () => home,
    connect: () => () => duplicate.call(client, OPTIONS),
    agrees: (peer) => peerOf(client as unknown as Connection) === peer,
    watch: ({ lost }) => {
      const emitter = client as unknown as Emitter;
      emitter.on('close', lost);
      return () => emitter.off('close', lost);
    },
  };
}

interface ClusterNode extends Duplicable {
  readonly options: { readonly host?: string; readonly port?: number };
}

interface ClusterClient extends Emitter {
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(role: 'master'): ClusterNode[];
}

function mastersOf(client: RedisClient): Servers {
  const cluster = client as unknown as ClusterClient;
  const homes: (Home | undefined)[] = [];
  const masterOf = (slot: number): string | undefined => cluster.slots[slot]?.[0];
  return {
    homeOf(key) {
      const slot = slotOf(key);
      const server = masterOf(slot);
      if (server === undefined) return undefined;
      const home = homes[slot];
      if (home?.server === server) return home;
      const moved: Home = { server, isStill: () => masterOf(slot) === server };
      homes[slot] = moved;
      return moved;
    },
    connect(server) {
      const node = cluster.nodes('master').find((master) => nameOf(master) === server);
      return node && (() => node.duplicate(OPTIONS));
    },
    agrees: () => true,
    watch({ left }) {
      const leave = (node: ClusterNode): void => left(nameOf(node));
      cluster.on('-node', leave);
      return () => cluster.off('-node', leave);
    },
  };
}

/** The name of a node in the Cluster's table of slots. */
function nameOf({ options: { host, port } }: ClusterNode): string {
  return `${host}:${port}`;
}
