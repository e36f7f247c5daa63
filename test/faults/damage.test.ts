import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { payloadAt } from '../support/envelope.ts';
import { sized } from '../support/long.ts';
import { quietly } from '../support/quietly.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { type App, startApp } from './support/app.ts';

/* What is read back is not what was stored. It is never served, it is reported, and it is replaced. */

let redis: RedisProcess;
let direct: Redis;
beforeAll(async () => {
  redis = await startRedis();
  direct = new Redis(redis.url);
});
afterAll(async () => {
  direct.disconnect();
  await redis.stop();
});
quietly();

let app: App;
/** Where the response is, and its bytes. */
let key: string;
let bytes: Buffer;
beforeEach(async () => {
  await direct.flushall();
  app = await startApp({ redis: redis.url, timeout: 2000 }, (express) => {
    express.get('/varying', (_req, res) => {
      res.set('Vary', 'Accept-Language').send('varying');
    });
  });
  await app.item(1);
  await app.cache.idle();
  const keys = await direct.keys('*}');
  expect(keys).toHaveLength(1);
  key = keys[0] as string;
  bytes = (await direct.hgetBuffer(key, '')) as Buffer;
});

/** Whatever is at the key is not served, is reported, and is replaced by what the app answers. */
async function expectRepaired(): Promise<void> {
  const [calls, faults] = [app.calls(), app.faults.length];
  expect((await app.item(1)).hit).toBe(false);
  expect(app.calls()).toBe(calls + 1);
  expect(app.faults.slice(faults)).toEqual([
    { step: 'decode', code: 'corrupt', message: 'a damaged value', key: expect.any(String) },
  ]);
  await app.cache.idle();
  expect((await app.item(1)).hit).toBe(true);
  expect(app.calls()).toBe(calls + 1);
}

describe('a stored response', () => {
  /** Where a part of the stored response is, behind the envelope of the store. */
  const behind = (at: number) => (): number => payloadAt(bytes) + at;
  const metadataLength = (): number => bytes.readUInt32BE(payloadAt(bytes) + 8);
  const places: [string, () => number][] = [
    ['the kind of its envelope', () => 0],
    ['the instant of its purge', () => 3],
    ['what confirms that instant', () => 7],
    ['the length of its version', () => 9],
    ['its format', behind(0)],
    ['its reserved bytes', behind(2)],
    ['its checksum', behind(5)],
    ['the length of its metadata', behind(11)],
    ['the length of its body', behind(15)],
    ['its metadata', () => payloadAt(bytes) + 16 + Math.floor(metadataLength() / 2)],
    ['its body', () => bytes.length - 10],
  ];
  test.each(places)('with a bit flipped in %s is not served', async (_name, place) => {
    const at = place();
    bytes[at] = (bytes[at] as number) ^ 4;
    await direct.hset(key, '', bytes);
    await expectRepaired();
  });

  test('with any byte behind its envelope changed is not served', async () => {
    const at = fc.integer({ min: payloadAt(bytes), max: bytes.length - 1 });
    const change = fc.record({ at, by: fc.integer({ min: 1, max: 255 }) });
    const run = fc.asyncProperty(change, async ({ at, by }) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ by;
      await direct.hset(key, '', changed);
      await expectRepaired();
    });
    await fc.assert(run, { seed: 20_250_602, numRuns: sized(60, 150) });
  });

  test('with another version, which only leases depend on, is served', async () => {
    bytes[12] = (bytes[12] as number) ^ 1;
    await direct.hset(key, '', bytes);
    expect((await app.item(1)).hit).toBe(true);
    expect(app.faults).toEqual([]);
  });

  // The other kind there is: a list of field names.
  test('that has become a marker is not served', async () => {
    bytes[0] = 4;
    await direct.hset(key, '', bytes);
    await expectRepaired();
  });

  test.each([
    ['cut off within its envelope', () => bytes.subarray(0, 9)],
    ['cut off within its version', () => bytes.subarray(0, 20)],
    ['cut off within its head', () => bytes.subarray(0, payloadAt(bytes) + 9)],
    ['cut off within its metadata', () => bytes.subarray(0, payloadAt(bytes) + 40)],
    ['cut off within its body', () => bytes.subarray(0, -1)],
    ['of no bytes', () => Buffer.alloc(0)],
    ['with bytes added', () => Buffer.concat([bytes, Buffer.from('x')])],
    ['of a later format', () => Buffer.concat([Buffer.from([9]), bytes.subarray(1)])],
    ['of another kind altogether', () => Buffer.from('{"body":"<html>"}')],
  ])('%s is not served', async (_name, damaged) => {
    await direct.hset(key, '', damaged());
    await expectRepaired();
  });
});

