import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { contentRange, parseContentRange, rangesOf } from '../../../src/http/range.ts';

/** Ranges as pairs, which read better. */
const ranges = (field: string, size = 10) => {
  const found = rangesOf(field, size);
  return typeof found === 'string' ? found : found.map(({ first, last }) => [first, last]);
};

describe('RFC 9110 14.1.2, "Byte Ranges"', () => {
  test.each<[string, number[][]]>([
    ['bytes=0-4', [[0, 4]]],
    ['bytes=0-0', [[0, 0]]],
    ['bytes=9-9', [[9, 9]]],
    ['bytes=0-9', [[0, 9]]],
    ['bytes=00-04', [[0, 4]]],
    ['Bytes=0-4', [[0, 4]]],
    [' bytes=0-4 ', [[0, 4]]],
    ['bytes=5-', [[5, 9]]],
    ['bytes=-3', [[7, 9]]],
  ])('%j requests the ranges %j', (field, expected) => {
    expect(ranges(field)).toEqual(expected);
  });

  test.each([
    ['bytes=5-10', [[5, 9]]],
    ['bytes=5-99', [[5, 9]]],
    [`bytes=5-${'9'.repeat(400)}`, [[5, 9]]],
  ])('a last position beyond the end means the rest of the representation: %j', (field, expected) => {
    expect(ranges(field)).toEqual(expected);
  });

  test.each(['bytes=-10', 'bytes=-11', `bytes=-${'9'.repeat(400)}`])(
    '"shorter than the specified suffix-length, the entire representation is used": %j',
    (field) => {
      expect(ranges(field)).toEqual([[0, 9]]);
    },
  );

  test.each<[string, number[][]]>([
    [
      'bytes=0-1,4-5',
      [
        [0, 1],
        [4, 5],
      ],
    ],
    [
      'bytes=0-1 ,\t4-5',
      [
        [0, 1],
        [4, 5],
      ],
    ],
    [
      'bytes=,0-1,,4-5,',
      [
        [0, 1],
        [4, 5],
      ],
    ],
    [
      'bytes=4-5, 0-1',
      [
        [4, 5],
        [0, 1],
      ],
    ],
    [
      'bytes=0-0, -1',
      [
        [0, 0],
        [9, 9],
      ],
    ],
    ['bytes=0-1, 20-30', [[0, 1]]],
    ['bytes=20-, -2', [[8, 9]]],
    ['bytes=-0, 0-1', [[0, 1]]],
    [
      'bytes=0-4, 5-9',
      [
        [0, 4],
        [5, 9],
      ],
    ],
  ])('several ranges keep their order, without those beyond the end: %j', (field, expected) => {
    expect(ranges(field)).toEqual(expected);
  });
});

describe('RFC 9110 14.1.1, "Range Specifiers"', () => {
  test.each(['bytes=5-4', 'bytes=0-1, 5-4', 'bytes=20-19'])(
    'a range is "invalid if the last-pos value is present and less than first-pos": %j',
    (field) => {
      expect(ranges(field)).toBe('whole');
    },
  );

  test.each(['bytes=10-', 'bytes=10-12', 'bytes=-0', 'bytes=20-30, 40-', `bytes=${'9'.repeat(400)}-`])(
    'the ranges are "unsatisfiable" when none overlaps the representation: %j',
    (field) => {
      expect(ranges(field)).toBe('unsatisfiable');
    },
  );

  test.each(['bytes=0-', 'bytes=-1', 'bytes=0-0'])(
    'every range of an empty representation is unsatisfiable: %j',
    (field) => {
      expect(ranges(field, 0)).toBe('unsatisfiable');
    },
  );
});

