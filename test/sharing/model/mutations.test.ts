import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisClient } from '../../../src/index.ts';
import { uniquePrefix } from '../../support/prefix.ts';
import { redis } from '../../support/stores.ts';
import { check, type Violation } from './check.ts';
import { type Load, load } from './load.ts';
import { type Broken, mutations } from './mutations.ts';
import { play } from './play.ts';
import { type Schedule, scheduleOf } from './schedule.ts';

/*
 * A model that is content with everything would prove nothing: each mutation of the rule must be noticed by one of a few
 * seeds, with which nothing is wrong otherwise. The first of them has noticed it before.
 */

const SEEDS = 40;
const LENGTH = 80;
const PROCESSES = [0, 1, 2];

const clients: Redis[] = [];
const caught: string[] = [];
beforeAll(() => {
  clients.push(...PROCESSES.map(() => new Redis(redis)));
});
afterAll(() => {
  for (const client of clients) client.disconnect();
  process.stderr.write(`sharing, mutations and the seeds that noticed them: ${caught.join(', ')}\n`);
});

const asItIs = load();

test.each(mutations.map((mutation) => [mutation.name, mutation] as const))(
  'it is noticed when %s',
  async (name, mutation) => {
    const mutated = load(mutation);
    let noticed: Schedule | undefined;
    for (const schedule of schedules(mutation)) {
      const rules = await broken(schedule, mutated);
      if (!rules.some((rule) => mutation.breaks.includes(rule))) continue;
      noticed = schedule;
      break;
    }
    caught.push(`${name}: ${noticed?.seed}`);
    expect(noticed).toBeDefined();
    expect(await broken(noticed as Schedule, asItIs)).toEqual([]);
  },
  300_000,
);

function* schedules({ seed: first, where, near }: Broken): Generator<Schedule> {
  for (let seed = first, left = SEEDS; left > 0; seed++) {
    const schedule = scheduleOf(seed, { length: LENGTH, near: near === true });
    if (where && !where(schedule.site)) continue;
    left--;
    yield schedule;
  }
}

async function broken(schedule: Schedule, product: Load): Promise<Violation['rule'][]> {
  const history = await play(schedule, {
    loads: PROCESSES.map(() => product),
    prefix: uniquePrefix,
    ...(schedule.site.near && { redis: clients as unknown as RedisClient[] }),
  });
  return check(history).violations.map(({ rule }) => rule);
}
