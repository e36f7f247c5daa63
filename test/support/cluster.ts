import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type RedisProcess, startRedis } from './redis.ts';
import { replicated, replicationOf, untilAgreed } from './replication.ts';
import { until } from './until.ts';

/*
 * A Redis Cluster as in production: several masters, each with replicas, that vote when one is gone and hand slots
 * to each other. And the Cluster of one server, which is there at once.
 */

/** A server that is a whole Cluster: it minds hash slots. @param args further ones of the command line. */
export async function startCluster(...args: string[]): Promise<RedisProcess> {
  // With a short timeout it soon trusts slots that it is given back.
  const own = [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--cluster-node-timeout',
    '500',
  ];
  const redis = await startRedis({ args: [...own, ...args] });
  await redis.cli('CLUSTER', 'ADDSLOTSRANGE', 0, SLOTS - 1);
  await until(async () => /cluster_state:ok/.test(String(await redis.cli('CLUSTER', 'INFO'))));
  return redis;
}

/**
 * The nodes of a Cluster that all suites of a run share, each under its own prefix: one server, or three masters.
 * It is started for the first who asks, by the process that runs jest (global-setup.ts). Whoever stops servers,
 * moves slots or counts commands starts one of its own.
 */
export async function sharedCluster(masters: 1 | 3 = 1): Promise<string[]> {
  const response = await fetch(`${process.env.TEST_SERVERS_URL}/cluster/${masters}`);
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as string[];
}

export interface ShardedClusterOptions {
  /** Default 3: the fewest that can outvote a dead one. */
  masters?: number;
  /** Of each master. */
  replicas?: number;
  /** Masters without slots, as those that have just been added are. */
  spares?: number;
}

export interface HeldKey {
  key: string;
  slot: number;
  master: RedisProcess;
}

/** What a server says of itself, which is what counts: of others it knows by hearsay. */
interface Self {
  id: string;
  isMaster: boolean;
  ranges: (readonly [first: number, last: number])[];
}

const SLOTS = 16384;

/** How long a server may be silent before the others call it dead, in milliseconds. */
const NODE_TIMEOUT = 1500;

export async function startShardedCluster(options: ShardedClusterOptions = {}): Promise<ShardedCluster> {
  const { masters = 3, replicas = 1, spares = 0 } = options;
  const count = masters * (1 + replicas) + spares;
  const servers = await Promise.all(Array.from({ length: count }, startNode));
  const cluster = new ShardedCluster(servers);
  try {
    await cluster.join(masters, replicas);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

function startNode(): Promise<RedisProcess> {
  const options = {
    'cluster-enabled': 'yes',
    'cluster-announce-ip': '127.0.0.1',
    'cluster-node-timeout': NODE_TIMEOUT,
    // Any replica may be promoted, however long ago it last heard of its master.
    'cluster-replica-validity-factor': 0,
    // A master that has given its last slot away stays one, and replicas stay with their masters.
    'cluster-allow-replica-migration': 'no',
    'repl-diskless-sync-delay': 0,
  };
  return startRedis({ args: Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]) });
}

