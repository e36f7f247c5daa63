// A Next.js app behind the cache, with the origin of all frameworks behind its API, and two ways in for the test.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import next from 'next';
import { redisCache } from 'redis-response-cache';

const { NEXT_DIR: dir, PREFIX: prefix, ORIGIN, TEST_REDIS_URL: redis } = process.env;
const { Origin } = createRequire(import.meta.url)(ORIGIN);
globalThis.origin = new Origin();

const app = next({ dev: false, dir });
await app.prepare();
const handle = app.getRequestHandler();
const cache = redisCache({ redis, prefix, timeout: '5s' });
// Next reads the cookies of every request for its API, be it for nothing.
const unguarded = cache.with({ guard: 'off' });

const server = createServer(async (req, res) => {
  if (req.url === '/test/idle') return cache.idle().then(() => res.end());
  if (req.url === '/test/purge') return res.end(String(await cache.purge({ all: true })));
  const layer = req.url.includes('guarded') ? cache : unguarded;
  return layer(req, res, () => handle(req, res));
});
server.listen(0, () => console.log(`http://localhost:${server.address().port}/`));
