import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { type CacheMiddleware, redisCache } from '../../src/index.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { checks, type Stage } from './support/checks.ts';
import { frameworks, type Running } from './support/frameworks.ts';

/* Every check in every framework: the real ones, on real sockets. */

const redis = process.env.TEST_REDIS_URL as string;

describe.each(frameworks)('$name', ({ start }) => {
  let cache: CacheMiddleware;
  let running: Running;
  let stage: Stage;

  beforeAll(async () => {
    cache = redisCache({ redis, prefix: uniquePrefix(), timeout: '5s' });
    running = await start(cache);
    stage = { ...running, idle: () => cache.idle(), purge: () => cache.purge({ all: true }) };
  });

  afterAll(async () => {
    await cache.purge({ all: true });
    await cache.close();
    await running.close();
  });

  test.each(Object.entries(checks))('%s', async (_name, check) => {
    await check(stage);
  });
});
