import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { Redis as OldestRedis } from 'ioredis54';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { clientOf, stagingStoreOf } from '../support/store.ts';
import { at, fill, purgeTag, response } from './support/values.ts';

/* The oldest ioredis that the package accepts, with a `keyPrefix`: it finds the keys of no command in upper case. */

let redis: RedisProcess;
let plain: Redis;
let client: OldestRedis;
beforeAll(async () => {
  redis = await startRedis();
  plain = clientOf(redis);
});
afterAll(async () => {
  plain.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await plain.flushall();
  client = new OldestRedis(redis.url, { keyPrefix: 'app:' });
});

test('every key has the prefix and expires, and a purge by tag purges what has the tag', async () => {
  const store = stagingStoreOf(client);
  for (const id of ['a', 'b', '#0123456789012345678901234567890123456789'])
    expect(await fill(store, id, { tags: ['t'] })).toBe(true);
  const keys = await plain.keys('*');
  expect(keys.filter((key) => !key.startsWith('app:rrc:{'))).toEqual([]);
  for (const key of keys) expect([key, (await plain.pttl(key)) > 0]).toEqual([key, true]);
  expect(await at(store, 'a')).toEqual(response('text'));
  expect(await purgeTag(store, 't')).toBe(3);
  expect(await at(store, 'a')).toBeUndefined();
  await store.connection.close();
});
