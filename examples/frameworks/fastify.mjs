// Fastify 5, through @fastify/middie. The log and `onResponse` hooks see hits too; hooks that were added behind the
// cache run when a response is made.
//
//   node examples/frameworks/fastify.mjs
//   curl -i localhost:3000/cities

import middie from '@fastify/middie';
import { fastify } from 'fastify';
import { redisCache } from 'redis-response-cache';

const app = fastify({ logger: { level: 'warn' } });
const cache = redisCache({ redis: process.env.REDIS_URL, ttl: '1h' });

await app.register(middie);
app.use(cache);
app.addHook('onClose', () => cache.close());

app.get('/cities', async () => ({ cities: ['Berlin', 'Paris'], at: new Date() }));

await app.listen({ port: Number(process.env.PORT ?? 3000) });
console.log(`http://localhost:${app.server.address().port}/cities`);
