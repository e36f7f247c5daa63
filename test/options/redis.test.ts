import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { CacheMiddleware, CacheOptions } from '../../src/index.ts';
import { redisCache } from '../../src/redis-cache.ts';
import { refuses, thrownBy } from './support/refusal.ts';

/* The forms of the `redis` option. No test here needs a server: port 1 refuses connections. */

let cache: CacheMiddleware | undefined;
afterEach(async () => {
  await cache?.close();
  cache = undefined;
});

const make = (redis: unknown): unknown => {
  cache = redisCache({ redis } as CacheOptions);
  return cache;
};

/** A connector of ioredis. */
class Unreachable {
  check = () => true;
  connect = () => Promise.reject(new Error('unreachable'));
  disconnect = () => {};
}

describe('the redis option accepts', () => {
  test.each<[string, unknown]>([
    ['nothing: the in-process store', undefined],
    ['a redis: URL', 'redis://127.0.0.1:1'],
    ['a redis: URL with a user, a password and a database', 'redis://u:p@127.0.0.1:1/2'],
    ['a rediss: URL', 'rediss://127.0.0.1:1'],
    ['a URL whose scheme is upper case', 'REDIS://127.0.0.1:1'],
    ['ioredis options', { host: '127.0.0.1', port: 1 }],
    ['Sentinels over TLS', { sentinels: [{ host: '127.0.0.1', port: 1 }], name: 'm', sentinelTLS: {} }],
    ['ioredis options with a connector', { Connector: Unreachable }],
    ['the nodes of a cluster', { cluster: [{ host: '127.0.0.1', port: 1 }] }],
    [
      'the nodes of a cluster and its options',
      { cluster: ['redis://127.0.0.1:1'], options: { scaleReads: 'master' } },
    ],
  ])('%s', (_form, redis) => {
    expect(typeof make(redis)).toBe('function');
  });

  test('a client of the user, and does not close it with the cache', async () => {
    const end = jest.fn();
    const client = {
      status: 'ready',
      options: {},
      get: async () => null,
      hgetBuffer: async () => null,
      hmgetBuffer: async () => [],
      call: async () => null,
      evalsha: async () => null,
      eval: async () => null,
      unlink: async () => 0,
      ping: async () => 'PONG',
      on: () => {},
      off: () => {},
      quit: end,
      disconnect: end,
    };
    const own = redisCache({ redis: client });
    await own.close();
    expect(end).not.toHaveBeenCalled();
  });
});

describe('the redis option refuses', () => {
  test.each<unknown>([
    '',
    'localhost:6379',
    'localhost',
    'http://localhost',
    'redis:localhost',
    'redis//h',
    5,
    null,
    true,
    [],
  ])('%j', (redis) => {
    refuses(
      () => make(redis),
      'redis',
      JSON.stringify(redis),
      'a redis://, rediss://, valkey:// or valkeys:// URL',
    );
  });

  test.each<unknown>([[], 'redis://h', null, {}])('these nodes of a Cluster: %j', (cluster) => {
    refuses(() => make({ cluster }), 'redis.cluster', JSON.stringify(cluster), 'a list of at least one node');
  });

  test('a function that would make a client', () => {
    refuses(
      () => make(() => 5),
      'redis',
      'a function',
      'a client of ioredis, node-redis, iovalkey or Valkey GLIDE',
    );
  });

  test.each(['slave', 'all'])('a Cluster that reads from replicas: %s', (scaleReads) => {
    const cluster = [{ host: '127.0.0.1', port: 1 }];
    const call = () => make({ cluster, options: { scaleReads } });
    refuses(call, 'redis', JSON.stringify({ scaleReads }), "scaleReads: 'master'");
  });

  test('a client of another library, which would be taken for options', () => {
    class RedisClientOfAnotherLibrary {
      sendCommand = async () => null;
    }
    const call = () => make(new RedisClientOfAnotherLibrary());
    refuses(call, 'redis', '{}', 'a client of another library does not work');
  });

  test('a client of node-redis 4 or older', () => {
    const error = thrownBy(() => make({ isOpen: true, sendCommand: () => {} }));
    expect(error.message).toMatch(
      'is a client of node-redis 4 or older, but must be one of version 5 or 6: npm install redis@6',
    );
  });

  test.each<[object, string, string]>([
    [{ url: 'redis://h' }, 'redis', "must be the URL itself: write redis: 'redis://h'"],
    [{ uri: 'redis://h' }, 'redis', "must be the URL itself: write redis: 'redis://h'"],
    [{}, 'redis', "it names no server, such as { host: 'localhost', port: 6379 }"],
    [{ enabled: true }, 'redis', 'it names no server'],
    [{ hst: 'h' }, 'redis.hst', 'Unknown option "redis.hst". Did you mean "redis.host"?'],
    [{ host: 'h', prot: 1 }, 'redis.prot', 'Unknown option "redis.prot". Did you mean "redis.port"?'],
    [{ cluster: ['redis://h'], option: {} }, 'redis.option', 'Did you mean "redis.options"?'],
    [{ sendCommand: () => {} }, 'redis', 'a client of another library does not work'],
    [{ sentinelTLS: {} }, 'redis', 'it names no server'],
  ])('%j, which would connect to localhost', (redis, option, message) => {
    const error = thrownBy(() => make(redis));
    expect([error.option, error.message]).toEqual([option, expect.stringContaining(message)]);
  });

  test('a host without a scheme, with the URL to write', () => {
    refuses(() => make('localhost:6379'), 'redis', '"localhost:6379"', "write 'redis://localhost:6379'");
  });

  test('a URL whose path is no database', () => {
    refuses(() => make('redis://h/leads'), 'redis', '"redis://h/leads"', 'the number of a database');
  });

  test('a promise of a client', () => {
    expect(thrownBy(() => make(Promise.resolve({}))).option).toBe('redis');
  });
});

describe('a password in a bad value is never shown', () => {
  const options: [string, object][] = [
    ['another scheme', { redis: 'http://user:hunter2@host' }],
    ['no slashes', { redis: 'redis:user:hunter2@host' }],
    ['no scheme', { redis: 'user:hunter2@host:6379' }],
    ['a slash in the password', { redis: 'http://user:a/hunter2@host' }],
    ['an at sign in the password', { redis: 'http://user:a@hunter2@host' }],
    ['a space in the host', { redis: 'redis://user:hunter2@ho st' }],
    ['a list of URLs', { redis: ['redis://user:hunter2@host'] }],
    ['a list of options', { redis: [{ host: 'h', password: 'hunter2' }] }],
    ['a cluster that is a URL', { redis: { cluster: 'redis://user:hunter2@host' } }],
    ['a cluster that is one node', { redis: { cluster: { host: 'h', password: 'hunter2' } } }],
    ['a misspelt option', { Redis: 'redis://user:hunter2@host' }],
    ['options of ioredis beside the others', { host: 'h', password: 'hunter2' }],
    ['a password beside the others', { password: 'hunter2' }],
    ['options of another library', { client: { url: 'redis://user:hunter2@host' } }],
    ['a URL in place of the options', 'redis://user:hunter2@host' as unknown as object],
  ];

  test.each(options)('%s', (_how, bad) => {
    expect(thrownBy(() => redisCache(bad as CacheOptions)).message).not.toContain('hunter2');
  });
});
