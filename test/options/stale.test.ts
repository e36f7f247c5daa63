import { describe, expect, test } from '@jest/globals';
import { parsePolicy, refinePolicy } from '../../src/options/policy.ts';
import { parseSettings } from '../../src/options/settings.ts';
import type { CacheOptions, PolicyOptions } from '../../src/options/types.ts';
import { refuses } from './support/refusal.ts';

/* The options by which nobody waits for freshness: what their values mean, and which are refused. */

const parse = (options: object): unknown => parsePolicy(options as PolicyOptions);
const set = (options: object): unknown => parseSettings(options as CacheOptions);

test('left out, they mean the defaults that the documentation gives', () => {
  expect(parsePolicy({})).toMatchObject({
    staleWhileRevalidate: 0,
    staleIfError: 0,
    originTimeout: undefined,
    earlyRefresh: 0,
    jitter: 0,
  });
  expect(parseSettings({})).toMatchObject({
    refresh: { concurrency: 8, deadline: 30_000 },
    previous: undefined,
  });
});

test('undefined, they mean the same', () => {
  const names = ['staleWhileRevalidate', 'staleIfError', 'originTimeout', 'earlyRefresh', 'jitter'];
  const absent = Object.fromEntries(names.map((name) => [name, undefined]));
  const identity = {};
  expect(parsePolicy(absent as PolicyOptions, identity)).toEqual(parsePolicy({}, identity));
  const settings = { refresh: { concurrency: undefined, timeout: undefined }, previous: undefined };
  expect(parseSettings(settings as unknown as CacheOptions)).toEqual(parseSettings({}));
});

