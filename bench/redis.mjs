// A redis-server for one run: in memory only, on a free port, and what it says of itself.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';

const START_BUDGET_MS = 5000;

export async function startRedis() {
  const port = await freePort();
  const binary = process.env.REDIS_SERVER ?? 'redis-server';
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn(binary, options, { cwd: tmpdir(), stdio: 'ignore' });
  process.once('exit', () => server.kill('SIGKILL'));
  const failed = once(server, 'exit').then(
    ([code]) => Promise.reject(new Error(`redis-server ended with code ${code}`)),
    ({ message }) => Promise.reject(new Error(`${message}; set REDIS_SERVER to the path of one`)),
  );
  failed.catch(() => {});

  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: null });
  client.on('error', () => {});
  const tooLate = delay(START_BUDGET_MS, undefined, { ref: false }).then(() => {
    throw new Error('redis-server does not answer');
  });
  await Promise.race([client.ping(), failed, tooLate]);

  const info = async (section) =>
    Object.fromEntries(
      (await client.info(section))
        .split('\r\n')
        .filter((line) => line.includes(':'))
        .map((line) => line.split(':')),
    );
  return {
    port,
    version: (await info('server')).redis_version,
    /** CPU used so far, in microseconds. */
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
    wake: () => server.kill('SIGCONT'),
    stop() {
      client.disconnect();
      server.kill('SIGCONT');
      server.kill();
    },
  };
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}
