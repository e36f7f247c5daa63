// A hosted Redis: TLS, a user and a password.
//
//   REDIS_URL=rediss://user:password@redis.example.com:6380 node examples/tls.mjs
//   REDIS_CA=ca.pem ...      where the provider has a certificate authority of its own
//
// The client is yours here: its options are not touched, and it is yours to close.

import { readFileSync } from 'node:fs';
import express from 'express';
import { Redis } from 'ioredis';
import { redisCache } from 'redis-response-cache';

if (!process.env.REDIS_URL?.startsWith('rediss://')) {
  console.error('Set REDIS_URL to the rediss:// URL of your Redis.');
  process.exit(1);
}

const ca = process.env.REDIS_CA && readFileSync(process.env.REDIS_CA);
const redis = new Redis(process.env.REDIS_URL, { tls: { ...(ca && { ca }) } });
redis.on('error', (error) => console.warn(`redis: ${error.message}`));

const app = express();
const cache = redisCache({ redis, ttl: '1h' });
app.use(cache);
app.get('/', (_req, res) => {
  res.json({ madeAt: new Date() });
});

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/`);
});

process.once('SIGTERM', () => {
  server.close(async () => {
    await cache.close();
    redis.disconnect();
  });
});
