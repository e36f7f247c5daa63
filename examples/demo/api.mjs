// The API that is to be made fast: Express 5, one route, one line in front of it.

import express from 'express';
import { redisCache } from 'redis-response-cache';
import { runAsChild } from './child.mjs';

runAsChild(({ upstream, redis, prefix, enabled, log }) => {
  let handlerRuns = 0;
  const faults = [];

  const cache = redisCache({ redis, prefix, enabled, ttl: '1h' });
  cache.on('fault', (fault) => faults.push(String(fault.error ?? fault.message ?? fault)));
  if (log) cache.on('request', (outcome) => console.log(outcome));

  const app = express();

  // An operator's door, before the cache. An API that others can reach would ask who is there.
  app.post('/purge', async (req, res) => {
    const { url } = req.query;
    await cache.purge(url ? { url: new URL(url, `http://${req.host}`).href } : { all: true });
    res.json({ purged: url ?? 'all' });
  });

  app.use(cache);

  app.get('/leads', async (req, res) => {
    handlerRuns += 1;
    const answer = await fetch(new URL(req.originalUrl, upstream)).catch(() => undefined);
    if (!answer) return res.status(502).json({ error: 'the upstream does not answer' });

    if (answer.status === 429) {
      res.set('Retry-After', answer.headers.get('retry-after'));
      return res.status(503).json({ error: 'the upstream refuses more calls today' });
    }
    res.status(answer.status).type('json').send(await answer.text());
  });

  return {
    listener: app,
    report: async () => {
      await cache.idle();
      return { handlerRuns, faults };
    },
    close: () => cache.close(),
  };
});
