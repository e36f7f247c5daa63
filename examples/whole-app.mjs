// Everything a small API answers, cached for an hour.
//
//   node examples/whole-app.mjs                                      in this process
//   REDIS_URL=redis://localhost:6379 node examples/whole-app.mjs     in Redis
//
//   curl -i localhost:3000/report/2026      a second; then at once, from the cache

import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { redisCache } from 'redis-response-cache';

const app = express();
const cache = redisCache({ redis: process.env.REDIS_URL, ttl: '1h' });
cache.on('fault', ({ step, code, message }) => console.warn(`cache: ${step} ${code}: ${message}`));

app.use(cache);

app.get('/report/:year', async (req, res) => {
  await sleep(1000);
  res.json({ year: req.params.year, madeAt: new Date() });
});

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/report/2026`);
});

process.once('SIGTERM', () => {
  server.close(() => cache.close());
});