describe('a marker', () => {
  test.each([
    ['of too many lists', 4, Array.from({ length: 5000 }, (_, i) => `x-${i}`).join('\n')],
    ['of no field names', 4, '<html>\n\n'],
    ['with a bit flipped', 5, 'accept-language'],
  ])('%s is reported and replaced', async (_name, kind, text) => {
    await direct.hset(
      key,
      '',
      Buffer.concat([Buffer.from([kind, 0, 0, 0, 0, 0, 0, 0, 0, 1]), Buffer.from(`*${text}`)]),
    );
    await expectRepaired();
  });

  test('that is lost leaves its variants to be found again', async () => {
    await app.get('/varying');
    await app.cache.idle();
    expect((await app.get('/varying')).hit).toBe(true);
    for (const base of await direct.keys('*varying*}')) await direct.hdel(base, '', '!');
    await app.get('/varying');
    await app.cache.idle();
    expect((await app.get('/varying')).hit).toBe(true);
    expect(app.faults).toEqual([]);
  });
});

test('a damaged variant is reported and replaced', async () => {
  await app.get('/varying');
  await app.cache.idle();
  const [base = ''] = await direct.keys('*varying*}');
  const [variant = ''] = (await direct.hkeys(base)).filter((field) => field.startsWith('['));
  const stored = (await direct.hgetBuffer(base, variant)) as Buffer;
  stored[payloadAt(stored) + 30]! ^= 1;
  await direct.hset(base, variant, stored);
  expect((await app.get('/varying')).hit).toBe(false);
  expect(app.faults.length).toBeGreaterThan(0);
  expect(new Set(app.faults.map(({ code }) => code))).toEqual(new Set(['corrupt']));
  await app.cache.idle();
  expect((await app.get('/varying')).hit).toBe(true);
});

describe('a key of another type', () => {
  test.each(['list', 'set', 'string'])(
    'in the place of a response (%s) is reported and replaced',
    async (type) => {
      await direct.del(key);
      if (type === 'list') await direct.lpush(key, 'a');
      if (type === 'string') await direct.set(key, bytes);
      if (type === 'set') await direct.sadd(key, 'a');
      await expectRepaired();
    },
  );

  test('of ours in the place of a response (a hash) holds responses beside what is there', async () => {
    await direct.del(key);
    await direct.hset(key, { a: 'b', '!a': 'c', '!': 'd' });
    expect((await app.item(1)).hit).toBe(false);
    await app.cache.idle();
    expect((await app.item(1)).hit).toBe(true);
    expect(await direct.pttl(key)).toBeGreaterThan(0);
  });

  test('in the place of the leases does not keep anything from being stored', async () => {
    await direct.del(key);
    for (const [path, base] of [
      ['/item/1', key],
      ['/varying', key.replace('/item/1', '/varying')],
    ] as const) {
      await direct.lpush(`${base}|leases`, 'a');
      expect((await app.get(path)).hit).toBe(false);
      await app.cache.idle();
      expect((await app.get(path)).hit).toBe(true);
    }
    expect(app.faults).toEqual([]);
  });
});

test('the response of another key is not served', async () => {
  await app.item(2);
  await app.cache.idle();
  await direct.hset(key.replace('/item/1', '/item/2'), '', bytes);
  expect((await app.item(2)).hit).toBe(false);
  await app.cache.idle();
  expect((await app.item(2)).hit).toBe(true);
});
