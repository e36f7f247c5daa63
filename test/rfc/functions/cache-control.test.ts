import { describe, expect, test } from '@jest/globals';
import { deltaSeconds, joined, members, parseCacheControl } from '../../../src/http/cache-control.ts';

/* The syntax of Cache-Control, in requests and responses alike. */

describe('RFC 9110 5.3, "Field Order": several lines of a field are one list', () => {
  test.each([
    [undefined, undefined],
    ['', ''],
    ['a', 'a'],
    [5, '5'],
    [['a', 'b'], 'a, b'],
    [[], ''],
  ])('the field lines %j are the value %j', (value, expected) => {
    expect(joined(value)).toBe(expected);
  });

  test('the directives of all field lines count', () => {
    const directives = parseCacheControl(['max-age=5', 'no-cache, private']);
    expect(['max-age', 'no-cache', 'private'].every((name) => directives.has(name))).toBe(true);
  });
});

describe('RFC 9110 5.6.1, "Lists"', () => {
  test.each<[string, string[]]>([
    ['', []],
    [' , ,', []],
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    [' a\t, ,b , ', ['a', 'b']],
    ['a b, c', ['a b', 'c']],
    ['a="b,c", d', ['a="b,c"', 'd']],
    ['a="b\\",c", d', ['a="b\\",c"', 'd']],
    ['a="b\\\\",c', ['a="b\\\\"', 'c']],
    ['a="b, c', ['a="b, c']],
    ['a="b\\', ['a="b\\']],
    ['"a","b"', ['"a"', '"b"']],
  ])('the list %j has the members %j', (text, expected) => {
    expect(members(text)).toEqual(expected);
  });
});

describe('RFC 9111 1.2.2, "Delta Seconds"', () => {
  test.each<[string | null | undefined, number | undefined]>([
    ['0', 0],
    ['00', 0],
    ['60', 60],
    ['060', 60],
    ['2147483647', 2147483647],
    ['2147483648', 2147483648],
    ['2147483649', 2147483648],
    ['9'.repeat(400), 2147483648],
    ['', undefined],
    [' 60', undefined],
    ['60 ', undefined],
    ['-1', undefined],
    ['+1', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['60s', undefined],
    ['\u0661', undefined],
    ['60\n', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('%j as delta-seconds is %d', (text, expected) => {
    expect(deltaSeconds(text)).toBe(expected);
  });
});

describe('RFC 9111 5.2, "Cache-Control"', () => {
  test('a message without Cache-Control has no directives', () => {
    for (const value of [undefined, '', [], ', ,']) {
      const directives = parseCacheControl(value);
      expect([directives.malformed, directives.has('no-store'), directives.all('no-store')]).toEqual([
        false,
        false,
        [],
      ]);
      expect(directives.seconds('max-age')).toBeUndefined();
    }
  });

  test.each([
    ['no-store', 'no-store', [null]],
    ['NO-Store', 'no-store', [null]],
    ['max-age=60', 'max-age', ['60']],
    ['Max-Age=60', 'max-age', ['60']],
    ['max-age="60"', 'max-age', ['60']],
    ['private="Set-Cookie, X-A"', 'private', ['Set-Cookie, X-A']],
    ['private=""', 'private', ['']],
    ['a="b\\"c\\\\"', 'a', ['b"c\\']],
    ['a=b, a, a="c"', 'a', ['b', null, 'c']],
    ['community="UCI"', 'community', ['UCI']],
    ['x!#$=y~', 'x!#$', ['y~']],
    ['__proto__=1', '__proto__', ['1']],
  ])('of %j, the arguments of %s are %j', (text, name, expected) => {
    const directives = parseCacheControl(text);
    expect([directives.malformed, directives.has(name), directives.all(name)]).toEqual([
      false,
      true,
      expected,
    ]);
  });

  test('a directive that is not given is absent', () => {
    const directives = parseCacheControl('max-age=60');
    for (const name of ['constructor', '__proto__', 'toString', 'max', 'MAX-AGE', '']) {
      expect([directives.has(name), directives.all(name)]).toEqual([false, []]);
    }
  });

  test('a directive within a quoted-string is ignored', () => {
    const directives = parseCacheControl('ext="no-store, private", max-age=5');
    expect([directives.has('no-store'), directives.has('private'), directives.malformed]).toEqual([
      false,
      false,
      false,
    ]);
    expect(directives.seconds('max-age')).toBe(5);
  });

  test.each([
    'max-age =60',
    'max-age= 60',
    'max-age=',
    'max-age="60',
    'max-age="60"x',
    'max-age=6 0',
    '=60',
    'max age',
    'private; max-age=60',
    'no-store{}',
    '"no-store"',
    'a="\\',
    'n\u00f6',
    'a@b',
  ])('%j is malformed', (text) => {
    expect(parseCacheControl(text).malformed).toBe(true);
  });

  test.each([
    ['private =x', 'private'],
    ['no-store=', 'no-store'],
    ['no-store = ', 'no-store'],
    ['private="a', 'private'],
    ['x y, no-store', 'no-store'],
    ['"a", private', 'private'],
  ])('%j is malformed and still has the directive %s', (text, name) => {
    expect(parseCacheControl(text).has(name)).toBe(true);
  });
});

describe('RFC 9111 4.2.1, "Calculating Freshness Lifetime": seconds of a directive', () => {
  test.each<[string, number | undefined]>([
    ['no-cache', undefined],
    ['max-age=60', 60],
    ['max-age=0', 0],
    ['max-age="60"', 60],
    ['max-age=60, max-age=5', 5],
    ['max-age=5, max-age=60', 5],
    ['max-age=9999999999', 2147483648],
  ])('the seconds of max-age in %j are %d', (text, expected) => {
    expect(parseCacheControl(text).seconds('max-age')).toBe(expected);
  });

  test.each([
    'max-age',
    'max-age=',
    'max-age=-1',
    'max-age=1.5',
    'max-age=a',
    'max-age=60, max-age=x',
    'max-age="6',
    'max-age= 60',
  ])('%j is invalid, so the response is stale', (text) => {
    expect(parseCacheControl(text).seconds('max-age')).toBe(0);
  });
});
