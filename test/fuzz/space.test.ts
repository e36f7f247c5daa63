import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sized } from '../support/long.ts';
import { options, steps } from './support/space.ts';
import { Stand } from './support/stand.ts';

/* The whole middleware over sockets, through the space of requests and responses. */

const SEED = 9111;

describe('whatever is asked and answered', () => {
  test('nothing is given to whom it does not match, nothing stored that must not be, and nothing throws', async () => {
    let reused = 0;
    await fc.assert(
      fc.asyncProperty(options, steps, async (given, rounds) => {
        const stand = await new Stand(given).open();
        try {
          for (const round of rounds) expect(await stand.ask(round)).toEqual([]);
          expect(stand.faults).toEqual([]);
          reused += stand.reused;
        } finally {
          await stand.close();
        }
      }),
      { numRuns: sized(150, 400), seed: SEED },
    );
    // A fuzz that never hits would prove nothing.
    expect(reused).toBeGreaterThan(50);
  }, 60_000);
});
