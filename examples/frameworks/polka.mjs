// Polka.
//
//   node examples/frameworks/polka.mjs
//   curl -i localhost:3000/cities

import polka from 'polka';
import { redisCache } from 'redis-response-cache';

const app = polka();
app.use(redisCache({ redis: process.env.REDIS_URL, ttl: '1h' }));

app.get('/cities', (_req, res) => {
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify({ cities: ['Berlin', 'Paris'], at: new Date() }));
});

app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${app.server.address().port}/cities`);
});
