// What is measured. `floor` names what a target is compared with, by what it is built on.

import { once } from 'node:events';
import express from 'express';
import { Redis } from 'ioredis';
import { createApp } from './app.mjs';
import { cork, floor } from './floor.mjs';

const TTL = '1h';

const node = (open) => ({ on: 'node', open });
const onExpress = (open) => ({ on: 'express', open });

export const targets = {
  'node constant': node(() => {
    const app = createApp();
    return { app, listener: app.node };
  }),
  'node floor': node(async (settings) => {
    const app = createApp();
    return { app, listener: floor(await connect(settings), settings.prefix, app.node) };
  }),
  'node floor, corked': node(async (settings) => {
    const app = createApp();
    return { app, listener: floor(cork(await connect(settings)), settings.prefix, app.node) };
  }),
  'node rrc': node(async (settings) => {
    const app = createApp();
    const cache = await rrc(settings);
    const listener = (req, res) => cache(req, res, () => app.node(req, res));
    return { app, listener, settle: () => cache.idle() };
  }),
  'express rrc, front door': node(async (settings) => {
    const app = createApp();
    const cache = await rrc(settings);
    return { app, listener: cache.before(withRoutes(express(), app)), settle: () => cache.idle() };
  }),
  'express constant': onExpress(() => {
    const app = createApp();
    return { app, listener: withRoutes(express(), app) };
  }),
  'express floor': onExpress(async (settings) => {
    const app = createApp();
    const listener = express();
    listener.use(floor(await connect(settings), settings.prefix, app.express));
    return { app, listener };
  }),
  'express rrc': onExpress(async (settings) => {
    const app = createApp();
    const cache = await rrc(settings);
    return { app, listener: withRoutes(express().use(cache), app), settle: () => cache.idle() };
  }),
  'express rrc, in process': onExpress(async (settings) => {
    const app = createApp();
    const cache = await rrc({ ...settings, inProcess: true });
    return { app, listener: withRoutes(express().use(cache), app), settle: () => cache.idle() };
  }),
};

export const FLOORS = { node: 'node floor', express: 'express floor' };
export const CONSTANTS = { node: 'node constant', express: 'express constant' };

export function withRoutes(server, app) {
  return server.all('/{*path}', app.express);
}

/** The package as it was built: this one, or another build of it to compare with. */
async function rrc({ redisPort, build, prefix, timeout, inProcess = false }) {
  const { redisCache } = await import(build);
  const redis = inProcess ? undefined : await connect({ redisPort });
  const cache = redisCache({ redis, ttl: TTL, prefix, timeout });
  cache.on('fault', ({ step, code, message }) => console.error(`fault: ${step} ${code}: ${message}`));
  return cache;
}

export async function connect({ redisPort }, db = 0) {
  const redis = new Redis(redisPort, '127.0.0.1', { db, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  await once(redis, 'ready');
  return redis;
}
