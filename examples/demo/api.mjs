// The API that is to be made fast: Express 5, one route, one line in front of it.

import { once } from 'node:events';
import express from 'express';
import { Redis } from 'ioredis';
import { redisCache } from 'redis-response-cache';
import { runAsChild } from './child.mjs';

runAsChild(async ({ upstream, redisUrl, prefix, enabled, log }) => {
  let handlerRuns = 0;
  const faults = [];

  const redis = redisUrl && (await connected(redisUrl));
  redis?.on('error', (error) => faults.push(`connection: ${error.message}`));

  const cache = redisCache({ redis, prefix, enabled, ttl: '1h' });
  cache.on('fault', ({ step, code, message }) => faults.push(`${step} ${code}: ${message}`));
  if (log) cache.on('request', logRequest);

  const app = express();

  // An operator's door, before the cache. On loopback only; elsewhere it would ask who is there.
  app.post('/purge', async (req, res) => {
    const { url } = req.query;
    try {
      res.json({ purged: await cache.purge(url ? { url } : { all: true }) });
    } catch (error) {
      res.status(400).json({ error: error.message });
    }
  });

  // The one line: it could as well have been app.use(redisCache({ redis, ttl: '1h' })).
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
    close: async () => {
      await cache.close();
      redis?.disconnect();
    },
  };
});

/** The API opens its doors once its Redis is there; who asked earlier would be answered, but not from the cache. */
async function connected(url) {
  const redis = new Redis(url);
  await once(redis, 'ready');
  return redis;
}

function logRequest({ method, key, status, kind, fwd, stored, durationsMs }) {
  const how = kind === 'hit' ? 'hit' : `fwd=${fwd}${stored ? '; stored' : ''}`;
  console.log(
    `    ${method.padEnd(4)} ${status}  ${how.padEnd(20)} ${durationsMs.total.toFixed(1).padStart(7)} ms  ${key ?? ''}`,
  );
}
