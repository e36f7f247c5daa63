import { describe, expect, test } from '@jest/globals';
import type { CacheOptions } from '../../../src/index.ts';
import { express5app } from '../../support/app.ts';
import { sized } from '../../support/long.ts';
import { uniquePrefix } from '../../support/prefix.ts';
import { redis } from '../../support/stores.ts';
import { type Channel, channels } from './support/channels.ts';
import { allAtOnce, type Circumstances, everyOrder, stage } from './support/stage.ts';

/* The channels with Redis, with the near cache, with several processes, and with responses that become stale. */

interface Setting {
  readonly name: string;
  /** Made for each app. */
  readonly options: () => CacheOptions;
  readonly processes?: number;
  /** For how long the clock goes on before each request, in milliseconds. */
  readonly step?: number;
}

const inRedis = (): CacheOptions => ({ redis, prefix: uniquePrefix() });
const stale: CacheOptions = { ttl: '1m', staleWhileRevalidate: '1h' };
/** Of two requests for one page the second finds it stale, and what is known of a caller ends in the midst of it. */
const STEP = 45_000;

const settings: Setting[] = [
  { name: 'in Redis', options: inRedis },
  { name: 'near', options: () => ({ ...inRedis(), near: true }) },
  { name: 'refreshed behind the answer, in process', options: () => stale, step: STEP },
  { name: 'refreshed behind the answer, in Redis', options: () => ({ ...inRedis(), ...stale }), step: STEP },
  { name: 'of three processes', options: inRedis, processes: 3 },
  { name: 'of two processes, near', options: () => ({ ...inRedis(), near: true }), processes: 2 },
  { name: 'without collapsing', options: () => ({ collapse: false }) },
  { name: 'in process, encoded', options: () => ({ compress: true }) },
  { name: 'refreshed early', options: () => ({ ...inRedis(), ...stale, earlyRefresh: true }), step: STEP },
];

/** Each setting has its share of the channels; `npm run test:long` has all. */
const shareOf = (at: number): readonly Channel[] =>
  sized(
    channels.filter((_, i) => (i + at) % 6 === 0),
    channels,
  );

for (const [at, { name, options, processes = 1, step = 0 }] of settings.entries())
  describe(name, () => {
    test.each(shareOf(at))('$name: each caller gets the own page, in turn and at once', async (channel) => {
      let now = Date.now();
      const circumstances: Circumstances = {
        processes,
        between: () => {
          now += step;
        },
      };
      const app = await stage(
        channel,
        { clock: () => now, ...options() },
        (cache, front, page) => express5app(front, cache as never, page),
        circumstances,
      );
      await everyOrder(app);
      await allAtOnce(app);
      expect(app.wrong).toEqual([]);
    });
  });
