// redis-servers for one run, in memory only and on free ports, with their own figures of CPU and memory.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';

const START_BUDGET_MS = 5000;
const JOIN_BUDGET_MS = 20_000;
const SLOTS = 16384;

export async function startRedis(extra = []) {
  const port = await freePort();
  const binary = process.env.REDIS_SERVER ?? 'redis-server';
  const folder = mkdtempSync(join(tmpdir(), 'rrc-bench-redis-'));
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...extra];
  const server = spawn(binary, options, { cwd: folder, stdio: 'ignore' });
  const remove = () => {
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', remove);
  const failed = once(server, 'exit').then(
    ([code]) => Promise.reject(new Error(`redis-server ended with code ${code}`)),
    ({ message }) => Promise.reject(new Error(`${message}; set REDIS_SERVER to the path of one`)),
  );
  failed.catch(() => {});

  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: null });
  client.on('error', () => {});
  const timeout = delay(START_BUDGET_MS, undefined, { ref: false }).then(() => {
    throw new Error(`redis-server did not answer within ${START_BUDGET_MS} ms`);
  });
  await Promise.race([client.ping(), failed, timeout]);

  const info = async (section) =>
    Object.fromEntries(
      (await client.info(section))
        .split('\r\n')
        .filter((line) => line.includes(':'))
        .map((line) => line.split(':')),
    );
  return {
    port,
    client,
    info,
    version: (await info('server')).redis_version,
    /** CPU used since the start, in microseconds. */
    async cpu() {
      const { used_cpu_user: user, used_cpu_sys: system } = await info('cpu');
      return (Number(user) + Number(system)) * 1e6;
    },
    async memory() {
      const { used_memory: bytes } = await info('memory');
      const databases = Object.values(await info('keyspace'));
      const keys = databases.reduce((sum, text) => sum + Number(/keys=(\d+)/.exec(text)[1]), 0);
      return { bytes: Number(bytes), keys };
    },
    empty: () => client.flushall(),
    hang: () => server.kill('SIGSTOP'),
    resume: () => server.kill('SIGCONT'),
    stop() {
      client.disconnect();
      server.kill('SIGCONT');
      server.kill();
      process.off('exit', remove);
      remove();
    },
  };
}

/** A Cluster whose masters share the slots evenly. */
export async function startCluster(masters) {
  const nodes = await Promise.all(
    Array.from({ length: masters }, () => startRedis(['--cluster-enabled', 'yes'])),
  );
  const stop = () => {
    for (const node of nodes) node.stop();
  };
  try {
    const from = (i) => Math.ceil((i * SLOTS) / masters);
    await Promise.all(nodes.map(({ client }, i) => client.cluster('SET-CONFIG-EPOCH', i + 1)));
    await Promise.all(
      nodes.map(({ client }, i) => client.call('CLUSTER', 'ADDSLOTSRANGE', from(i), from(i + 1) - 1)),
    );
    for (const { client } of nodes) {
      for (const { port } of nodes) await client.cluster('MEET', '127.0.0.1', port);
    }
    const until = performance.now() + JOIN_BUDGET_MS;
    while (!(await Promise.all(nodes.map((node) => isComplete(node, masters)))).every(Boolean)) {
      if (performance.now() > until) throw new Error(`the Cluster did not form within ${JOIN_BUDGET_MS} ms`);
      await delay(50);
    }
  } catch (error) {
    stop();
    throw error;
  }
  return {
    ports: nodes.map(({ port }) => port),
    cpu: async () => (await Promise.all(nodes.map((node) => node.cpu()))).reduce((sum, cpu) => sum + cpu, 0),
    empty: () => Promise.all(nodes.map((node) => node.empty())),
    stop,
  };
}

async function isComplete({ client }, masters) {
  const info = await client.cluster('INFO');
  return [`cluster_state:ok`, `cluster_known_nodes:${masters}\r`, `cluster_slots_ok:${SLOTS}\r`].every(
    (line) => info.includes(line),
  );
}

export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}
