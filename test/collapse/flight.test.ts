import { expect, test } from '@jest/globals';
import { Flight, LOOK_AGAIN } from '../../src/lifecycle/collapse.ts';

/* The flight of a fill alone. */

test('a follower that may be served a stale response waits as long as it may, also for a fill that is hit-for-miss', async () => {
  const flight = new Flight(1000, () => {});
  flight.hitForMiss = true;
  const result = flight.within(30_000);
  setTimeout(() => flight.settle(LOOK_AGAIN), 1500);
  expect(await result).toBe(LOOK_AGAIN);
});

test('all followers go where the client of the leader does not read', async () => {
  const flight = new Flight(1000, () => {});
  flight.watch(() => 65_536);
  const results = await Promise.all([flight.within(30_000), flight.within(30_000)]);
  expect(results).toEqual([undefined, { kind: 'not-shared' }]);
  expect(flight.hitForMiss).toBe(true);
});
