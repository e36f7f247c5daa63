// Connect.
//
//   node examples/frameworks/connect.mjs
//   curl -i localhost:3000/cities

import connect from 'connect';
import { redisCache } from 'redis-response-cache';

const app = connect();
app.use(redisCache({ redis: process.env.REDIS_URL, ttl: '1h' }));

app.use('/cities', (_req, res) => {
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify({ cities: ['Berlin', 'Paris'], at: new Date() }));
});

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/cities`);
});
