// Other caches for Express, each as its README sets it up.

import { createRequire } from 'node:module';
import express from 'express';
import { createApp } from '../app.mjs';
import { connect, withRoutes } from '../targets.mjs';

const require = createRequire(import.meta.url);
const HOUR = 3600;

const peer = (open) => ({ on: 'express', kind: 'peer', open, groups: ['peers'] });
const redisPeer = (open) => ({ on: 'express', kind: 'peer', open, groups: ['peers', 'Redis peers'] });

/** Express with this middleware in front of the handler. */
function behind(middleware, extraFields) {
  const app = createApp(extraFields);
  return { app, listener: withRoutes(express().use(middleware), app) };
}

// They store under URLs without a prefix, so each has a database of its own.
const oldRedis = ({ redisPort }, db) => require('redis').createClient(redisPort, '127.0.0.1', { db });

export const targets = {
  'apicache, in process': peer(() => behind(require('apicache').middleware('1 hour'))),
  'apicache, Redis': redisPeer((settings) =>
    behind(
      require('apicache')
        .options({ redisClient: oldRedis(settings, 1) })
        .middleware('1 hour'),
    ),
  ),
  'apicache-plus, in process': peer(() => behind(require('apicache-plus')('1 hour'))),
  'apicache-plus, Redis': redisPeer(async (settings) => {
    const redisClient = await connect(settings, 2);
    return behind(require('apicache-plus').options({ redisClient }).middleware('1 hour'));
  }),
  'express-redis-cache': redisPeer(({ redisPort }) => {
    const cache = require('express-redis-cache')({ host: '127.0.0.1', port: redisPort, prefix: 'erc' });
    cache.on('error', () => {});
    return behind(cache.route({ expire: HOUR }));
  }),
  'route-cache, in process': peer(() => behind(require('route-cache').cacheSeconds(HOUR))),
  'route-cache, Redis': redisPeer(async (settings) => {
    const Store = require('route-cache/ioRedisStore');
    const cache = require('route-cache').config({ cacheStore: new Store(await connect(settings, 3)) });
    return behind(cache.cacheSeconds(HOUR));
  }),
  'http-cache-middleware': peer(() => {
    const cache = require('http-cache-middleware')();
    return behind(cache, [['X-Cache-Timeout', '1 hour']]);
  }),
  ocache: peer(openOcache),
};

/** ocache caches handlers of Request and Response; the adapter between those and Express is written here. */
async function openOcache() {
  const { defineCachedHandler } = await import('ocache');
  const { fieldsOf, resourceOf } = await import('../app.mjs');
  const app = createApp();
  const handler = defineCachedHandler(
    ({ req }) => {
      app.runs++;
      const { pathname, search } = new URL(req.url);
      const resource = resourceOf({ url: pathname + search, headers: Object.fromEntries(req.headers) });
      return new Response(resource.text, { headers: [...fieldsOf(resource), ['X-Run', String(app.runs)]] });
    },
    { maxAge: HOUR, allowQuery: true, swr: false },
  );
  const listener = express().use(async (req, res) => {
    const request = new Request(`http://${req.headers.host}${req.url}`, { headers: req.headers });
    const answer = await handler({ req: request });
    res.writeHead(answer.status, Object.fromEntries(answer.headers));
    res.end(Buffer.from(await answer.arrayBuffer()));
  });
  return { app, listener };
}
