import { describe, expect, test } from '@jest/globals';
import { DirectiveList, parseCacheControl, requestDirectives } from '../../../src/http/cache-control.ts';
import type { Fields } from '../../../src/http/vary.ts';

/* What is asked of parsed directives, beside their seconds. */

describe('RFC 9111 5.2.2.7, "#field-name": the fields that a directive is limited to', () => {
  const names = (value: string) => parseCacheControl(value).names('private');

  test.each<[string, readonly string[]]>([
    ['private="set-cookie"', ['set-cookie']],
    ['private="Set-Cookie, X-A"', ['set-cookie', 'x-a']],
    ['private=" x-a ,\t,x-b,"', ['x-a', 'x-b']],
    ['private=Set-Cookie', ['set-cookie']],
    ['private="a", private="b"', ['a', 'b']],
    ['private="a", PRIVATE=B', ['a', 'b']],
    ['private="__proto__"', ['__proto__']],
  ])('"limits the requirement to the specified header fields": %j', (value, expected) => {
    expect(names(value)).toEqual(expected);
  });

  test.each([
    'private',
    'private, private="a"',
    'private="a", private',
    'private=""',
    'private=" , "',
    'private="a b"',
    'private="a, b:"',
    'private="a;b"',
    'private="caf\xe9"',
    'private="a", private=""',
    'private=',
    'private="a',
    'private =a b',
    'private=a/b',
    'private="\\"a\\""',
  ])('a malformed argument does not limit the directive: %j', (value) => {
    expect(names(value)).toBe('all');
  });

  test.each(['', 'public', 'x="private"', 'no-cache="a"'])('%j has no such directive', (value) => {
    expect(names(value)).toBeUndefined();
  });
});

describe('a list of directives built one by one', () => {
  test('equals the directives of the parsed field', () => {
    const list = new DirectiveList();
    list.add('max-age', '60');
    list.add('max-age', '5');
    list.add('public', null);
    expect([list.has('public'), list.has('private'), list.malformed]).toEqual([true, false, false]);
    expect([list.all('max-age'), list.seconds('max-age')]).toEqual([['60', '5'], 5]);
  });
});

describe('RFC 9111 5.4, "Pragma"', () => {
  const asked = (headers: Fields): string[] =>
    ['no-cache', 'no-store', 'max-age'].filter((name) => requestDirectives(headers).has(name));

  test.each<[Fields]>([
    [{ pragma: 'no-cache' }],
    [{ pragma: 'No-Cache' }],
    [{ pragma: 'x="y", no-cache' }],
    [{ pragma: ['x', 'no-cache'] }],
    [{ pragma: ' no-cache , x' }],
  ])('without Cache-Control, "Pragma: no-cache" has the effect of no-cache: %j', (headers) => {
    expect(asked(headers)).toEqual(['no-cache']);
  });

  test.each<[Fields, string[]]>([
    [{ pragma: 'no-cache', 'cache-control': 'max-age=60' }, ['max-age']],
    [{ pragma: 'no-cache', 'cache-control': '' }, []],
    [{ pragma: 'no-cache', 'cache-control': ['x', 'y'] }, []],
    [{ pragma: 'x', 'cache-control': 'no-cache, no-store' }, ['no-cache', 'no-store']],
  ])('Pragma is ignored "when the Cache-Control header field is present": %j', (headers, expected) => {
    expect(asked(headers)).toEqual(expected);
  });

  test.each(['', 'no-store', 'max-age=0', 'x="no-cache"', 'no-cache-ever', 'x, y="a, no-cache"'])(
    'every other Pragma is ignored: %j',
    (pragma) => {
      expect(asked({ pragma })).toEqual([]);
    },
  );

  test('a request with neither field has no directives', () => {
    expect(asked({})).toEqual([]);
    expect(requestDirectives({}).malformed).toBe(false);
  });
});
