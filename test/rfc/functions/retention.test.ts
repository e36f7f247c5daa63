import { describe, expect, test } from '@jest/globals';
import { keptStale, usableStale } from '../../../src/http/retention.ts';
import type { Ageing } from '../../../src/http/reuse.ts';

/* For how long a stored response is kept when it is stale. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const ageing = (lifetime: number, rules: Partial<Ageing> = {}): Ageing => ({
  bornAt: 0,
  lifetime,
  validateAlways: false,
  neverStale: false,
  staleIfError: 0,
  staleWhileRevalidate: 0,
  ...rules,
});

describe('a stale response with a validator', () => {
  test.each([
    [0, 10 * MINUTE],
    [MINUTE, 10 * MINUTE],
    [10 * MINUTE, 10 * MINUTE],
    [HOUR, HOUR],
    [DAY, DAY],
    [30 * DAY, DAY],
  ])('with a lifetime of %d ms is kept for %d ms after it', (lifetime, expected) => {
    for (const name of ['ETag', 'etag', 'Last-Modified']) {
      expect(keptStale(['Content-Type', 'text/plain', name, 'x'], ageing(lifetime))).toBe(expected);
    }
  });

  test.each([{ neverStale: true }, { validateAlways: true }])('is kept as long with %j', (rules) => {
    expect(keptStale(['ETag', '"1"'], ageing(HOUR, rules))).toBe(HOUR);
  });

  test('does not count a field value that reads like the name of a validator', () => {
    expect(keptStale(['X-Names', 'etag'], ageing(HOUR, { neverStale: true }))).toBe(0);
    expect(keptStale(['X-Names', ['a', 'etag']], ageing(HOUR, { neverStale: true }))).toBe(0);
  });
});

describe('a stale response without a validator', () => {
  test.each([
    [SECOND, MINUTE],
    [MINUTE, MINUTE],
    [5 * MINUTE, 5 * MINUTE],
    [HOUR, 10 * MINUTE],
    [30 * DAY, 10 * MINUTE],
  ])('with a lifetime of %d ms is kept for %d ms after it', (lifetime, expected) => {
    expect(keptStale([], ageing(lifetime))).toBe(expected);
  });

  test.each([{ neverStale: true }, { validateAlways: true }])('with %j is not kept', (rules) => {
    const windows = { staleIfError: DAY, staleWhileRevalidate: DAY };
    expect(keptStale([], ageing(HOUR, { ...windows, ...rules }))).toBe(0);
  });

  test('without lifetime and stale window is not kept', () => {
    expect(keptStale([], ageing(0))).toBe(0);
  });
});

describe.each([
  ['stale-while-revalidate', 'staleWhileRevalidate'],
  ['stale-if-error', 'staleIfError'],
] as const)('the window of %s', (_name, window) => {
  test.each([[[]], [['ETag', '"1"']]])('is kept to the end of the window, with the fields %j', (headers) => {
    expect(keptStale(headers, ageing(MINUTE, { [window]: 30 * DAY }))).toBe(30 * DAY);
    expect(keptStale(headers, ageing(0, { [window]: DAY }))).toBe(DAY);
  });

  test('a window shorter than the usual time does not shorten it', () => {
    expect(keptStale([], ageing(MINUTE, { [window]: 1 }))).toBe(MINUTE);
    expect(keptStale(['ETag', '"1"'], ageing(HOUR, { [window]: 1 }))).toBe(HOUR);
  });

  test('a response without lifetime is usable stale because of the window', () => {
    expect(usableStale(ageing(0, { [window]: 1 }))).toBe(true);
    expect(usableStale(ageing(0))).toBe(false);
  });
});

test('a response with two stale windows is kept for the longer one', () => {
  const windows = { staleIfError: DAY, staleWhileRevalidate: HOUR };
  expect(keptStale([], ageing(MINUTE, windows))).toBe(DAY);
});
