// Answers that differ from user to user, and are never shared between them.
//
//   node examples/key-by-user.mjs
//
//   curl -i -H 'Authorization: Bearer ada'   localhost:3000/me
//   curl -i -H 'Authorization: Bearer grace' localhost:3000/me
//   curl -i -H 'Authorization: Bearer ada'   localhost:3000/unkeyed     never stored: nothing covers the caller

import express from 'express';
import { redisCache } from 'redis-response-cache';

const cache = redisCache({ redis: process.env.REDIS_URL, ttl: '1m' });
const app = express();

// Stands for your authentication, which runs before the cache.
app.use((req, res, next) => {
  const name = /^Bearer (\w+)$/.exec(req.get('authorization') ?? '')?.[1];
  if (!name) return res.sendStatus(401);
  req.user = { id: name };
  next();
});

const byUser = cache.with({ vary: { caller: (req) => req.user.id } });
app.get('/me', byUser, (req, res) => {
  res.json({ user: req.user.id, at: new Date() });
});

app.get('/unkeyed', cache, (req, res) => {
  res.json({ user: req.user.id, at: new Date() });
});

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/me`);
});
