import { OptionError } from '../../../errors.ts';
import type { NodeRedisClient } from '../../../options/redis.ts';
import type { Argument, Client, Home, ReplyForm, Server, Trackable } from '../client.ts';
import {
  type Channels,
  type Common,
  FORMS,
  type Send,
  type ShardChannels,
  type Single,
} from './node-redis-connection.ts';
import { ownSubscriber, shardedSubscriber, sharedSubscriber } from './node-redis-subscriber.ts';
import { trackedPush } from './node-redis-tracked.ts';
import { onEvent } from './shared-listener.ts';
import { slotHomes } from './slot-homes.ts';
import { scriptWords, toWire } from './wire.ts';

/** node-redis 5 and 6: a client, a pool, a client of Sentinels, or a Cluster. It writes the commands of a turn at once. */

interface Pool extends Common {
  readonly sendCommand: Send;
  execute<T>(work: (client: Single) => T | Promise<T>): Promise<T>;
}

interface Sentinel extends Common, Channels {
  sendCommand(isReadonly: boolean, ...args: Parameters<Send>): Promise<unknown>;
}

interface Master {
  readonly address: string;
  readonly client?: Single;
}

interface Cluster extends Common, Channels, ShardChannels {
  readonly masters: readonly Master[];
  readonly slots: readonly ({ readonly master: Master } | undefined)[];
  sendCommand(key: string, isReadonly: boolean, ...args: Parameters<Send>): Promise<unknown>;
  nodeClient(master: Master): Promise<Single>;
  /** No public method asks the servers for their slots. */
  readonly _slots?: { rediscover?(from: Single | undefined): Promise<unknown> };
}

/** A client of one server that the package makes itself. */
export interface OwnNodeRedis extends NodeRedisClient {
  on(event: 'error', listener: (error: Error) => void): unknown;
  destroy(): void;
}

const firstAttempts = new WeakMap<Common, { isOver: boolean }>();

/** Whether a client has not been ready yet, and no attempt to connect has failed. Until then its commands wait for the connection. */
function isFirstAttempt(client: Common): boolean {
  let attempt = firstAttempts.get(client);
  if (!attempt) {
    const begun = { isOver: false };
    attempt = begun;
    firstAttempts.set(client, begun);
    // One listener for each event of a client, for as long as there is the client.
    for (const event of ['ready', 'reconnecting']) {
      client.on(event, () => {
        begun.isOver = true;
      });
    }
  }
  return !attempt.isOver;
}

/** How one kind of client does what the kinds do differently. */
interface Kind {
  readonly isCluster: boolean;
  readonly isOrdered: boolean;
  /** @param key where the command is about one. */
  send(key: string | undefined, args: (string | Buffer)[], as: ReplyForm): Promise<unknown>;
  servers(): Promise<readonly Server[]>;
  readonly readyEvent: string;
  subscriber: Client['subscriber'];
  readonly tracking: Client['tracking'];
}

/** @throws {OptionError} for a client of version 4 or older. */
export function nodeRedisClient(client: NodeRedisClient): Client {
  if (typeof (client as { withTypeMapping?: unknown }).withTypeMapping !== 'function')
    throw new OptionError(
      'redis',
      'Option "redis" is a client of node-redis 4 or older, but must be one of version 5 or 6: npm install redis@6',
    );
  const common = client as unknown as Common;
  isFirstAttempt(common);
  const { isCluster, isOrdered, send, servers, readyEvent, subscriber, tracking } = kindOf(common);
  const keyPrefix = String(common._keyPrefix ?? '');
  const named = (key: string): string => keyPrefix + key;

  const run = (
    name: 'EVAL' | 'EVALSHA',
    code: string,
    keys: readonly string[],
    args: readonly Argument[],
    as: ReplyForm,
  ): Promise<unknown> => {
    const whole = keyPrefix === '' ? keys : keys.map(named);
    return send(whole[0], scriptWords(name, code, whole, args), as);
  };

  return {
    isCluster,
    keyPrefix,
    isOrdered,
    isReachable: () => (common.isReady ?? common.isOpen) || (common.isOpen && isFirstAttempt(common)),
    gather() {},
    hget: (key, field) => {
      const whole = named(key);
      return send(whole, ['HGET', whole, field], 'buffers') as Promise<Buffer | null>;
    },
    hmget: (key, fields) => {
      const whole = named(key);
      return send(whole, ['HMGET', whole, ...fields], 'buffers') as Promise<(Buffer | null)[]>;
    },
    evalsha: (sha, keys, args, as) => run('EVALSHA', sha, keys, args, as),
    eval: (lua, keys, args, as) => run('EVAL', lua, keys, args, as),
    command: (name, key, ...args) => {
      const whole = named(key);
      return send(whole, [name, whole, ...args.map(toWire)], 'texts');
    },
    ping: () => send(undefined, ['PING'], 'texts'),
    servers,
    onReady: (listener) => onEvent(common, readyEvent, listener),
    subscriber,
    tracking,
  };
}

