import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { customKey, redisId } from '../../src/key/cache-key.ts';
import { sized } from '../support/long.ts';

/* Keys of the user's own, and keys in Redis: equal only for equal values. key-query-property.test.ts has URLs. */

const runs = { numRuns: sized(500, 2000), seed: 9111 };

describe('a custom key', () => {
  const json = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(
        '',
        'a',
        '1',
        'null',
        '__proto__',
        '"',
        '\\',
        '\ud800',
        ',',
        1,
        0,
        1.5,
        true,
        false,
        null,
      ),
      fc.array(tie('any'), { maxLength: 3 }),
      fc
        .array(fc.tuple(fc.constantFrom('a', 'b', '__proto__', 'constructor', '', '0', '"'), tie('any')), {
          maxLength: 3,
        })
        .map((entries) => Object.fromEntries(entries)),
    ),
  })).any;

  test('is equal for two values if and only if the values are equal', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(customKey('GET', a) === customKey('GET', b)).toBe(isDeepStrictEqual(a, b));
      }),
      runs,
    );
  });

  test('can be parsed back to its value', () => {
    fc.assert(
      fc.property(fc.oneof(json, fc.jsonValue()), (value) => {
        const text = customKey('GET', value) as string;
        expect(text.slice(0, 4)).toBe('GET ');
        expect(JSON.parse(text.slice(4))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      runs,
    );
  });

  test('never throws', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withSparseArray: true,
        }),
        (value) => {
          customKey('GET', value);
        },
      ),
      runs,
    );
  });
});

describe('the id of a key in Redis', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.string({ unit: 'binary', maxLength: 10 }),
    fc.string({ unit: fc.constantFrom(...'a{}\n#'), maxLength: 4 }),
    fc.string({ minLength: 198, maxLength: 203 }),
  );
  // Keys begin with a method and variants with a bracket, or are empty.
  const readable = fc.tuple(fc.constantFrom('GET ', '['), text).map((parts) => parts.join(''));

  test.each([undefined, 'sha1', 'sha256'] as const)(
    'is equal for two keys only if the keys are equal (hash: %s)',
    (hash) => {
      fc.assert(
        fc.property(readable, readable, (a, b) => (redisId(a, hash) === redisId(b, hash)) === (a === b)),
        runs,
      );
    },
  );

  test('is short printable ASCII without braces', () => {
    fc.assert(
      fc.property(readable, (t) => /^[ -z|~]{0,200}$/.test(redisId(t, undefined))),
      runs,
    );
  });

  test('is never the hash of one key and the text of another', () => {
    fc.assert(
      fc.property(readable, readable, (a, b) => redisId(a, 'sha1') !== redisId(b, undefined) || a === b),
      runs,
    );
  });
});
