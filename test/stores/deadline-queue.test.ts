import { expect, test } from '@jest/globals';
import { DeadlineQueue } from '../../src/store/deadline-queue.ts';

/* The queue of deadlines alone. */

const LENGTH = 10_000;

/** Waits until a deadline expires. The timers of the queue keep no process alive. */
async function expiry(add: (expire: () => void) => void): Promise<void> {
  const busy = setInterval(() => {}, LENGTH);
  await new Promise<void>(add);
  clearInterval(busy);
}

test('a short deadline expires in time, also where the timer is that of a call that was answered', async () => {
  const queue = new DeadlineQueue(LENGTH);
  const startedAt = performance.now();
  queue.meet(queue.add(startedAt + LENGTH, () => {}));
  await expiry((expire) => void queue.add(startedAt + 50, expire));
  expect(performance.now() - startedAt).toBeLessThan(LENGTH / 2);
});

test('deadlines expire in their own order, whatever the order in which they were added', async () => {
  const queue = new DeadlineQueue(LENGTH);
  const startedAt = performance.now();
  const expired: number[] = [];
  await expiry((done) => {
    for (const ms of [90, 30, 60])
      queue.add(startedAt + ms, () => {
        expired.push(ms);
        if (expired.length === 3) done();
      });
  });
  expect(expired).toEqual([30, 60, 90]);
});
