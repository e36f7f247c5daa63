// No framework: the cache is called with what should run on a miss.
//
//   node examples/frameworks/http.mjs
//   curl -i localhost:3000/cities

import { createServer } from 'node:http';
import { redisCache } from 'redis-response-cache';

const cache = redisCache({ redis: process.env.REDIS_URL, ttl: '1h' });

function handler(_req, res) {
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify({ cities: ['Berlin', 'Paris'], at: new Date() }));
}

const server = createServer((req, res) => cache(req, res, () => handler(req, res)));
server.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/cities`);
});
