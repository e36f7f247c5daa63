import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { awake, until } from '../support/until.ts';

/* Redis stops replying while a handler works: those who wait for the handler are answered soon after it. */

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const TIMEOUT = 100;
const FOLLOWERS = 5;

test.each([
  ['is stored', {}],
  ['is not stored', { 'Content-Length': '999' }],
])(
  'followers of a response that %s are answered at most `timeout` after the handler has ended',
  async (_how, fields) => {
    const cache = newCache({
      redis: redis.url,
      prefix: uniquePrefix(),
      ttl: '1h',
      timeout: TIMEOUT,
      collapse: { lease: '1s', wait: '10s' },
    });
    let endedAt = 0;
    let arrived = 0;
    let runs = 0;
    const handler: Handler = async (req, res) => {
      const isFirst = req.url === '/a' && runs++ === 0;
      if (isFirst) {
        await until(() => arrived === 1 + FOLLOWERS);
        // The followers wait by then.
        await awake(100);
        redis.pause();
        endedAt = performance.now();
      }
      res.writeHead(200, isFirst ? fields : {}).end('a body');
      if (isFirst && 'Content-Length' in fields) res.destroy();
    };
    const front: Handler = (req, _res, next) => {
      if (req.url === '/a') arrived++;
      next();
    };
    const port = await serve(bare(front, cache as unknown as Handler, handler));
    await ask(port, { path: '/warm' });
    const first = ask(port, { path: '/a' });
    await until(() => runs === 1);
    const followers = await Promise.all(Array.from({ length: FOLLOWERS }, () => ask(port, { path: '/a' })));
    const late = performance.now() - endedAt;
    await first;
    redis.resume();
    expect(followers.map(({ body }) => body)).toEqual(Array(FOLLOWERS).fill('a body'));
    expect(runs).toBe(1 + FOLLOWERS);
    // The patient deadline of one call is two seconds.
    expect(late).toBeLessThan(1200);
  },
);
