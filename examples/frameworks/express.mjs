// Express 5, or 4.
//
//   node examples/frameworks/express.mjs
//   curl -i localhost:3000/cities

import express from 'express';
import { redisCache } from 'redis-response-cache';

const app = express();
app.use(redisCache({ redis: process.env.REDIS_URL, ttl: '1h' }));

app.get('/cities', (_req, res) => {
  res.json({ cities: ['Berlin', 'Paris'], at: new Date() });
});

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/cities`);
});
