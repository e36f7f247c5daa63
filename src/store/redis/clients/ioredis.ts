import type { RedisClient } from '../../../options/redis.ts';
import type { Client, ReplyForm, Server, Trackable } from '../client.ts';
import { refuseReplicaReads } from '../replica-reads.ts';
import { addressOf, type Emitter, type IoredisCluster, type IoredisNode } from './ioredis-node.ts';
import { ioredisSubscriber, shardSubscriber } from './ioredis-subscriber.ts';
import { trackedPair } from './ioredis-tracked.ts';
import { onEvent } from './shared-listener.ts';
import { slotHomes } from './slot-homes.ts';
import { writeBatch } from './write-batch.ts';

/** ioredis 5 and 6, and iovalkey, which has the same interface. */

/** The states of a client in which a command leaves at once, or as soon as the first connection is there. */
const REACHABLE: ReadonlySet<string> = new Set(['ready', 'connecting', 'connect', 'wait']);

/** Every ioredis has these, but its types do not. Its `callBuffer` loses the command's name where it pipelines commands. */
interface BufferCommands {
  evalshaBuffer: RedisClient['evalsha'];
  evalBuffer: RedisClient['eval'];
}

/** @throws {OptionError} for a Cluster that reads from replicas. */
export function ioredisClient(client: RedisClient): Client {
  refuseReplicaReads('scaleReads', (client.options as { scaleReads?: unknown }).scaleReads, 'master');
  const buffers = client as unknown as BufferCommands;
  const isCluster = client.isCluster === true;
  const cluster = client as unknown as IoredisCluster;

  async function masters(): Promise<readonly Server[]> {
    // A client that connects on first use knows no nodes before.
    if (client.status === 'wait') await client.ping();
    // A slot may have moved, or a replica may have been promoted, without this client having noticed.
    await new Promise<void>((resolve) => cluster.refreshSlotsCache(resolve));
    const nodes = cluster.nodes('master');
    if (nodes.length === 0) throw new Error("Cluster isn't ready: no master is known");
    return nodes.map((node) => serverOf(node, addressOf(node)));
  }

  const one = [serverOf(client as unknown as IoredisNode, '')];

  return {
    isCluster,
    keyPrefix: (client.options as { keyPrefix?: string }).keyPrefix ?? '',
    isOrdered: true,
    isReachable: () => REACHABLE.has(client.status),
    gather: writeBatch(client),
    hget: (key, field) => client.hgetBuffer(key, field),
    hmget: (key, fields) => client.hmgetBuffer(key, ...fields),
    evalsha: (sha, keys, args, as) =>
      isForBuffers(as)
        ? buffers.evalshaBuffer(sha, keys.length, ...keys, ...args)
        : client.evalsha(sha, keys.length, ...keys, ...args),
    eval: (lua, keys, args, as) =>
      isForBuffers(as)
        ? buffers.evalBuffer(lua, keys.length, ...keys, ...args)
        : client.eval(lua, keys.length, ...keys, ...args),
    command: (name, key, ...args) => client.call(name, key, ...args),
    ping: () => client.ping(),
    servers: isCluster ? masters : async () => one,
    onReady: (listener) => onEvent(client as unknown as Emitter, 'ready', listener),
    subscriber: (events) =>
      isCluster ? shardSubscriber(cluster, events) : ioredisSubscriber(client, events),
    tracking: isCluster ? trackableMasters(cluster) : oneServer(client),
  };
}

function isForBuffers(as: ReplyForm): boolean {
  return as === 'buffers';
}

function serverOf(node: IoredisNode, name: string): Server {
  return { name, call: (command, ...args) => node.call(command, ...args) };
}

/** A URL, options or a Sentinel lead to one server at a time. */
function oneServer(client: RedisClient): Trackable {
  const home = { server: 'redis', isStill: () => true };
  const node = client as unknown as IoredisNode;
  return {
    homeOf: () => home,
    track: () => (events) => trackedPair(node, events, node),
    watch({ lost }) {
      const emitter = client as unknown as Emitter;
      emitter.on('close', lost);
      return () => emitter.off('close', lost);
    },
  };
}

function trackableMasters(cluster: IoredisCluster): Trackable {
  return {
    homeOf: slotHomes((slot) => cluster.slots[slot]?.[0]),
    track(server) {
      const node = cluster.nodes('master').find((master) => addressOf(master) === server);
      return node && ((events) => trackedPair(node, events));
    },
    watch({ left }) {
      const leave = (node: IoredisNode): void => left(addressOf(node));
      cluster.on('-node', leave);
      return () => cluster.off('-node', leave);
    },
  };
}
