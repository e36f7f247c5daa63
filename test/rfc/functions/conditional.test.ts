import { describe, expect, test } from '@jest/globals';
import { conditionsOf, notModified, sameOpaqueTag } from '../../../src/http/conditional.ts';

const NOW = Date.UTC(2026, 0, 15);
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toUTCString();

describe('RFC 9110 13.1, "Preconditions" of a request', () => {
  test.each([
    [{}, undefined],
    [{ accept: 'a', 'if-match': '"a"', range: 'bytes=0-' }, undefined],
    [{ 'if-none-match': '"a"' }, { ifNoneMatch: '"a"', ifModifiedSince: undefined }],
    [{ 'if-none-match': ['"a"', '"b"'] }, { ifNoneMatch: '"a", "b"', ifModifiedSince: undefined }],
    [{ 'if-none-match': '' }, { ifNoneMatch: '', ifModifiedSince: undefined }],
    [{ 'if-modified-since': at(0) }, { ifNoneMatch: undefined, ifModifiedSince: at(0) }],
  ])('the request fields %j have the conditions %j', (headers, expected) => {
    expect(conditionsOf(headers)).toEqual(expected);
  });
});

describe('RFC 9110 13.1.2, "If-None-Match"', () => {
  const client = (ifNoneMatch: string, etag: string | undefined): boolean =>
    notModified({ ifNoneMatch }, { etag }, NOW);

  test.each<[string, string]>([
    ['"a"', '"a"'],
    ['W/"a"', '"a"'],
    ['"a"', 'W/"a"'],
    ['W/"a"', 'W/"a"'],
    ['"x", "a"', '"a"'],
    ['"x","a","y"', '"a"'],
    ['"x", W/"a"', '"a"'],
    [' "a" ', '"a"'],
    [', "a"', '"a"'],
    ['"a,b"', '"a,b"'],
    ['"x", "a,b", "y"', '"a,b"'],
    ['""', '""'],
    ['"\xe9"', '"\xe9"'],
    ['"a\\"', '"a\\"'],
    ['*', '"a"'],
    [' * ', 'W/"a"'],
  ])('by "weak comparison", If-None-Match: %s matches %s', (list, etag) => {
    expect(client(list, etag)).toBe(true);
  });

  test.each<[string, string | undefined]>([
    ['"a"', '"b"'],
    ['"a"', undefined],
    ['', '"a"'],
    ['"A"', '"a"'],
    ['"a', '"a"'],
    ['a', '"a"'],
    ['a', 'b'],
    ['a, b', 'a'],
    ['"a,b"', '"a"'],
    ['"a,b"', '"b"'],
    ['"x,"a"', '"x,'],
    ['w/"a"', '"b"'],
    ['"*"', '"a"'],
    ['*, "b"', '"a"'],
    ['"a b"', '"a"'],
    ['"ab"', '"a"'],
  ])('If-None-Match: %s does not match %s', (list, etag) => {
    expect(client(list, etag)).toBe(false);
  });

  test.each(['a', 'W/', 'W/a', '0', '"a', 'a, b', '\xe9'])(
    'a malformed entity tag of the origin matches itself: %j',
    (etag) => {
      expect(client(etag, etag)).toBe(true);
      expect(client(` ${etag}\t`, etag)).toBe(true);
    },
  );

  test('If-None-Match: * matches every stored response, with or without an entity tag', () => {
    expect(client('*', undefined)).toBe(true);
  });
});

describe('RFC 9110 13.1.3, "If-Modified-Since"', () => {
  const client = (ifModifiedSince: string, lastModified: string | undefined): boolean =>
    notModified({ ifModifiedSince }, { lastModified }, NOW);

  test.each<[string, string, boolean]>([
    ['earlier', at(-10), true],
    ['equal', at(0), true],
    ['later', at(10), false],
  ])('Last-Modified is %s', (_order, lastModified, expected) => {
    expect(client(at(0), lastModified)).toBe(expected);
  });

  test('If-Modified-Since accepts dates in obsolete formats', () => {
    expect(client('Thursday, 15-Jan-26 00:00:00 GMT', 'Thu Jan 15 00:00:00 2026')).toBe(true);
  });

  test.each(['', '0', 'yesterday', '2099-01-01', `${at(0)}, ${at(0)}`, `${at(0)} `])(
    'If-Modified-Since is ignored if "not a valid HTTP-date": %j',
    (since) => {
      expect(client(since, at(-10))).toBe(false);
    },
  );

  test('If-Modified-Since is ignored "if the resource does not have a modification date" that is valid', () => {
    expect(client(at(0), 'yesterday')).toBe(false);
  });

  test('If-Modified-Since is ignored "if the request contains an If-None-Match"', () => {
    const validators = { etag: '"a"', lastModified: at(-10) };
    expect(notModified({ ifNoneMatch: '"b"', ifModifiedSince: at(0) }, validators, NOW)).toBe(false);
    expect(notModified({ ifNoneMatch: '', ifModifiedSince: at(0) }, validators, NOW)).toBe(false);
    expect(notModified({ ifNoneMatch: '"a"', ifModifiedSince: at(-20) }, validators, NOW)).toBe(true);
  });
});

describe('RFC 9111 4.3.2, "Handling a Received Validation Request"', () => {
  test('a request without conditions is not answered by 304', () => {
    expect(notModified({}, { etag: '"a"', lastModified: at(-10) }, NOW)).toBe(false);
    expect(notModified({}, {}, NOW)).toBe(false);
  });

  const client = (validators: { lastModified?: string; date?: string }): boolean =>
    notModified({ ifModifiedSince: at(0) }, validators, NOW);

  test.each<[string, string, boolean]>([
    ['earlier', at(-10), true],
    ['equal', at(0), true],
    ['later', at(10), false],
    ['no date at all', 'yesterday', false],
  ])(
    '"the Last-Modified header field is not present ... SHOULD use the stored response\'s Date": %s',
    (_order, date, expected) => {
      expect(client({ date })).toBe(expected);
    },
  );

  test('Date is ignored when the response has a Last-Modified, valid or not', () => {
    expect(client({ lastModified: at(10), date: at(-10) })).toBe(false);
    expect(client({ lastModified: 'yesterday', date: at(-10) })).toBe(false);
    expect(client({ lastModified: at(-10), date: at(10) })).toBe(true);
  });

  test('Date is ignored when If-None-Match does not list the entity tag', () => {
    expect(notModified({ ifNoneMatch: '"b"', ifModifiedSince: at(0) }, { date: at(-10) }, NOW)).toBe(false);
  });
});

describe('RFC 9110 8.8.3.2, "Comparison"', () => {
  test.each<[string, string | undefined, boolean]>([
    ['W/"1"', 'W/"1"', true],
    ['W/"1"', '"1"', true],
    ['"1"', 'W/"1"', true],
    ['"1"', '"1"', true],
    ['W/"1"', 'W/"2"', false],
    ['"1"', '"2"', false],
    ['"a"', '"A"', false],
    ['w/"1"', '"1"', false],
    ['"1"', '1', false],
    ['"1"', undefined, false],
  ])('weak comparison, "their opaque-tags match character-by-character": %s and %s, %j', (a, b, expected) => {
    expect(sameOpaqueTag(a, b)).toBe(expected);
  });
});
