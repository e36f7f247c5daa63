import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import type { CacheOptions } from '../../src/index.ts';
import { newCache } from '../support/app.ts';

/* What the statistics say of the store and the mode of a cache. */

/** Clients that never connect. */
const clients: (Redis | Cluster)[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
});

function lazy<T extends Redis | Cluster>(client: T): T {
  clients.push(client);
  return client;
}

const secret = { username: 'ada', password: 's3cret' };

describe('stats().storeAddress', () => {
  const OPTIONS: [string, () => NonNullable<CacheOptions['redis']>, string][] = [
    ['a URL with credentials', () => 'redis://ada:s3cret@127.0.0.1:1/3', '127.0.0.1:1/3'],
    ['a URL without a port', () => 'redis://127.0.0.2', '127.0.0.2:6379/0'],
    ['options', () => ({ host: '127.0.0.1', port: 1, db: 2, ...secret }), '127.0.0.1:1/2'],
    ['a socket', () => ({ path: '/tmp/none.sock', ...secret }), '/tmp/none.sock/0'],
    [
      'a client',
      () => lazy(new Redis({ lazyConnect: true, host: '127.0.0.1', port: 1, db: 5, ...secret })),
      '127.0.0.1:1/5',
    ],
    [
      'sentinels',
      () =>
        lazy(
          new Redis({
            lazyConnect: true,
            sentinels: [{ host: '127.0.0.1', port: 2 }],
            name: 'main',
            ...secret,
          }),
        ),
      'main at 127.0.0.1:2/0',
    ],
    [
      'the nodes of a Cluster',
      () => ({
        cluster: [{ host: '127.0.0.1', port: 1 }, 'redis://ada:s3cret@127.0.0.1:2', '127.0.0.1:3', 4],
      }),
      '127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:3, localhost:4',
    ],
    [
      'a Cluster client',
      () => lazy(new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true, redisOptions: secret })),
      '127.0.0.1:1',
    ],
  ];
  test.each(OPTIONS)('of %s names the server and no credentials', (_, redis, address) => {
    const stats = newCache({ redis: redis() }).stats();
    expect(stats.storeAddress).toBe(address);
    expect(JSON.stringify(stats)).not.toMatch(/ada|s3cret/);
  });

  test('is absent for a cache in this process, which is always available', () => {
    const stats = newCache().stats();
    expect([stats.store, 'storeAddress' in stats, stats.storeAvailable]).toEqual(['memory', false, true]);
  });
});

test('stats().mode is that of the middleware', () => {
  const cache = newCache();
  expect([cache.stats().mode, cache.with({ mode: 'shadow' }).stats().mode]).toEqual(['serve', 'shadow']);
});

test('stats().storeAvailable is false once the connection is lost', async () => {
  const client = new Redis(process.env.TEST_REDIS_URL as string, { retryStrategy: null });
  const cache = newCache({ redis: client });
  await client.ping();
  expect(cache.stats().storeAvailable).toBe(true);
  const ended = once(client, 'end');
  client.disconnect();
  await ended;
  expect(cache.stats().storeAvailable).toBe(false);
});
