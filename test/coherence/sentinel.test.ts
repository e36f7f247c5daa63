import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { RedisOption } from '../../src/index.ts';
import { SENTINELS } from '../support/clients.ts';
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

type Given = () => RedisOption | Promise<RedisOption>;
type Way = [name: string, redis: Given];
const OPTIONS: Way = ['the sentinels', () => redis.options];
const USERS: Way[] = Object.entries(SENTINELS).map(([name, make]) => [
  `the app's own ${name} client`,
  async () => {
    const { option, end } = await make(redis.options);
    closing.push(end);
    return option;
  },
]);
const WAYS: Way[] = [OPTIONS, ...USERS];

function wayOf(library: string): Way {
  return USERS.find(([name]) => name.includes(library)) as Way;
}

const PATHS = Array.from({ length: 24 }, (_, i) => {
  return `/${i % 2 === 0 ? 'url' : 'key'}/${i % 3 === 0 ? 'vary-' : ''}${i}`;
});

async function standOf(...processes: Given[]): Promise<Stand> {
  const options = await Promise.all(processes.map(async (option) => ({ redis: await option() })));
  const stand = await Stand.start(options);
  closing.push(() => stand.close());
  return stand;
}

describe.each(sized([OPTIONS, wayOf('node-redis 6')], WAYS))('over %s', (_name, option) => {
  test('a master dies, requests are answered, and what it stored is found at the next', async () => {
    const stand = await standOf(option, option);
    await stand.fill(PATHS);
    await stand.loaded(PATHS, sleep(300));
    for (const path of PATHS) await stand.purgeSoon(1, path);
    expect(await stand.countHits(0, PATHS)).toBe(0);
    await stand.fill(PATHS);
    const late = await stand.add({ redis: await option() });
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
  const [, given] = OPTIONS;
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
