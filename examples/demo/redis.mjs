// Which Redis the demo uses: the one of REDIS_URL, else one that already runs here, else one it starts for
// itself, else none (the store embedded in the package).

import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findBinary, startServer } from './redis-server.mjs';

const LOCAL = 'redis://127.0.0.1:6379';
const LOCAL_BUDGET_MS = 300;
const REMOTE_BUDGET_MS = 2000;

/**
 * @returns what is used (`label`) and why, its `url` (none: the embedded store), what it holds under a prefix,
 *   and how to leave it as it was found.
 * @throws when REDIS_URL is set and does not answer: who names a Redis wants that one.
 */
export async function findRedis() {
  const named = process.env.REDIS_URL;
  if (named) {
    const client = await connect(named, REMOTE_BUDGET_MS).catch((error) => {
      throw new Error(`REDIS_URL is set, but ${address(named)}: ${reason(error)}`);
    });
    return describe(client, named, 'REDIS_URL is set');
  }

  const local = await connect(LOCAL, LOCAL_BUDGET_MS).catch((error) => error);
  if (local instanceof Redis) return describe(local, LOCAL, 'it answers there, and REDIS_URL is not set');
  const why = `REDIS_URL is not set; ${address(LOCAL)}: ${reason(local)}`;

  const binary = findBinary();
  if (!binary) return embedded(`${why}; no redis-server on PATH`);
  try {
    const server = await startServer(binary, (url) => connect(url, LOCAL_BUDGET_MS));
    return await describe(server.client, server.url, why, server.stop);
  } catch (error) {
    return embedded(`${why}; ${binary}: ${reason(error)}`);
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
      // A server of our own takes everything with it; anybody else's is left as it was.
      if (!stopServer) await removeKeys(client, prefix);
      client.disconnect();
      await stopServer?.();
    },
  };
}

function embedded(why) {
  return {
    label: 'the embedded in-process store',
    why,
    inspect: async () => undefined,
    release: async () => {},
  };
}

async function inspect(client, prefix) {
  const keys = await keysUnder(client, prefix);
  const sizes = await Promise.all(keys.map(async (key) => (await client.memory('USAGE', key)) ?? 0));
  const sample = keys[sizes.indexOf(Math.max(...sizes))];
  return {
    keys: keys.length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    sample,
    pttl: sample === undefined ? undefined : await client.pttl(sample),
  };
}

async function removeKeys(client, prefix) {
  const keys = await keysUnder(client, prefix);
  if (keys.length > 0) await client.unlink(keys);
}

async function keysUnder(client, prefix) {
  // A set, since SCAN may name a key twice.
  const keys = new Set();
  for await (const batch of client.scanStream({ match: `${prefix}*`, count: 1000 })) {
    for (const key of batch) keys.add(key);
  }
  return [...keys];
}

/** A client that has been answered, or the reason why not, in `budget` milliseconds. */
async function connect(url, budget) {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: budget, retryStrategy: () => null });
  // The rejection of a call only says that the connection is closed; the event says why.
  let cause;
  client.on('error', (error) => {
    cause = error;
  });
  const tooLate = delay(budget, undefined, { ref: false }).then(() => {
    throw new Error(`no answer within ${budget} ms`);
  });
  try {
    await Promise.race([client.connect().then(() => client.ping()), tooLate]);
    return client;
  } catch (error) {
    client.disconnect();
    throw cause ?? error;
  }
}

function reason({ code, message }) {
  if (code === 'ECONNREFUSED') return 'connection refused';
  return /^(NOAUTH|WRONGPASS)/.test(message) ? 'it wants another user or password' : message;
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
