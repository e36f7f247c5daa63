import { expect, test } from '@jest/globals';
import { CircuitBreaker } from '../../src/store/circuit-breaker.ts';

/* The circuit breaker alone, with a clock and a probe of the test's own. */

interface Stage {
  readonly breaker: CircuitBreaker;
  now: number;
  /** How many probes have begun. */
  probes: number;
  /** Ends the probe in progress. */
  reply(isAlive: boolean): Promise<void>;
}

function stage(): Stage {
  let resolve: (isAlive: boolean) => void = () => {};
  const stage: Stage = {
    now: 0,
    probes: 0,
    breaker: new CircuitBreaker(
      () => {
        stage.probes++;
        return new Promise((settle) => {
          resolve = settle;
        });
      },
      () => stage.now,
    ),
    async reply(isAlive) {
      resolve(isAlive);
      await new Promise((settled) => setImmediate(settled));
    },
  };
  return stage;
}

function fail(breaker: CircuitBreaker, times: number): void {
  for (let i = 0; i < times; i++) breaker.fail();
}

test('opens after five failures in a row', () => {
  const { breaker } = stage();
  fail(breaker, 4);
  expect(breaker.isOpen()).toBe(false);
  breaker.fail();
  expect(breaker.isOpen()).toBe(true);
});

test('a success between the failures keeps it closed', () => {
  const { breaker } = stage();
  fail(breaker, 4);
  breaker.succeed();
  fail(breaker, 4);
  expect(breaker.isOpen()).toBe(false);
});

test('probes 250 ms after it has opened, when it is asked, and once at a time', async () => {
  const opened = stage();
  const { breaker } = opened;
  fail(breaker, 5);
  opened.now = 249;
  expect(breaker.isOpen()).toBe(true);
  expect(opened.probes).toBe(0);
  opened.now = 250;
  expect(breaker.isOpen()).toBe(true);
  expect(breaker.isOpen()).toBe(true);
  expect(opened.probes).toBe(1);
  await opened.reply(true);
  expect(breaker.isOpen()).toBe(false);
});

test('failures while it is open, of calls sent before, do not delay the probe', () => {
  const opened = stage();
  const { breaker } = opened;
  fail(breaker, 5);
  opened.now = 200;
  fail(breaker, 3);
  opened.now = 250;
  breaker.isOpen();
  expect(opened.probes).toBe(1);
});

test('failed probes double the time to the next one, up to 8 seconds', async () => {
  const opened = stage();
  const { breaker } = opened;
  fail(breaker, 5);
  const waits: number[] = [];
  for (let at = 0; waits.length < 8; ) {
    const before = opened.probes;
    for (opened.now = at; opened.probes === before; opened.now += 10) breaker.isOpen();
    const probedAt = opened.now - 10;
    waits.push(probedAt - at);
    at = opened.now = probedAt;
    await opened.reply(false);
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
});

test('begins with 250 ms again after it was closed', async () => {
  const opened = stage();
  const { breaker } = opened;
  fail(breaker, 5);
  opened.now = 250;
  breaker.isOpen();
  await opened.reply(false);
  opened.now = 750;
  breaker.isOpen();
  await opened.reply(true);
  fail(breaker, 5);
  opened.now = 999;
  expect(breaker.isOpen()).toBe(true);
  expect(opened.probes).toBe(2);
  opened.now = 1000;
  expect(breaker.isOpen()).toBe(true);
  expect(opened.probes).toBe(3);
});

test('a late answer of a call closes it', () => {
  const { breaker } = stage();
  fail(breaker, 5);
  breaker.succeed();
  expect(breaker.isOpen()).toBe(false);
});
