import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';

/* Redis stops replying while a handler works: those who wait for the handler are answered soon after it. */

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const TIMEOUT = 100;

test.each([
  ['is stored', {}],
  ['is not stored', { 'Content-Length': '999' }],
])(
  'followers of a response that %s are answered at most `timeout` after the handler has ended',
  async (_how, fields) => {
    const cache = newCache({
      redis: redis.url,
      ttl: '1h',
      timeout: TIMEOUT,
      collapse: { lease: '1s', wait: '10s' },
    });
    let endedAt = 0;
    let runs = 0;
    const handler: Handler = async (_req, res) => {
      const isFirst = runs++ === 0;
      if (isFirst) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        redis.pause();
      }
      endedAt ||= performance.now();
      res.writeHead(200, isFirst ? fields : {}).end('a body');
      if (isFirst && 'Content-Length' in fields) res.destroy();
    };
    const port = await serve(bare(cache as unknown as Handler, handler));
    await ask(port, { path: '/warm' });
    runs = 0;
    endedAt = 0;
    const first = ask(port, { path: '/a' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const followers = await Promise.all(Array.from({ length: 5 }, () => ask(port, { path: '/a' })));
    const late = performance.now() - endedAt;
    await first;
    redis.resume();
    expect(followers.map(({ body }) => body)).toEqual(Array(5).fill('a body'));
    expect(runs).toBe(6);
    // The patient deadline of one call is two seconds.
    expect(late).toBeLessThan(1200);
  },
);
