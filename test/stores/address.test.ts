import { describe, expect, test } from '@jest/globals';
import type { RedisOption } from '../../src/options/redis.ts';
import { storePlaceOf } from '../../src/store/redis/address.ts';

const client = (options: object): object => ({ evalsha: () => {}, hgetBuffer: () => {}, options });
class Tunnel {}

describe('the address of a store', () => {
  test.each<[unknown, string]>([
    ['redis://user:secret@h', 'h:6379/0'],
    ['redis://h:1/2?keyPrefix=a:', 'h:1/2'],
    [{ host: 'h', port: 1, db: 2 }, 'h:1/2'],
    [{ path: '/redis.sock' }, '/redis.sock/0'],
    [{ sentinels: [{ host: 's', port: 1 }], name: 'm' }, 'm at s:1/0'],
    [{ Connector: Tunnel }, 'Tunnel/0'],
    [client({ host: 'h', port: 1 }), 'h:1/0'],
    [{ cluster: [{ host: 'a' }, 'b:1'] }, 'a:6379, b:1'],
  ])('of %j is %s', (redis, address) => {
    expect(storePlaceOf(redis as RedisOption, '').address).toBe(address);
  });
});

describe('two caches with the same prefix store in different places if ioredis has a keyPrefix', () => {
  test.each<[string, (options: object) => unknown]>([
    ['in a URL', (options) => `redis://h?${new URLSearchParams(options as Record<string, string>)}`],
    ['in options', (options) => ({ host: 'h', ...options })],
    ['of a client', (options) => client({ host: 'h', ...options })],
    ['of a Cluster', (options) => ({ cluster: ['h:1'], options })],
    ['of the nodes of a Cluster', (options) => ({ cluster: ['h:1'], options: { redisOptions: options } })],
  ])('%s', (_where, make) => {
    const idOf = (options: object): string => storePlaceOf(make(options) as RedisOption, 'rrc:').id;
    expect(idOf({ keyPrefix: 'a:' })).not.toBe(idOf({}));
    expect(idOf({ keyPrefix: 'a:' })).not.toBe(idOf({ keyPrefix: 'b:' }));
    expect(idOf({ keyPrefix: 'a:' })).toBe(idOf({ keyPrefix: 'a:' }));
  });
});