describe.each(['staleWhileRevalidate', 'staleIfError', 'originTimeout'] as const)('%s', (option) => {
  test.each([
    [1, 1],
    [1500, 1500],
    ['250ms', 250],
    ['5s', 5000],
    ['1 minute', 60_000],
    ['1h', 3_600_000],
  ] as const)('%j is %d ms', (value, expected) => {
    expect(parsePolicy({ [option]: value })[option]).toBe(expected);
  });

  test.each(['5', '', 'soon', '-1s', -1, null, true, false, [], {}, () => 5])('%j is refused', (value) => {
    const shown = typeof value === 'function' ? 'a function (value)' : JSON.stringify(value);
    refuses(() => parse({ [option]: value }), option, shown.replace(' (value)', ''), 'a duration');
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('%d is refused', (value) => {
    refuses(() => parse({ [option]: value }), option, 'null', 'a duration');
  });

  test('may be set anew for a route, with the same keys', () => {
    const base = parsePolicy({ [option]: '1m' });
    const { policy } = refinePolicy({ [option]: '1m' }, base, { [option]: '5s' });
    expect(policy[option]).toBe(5000);
    expect(policy.identity).toBe(base.identity);
  });
});

describe('staleWhileRevalidate and staleIfError', () => {
  test.each([0, '0s', '365d'] as const)('%j is a window', (value) => {
    const { staleWhileRevalidate, staleIfError } = parsePolicy({
      staleWhileRevalidate: value,
      staleIfError: value,
    });
    expect(staleWhileRevalidate).toBe(staleIfError);
  });
});

describe('originTimeout', () => {
  // A timer that is asked for more fires at once, and every app would be late.
  test.each(['25d', 2_147_483_648, '1y'])('%j is longer than a timer can wait', (value) => {
    refuses(() => parse({ originTimeout: value }), 'originTimeout', JSON.stringify(value), '1 hour');
  });
});

describe('earlyRefresh', () => {
  test.each([
    [false, 0],
    [true, 1],
    [0, 0],
    [0.5, 0.5],
    [3, 3],
    [1000, 1000],
  ] as const)('%j is as eager as %d', (value, expected) => {
    expect(parsePolicy({ earlyRefresh: value }).earlyRefresh).toBe(expected);
  });

  test.each(['yes', '2', '', null, [], {}, -1, 1001])('%j is refused', (value) => {
    refuses(() => parse({ earlyRefresh: value }), 'earlyRefresh', JSON.stringify(value), '1000');
  });

  test('no number is refused', () => {
    refuses(() => parse({ earlyRefresh: Number.NaN }), 'earlyRefresh', 'null', '1000');
  });
});

describe('jitter', () => {
  test.each([0, 0.1, 1])('%d is a part of the lifetime', (value) => {
    expect(parsePolicy({ jitter: value }).jitter).toBe(value);
  });

  test.each(['0.1', '10%', true, false, null, [], {}, -0.1, 1.01, 10])('%j is refused', (value) => {
    refuses(() => parse({ jitter: value }), 'jitter', JSON.stringify(value), 'a number from 0 to 1');
  });
});

describe('refresh', () => {
  test.each<[object, object]>([
    [{}, { concurrency: 8, deadline: 30_000 }],
    [{ concurrency: 1 }, { concurrency: 1, deadline: 30_000 }],
    [{ concurrency: 1000 }, { concurrency: 1000, deadline: 30_000 }],
    [{ timeout: 1 }, { concurrency: 8, deadline: 1 }],
    [{ timeout: '1h' }, { concurrency: 8, deadline: 3_600_000 }],
    [
      { concurrency: 2, timeout: '5s' },
      { concurrency: 2, deadline: 5000 },
    ],
  ])('%j', (refresh, expected) => {
    expect(parseSettings({ refresh }).refresh).toEqual(expected);
  });

  test('is frozen once parsed', () => {
    expect(Object.isFrozen(parseSettings({}).refresh)).toBe(true);
  });

  test.each([0, -1, 1.5, '8', null, true, Number.MAX_SAFE_INTEGER + 1])('%j at once is refused', (value) => {
    const shown = JSON.stringify(value);
    refuses(() => set({ refresh: { concurrency: value } }), 'refresh.concurrency', shown, 'a whole number');
  });

  test.each([
    ['5', 'a duration'],
    [null, 'a duration'],
    [-1, 'a duration'],
    [0, 'at least 1 millisecond'],
    [0.5, 'at least 1 millisecond'],
    ['61m', 'at most 1 hour'],
  ])('a timeout of %j is refused', (value, accepted) => {
    const shown = JSON.stringify(value);
    refuses(() => set({ refresh: { timeout: value } }), 'refresh.timeout', shown, accepted);
  });

  test.each([null, 5, '30s', [], true])('%j is refused', (refresh) => {
    refuses(() => set({ refresh }), 'refresh', JSON.stringify(refresh), 'concurrency, timeout');
  });

  test('a name that it does not have is refused', () => {
    refuses(() => set({ refresh: { deadline: 1 } }), 'refresh.deadline', '1', 'concurrency, timeout');
  });

  test('is of the whole cache, so that no route has its own', () => {
    const call = () => refinePolicy({}, parsePolicy({}), { refresh: {} } as PolicyOptions);
    refuses(call, 'refresh', '{}', 'enabled, when, storeWhen');
  });
});

describe('previous', () => {
  test.each(['v1:', 'app-1:cache/v2:', 'x'.repeat(100)])('%j is a prefix', (previous) => {
    expect(parseSettings({ previous }).previous).toBe(previous);
  });

  test.each(['', ' ', 'a b', 'a{', 'a*', '[', '\\', '\n', 5, null, [], 'x'.repeat(101)])(
    '%j is refused',
    (previous) => {
      const shown = JSON.stringify(previous);
      refuses(() => set({ previous }), 'previous', shown, 'up to 100 printable characters');
    },
  );

  test.each([{}, { prefix: 'rrc:' }])('is another prefix than that of %j', (options) => {
    refuses(() => set({ ...options, previous: 'rrc:' }), 'previous', '"rrc:"', 'another prefix');
  });
});