export class ShardedCluster {
  readonly #servers: readonly RedisProcess[];
  readonly #dead = new Set<RedisProcess>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(servers: readonly RedisProcess[]) {
    this.#servers = servers;
  }

  /** Of every server that runs: what a client is given to begin with. */
  get nodes(): string[] {
    return this.#running.map(({ url }) => url);
  }

  get #running(): RedisProcess[] {
    return this.#servers.filter((server) => !this.#dead.has(server));
  }

  /** Makes one Cluster of servers that do not know of each other yet. */
  async join(masters: number, replicas: number): Promise<void> {
    const all = this.#servers;
    const ids = await Promise.all(all.map(async (server) => (await selfOf(server)).id));
    // Epochs of their own spare the masters a round of finding out that they have the same.
    await Promise.all(all.map((server, i) => server.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)));
    await Promise.all(
      all.slice(0, masters).map((master, i) => {
        const first = Math.ceil((i * SLOTS) / masters);
        return master.call('CLUSTER', 'ADDSLOTSRANGE', first, Math.ceil(((i + 1) * SLOTS) / masters) - 1);
      }),
    );
    // Each with each: by hearsay alone it takes seconds.
    await Promise.all(
      all.flatMap((server, i) =>
        all.slice(0, i).map((other) => server.call('CLUSTER', 'MEET', other.host, other.port)),
      ),
    );
    const ofMasters = all.slice(masters, masters * (1 + replicas));
    await Promise.all(
      ofMasters.map((replica, i) =>
        // It cannot before it has met its master.
        untilAgreed(() =>
          replica.call('CLUSTER', 'REPLICATE', ids[i % masters] as string).then(Boolean, () => false),
        ),
      ),
    );
    await this.settled();
  }

  /** Waits until every server that runs calls the Cluster whole, and replicas have what their masters have. */
  async settled(): Promise<void> {
    const known = this.#servers.length;
    await Promise.all(
      this.#running.map((server) =>
        untilAgreed(async () => {
          const info = String(await server.call('CLUSTER', 'INFO'));
          if (!info.includes('cluster_state:ok') || !info.includes(`cluster_known_nodes:${known}\r`))
            return false;
          return info.includes(`cluster_slots_ok:${SLOTS}\r`);
        }),
      ),
    );
    await this.replicated();
  }

  /** Waits until what has been written so far has reached the replicas. */
  async replicated(): Promise<void> {
    await replicated(this.#running);
  }

  /** The masters that have slots. */
  async masters(): Promise<RedisProcess[]> {
    const selves = await Promise.all(this.#running.map((server) => selfOf(server)));
    return this.#running.filter((_server, i) => selves[i]?.isMaster && selves[i].ranges.length > 0);
  }

  /** Those that replicate the master of a slot. */
  async replicasOf(slot: number): Promise<RedisProcess[]> {
    const { port } = await this.masterOf(slot);
    const replications = await Promise.all(this.#running.map((server) => replicationOf(server)));
    return this.#running.filter((_server, i) => replications[i]?.get('master_port') === `${port}`);
  }

  /** The masters without slots. */
  async spares(): Promise<RedisProcess[]> {
    const selves = await Promise.all(this.#running.map((server) => selfOf(server)));
    return this.#running.filter((_server, i) => selves[i]?.isMaster && selves[i].ranges.length === 0);
  }

  async masterOf(slot: number): Promise<RedisProcess> {
    const [master] = await this.#claimants(slot);
    if (!master) throw new Error(`no master has slot ${slot}`);
    return master;
  }

  /** The masters that say they have it: while it changes hands there may be two. */
  async #claimants(slot: number): Promise<RedisProcess[]> {
    const selves = await Promise.all(this.#running.map((server) => selfOf(server)));
    return this.#running.filter((_server, i) => selves[i]?.isMaster && contains(selves[i].ranges, slot));
  }

  /** Every key that begins with the prefix. */
  async keys(prefix: string): Promise<HeldKey[]> {
    const found: HeldKey[] = [];
    for (const master of await this.masters()) {
      const client = new Redis(master.url, { disconnectTimeout: 100 });
      for await (const keys of client.scanStream({ match: `${prefix}*`, count: 10_000 })) {
        const slots = await Promise.all(keys.map((key: string) => client.cluster('KEYSLOT', key)));
        found.push(...keys.map((key: string, i: number) => ({ key, slot: slots[i], master })));
      }
      client.disconnect();
    }
    return found;
  }

  /** Moves a slot as `redis-cli --cluster reshard` does: announced to both, key by key, and then for good. */
  async moveSlot(slot: number, to: RedisProcess, options: { pause?: number } = {}): Promise<void> {
    const move = await this.beginMove(slot, to);
    for (let keys = await move.keys(); keys.length > 0; keys = await move.keys()) {
      await move.take(keys[0] as string);
      if (options.pause) await sleep(options.pause);
    }
    await move.end();
  }

  /** A move that the test takes key by key. */
  async beginMove(slot: number, to: RedisProcess): Promise<Move> {
    const from = await this.masterOf(slot);
    const [source, target] = await Promise.all([selfOf(from), selfOf(to)]);
    await to.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source.id);
    await from.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target.id);
    const keys = async (): Promise<string[]> =>
      (await from.call('CLUSTER', 'GETKEYSINSLOT', slot, 1000)) as string[];
    const take = async (key: string): Promise<void> => {
      await this.#alone(() => from.call('MIGRATE', to.host, to.port, key, 0, 3000));
    };
    const assign = async (): Promise<boolean> => {
      // The new master first: there is no moment at which nobody has the slot.
      const others = (await this.masters()).filter((master) => master !== from && master !== to);
      for (const master of [to, from, ...others]) {
        await master.call('CLUSTER', 'SETSLOT', slot, 'NODE', target.id);
      }
      // What they told each other before may arrive only now, and undo it.
      await sleep(10);
      const claimants = await this.#claimants(slot);
      return claimants.length === 1 && claimants[0] === to;
    };
    return {
      keys,
      take,
      end: async () => {
        for (const key of await keys()) await take(key);
        await this.#alone(() => untilAgreed(assign));
      },
    };
  }

  /**
   * One after the other. MIGRATE blocks the servers of both sides, so that two masters that send each other keys hang;
   * and of slots assigned at the same time, one may end up with nobody.
   */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Makes a replica the master by agreement with the master, which becomes its replica: nothing is lost. */
  async switchMaster(slot: number): Promise<RedisProcess> {
    const [replica] = await this.replicasOf(slot);
    if (!replica) throw new Error(`no replica has slot ${slot}`);
    await replica.call('CLUSTER', 'FAILOVER');
    await untilAgreed(async () => (await this.masterOf(slot)) === replica);
    await this.settled();
    return replica;
  }

  /** Kills the master of a slot, and waits until its replica has been promoted; that one. */
  async killMaster(slot: number): Promise<RedisProcess> {
    const master = await this.masterOf(slot);
    this.#dead.add(master);
    await master.kill();
    await untilAgreed(() => this.masterOf(slot).then(Boolean, () => false));
    await this.settled();
    return this.masterOf(slot);
  }

  /** Starts again, empty and as replicas, what has been killed. */
  async revive(): Promise<void> {
    const revived = [...this.#dead];
    await Promise.all(revived.map((server) => server.start()));
    this.#dead.clear();
    // Until it hears of the other it takes itself for the master.
    await Promise.all(revived.map((server) => untilAgreed(async () => !(await selfOf(server)).isMaster)));
    await this.settled();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
  }
}

interface Move {
  /** Those not yet taken. */
  keys(): Promise<string[]>;
  take(key: string): Promise<void>;
  /** Takes what is left, and ends it. */
  end(): Promise<void>;
}

async function selfOf(server: RedisProcess): Promise<Self> {
  const table = String(await server.call('CLUSTER', 'NODES'));
  const line = table.split('\n').find((text) => /\bmyself\b/.test(text)) as string;
  const [id = '', , flags = '', , , , , , ...slots] = line.split(' ');
  const ranges = slots
    .filter((text) => !text.startsWith('['))
    .map((text) => text.split('-').map(Number))
    .map(([first = 0, last = first]) => [first, last] as const);
  return { id, isMaster: flags.includes('master'), ranges };
}

function contains(ranges: Self['ranges'], slot: number): boolean {
  return ranges.some(([first, last]) => first <= slot && slot <= last);
}
