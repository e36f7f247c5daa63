// The API that is to be made fast: Express 5, one route, one line in front of it.

import express from 'express';
import { redisCache } from 'redis-response-cache';
import { runAsChild } from './child.mjs';

runAsChild(({ upstream, redis, prefix, enabled, log }) => {
  let handlerRuns = 0;
  const faults = [];

  const cache = redisCache({ redis, prefix, enabled, ttl: '1h' });
  cache.on('fault', ({ step, code, message }) => faults.push(`${step} ${code}: ${message}`));
  if (log) cache.on('request', logRequest);

  const app = express();

  // An operator's door, before the cache. On loopback only; elsewhere it would ask who is there.
  app.post('/purge', async (req, res) => {
    const { url } = req.query;
    res.json({ purged: await cache.purge(url ? { url } : { all: true }) });
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
    res
      .status(answer.status)
      .type('json')
      .send(await answer.text());
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

function logRequest({ method, key, status, kind, fwd, ttl, stored, took }) {
  const how = kind === 'hit' ? `hit, fresh for ${ttl} s` : `fwd=${fwd}${stored ? ', stored' : ''}`;
  const ms = kind === 'hit' ? took.lookup : took.origin;
  console.log(`    ${method.padEnd(4)} ${status}  ${how}  ${ms?.toFixed(1)} ms  ${key ?? ''}`);
}
