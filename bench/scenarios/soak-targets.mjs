// The targets of the scenario `soak`. Those of this package purge all the time, by URL and by tag.

import express from 'express';
import { createApp } from '../app.mjs';
import { leanFloor } from '../floor.mjs';
import { connect, withRoutes } from '../targets.mjs';
import { KEYS } from '../traffic.mjs';

const TTL = '30s';
const NEAR = { near: { maxSize: '64mb', ttl: '10s' } };
/** Two keys have one tag. */
const TAGS = KEYS / 2;
const PURGE_INTERVAL_MS = 5;
const ORIGIN = 'http://api.example.com';

const keyOf = (url) => Number(url.split('?', 1)[0].split('/').at(-1));

function purging(cache) {
  let turn = 0;
  const timer = setInterval(() => {
    turn++;
    const key = Math.floor(Math.random() * KEYS);
    const target = turn % 2 ? { url: `${ORIGIN}/t/any/${key}` } : { tag: `t${key % TAGS}` };
    cache.purge(target).catch((error) => console.error(`purge: ${error.message}`));
  }, PURGE_INTERVAL_MS);
  timer.unref();
}

const rrc = (options, listenerOf) => ({
  async open(settings) {
    const { redisCache } = await import(settings.build);
    const cache = redisCache({
      redis: await connect(settings),
      ttl: TTL,
      timeout: settings.timeout,
      prefix: settings.prefix,
      tags: (req) => [`t${keyOf(req.url) % TAGS}`],
      ...options,
    });
    const app = createApp();
    purging(cache);
    return { app, listener: listenerOf(app, cache), settle: () => cache.idle() };
  },
});
const inExpress = (app, cache) => withRoutes(express().use(cache), app);
const inFront = (app, cache) => cache.before(withRoutes(express(), app));

export const targets = {
  'express lean floor': {
    async open(settings) {
      const app = createApp();
      const cache = leanFloor(await connect(settings), settings.prefix);
      return { app, listener: inExpress(app, cache), settle: () => cache.idle() };
    },
  },
  'express rrc': rrc({}, inExpress),
  'express rrc, front door, near': rrc(NEAR, inFront),
};
