import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fewFrameworks, type Handler, newCache, serve } from '../support/app.ts';
import { type SlowNetwork, startProxy } from '../support/chaos.ts';
import { ask } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

/* `timeout` is what Redis may cost one request, however many calls the request makes. */

let redis: RedisProcess;
let proxy: SlowNetwork;
beforeAll(async () => {
  redis = await startRedis();
  proxy = await startProxy(redis);
});
afterAll(async () => {
  proxy.stop();
  await redis.stop();
});

const TIMEOUT = 1000;
/** One call is in time, two are not. */
const DELAY = 700;

test.each(fewFrameworks)(
  '$name: a miss of a route behind the cache in front costs no more than `timeout`, too',
  async ({ app }) => {
    const cache = newCache({ redis: proxy.url, prefix: uniquePrefix(), ttl: '1h', timeout: TIMEOUT });
    const route = cache.with({ vary: { query: ['q'] } });
    const handler: Handler = (_req, res) => void res.end('a body');
    const port = await serve(app(cache as unknown as Handler, route as unknown as Handler, handler));
    await until(async () => (await ask(port, { path: '/warm' })).cacheStatus.startsWith('hit'));
    await cache.idle();
    proxy.delay = DELAY;
    const startedAt = performance.now();
    const { body } = await ask(port, { path: '/cold' });
    const took = performance.now() - startedAt;
    proxy.delay = 0;
    expect(body).toBe('a body');
    expect(took).toBeLessThan(2 * DELAY);
    await cache.idle();
  },
);

test.each(fewFrameworks)(
  '$name: a miss costs no more than `timeout`, though it makes two calls to a Redis that is far away',
  async ({ app }) => {
    const cache = newCache({ redis: proxy.url, prefix: uniquePrefix(), ttl: '1h', timeout: TIMEOUT });
    const handler: Handler = (_req, res) => void res.setHeader('Vary', 'Accept-Language').end('a body');
    const port = await serve(app(cache as unknown as Handler, handler));
    // The connection is up, and the server knows the scripts.
    await until(async () => (await ask(port, { path: '/warm' })).cacheStatus.includes('stored'));
    await until(async () => (await ask(port, { path: '/warm' })).cacheStatus.startsWith('hit'));
    await cache.idle();
    proxy.delay = DELAY;
    const startedAt = performance.now();
    const { body, cacheStatus } = await ask(port, { path: '/cold' });
    const took = performance.now() - startedAt;
    proxy.delay = 0;
    expect(body).toBe('a body');
    expect(cacheStatus).toBe('fwd=uri-miss; detail=timeout');
    expect(took).toBeGreaterThan(DELAY);
    expect(took).toBeLessThan(2 * DELAY);
    await sleep(2 * DELAY);
    // The lease that was given too late is given back: the next request is stored.
    await until(async () => (await ask(port, { path: '/cold' })).cacheStatus.includes('stored'));
    await cache.idle();
  },
);
