import { OptionError } from '../../../errors.ts';
import type { GlideClient } from '../../../options/redis.ts';
import type { Client, Delivery, ReplyForm, Server, Subscriber, SubscriberEvents } from '../client.ts';
import { refuseReplicaReads } from '../replica-reads.ts';
import { scriptWords, toWire } from './wire.ts';

/** Valkey GLIDE 2: `GlideClient` and `GlideClusterClient` of @valkey/valkey-glide. */

interface Options {
  /** `Decoder.Bytes` is 0, `Decoder.String` is 1. */
  readonly decoder: 0 | 1;
  readonly route?: { readonly type: 'routeByAddress'; readonly host: string; readonly port: number };
}

interface Glide {
  readonly isClosed: boolean;
  /** What the client was made of. */
  readonly config?: { readonly readFrom?: string };
  customCommand(args: (string | Buffer)[], options: Options): Promise<unknown>;
  readonly constructor: { createClient(config: object): Promise<GlideSubscriber> };
}

interface GlideSubscriber {
  subscribe(channels: readonly string[], timeoutMs: number): Promise<unknown>;
  unsubscribe(channels: readonly string[], timeoutMs: number): Promise<unknown>;
  ssubscribe(channels: readonly string[], timeoutMs: number): Promise<unknown>;
  sunsubscribe(channels: readonly string[], timeoutMs: number): Promise<unknown>;
  close(): void;
}

const DECODERS: Readonly<Record<ReplyForm, Options>> = { buffers: { decoder: 0 }, texts: { decoder: 1 } };

/** @throws {OptionError} for a client that reads from replicas, and for one of GLIDE before 2.3. */
export function glideClient(client: GlideClient): Client {
  const glide = client as unknown as Glide;
  if (!('subscribe' in client))
    throw new OptionError(
      'redis',
      client,
      'a client of Valkey GLIDE 2.3 or newer: npm install @valkey/valkey-glide',
    );
  refuseReplicaReads('readFrom', glide.config?.readFrom, 'primary');
  const isCluster = isGlideCluster(client);

  async function send(args: (string | Buffer)[], options: Options): Promise<unknown> {
    try {
      return await glide.customCommand(args, options);
    } catch (error) {
      throw asReplied(error as Error);
    }
  }

  const serverOf = (name: string, options: Options): Server => ({
    name,
    call: (command, ...args) => send([command, ...args.map(toWire)], options),
  });
  const one = [serverOf('', DECODERS.texts)];

  async function masters(): Promise<readonly Server[]> {
    const slots = (await send(['CLUSTER', 'SLOTS'], DECODERS.texts)) as [
      unknown,
      unknown,
      [string, number],
    ][];
    if (slots.length === 0) throw new Error("Cluster isn't ready: no master is known");
    const addresses = new Map(slots.map(([, , [host, port]]) => [`${host}:${port}`, { host, port }]));
    return [...addresses].map(([name, { host, port }]) =>
      serverOf(name, { decoder: 1, route: { type: 'routeByAddress', host, port } }),
    );
  }

  return {
    isCluster,
    keyPrefix: '',
    isOrdered: false,
    isReachable: () => !glide.isClosed,
    // GLIDE writes from a thread of its own.
    gather() {},
    hget: (key, field) => send(['HGET', key, field], DECODERS.buffers) as Promise<Buffer | null>,
    hmget: (key, fields) => send(['HMGET', key, ...fields], DECODERS.buffers) as Promise<(Buffer | null)[]>,
    evalsha: (sha, keys, args, as) => send(scriptWords('EVALSHA', sha, keys, args), DECODERS[as]),
    eval: (lua, keys, args, as) => send(scriptWords('EVAL', lua, keys, args), DECODERS[as]),
    command: (name, key, ...args) => send([name, key, ...args.map(toWire)], DECODERS.texts),
    ping: () => send(['PING'], DECODERS.texts),
    servers: isCluster ? masters : async () => one,
    // GLIDE tells nothing of its connections.
    onReady: () => () => {},
    subscriber: (events) => glideSubscriber(glide, isCluster, events),
    tracking:
      'Valkey GLIDE passes no reports of changed keys on. Pass an ioredis or node-redis client, or leave out `near`',
  };
}

/** Only a Cluster's client tells of the channels of shards. */
export function isGlideCluster(client: GlideClient): boolean {
  return 'pubsubShardChannels' in client;
}

/** What GLIDE calls the error replies of a server, and how they begin. */
const CODES: Readonly<Record<string, string>> = {
  ResponseError: 'ERR',
  NoScriptError: 'NOSCRIPT',
  BusyLoadingError: 'LOADING',
  TryAgainError: 'TRYAGAIN',
  ClusterDown: 'CLUSTERDOWN',
  CrossSlot: 'CROSSSLOT',
  MasterDown: 'MASTERDOWN',
  ReadOnly: 'READONLY',
  PermissionDenied: 'NOPERM',
};

/** An error with the message that the server has sent, or that means a lost connection to `store/fault`. */
function asReplied(error: Error): Error {
  const { message, name } = error;
  const kind = /^An error was signalled by the server: - (\w+): (.*)$/s.exec(message);
  if (kind) return new Error(`${CODES[kind[1] as string] ?? 'ERR'} ${kind[2]}`, { cause: error });
  const reply = /^([A-Z]{2,}): (.*)$/s.exec(message);
  if (reply) return new Error(`${reply[1]} ${reply[2]}`, { cause: error });
  if (name === 'RequestError') return error;
  return new Error(`Valkey GLIDE: ${message}`, { cause: error });
}

/** Milliseconds for which GLIDE waits until a subscription is there. */
const SUBSCRIBE_MS = 5000;

/** A client of our own, because GLIDE gives the messages of a client to one listener, which is said when it is made. */
function glideSubscriber(
  glide: Glide,
  isCluster: boolean,
  { received, ended }: SubscriberEvents,
): Subscriber {
  const pubsubSubscriptions = {
    channelsAndPatterns: {},
    callback: ({ channel }: { channel: string | Buffer }) => received(String(channel)),
  };
  const opening = glide.config
    ? glide.constructor.createClient({ ...glide.config, pubsubSubscriptions })
    : Promise.reject<GlideSubscriber>(new Error('the client does not tell its configuration'));
  opening.catch(ended);
  return {
    async subscribe(channel): Promise<Delivery> {
      const client = await opening;
      if (!isCluster) {
        await client.subscribe([channel], SUBSCRIBE_MS);
        return '+';
      }
      await client.ssubscribe([channel], SUBSCRIBE_MS);
      return '*';
    },
    unsubscribe(channel) {
      opening
        .then((client) =>
          isCluster
            ? client.sunsubscribe([channel], SUBSCRIBE_MS)
            : client.unsubscribe([channel], SUBSCRIBE_MS),
        )
        .catch(() => {});
    },
    close: () => void opening.then((client) => client.close()).catch(() => {}),
  };
}
