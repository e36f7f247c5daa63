import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import type { RedisOption } from '../../src/index.ts';
import { sized } from '../support/long.ts';
import { type Sentinels, startSentinels } from '../support/sentinel.ts';
import { Stand } from './support/stand.ts';

/* What the cache promises holds where sentinels make a replica the master. */

jest.setTimeout(60_000);

let redis: Sentinels;
const closing: (() => unknown)[] = [];
beforeEach(async () => {
  redis = await startSentinels();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await redis.stop();
});

type Way = [name: string, redis: () => RedisOption];
const WAYS: [Way, Way, Way] = [
  ['the sentinels', () => redis.options],
  ["the app's own ioredis 6 client", () => usersOwn(new Redis(redis.options))],
  ["the app's own ioredis 5 client", () => usersOwn(new Redis5(redis.options) as never)],
];

function usersOwn(client: Redis): RedisOption {
  client.on('error', () => {});
  closing.push(() => client.disconnect());
  return client;
}

const PATHS = Array.from({ length: 24 }, (_, i) => {
  return `/${i % 2 === 0 ? 'url' : 'key'}/${i % 3 === 0 ? 'vary-' : ''}${i}`;
});

async function standOf(...processes: (() => RedisOption)[]): Promise<Stand> {
  const stand = await Stand.start(processes.map((option) => ({ redis: option() })));
  closing.push(() => stand.close());
  return stand;
}

describe.each(sized([WAYS[0]], [WAYS[0], WAYS[2]]))('over %s', (_name, option) => {
  test('a master dies, requests are answered, and what it stored is found at the next', async () => {
    const stand = await standOf(option, option);
    await stand.fill(PATHS);
    await stand.loaded(PATHS, sleep(300));
    for (const path of PATHS) await stand.purgeSoon(1, path);
    expect(await stand.countHits(0, PATHS)).toBe(0);
    await stand.fill(PATHS);
    const late = await stand.add({ redis: option() });
    await stand.purgeSoon(late, 'all');
    expect(await stand.countHits(0, PATHS)).toBe(0);
    await stand.fill(PATHS);
    stand.age();
    await redis.replicated();
    // No purge meanwhile: one that the master confirms and has not replicated is lost with it.
    await stand.loaded(PATHS, redis.failover(), { purges: false });
    await stand.fill(PATHS);
    const found = await Promise.all(PATHS.map((path) => stand.ask(1, path)));
    expect(found.filter(({ hit, old }) => hit && old)).toHaveLength(PATHS.length);
    await stand.loaded(PATHS, sleep(500));
    for (const path of PATHS) await stand.purgeSoon(0, path);
    expect(await stand.countHits(1, PATHS)).toBe(0);
    await stand.purgeSoon(1, 'all');
    expect(await stand.countHits(0, PATHS)).toBe(0);
    expect(stand.wrong).toEqual([]);
  });
});

test('a lease outlives the master: one of a dead process by its five seconds at most, a purged one not at all', async () => {
  const [[, given]] = WAYS;
  const stand = await standOf(given, given, given);
  await stand.fill(PATHS);
  await stand.expectLeasesToEnd(async () => {
    await redis.replicated();
    await redis.failover();
  });
  await stand.soon(async () => (await stand.countHits(0, PATHS)) === PATHS.length, 'all are hits');
  // The third has not asked for anything since before the failover.
  await stand.purgeSoon(2, 'all');
  expect(await stand.countHits(0, PATHS)).toBe(0);
  expect(stand.wrong).toEqual([]);
});
