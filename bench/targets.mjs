// The targets that run in Node. `FLOORS` names the floor of each front end.

import { once } from 'node:events';
import compression from 'compression';
import express from 'express';
import { Cluster, Redis } from 'ioredis';
import { createApp } from './app.mjs';
import { cork, floor, leanFloor, mapFloor } from './floor.mjs';

const TTL = '1h';
const NEAR = { near: { maxSize: '64mb', ttl: '10m' } };
const LARGE_NEAR = { near: { maxSize: '2gb', ttl: '1h' } };
const COMPRESS = { compress: true };

/**
 * `on`: the front end. `kind`: `plain` stores nothing, `floor` stores without a policy, `package` is this package.
 * `open(settings)` gives the `listener` of a server, its `app`, and `settle()`, which waits for everything that is
 * stored after the answers.
 */
const onNode = (kind, middleware) => ({
  on: 'node',
  kind,
  open: (settings) => opened(settings, middleware, nodeListener),
});

/** The middleware by `app.use`, the handler as a route. */
const onExpress = (kind, middleware) => ({
  on: 'express',
  kind,
  open: (settings) => opened(settings, middleware, expressListener),
});

const frontDoor = (options) => ({
  on: 'node',
  kind: 'package',
  open: async (settings) => {
    const app = createApp();
    const cache = await createCache(settings, options);
    if (typeof cache.before !== 'function') throw new Error('this build has no cache.before(app)');
    return { app, listener: cache.before(withRoutes(express(), app)), settle: () => cache.idle() };
  },
});

const rrc = (options) => (settings) => createCache(settings, options);
const plainFloor = (options) => async (settings) => floor(await connect(settings), settings.prefix, options);
const corkedFloor = async (settings) => floor(cork(await connect(settings)), settings.prefix);
const lean = async (settings) => leanFloor(await connect(settings), settings.prefix);
const corkedLean = async (settings) => leanFloor(cork(await connect(settings)), settings.prefix);

/** This package over clients of other libraries than ioredis 6: what makes one of a port. */
const LIBRARIES = {
  'ioredis 5': async (port) => new (await import('ioredis5')).Redis(port, '127.0.0.1'),
  iovalkey: async (port) => new (await import('iovalkey')).Redis(port, '127.0.0.1'),
  'node-redis 6': async (port) => connectedClient(await import('redis'), port),
  'node-redis 5': async (port) => connectedClient(await import('redis5'), port),
  'Valkey GLIDE': async (port) => {
    const { GlideClient } = await import('@valkey/valkey-glide');
    return GlideClient.createClient({ addresses: [{ host: '127.0.0.1', port }], requestTimeout: 5000 });
  },
};

async function connectedClient({ createClient }, port) {
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  client.on('error', () => {});
  return client.connect();
}

export const THROUGH_CLIENTS = Object.fromEntries(
  Object.entries(LIBRARIES).map(([library, make]) => [
    `express rrc, ${library}`,
    onExpress('package', async (settings) =>
      createCache(settings, { redis: await make(settings.redisPort) }),
    ),
  ]),
);

export const targets = {
  ...THROUGH_CLIENTS,
  'node handler alone': onNode('plain'),
  'node floor': onNode('floor', plainFloor()),
  'node floor, corked': onNode('floor', corkedFloor),
  'node lean floor, corked': onNode('floor', corkedLean),
  'node map floor': onNode('floor', mapFloor),
  'node rrc': onNode('package', rrc()),
  'express handler alone': onExpress('plain'),
  'express floor': onExpress('floor', plainFloor()),
  'express floor, br': onExpress('floor', plainFloor({ coding: 'br' })),
  'express lean floor': onExpress('floor', lean),
  'express compression': onExpress('plain', () => compression({ threshold: 0 })),
  'express rrc': onExpress('package', rrc()),
  'express rrc, in process': onExpress('package', rrc({ redis: undefined })),
  'express rrc, near': onExpress('package', rrc(NEAR)),
  'express rrc, large near': onExpress('package', rrc(LARGE_NEAR)),
  'express rrc, compress': onExpress('package', rrc(COMPRESS)),
  'express rrc, front door': frontDoor({}),
  'express rrc, front door, near': frontDoor(NEAR),
};

export const FLOORS = { node: 'node floor', express: 'express floor' };
export const LEAN_FLOORS = { node: 'node lean floor, corked', express: 'express lean floor' };
export const HANDLERS = { node: 'node handler alone', express: 'express handler alone' };

async function opened(settings, middleware, listenerOf) {
  const app = createApp();
  const cache = await middleware?.(settings);
  return { app, listener: listenerOf(app, cache), settle: () => cache?.idle?.() };
}

function nodeListener(app, cache) {
  return cache ? (req, res) => cache(req, res, () => app.node(req, res)) : app.node;
}

function expressListener(app, cache) {
  return withRoutes(cache ? express().use(cache) : express(), app);
}

export function withRoutes(server, app) {
  return server.all('/{*path}', app.express);
}

/** The package of `settings.build`: the current sources, or another build to compare with. */
async function createCache(settings, options) {
  const { build, prefix, timeout, quiet } = settings;
  const { redisCache } = await import(build);
  const redis = options && 'redis' in options ? undefined : await connect(settings);
  const cache = orUnknownOption(redisCache, { redis, ttl: TTL, prefix, timeout, ...options });
  const printed = new Set();
  cache.on('fault', ({ step, code, message }) => {
    const text = `fault: ${step} ${code}: ${message}`;
    if (!quiet && !printed.has(text)) console.error(text);
    printed.add(text);
  });
  return cache;
}

/** An older build may lack an option. Its error says so in one line. */
function orUnknownOption(redisCache, options) {
  try {
    return redisCache(options);
  } catch (error) {
    const unknown = /option (\w+) is .*, but must be left out|[Uu]nknown option "(\w+)"/.exec(error.message);
    throw unknown ? new Error(`this build has no option ${unknown[1] ?? unknown[2]}`) : error;
  }
}

/** @param settings `clusterPorts`: the masters of a Cluster, in place of the one Redis. */
export async function connect({ redisPort, clusterPorts }, db = 0) {
  const redis = clusterPorts
    ? new Cluster(clusterPorts.map((port) => ({ host: '127.0.0.1', port })))
    : new Redis(redisPort, '127.0.0.1', { db, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  await once(redis, 'ready');
  return redis;
}
