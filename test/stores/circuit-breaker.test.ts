import { expect, test } from '@jest/globals';
import { CircuitBreaker } from '../../src/store/circuit-breaker.ts';

/* The circuit breaker alone, with a clock and a probe of the test's own. */

interface Stage {
  readonly breaker: CircuitBreaker;
  /** How many probes have begun. */
  readonly probes: number;
  /** Milliseconds until the next probe; `undefined` where none is due. */
  readonly nextProbeMs: number | undefined;
  /** Lets the time until the next probe pass. */
  wait(): void;
  /** Those who are to hear that the connection is ready. */
  readonly listeners: ReadonlySet<() => void>;
  /** Ends the probe in progress. */
  reply(isAlive: boolean): Promise<void>;
}

function stage(): Stage {
  let resolve: (isAlive: boolean) => void = () => {};
  let probes = 0;
  const listeners = new Set<() => void>();
  let next: { readonly run: () => void; readonly ms: number } | undefined;
  return {
    breaker: new CircuitBreaker(
      () => {
        probes++;
        return new Promise((settle) => {
          resolve = settle;
        });
      },
      (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      (run, ms) => {
        const scheduled = { run, ms };
        next = scheduled;
        return () => {
          if (next === scheduled) next = undefined;
        };
      },
    ),
    listeners,
    get probes() {
      return probes;
    },
    get nextProbeMs() {
      return next?.ms;
    },
    wait() {
      const { run } = next as NonNullable<typeof next>;
      next = undefined;
      run();
    },
    async reply(isAlive) {
      resolve(isAlive);
      await new Promise((settled) => setImmediate(settled));
    },
  };
}

function fail(breaker: CircuitBreaker, times: number): void {
  for (let i = 0; i < times; i++) breaker.fail();
}

test('opens after five failures in a row', () => {
  const { breaker } = stage();
  fail(breaker, 4);
  expect(breaker.isOpen).toBe(false);
  breaker.fail();
  expect(breaker.isOpen).toBe(true);
});

test('a success between the failures keeps it closed', () => {
  const { breaker } = stage();
  fail(breaker, 4);
  breaker.succeed();
  fail(breaker, 4);
  expect(breaker.isOpen).toBe(false);
});

test('probes 250 ms after it has opened, though nobody asks, and closes when the probe succeeds', async () => {
  const opened = stage();
  fail(opened.breaker, 5);
  expect(opened.nextProbeMs).toBe(250);
  expect(opened.probes).toBe(0);
  opened.wait();
  expect(opened.probes).toBe(1);
  expect(opened.nextProbeMs).toBeUndefined();
  await opened.reply(true);
  expect(opened.breaker.isOpen).toBe(false);
  expect(opened.nextProbeMs).toBeUndefined();
});

test('failures while it is open, of calls sent before, begin no second probe', () => {
  const opened = stage();
  fail(opened.breaker, 5);
  opened.wait();
  fail(opened.breaker, 3);
  expect(opened.nextProbeMs).toBeUndefined();
  expect(opened.probes).toBe(1);
});

test('failed probes double the time to the next one, up to 8 seconds', async () => {
  const opened = stage();
  fail(opened.breaker, 5);
  const waits: (number | undefined)[] = [];
  while (waits.length < 8) {
    waits.push(opened.nextProbeMs);
    opened.wait();
    await opened.reply(false);
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
});

test('begins with 250 ms again after it was closed', async () => {
  const opened = stage();
  fail(opened.breaker, 5);
  opened.wait();
  await opened.reply(false);
  opened.wait();
  await opened.reply(true);
  fail(opened.breaker, 5);
  expect(opened.nextProbeMs).toBe(250);
});

test('a late answer of a call closes it, and no probe follows', () => {
  const opened = stage();
  fail(opened.breaker, 5);
  opened.breaker.succeed();
  expect(opened.breaker.isOpen).toBe(false);
  expect(opened.nextProbeMs).toBeUndefined();
});

test('listens to the connection while it is open, and closes when that is ready', () => {
  const opened = stage();
  expect(opened.listeners.size).toBe(0);
  fail(opened.breaker, 5);
  expect(opened.listeners.size).toBe(1);
  for (const ready of opened.listeners) ready();
  expect(opened.breaker.isOpen).toBe(false);
  expect(opened.nextProbeMs).toBeUndefined();
  expect(opened.listeners.size).toBe(0);
});

test('a probe that fails after it was closed begins no other', async () => {
  const opened = stage();
  fail(opened.breaker, 5);
  opened.wait();
  opened.breaker.succeed();
  await opened.reply(false);
  expect(opened.breaker.isOpen).toBe(false);
  expect(opened.nextProbeMs).toBeUndefined();
});

test('neither probes nor listens after `stop`', () => {
  const opened = stage();
  fail(opened.breaker, 5);
  opened.breaker.stop();
  expect(opened.nextProbeMs).toBeUndefined();
  expect(opened.listeners.size).toBe(0);
});

test('stopped, it sends no probe and listens to nothing, also if calls that were sent before fail', () => {
  const { breaker, listeners, ...stopped } = stage();
  fail(breaker, 4);
  breaker.stop();
  fail(breaker, 4);
  breaker.trip();
  expect(listeners.size).toBe(0);
  expect(stopped.nextProbeMs).toBeUndefined();
});