describe('RFC 9110 14.2, "Range"', () => {
  test.each(['items=0-4', 'none=0-4', 'x-bytes=0-4', 'bytes', 'seconds=1-2'])(
    'an unknown range unit is ignored: %j',
    (field) => {
      expect(ranges(field)).toBe('whole');
    },
  );

  test.each([
    '',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=a-b',
    'bytes=0',
    'bytes=0-4-5',
    'bytes=0 - 4',
    'bytes =0-4',
    'bytes: 0-4',
    'bytes=+0-4',
    'bytes=0x0-4',
    'bytes=1.5-4',
    'bytes=0-4, x',
    'bytes=--5',
    'bytes=0-4;5-6',
    'bytes=\u0661-\u0662',
  ])('an "invalid ranges-specifier" is ignored: %j', (field) => {
    expect(ranges(field)).toBe('whole');
  });

  test.each([
    `bytes=${Array.from({ length: 17 }, (_, i) => `${i}-${i}`).join(',')}`,
    'bytes=0-9, 0-9',
    'bytes=0-, 0-',
    'bytes=0-8, 5-6',
    'bytes=-10, 0-0',
  ])('"many small ranges" and "overlapping ranges" are answered with the whole: %j', (field) => {
    expect(ranges(field, field.length > 50 ? 100 : 10)).toBe('whole');
  });

  test('sixteen ranges are accepted', () => {
    expect(ranges(`bytes=${Array.from({ length: 16 }, (_, i) => `${i}-${i}`).join(',')}`, 100)).toHaveLength(
      16,
    );
  });

  test('for every field, the ranges lie within the representation and are together no longer', () => {
    const piece = fc.constantFrom('-', ',', '0', '5', '99', ' ', '1-2', '3-', '-4', ',0-', 'x');
    const field = fc.array(piece, { maxLength: 10 }).map((pieces) => `bytes=${pieces.join('')}`);
    fc.assert(
      fc.property(field, fc.nat(20), (text, size) => {
        const found = rangesOf(text, size);
        if (typeof found === 'string') return;
        expect(found.length).toBeGreaterThan(0);
        for (const { first, last } of found) expect(0 <= first && first <= last && last < size).toBe(true);
        expect(found.reduce((sum, { first, last }) => sum + last - first + 1, 0)).toBeLessThanOrEqual(size);
      }),
      { seed: 9110, numRuns: 3000 },
    );
  });

  test.each(['0-0,', ',', ' ', '-', '9', '0-', '0 '])('64 KB of %j are parsed in linear time', (unit) => {
    // A busy machine delays some of them, and not the quickest.
    const times = [1, 2, 3, 4, 5].map(() => {
      const startedAt = performance.now();
      rangesOf(`bytes=${unit.repeat(65_536 / unit.length)}`, 10);
      rangesOf(unit.repeat(65_536 / unit.length), 10);
      return performance.now() - startedAt;
    });
    expect(Math.min(...times)).toBeLessThan(200);
  });
});

describe('RFC 9110 14.4, "Content-Range"', () => {
  test('Content-Range has the range and the complete length', () => {
    expect(contentRange({ first: 0, last: 4 }, 10)).toBe('bytes 0-4/10');
  });

  test.each<[string, object]>([
    ['bytes 0-4/10', { first: 0, last: 4, size: 10 }],
    ['bytes 42-1233/1234', { first: 42, last: 1233, size: 1234 }],
    [' BYTES 9-9/10 ', { first: 9, last: 9, size: 10 }],
  ])('Content-Range: %s is parsed as %j', (field, expected) => {
    expect(parseContentRange(field)).toEqual(expected);
  });

  test.each(['bytes 5-4/10', 'bytes 0-10/10', 'bytes 0-4/4', 'bytes 0-0/0'])(
    '"A Content-Range field value is invalid" when positions and length contradict: %j',
    (field) => {
      expect(parseContentRange(field)).toBeUndefined();
    },
  );

  test.each([
    undefined,
    '',
    'bytes */10',
    'bytes 0-4/*',
    'items 0-4/10',
    'bytes=0-4/10',
    'bytes  0-4/10',
    'bytes 0-4',
    'bytes 0-/10',
    'bytes -4/10',
    'bytes 0-4/10, bytes 0-4/10',
    `bytes 0-4/${'9'.repeat(30)}`,
  ])('Content-Range: %s is not parsed', (field) => {
    expect(parseContentRange(field)).toBeUndefined();
  });
});
