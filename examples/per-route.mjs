// Only some routes, each by its own policy, all in one cache.
//
//   node examples/per-route.mjs
//
//   curl -i 'localhost:3000/rates?currency=EUR&utm_source=mail'
//   curl -i  localhost:3000/leads/7
//   curl -i -X POST localhost:3000/leads/7

import express from 'express';
import { redisCache } from 'redis-response-cache';

const cache = redisCache({ redis: process.env.REDIS_URL });
const app = express();

// Tracking parameters make no new key; a miss upstream is remembered for ten seconds only.
const rates = cache.with({ ttl: { default: '10m', 404: '10s' }, vary: { query: { except: ['utm_*'] } } });
app.get('/rates', rates, (req, res) => {
  const rate = { EUR: 1, USD: 1.08 }[req.query.currency];
  if (rate === undefined) return res.sendStatus(404);
  res.json({ currency: req.query.currency, rate, at: new Date() });
});

// Your own key, so that it can be purged by it.
const lead = cache.with({ ttl: '1h', key: (req) => ['lead', req.params.id] });
app.get('/leads/:id', lead, (req, res) => {
  res.json({ id: req.params.id, readAt: new Date() });
});
app.post('/leads/:id', async (req, res) => {
  res.json({ purged: await cache.purge({ key: ['lead', req.params.id] }) });
});

// Not cached at all.
app.get('/now', (_req, res) => {
  res.json(new Date());
});

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/rates?currency=EUR`);
});
