import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseCacheControl } from '../../../src/http/cache-control.ts';
import { heuristicLifetime, statedLifetime } from '../../../src/http/freshness.ts';
import { targetedDirectives } from '../../../src/http/targeted.ts';
import type { Fields } from '../../../src/http/vary.ts';

const LIST = ['my-cache-control', 'cdn-cache-control'];
const read = (value: string | string[] | undefined) =>
  targetedDirectives({ 'cdn-cache-control': value, 'cache-control': 'private' }, LIST);

describe('RFC 9213 2.1, "Syntax"', () => {
  test.each<[string, string, readonly (string | null)[]]>([
    ['max-age=60', 'max-age', ['60']],
    ['max-age=0', 'max-age', ['0']],
    ['max-age=60, no-store', 'no-store', [null]],
    ['no-store=?1', 'no-store', [null]],
    ['private="x-a"', 'private', ['x-a']],
    ['private=x-a', 'private', ['x-a']],
    ['x=y', 'x', ['y']],
    ['*=1, a.b_c-d=1', 'a.b_c-d', ['1']],
  ])('"a Dictionary Structured Field": %j has %s with %j', (value, name, expected) => {
    expect(read(value)?.all(name)).toEqual(expected);
    expect(read(value)?.malformed).toBe(false);
  });

  test('several field lines are combined', () => {
    const directives = read(['max-age=60', 'no-cache']);
    expect([directives?.seconds('max-age'), directives?.has('no-cache')]).toEqual([60, true]);
  });

  test('the last value of a repeated key counts', () => {
    expect(read('max-age=5, max-age=60')?.all('max-age')).toEqual(['60']);
  });

  test.each(['max-age=60;a', 'max-age=60;a=b;c="d"', 'max-age=60 , no-cache;x'])(
    '"Parameters received on directives are to be ignored": %j',
    (value) => {
      expect(read(value)?.seconds('max-age')).toBe(60);
    },
  );

  test('a directive with the value ?0 does not apply', () => {
    const directives = read('no-store=?0, max-age=60');
    expect([directives?.has('no-store'), directives?.seconds('max-age')]).toEqual([false, 60]);
    expect(read('no-store=?0')?.has('no-store')).toBe(false);
  });

  test.each([
    'max-age="60"',
    'max-age=a',
    'max-age',
    'max-age=1.5',
    'max-age=-1',
    'max-age=(60)',
    'max-age=:YQ==:',
  ])('delta-seconds that are not an Integer are invalid and give a lifetime of 0: %j', (value) => {
    expect(read(value)?.seconds('max-age')).toBe(0);
  });

  test.each(['private=("a" "b")', 'private=5.5', 'private=:YQ==:', 'private'])(
    'field names of another type do not limit the directive: %j',
    (value) => {
      expect(read(value)?.names('private')).toBe('all');
    },
  );

  test('more seconds than can be represented are limited to the maximum', () => {
    expect(read('max-age=999999999999999')?.seconds('max-age')).toBe(2 ** 31);
  });

  test.each([
    '',
    ' ',
    'max-age=60,',
    'Max-Age=60',
    'max-age= 60',
    'max-age =60',
    'max-age=60 no-store',
    'max-age="60',
    'max-age=60s',
    'max-age=9999999999999999',
    'no-store; max-age=60, @',
    'caf\xe9',
    '=60',
  ])('a field that is empty or cannot be parsed is ignored: %j', (value) => {
    expect(read(value)).toBeUndefined();
  });
});

describe('RFC 9213 2.2, "Cache Behavior"', () => {
  const maxAge = (headers: Fields) => targetedDirectives(headers, LIST)?.seconds('max-age');

  test.each<[string, Fields, number | undefined]>([
    ['the first of the list', { 'my-cache-control': 'max-age=1', 'cdn-cache-control': 'max-age=2' }, 1],
    ['the next, where the first is absent', { 'cdn-cache-control': 'max-age=2' }, 2],
    ['the next, where the first is empty', { 'my-cache-control': '', 'cdn-cache-control': 'max-age=2' }, 2],
    [
      'the next, where the first is invalid',
      { 'my-cache-control': '?', 'cdn-cache-control': 'max-age=2' },
      2,
    ],
    ['none that is not listed', { 'other-cache-control': 'max-age=3' }, undefined],
    ['no Cache-Control', { 'cache-control': 'max-age=3' }, undefined],
    ['none', {}, undefined],
  ])('"the first matching header field with a valid, non-empty value": %s', (_which, headers, expected) => {
    expect(maxAge(headers)).toBe(expected);
  });

  test('only the first matching field counts', () => {
    const directives = targetedDirectives({ 'my-cache-control': 'a', 'cdn-cache-control': 'no-store' }, LIST);
    expect(directives?.has('no-store')).toBe(false);
  });

  test('an empty target list matches no field', () => {
    expect(targetedDirectives({ 'cdn-cache-control': 'no-store' }, [])).toBeUndefined();
  });

  test('"MUST ignore the Cache-Control and Expires header fields": Expires gives no lifetime', () => {
    const NOW = Date.UTC(2026, 0, 15);
    const headers = {
      expires: new Date(NOW + 60_000).toUTCString(),
      'last-modified': new Date(NOW - 100_000).toUTCString(),
    };
    const directives = parseCacheControl('public');
    const stated = { headers, dated: headers, directives, receivedAt: NOW };
    expect(statedLifetime({ ...stated, targeted: true })).toBeUndefined();
    expect(statedLifetime({ ...stated, targeted: false })).toBe(60_000);
    expect(heuristicLifetime({ ...stated, targeted: true })).toBe(10_000);
  });
});

test('no field value throws', () => {
  const piece = fc.constantFrom(
    'max-age',
    '=',
    '60',
    ',',
    ';',
    '"',
    '\\',
    ' ',
    '\t',
    '?1',
    '(',
    ')',
    ':',
    '@',
    '%',
    '-',
    '.',
    '*',
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(text, (value) => {
      read(value)?.seconds('max-age');
    }),
    { seed: 9213, numRuns: 3000 },
  );
});
