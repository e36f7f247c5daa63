import { describe, expect, test } from '@jest/globals';
import { alsoInvalidated, isNonError, isUnsafe } from '../../../src/http/invalidation.ts';
import type { Fields } from '../../../src/http/vary.ts';

describe('RFC 9111 4.4, "Invalidating Stored Responses"', () => {
  test.each([
    'POST',
    'PUT',
    'DELETE',
    'PATCH',
    'CONNECT',
    'LINK',
    'PROPPATCH',
    'PURGE',
    'M-SEARCH',
    'FOO',
    'get',
    '',
  ])('%j is unsafe, "including methods whose safety is unknown"', (method) => {
    expect(isUnsafe(method)).toBe(true);
  });

  test.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH'])(
    '%s is registered as safe',
    (method) => {
      expect(isUnsafe(method)).toBe(false);
    },
  );

  test.each<[number, boolean]>([
    [199, false],
    [200, true],
    [204, true],
    [299, true],
    [301, true],
    [304, true],
    [399, true],
    [400, false],
    [404, false],
    [500, false],
    [999, false],
  ])('"A non-error response is one with a 2xx or 3xx status code": %d, %j', (status, expected) => {
    expect(isNonError(status)).toBe(expected);
  });
});

describe('RFC 9111 4.4: "URIs ... in the Location and Content-Location response header fields"', () => {
  const TARGET = 'http://h.example/a/b?c=d';

  test.each<[Fields, string[]]>([
    [{}, []],
    [{ location: '/x' }, ['http://h.example/x']],
    [{ 'content-location': '/x' }, ['http://h.example/x']],
    [{ location: '/x', 'content-location': '/y' }, ['http://h.example/x', 'http://h.example/y']],
    [{ location: '/x', 'content-location': 'http://h.example/x' }, ['http://h.example/x']],
    [{ location: 'http://h.example/x' }, ['http://h.example/x']],
    [{ location: 'http://H.EXAMPLE:80/x' }, ['http://h.example/x']],
    [{ location: '//h.example/x' }, ['http://h.example/x']],
    [{ location: 'x' }, ['http://h.example/a/x']],
    [{ location: '../x' }, ['http://h.example/x']],
    [{ location: '?e=f' }, ['http://h.example/a/b?e=f']],
    [{ location: '/x?y=z#part' }, ['http://h.example/x?y=z']],
    [{ location: '/x y' }, ['http://h.example/x%20y']],
    [{ link: '</x>', refresh: '0;url=/x' }, []],
  ])('the fields %j invalidate %j', (headers, expected) => {
    expect(alsoInvalidated(TARGET, headers)).toEqual(expected);
  });

  test.each(['', '/a/b?c=d', TARGET, '#part', `${TARGET}#part`])(
    'a reference to the target itself is left out: %j',
    (location) => {
      expect(alsoInvalidated(TARGET, { location })).toEqual([]);
    },
  );

  test.each([
    'http://other.example/x',
    'https://h.example/x',
    'http://h.example:8080/x',
    '//other.example/x',
    'http://sub.h.example/x',
    'http://h.example.other.example/x',
    'http://h.example@other.example/x',
    '\\\\other.example/x',
    'javascript:alert(1)',
    'data:,x',
    'about:blank',
  ])('a URI of another origin is not invalidated: %j', (location) => {
    expect(alsoInvalidated(TARGET, { location, 'content-location': location })).toEqual([]);
  });

  test.each(['http://', 'http://[', 'http://h.example:x/', '//'])(
    'a reference that is not a URI invalidates nothing: %j',
    (location) => {
      expect(alsoInvalidated(TARGET, { location })).toEqual([]);
    },
  );

  test('a target that is not a URI invalidates no other URI', () => {
    expect(
      alsoInvalidated('not a uri', { location: '/x', 'content-location': 'http://h.example/x' }),
    ).toEqual([]);
  });
});
