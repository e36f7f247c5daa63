import { expect, test } from '@jest/globals';
import { Child } from '../support/process.ts';
import { startRedis } from '../support/redis.ts';

/*
 * V8 lets some things live until its next great collection: functions that are written where a property is set, pairs
 * of accessors, prototypes. If they see a request or a response, everything grows old with them, and each small
 * collection copies it.
 */

const REQUESTS = 100;
/** Of each request and of each response, so that what is left of them shows. */
const PAYLOAD = 5000 * 8;

const SCRIPT = `
  const http = require('node:http');
  require('node:v8').setFlagsFromString('--expose-gc');
  const gc = require('node:vm').runInNewContext('gc');
  const cache = redisCache({ redis: REDIS, ttl: '1h', timeout: '10s' });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const server = http.createServer((req, res) => {
    req.payload = new Array(5000).fill(0);
    res.payload = new Array(5000).fill(0);
    cache(req, res, () => setImmediate(() => {
      res.setHeader('Content-Type', 'text/plain');
      res.end(req.url + req.headers.accept);
    }));
  });
  let n = 0;
  const ask = () => new Promise((resolve) => {
    http.get({ port: server.address().port, path: '/' + n++, agent }, (res) => {
      const { 'cache-status': status } = res.headers;
      res.resume().on('end', () => resolve(status));
    });
  });
  server.listen(0, async () => {
    for (let i = 0; i < 300; i++) await ask();
    await cache.idle();
    gc();
    const stored = [];
    for (let i = 0; i < ${REQUESTS}; i++) stored.push(await ask());
    await cache.idle();
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let i = 0; i < 3; i++) gc({ type: 'minor' });
    const left = process.memoryUsage().heapUsed;
    gc();
    const least = process.memoryUsage().heapUsed;
    const misses = stored.filter((status) => status.includes('fwd=uri-miss; stored')).length;
    console.log(JSON.stringify({ misses, left: (left - least) / ${PAYLOAD} }));
    process.exit();
  });
`;

test('a response that was stored is gone with the next small garbage collection', async () => {
  const redis = await startRedis();
  const child = new Child(SCRIPT, redis.url);
  expect([await child.ended(60_000), child.err]).toEqual([0, '']);
  await redis.stop();
  const { misses, left } = JSON.parse(child.out) as { misses: number; left: number };
  expect(misses).toBe(REQUESTS);
  // Some were under way when a collection came, and so may stay for longer.
  expect(left).toBeLessThan(REQUESTS / 2);
}, 70_000);
