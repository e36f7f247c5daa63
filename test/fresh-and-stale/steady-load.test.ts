import { expect, test } from '@jest/globals';
import { sized } from '../support/long.ts';
import { type Load, steady } from './support/fleet.ts';

/* Under a steady load nobody waits for a handler that takes long, and nobody is shown old data. */

const LENGTHS: Omit<Load, 'processes'> = sized(
  { took: 300, ttl: 1000, window: 5000, every: 50, lasting: 4000 },
  { took: 2000, ttl: 5000, window: 10_000, every: 25, lasting: 60_000 },
);
/** What a loaded machine may add. */
const SLACK = 1500;

const BRIEF: [number, boolean][] = [
  [1, false],
  [4, true],
];

test.each<[number, boolean]>(sized(BRIEF, [...BRIEF, [1, true], [4, false]]))(
  'in front of a fleet of %d every client is answered from the cache, with data of the window, with earlyRefresh %j',
  async (processes, earlyRefresh) => {
    const { took, ttl, window, lasting } = LENGTHS;
    const { samples, runs } = await steady({ ...LENGTHS, processes, earlyRefresh });
    expect(samples.length).toBeGreaterThan(processes * 20);

    const waited = samples.filter(({ cacheStatus }) => !/; hit\b/.test(cacheStatus));
    expect(waited).toEqual([]);

    // Read, then a run that took so long, then all that it may be used for.
    const oldest = Math.max(...samples.map(({ old }) => old));
    expect(oldest).toBeLessThan(took + ttl + window + SLACK);
    // Really, no window is used up: a refresh begins with the first request that meets something stale.
    expect(oldest).toBeLessThan(took + ttl + took + SLACK);

    // One run for each lifetime, in the whole fleet. However early refreshes are, there is one at a time.
    const cycle = earlyRefresh ? took : ttl;
    expect(runs).toBeLessThanOrEqual(2 + Math.ceil(lasting / cycle));
    expect(runs).toBeGreaterThanOrEqual(Math.floor(lasting / (ttl + took + SLACK)));
  },
  LENGTHS.lasting + 60_000,
);
