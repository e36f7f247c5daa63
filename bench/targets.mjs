// What is measured. `floor` names what a target is compared with, by what it is built on.

import { once } from 'node:events';
import compression from 'compression';
import express from 'express';
import { Cluster, Redis } from 'ioredis';
import { createApp } from './app.mjs';
import { cork, floor } from './floor.mjs';

const TTL = '1h';
const NEAR = { near: { maxSize: '64mb', ttl: '10s' } };
const COMPRESS = { compress: true };

/** The handler behind this middleware, each as `node:http` is used without a framework. */
const node = (middleware) => ({ on: 'node', open: (settings) => opened(settings, middleware, onNode) });

/** The same in Express: the middleware by `app.use`, the handler as a route. */
const onExpress = (middleware) => ({
  on: 'express',
  open: (settings) => opened(settings, middleware, inExpress),
});

/** Before the app is entered. */
const before = (extra) => ({
  on: 'node',
  open: async (settings) => {
    const app = createApp();
    const cache = await rrc(settings, extra);
    if (typeof cache.before !== 'function') throw new Error('this build has no cache.before(app)');
    return { app, listener: cache.before(withRoutes(express(), app)), settle: () => cache.idle() };
  },
});

const ours = (extra) => (settings) => rrc(settings, extra);
const least = (options) => async (settings) => floor(await connect(settings), settings.prefix, options);
const corked = async (settings) => floor(cork(await connect(settings)), settings.prefix);

export const targets = {
  'node constant': node(),
  'node floor': node(least()),
  'node floor, corked': node(corked),
  'node rrc': node(ours()),
  'express constant': onExpress(),
  'express floor': onExpress(least()),
  'express floor, br': onExpress(least({ coding: 'br' })),
  'express compression': onExpress(() => compression({ threshold: 0 })),
  'express rrc': onExpress(ours()),
  'express rrc, in process': onExpress(ours({ redis: undefined })),
  'express rrc, near': onExpress(ours(NEAR)),
  'express rrc, compress': onExpress(ours(COMPRESS)),
  'express rrc, front door': before({}),
  'express rrc, front door, near': before(NEAR),
};

export const FLOORS = { node: 'node floor', express: 'express floor' };
export const CONSTANTS = { node: 'node constant', express: 'express constant' };

async function opened(settings, middleware, build) {
  const app = createApp();
  const cache = await middleware?.(settings);
  return { app, listener: build(app, cache), settle: () => cache?.idle?.() };
}

function onNode(app, cache) {
  return cache ? (req, res) => cache(req, res, () => app.node(req, res)) : app.node;
}

function inExpress(app, cache) {
  return withRoutes(cache ? express().use(cache) : express(), app);
}

export function withRoutes(server, app) {
  return server.all('/{*path}', app.express);
}

/** The package as it was built: this one, or another build of it to compare with. */
async function rrc(settings, extra) {
  const { build, prefix, timeout, quiet } = settings;
  const { redisCache } = await import(build);
  const redis = extra && 'redis' in extra ? undefined : await connect(settings);
  const cache = made(redisCache, { redis, ttl: TTL, prefix, timeout, ...extra });
  const said = new Set();
  cache.on('fault', ({ step, code, message }) => {
    const text = `fault: ${step} ${code}: ${message}`;
    if (!quiet && !said.has(text)) console.error(text);
    said.add(text);
  });
  return cache;
}

function made(redisCache, options) {
  try {
    return redisCache(options);
  } catch (error) {
    const [, unknown] = /option (\w+) is .*, but must be left out/.exec(error.message) ?? [];
    throw unknown ? new Error(`this build has no option ${unknown}`) : error;
  }
}

/** @param clusterPorts the masters of a Cluster, in place of the one Redis. */
export async function connect({ redisPort, clusterPorts }, db = 0) {
  const redis = clusterPorts
    ? new Cluster(clusterPorts.map((port) => ({ host: '127.0.0.1', port })))
    : new Redis(redisPort, '127.0.0.1', { db, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  await once(redis, 'ready');
  return redis;
}