export function isNodeRedisCluster(client: NodeRedisClient): boolean {
  return 'nodeClient' in client;
}

function kindOf(client: Common): Kind {
  if ('nodeClient' in client) return clusterKind(client as unknown as Cluster);
  if ('getMasterNode' in client) return sentinelKind(client as unknown as Sentinel);
  if ('execute' in client) return poolKind(client as unknown as Pool);
  return singleKind(client as unknown as Single);
}

function serverOf(name: string, send: Send): Server {
  return { name, call: (command, ...args) => send([command, ...args.map(toWire)], FORMS.texts) };
}

/** What the clients have in common that lead to one server at a time. */
function oneServerKind(send: Send): Omit<Kind, 'isOrdered' | 'subscriber' | 'tracking'> {
  const one = [serverOf('', send)];
  return {
    isCluster: false,
    readyEvent: 'ready',
    send: (_key, args, as) => send(args, FORMS[as]),
    servers: async () => one,
  };
}

function singleKind(client: Single): Kind {
  return {
    ...oneServerKind((args, options) => client.sendCommand(args, options)),
    isOrdered: true,
    subscriber: (events) => ownSubscriber(async () => client, events),
    tracking: {
      homeOf: () => ONLY_HOME,
      track: () => (events) => trackedPush(async () => client, client, events),
      watch({ lost }) {
        const stops = ['reconnecting', 'end'].map((event) => onEvent(client, event, lost));
        return () => {
          for (const stop of stops) stop();
        };
      },
    },
  };
}

const ONLY_HOME: Home = { server: 'redis', isStill: () => true };

const ADVICE = "Pass an ioredis client, or node-redis's createClient or createCluster, or leave out `near`";

function poolKind(pool: Pool): Kind {
  return {
    ...oneServerKind((args, options) => pool.sendCommand(args, options)),
    isOrdered: false,
    // Any client of the pool tells what another one is made of.
    subscriber: (events) => ownSubscriber(() => pool.execute((client) => client), events),
    tracking: `a pool tells nothing of its connections. ${ADVICE}`,
  };
}

function sentinelKind(sentinel: Sentinel): Kind {
  return {
    ...oneServerKind((args, options) => sentinel.sendCommand(false, args, options)),
    // It may have several connections to the master.
    isOrdered: false,
    // The client has a connection for channels, which follows the master.
    subscriber: ({ received }) => sharedSubscriber(sentinel, '+', received),
    tracking: `node-redis does not tell which server its Sentinels name. ${ADVICE}`,
  };
}

function clusterKind(cluster: Cluster): Kind {
  return {
    isCluster: true,
    isOrdered: true,
    readyEvent: 'node-ready',
    // PING has no key: any master may answer.
    send: (key, args, as) => cluster.sendCommand(key as string, false, args, FORMS[as]),
    async servers() {
      // A slot may have moved, or a replica may have been promoted, without this client having noticed.
      const clients = cluster.masters.flatMap(({ client }) => client ?? []);
      const from = clients.find(({ isReady }) => isReady) ?? clients[0];
      await cluster._slots?.rediscover?.(from).catch(() => {});
      if (cluster.masters.length === 0) throw new Error("Cluster isn't ready: no master is known");
      return cluster.masters.map((master) => {
        return serverOf(master.address, async (args, options) => {
          const node = await cluster.nodeClient(master);
          return node.sendCommand(args, options);
        });
      });
    },
    subscriber: ({ received }) => shardedSubscriber(cluster, received),
    tracking: trackableMasters(cluster),
  };
}

function trackableMasters(cluster: Cluster): Trackable {
  return {
    homeOf: slotHomes((slot) => cluster.slots[slot]?.master.address),
    track(server) {
      const find = (): Master | undefined => cluster.masters.find(({ address }) => address === server);
      if (!find()) return undefined;
      const node = async (): Promise<Single> => {
        const master = find();
        if (!master) throw new Error(`${server} has left the Cluster`);
        return cluster.nodeClient(master);
      };
      return (events) => trackedPush(node, undefined, events);
    },
    watch({ left }) {
      const leave = ({ host, port }: { host: string; port: number }): void => {
        const address = `${host}:${port}`;
        if (!cluster.masters.some((master) => master.address === address)) left(address);
      };
      cluster.on('node-disconnect', leave);
      return () => cluster.off('node-disconnect', leave);
    },
  };
}
