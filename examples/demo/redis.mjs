// Which Redis the demo uses: the one of REDIS_URL, else one that already runs here, else one it starts for
// itself, else none (the store embedded in the package).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';

const LOCAL = 'redis://127.0.0.1:6379';
const LOCAL_BUDGET_MS = 300;
const REMOTE_BUDGET_MS = 3000;
const START_BUDGET_MS = 5000;

/**
 * @returns what is used (`label`) and why, its `url` (none: the embedded store), what it holds under a prefix,
 *   and how to leave it as it was found.
 * @throws when REDIS_URL is set and does not answer: who names a Redis wants that one.
 */
export async function findRedis() {
  const named = process.env.REDIS_URL;
  if (named) {
    const client = await connect(named, REMOTE_BUDGET_MS).catch((error) => {
      throw new Error(`REDIS_URL is set, but ${address(named)} does not answer: ${error.message}`);
    });
    return describe(client, named, 'REDIS_URL is set');
  }

  const local = await connect(LOCAL, LOCAL_BUDGET_MS).catch((error) => error);
  if (local instanceof Redis) return describe(local, LOCAL, 'it answers there, and REDIS_URL is not set');
  const nothing = `REDIS_URL is not set, ${address(LOCAL)}: ${local.message}`;

  const binary = findBinary();
  if (!binary) return embedded(`${nothing}, no redis-server on PATH`);
  try {
    const { client, url, stop } = await startServer(binary);
    return await describe(client, url, nothing, stop);
  } catch (error) {
    return embedded(`${nothing}, ${binary}: ${error.message}`);
  }
}

async function describe(client, url, why, stopServer) {
  const version = /redis_version:(\S+)/.exec(await client.info('server'))?.[1] ?? '';
  return {
    url,
    label: `Redis ${version} at ${address(url)}${stopServer ? ', started for this run' : ''}`,
    why,
    inspect: (prefix) => inspect(client, prefix),
    async release(prefix) {
      // A server of our own takes everything with it; anybody else's gets its keys back as they were.
      if (!stopServer) await removeKeys(client, prefix);
      client.disconnect();
      await stopServer?.();
    },
  };
}

function embedded(why) {
  return { label: 'the embedded in-process store', why, inspect: async () => undefined, release: async () => {} };
}

async function inspect(client, prefix) {
  const keys = await keysUnder(client, prefix);
  const sizes = await Promise.all(keys.map((key) => client.memory('USAGE', key)));
  const sample = keys.sort((a, b) => b.length - a.length)[0];
  return {
    keys: keys.length,
    bytes: sizes.reduce((sum, size) => sum + (size ?? 0), 0),
    sample,
    pttl: sample && (await client.pttl(sample)),
  };
}

async function removeKeys(client, prefix) {
  const keys = await keysUnder(client, prefix);
  if (keys.length > 0) await client.unlink(keys);
}

async function keysUnder(client, prefix) {
  const keys = new Set();
  // SCAN may name a key twice.
  for await (const batch of client.scanStream({ match: `${prefix}*`, count: 1000 })) {
    for (const key of batch) keys.add(key);
  }
  return [...keys];
}

async function connect(url, budget) {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: budget, retryStrategy: () => null });
  let cause;
  client.on('error', (error) => {
    cause = error;
  });
  try {
    await Promise.race([
      client.connect().then(() => client.ping()),
      delay(budget, undefined, { ref: false }).then(() => {
        throw new Error(`no answer within ${budget} ms`);
      }),
    ]);
    return client;
  } catch (error) {
    client.disconnect();
    throw cause ?? error;
  }
}

/**
 * A redis-server that is already on this machine: on PATH, or built earlier by redis-memory-server.
 * Nothing is downloaded or compiled here; that may take minutes.
 */
function findBinary() {
  const version = process.env.REDISMS_VERSION ?? 'stable';
  const cache = fileURLToPath(new URL('../../node_modules/.cache/redis-memory-server/redis-binaries', import.meta.url));
  const built = [process.env.REDISMS_DOWNLOAD_DIR, cache, join(homedir(), '.cache/redis-binaries')];
  return [
    process.env.REDISMS_SYSTEM_BINARY,
    ...(process.env.PATH ?? '').split(delimiter).map((folder) => folder && join(folder, 'redis-server')),
    ...built.map((folder) => folder && join(folder, version, 'redis-server')),
  ].find((file) => file && isExecutable(file));
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function startServer(binary) {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  // In memory only, and away from the project, so that nothing is left on disk.
  const options = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'].map(String);
  const server = spawn(binary, options, { cwd: tmpdir(), stdio: 'ignore' });
  const exited = new Promise((resolve) => server.once('exit', resolve).once('error', resolve));
  let ended = false;
  exited.then(() => {
    ended = true;
  });

  async function stop() {
    server.kill('SIGTERM');
    await exited;
  }

  const deadline = Date.now() + START_BUDGET_MS;
  while (!ended && Date.now() < deadline) {
    const client = await connect(url, LOCAL_BUDGET_MS).catch(() => undefined);
    if (client) return { client, url, stop };
    await delay(50);
  }
  await stop();
  throw new Error('it could not be started');
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Host and port only: a password never belongs on a screen. */
function address(url) {
  try {
    const { hostname, port } = new URL(url);
    return `${hostname}:${port || 6379}`;
  } catch {
    return 'that address';
  }
}
