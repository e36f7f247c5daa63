import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { CacheMiddleware, redisCache } from '../../src/index.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

/* The cache's own connection where node-redis is installed, and neither ioredis nor iovalkey. */

let make: typeof redisCache;
let redis: RedisProcess;
const caches: CacheMiddleware[] = [];
beforeAll(async () => {
  redis = await startRedis({ password: 'p@ss' });
  jest.isolateModules(() => {
    for (const library of ['ioredis', 'iovalkey']) {
      jest.doMock(library, () => {
        throw Object.assign(new Error(`Cannot find module '${library}'`), { code: 'MODULE_NOT_FOUND' });
      });
    }
    make = (require('../../src/index.ts') as { redisCache: typeof redisCache }).redisCache;
  });
});
afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()));
});
afterAll(() => redis.stop());

async function connections(): Promise<number> {
  return String(await redis.cli('CLIENT', 'LIST'))
    .trim()
    .split('\n').length;
}

function cacheOf(url: string): CacheMiddleware {
  const cache = make({ redis: url, prefix: uniquePrefix(), timeout: '2s', warnings: false });
  caches.push(cache);
  return cache;
}

test('a URL has its password and its database, and another scheme means the same', async () => {
  const at = `127.0.0.1:${redis.port}`;
  const cache = cacheOf(`valkey://:p%40ss@${at}/3`);
  await cache.store.set('a', 'stored', { ttl: '1h' });
  expect(await redis.cli('INFO', 'keyspace')).toMatch(/^db3:keys=1/m);
  expect(cache.stats().storeAddress).toBe(`${at}/3`);
});

test('a connection that is lost is opened again, and closed with the cache', async () => {
  const before = await connections();
  const cache = cacheOf(`redis://:p%40ss@127.0.0.1:${redis.port}`);
  await cache.store.set('a', 'stored', { ttl: '1h' });
  await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until(
    async () =>
      await cache.store.set('a', 'again', { ttl: '1h' }).then(
        () => true,
        () => false,
      ),
  );
  await cache.close();
  await until(async () => (await connections()) === before);
});

test('a wrong password is told by one fault', async () => {
  const cache = cacheOf(`redis://:wrong@127.0.0.1:${redis.port}`);
  const messages: string[] = [];
  cache.on('fault', ({ message }) => messages.push(message));
  await until(() => messages.length > 0);
  expect(messages[0]).toMatch('WRONGPASS');
});

test('a query of the URL, which ioredis reads and node-redis does not, is refused', () => {
  expect(() => cacheOf('redis://127.0.0.1?keyPrefix=app:')).toThrow('a URL without a query');
});

test.each<unknown>([{ host: '127.0.0.1' }, { cluster: ['redis://127.0.0.1'] }])(
  'options of ioredis are refused, with what to install: %j',
  (options) => {
    expect(() => make({ redis: options as never })).toThrow('need ioredis or iovalkey: npm install ioredis');
  },
);
