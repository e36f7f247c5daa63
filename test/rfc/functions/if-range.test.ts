import { describe, expect, test } from '@jest/globals';
import { ifRangeHolds } from '../../../src/http/range.ts';

describe('RFC 9110 13.1.5, "If-Range"', () => {
  const NOW = Date.UTC(2026, 0, 15);
  const at = (seconds: number): string => new Date(NOW + seconds * 1000).toUTCString();
  const ETAG = { etag: '"a"', lastModified: at(-60), date: at(0) };
  const holds = (field: string, validators = ETAG): boolean => ifRangeHolds(field, validators, NOW);

  test.each<[string, string | undefined, boolean]>([
    ['"a"', '"a"', true],
    [' "a" ', '"a"', true],
    ['"b"', '"a"', false],
    ['"A"', '"a"', false],
    ['W/"a"', '"a"', false],
    ['"a"', 'W/"a"', false],
    ['W/"a"', 'W/"a"', false],
    ['"a"', undefined, false],
    ['"a", "b"', '"a"', false],
    ['*', '"a"', false],
    ['', '"a"', false],
    ['a', '"a"', false],
  ])(
    '"using the strong comparison function": If-Range: %s with the entity tag %s, %j',
    (field, etag, expected) => {
      expect(ifRangeHolds(field, { etag }, NOW)).toBe(expected);
    },
  );

  test.each<[string, string, boolean]>([
    ['the same date', at(-60), true],
    ['an earlier date', at(-61), false],
    ['a later date', at(-59), false],
    ['no date', 'yesterday', false],
    ['the same date in asctime form', 'Wed Jan 14 23:59:00 2026', true],
    ['the same date in the form of RFC 850', 'Wednesday, 14-Jan-26 23:59:00 GMT', true],
  ])('a date holds only when it "exactly matches the Last-Modified": %s', (_which, field, expected) => {
    expect(holds(field)).toBe(expected);
  });

  test.each<[string, string | undefined, boolean]>([
    ['a second later', at(-59), true],
    ['at the same second', at(-60), false],
    ['before it', at(-61), false],
    ['nobody knows when', undefined, false],
    ['at no valid time', 'now', false],
  ])('a date holds only when Last-Modified is a strong validator: sent %s', (_when, date, expected) => {
    expect(ifRangeHolds(at(-60), { lastModified: at(-60), date }, NOW)).toBe(expected);
  });
});
