import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisProcess, startRedis } from './redis.ts';
import { findRedisServer } from './redis-binary.cjs';
import { replicated, replicationOf, untilAgreed } from './replication.ts';

/** What the sentinels call the master. */
const NAME = 'main';

const SENTINELS = 3;
const QUORUM = 2;

/** How long the master may be silent before a sentinel calls it dead, in milliseconds. */
const DOWN_AFTER = 1000;

/** A master, its replica, and three sentinels that watch over both. */
export async function startSentinels(): Promise<Sentinels> {
  const master = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis({ args: ['--replicaof', master.host, `${master.port}`] });
  const servers = [master, replica];
  const watched = new Sentinels(servers);
  try {
    await watched.watch();
  } catch (error) {
    await watched.stop();
    throw error;
  }
  return watched;
}

export class Sentinels {
  readonly #servers: RedisProcess[];
  readonly #sentinels: RedisProcess[] = [];
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'rrc-sentinel-'));
  #master: RedisProcess;

  constructor(servers: RedisProcess[]) {
    this.#servers = servers;
    this.#master = servers[0] as RedisProcess;
  }

  /** What a client is given to find the master. */
  get options(): { sentinels: { host: string; port: number }[]; name: string } {
    return { sentinels: this.#sentinels.map(({ host, port }) => ({ host, port })), name: NAME };
  }

  async watch(): Promise<void> {
    // A sentinel asks the master for its replicas when it meets it, and then every ten seconds only.
    await this.replicated();
    this.#sentinels.push(
      ...(await Promise.all(Array.from({ length: SENTINELS }, (_, i) => this.#startSentinel(i)))),
    );
    await this.#agreed();
  }

  /** Waits until what has been written so far has reached the replica. */
  async replicated(): Promise<void> {
    await replicated(this.#servers);
  }

  /** Kills the master, and waits until the sentinels name its replica instead. */
  async failover(): Promise<void> {
    const old = this.#master;
    await old.kill();
    const next = this.#servers.find((server) => server !== old) as RedisProcess;
    await untilAgreed(async () => {
      const addresses = await Promise.all(this.#sentinels.map((sentinel) => masterBy(sentinel)));
      return addresses.every((port) => port === next.port);
    });
    await untilAgreed(async () => (await replicationOf(next)).get('role') === 'master');
    this.#master = next;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sentinels, ...this.#servers].map((server) => server.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Waits until each sentinel could lead a failover. */
  async #agreed(): Promise<void> {
    await Promise.all(
      this.#sentinels.map((sentinel) =>
        untilAgreed(async () => {
          const state = (await sentinel.call('SENTINEL', 'MASTER', NAME)) as string[];
          const of = (field: string): string | undefined => state[state.indexOf(field) + 1];
          if (of('num-other-sentinels') !== `${SENTINELS - 1}` || of('flags') !== 'master') return false;
          const [replica] = (await sentinel.call('SENTINEL', 'REPLICAS', NAME)) as string[][];
          return replica?.[replica.indexOf('flags') + 1] === 'slave';
        }),
      ),
    );
  }

  async #startSentinel(i: number): Promise<RedisProcess> {
    // A sentinel keeps what it knows in a configuration file, which has to be the first argument of all.
    const file = join(this.#folder, `${i}.conf`);
    const script = join(this.#folder, `${i}.sh`);
    writeFileSync(file, '');
    writeFileSync(script, `#!/bin/sh\nexec '${findRedisServer()}' '${file}' "$@" --sentinel\n`, {
      mode: 0o700,
    });
    const sentinel = new RedisProcess(script, await freePort(), {}, undefined);
    await sentinel.start();
    await sentinel.call('SENTINEL', 'MONITOR', NAME, this.#master.host, this.#master.port, QUORUM);
    await sentinel.call('SENTINEL', 'SET', NAME, 'down-after-milliseconds', DOWN_AFTER);
    await sentinel.call('SENTINEL', 'SET', NAME, 'failover-timeout', 3000);
    // On a busy machine it would lose trust in its clock for half a minute. Older ones have it so.
    await sentinel.call('SENTINEL', 'DEBUG', 'TILT-PERIOD', 500, 'PUBLISH-PERIOD', 500).catch(() => {});
    return sentinel;
  }
}

/** Any will do: a sentinel is never restarted, so nobody can take its port meanwhile. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function masterBy(sentinel: RedisProcess): Promise<number> {
  const asked = sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME) as Promise<string[]>;
  return asked.then(([, port]) => Number(port));
}
