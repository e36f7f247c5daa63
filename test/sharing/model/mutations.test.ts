import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisClient } from '../../../src/index.ts';
import { uniquePrefix } from '../../support/prefix.ts';
import { redis } from '../../support/stores.ts';
import { check } from './check.ts';
import { load } from './load.ts';
import { type Broken, mutations } from './mutations.ts';
import { play, type Stage } from './play.ts';
import { scheduleOf } from './schedule.ts';

/*
 * A model that is content with everything would prove nothing: each mutation of the rule must be noticed within a few
 * seeds, which are the same every time.
 */

const SEEDS = 60;
const LENGTH = 150;
const PROCESSES = [0, 1, 2];

const clients: Redis[] = [];
const caught: string[] = [];
beforeAll(() => {
  clients.push(...PROCESSES.map(() => new Redis(redis)));
});
afterAll(() => {
  for (const client of clients) client.disconnect();
  process.stderr.write(`sharing, mutations and the seeds that catch them: ${caught.join(', ')}\n`);
});

test.each(mutations.map((mutation) => [mutation.name, mutation] as const))('%s', async (name, mutation) => {
  const product = load(mutation);
  const stage: Stage = {
    loads: PROCESSES.map(() => product),
    prefix: uniquePrefix,
    ...(mutation.near && { redis: clients as unknown as RedisClient[] }),
  };
  const seed = await seedThatCatches(mutation, stage);
  caught.push(`${name}: ${seed}`);
  expect(seed).toBeLessThanOrEqual(SEEDS);
});

async function seedThatCatches({ breaks, near }: Broken, stage: Stage): Promise<number> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const schedule = scheduleOf(seed, { length: LENGTH, near: near === true });
    const { violations } = check(await play(schedule, stage));
    if (violations.some(({ rule }) => breaks.includes(rule))) return seed;
  }
  return Number.POSITIVE_INFINITY;
}
