import { describe, expect, test } from '@jest/globals';
import { acceptable, type Coding, entityTagIn, mayEncode } from '../../../src/http/content-coding.ts';

/* Which content coding answers a request (RFC 9110 §12.5.3), and which responses may be put into one. */

const ALL: Coding[] = ['br', 'zstd', 'gzip'];

describe('acceptable codings by Accept-Encoding', () => {
  test.each<[sentence: string, field: string | undefined, order: string]>([
    ['absent: "any content coding is considered acceptable", and identity is safe', undefined, 'identity'],
    ['"a field value that is empty implies that the user agent does not want any"', '', 'identity'],
    ['nothing but white space and commas is as good as empty', ' , ,', 'identity'],
    [
      '"if no weight is present, the default weight is 1": all alike',
      'gzip, zstd, br',
      'br zstd gzip identity',
    ],
    ['what is not listed is not acceptable', 'gzip', 'gzip identity'],
    ['what nobody knows is passed over', 'deflate, compress, sdch, gzip', 'gzip identity'],
    ['nothing that is known: identity', 'deflate, sdch', 'identity'],
    ['"a quality value" tells the preference', 'br;q=0.5, gzip;q=0.8, zstd;q=0.8', 'zstd gzip br identity'],
    ['as small as they come', 'gzip;q=0.001', 'gzip identity'],
    ['"a value of 0 means not acceptable"', 'br;q=0, gzip', 'gzip identity'],
    ['0.000 is 0', 'br;q=0.000, gzip', 'gzip identity'],
    ['"*" matches any not explicitly listed', '*', 'br zstd gzip identity'],
    ['"*" leaves what is listed alone', 'br;q=0, *;q=0.5', 'zstd gzip identity'],
    ['"*" speaks for identity too', 'gzip;q=0.2, *;q=0.1, zstd;q=0, br;q=0', 'gzip identity'],
    ['identity may be what is liked best', 'gzip;q=0.5, identity', 'identity gzip'],
    ['identity with the weight of "*"', 'gzip;q=0.2, *;q=0.5', 'br zstd identity gzip'],
    ['"identity;q=0"', 'identity;q=0, gzip', 'gzip'],
    ['"*;q=0" without a more specific entry for identity', 'gzip, *;q=0', 'gzip'],
    ['"*;q=0" with one', 'gzip, identity;q=0.1, *;q=0', 'gzip identity'],
    ['nothing acceptable at all: what the app would have sent', 'identity;q=0', 'identity'],
    ['nothing acceptable at all, by "*;q=0"', '*;q=0', 'identity'],
    ['"x-gzip" is "equivalent to gzip"', 'x-gzip', 'gzip identity'],
    ['"case-insensitive"', 'GZip;Q=1.0', 'gzip identity'],
    ['white space around the weight', 'gzip \t; \tq=1, br ;q=0', 'gzip identity'],
    ['the less of two weights', 'gzip, gzip;q=0, br', 'br identity'],
    ['empty members of the list', ',gzip,,br,', 'br gzip identity'],
  ])('%s: %j', (_sentence, field, order) => {
    expect(acceptable(field, ALL).join(' ')).toBe(order);
  });

  test.each([
    'gzip;q=2',
    'gzip;q=1.001',
    'gzip;q=0.0001',
    'gzip;q=-1',
    'gzip;q=.5',
    'gzip;q=',
    'gzip;q',
    'gzip;level=9',
    'gzip;q=1;q=1',
    'gzip br',
    'gz"ip',
    '"gzip"',
    'gzip, (br)',
    'gzip;q="1"',
  ])('a malformed field accepts identity only: %j', (field) => {
    expect(acceptable(field, ALL)).toEqual(['identity']);
  });

  test('several field lines are combined', () => {
    expect(acceptable(['gzip;q=0.5', 'br'], ALL)).toEqual(['br', 'gzip', 'identity']);
  });

  test('codings that are not available are left out', () => {
    expect(acceptable('br, gzip', ['gzip'])).toEqual(['gzip', 'identity']);
    expect(acceptable('br, gzip', [])).toEqual(['identity']);
    expect(acceptable('br, identity;q=0', ['gzip'])).toEqual(['identity']);
  });

  test('parsing takes linear time', () => {
    const field = `${'a;q=0.1,'.repeat(100_000)}gzip${' '.repeat(100_000)}`;
    expect(acceptable(field, ALL)).toEqual(['gzip', 'identity']);
  });
});

test.each([
  ['"abc"', '"abc-br-0000002a"'],
  ['""', '"-br-0000002a"'],
  ['"abc-br"', '"abc-br-br-0000002a"'],
  ['"abc-br-0000002a"', '"abc-br-0000002a-br-0000002a"'],
  // "A weak validator ... might be shared by several representations".
  ['W/"abc"', 'W/"abc"'],
  // No entity tags at all.
  ['abc', 'abc'],
  ['"a"b"', '"a"b"'],
])('the entity tag %s in br is %s', (etag, expected) => {
  expect(entityTagIn(etag, 'br', '0000002a')).toBe(expected);
});

describe('which responses may be encoded', () => {
  const JSON_TYPE = { 'content-type': 'application/json' };

  test.each([
    'text/html; charset=utf-8',
    'text/plain',
    'TEXT/CSS',
    'application/json',
    'application/ld+json; profile="x"',
    'application/problem+json',
    'application/atom+xml',
    'application/javascript',
    'image/svg+xml',
    'application/wasm',
  ])('the media type %s may be encoded', (type) => {
    expect(mayEncode(200, { 'content-type': type })).toBe(true);
  });

  test.each([
    undefined,
    '',
    'image/png',
    'video/mp4',
    'application/zip',
    'application/octet-stream',
    'text/',
    'x',
  ])('the media type %s may not be encoded', (type) => {
    expect(mayEncode(200, { 'content-type': type })).toBe(false);
  });

  test.each([200, 203, 301, 404, 410, 503])('a response with status %d may be encoded', (status) => {
    expect(mayEncode(status, JSON_TYPE)).toBe(true);
  });

  test.each([204, 206])('a response with status %d may not be encoded', (status) => {
    expect(mayEncode(status, JSON_TYPE)).toBe(false);
  });

  test.each<[string, Record<string, string>]>([
    ['"MUST NOT transform the content" under no-transform', { 'cache-control': 'max-age=9, No-Transform' }],
    ['a coding of its own', { 'content-encoding': 'gzip' }],
    ['a coding of its own, though it is none', { 'content-encoding': 'identity' }],
    ['a digest of the content', { 'content-digest': 'sha-256=:x:' }],
    ['a digest of the representation', { 'repr-digest': 'sha-256=:x:' }],
    ['a digest as it was', { digest: 'sha-256=x' }],
    ['a digest as it was long ago', { 'content-md5': 'x' }],
    ['a signature', { signature: 'sig1=:x:' }],
    ['an app that chooses by Accept-Encoding', { vary: 'Origin, accept-encoding' }],
    ['Vary: *', { vary: '*' }],
  ])('a response with %s may not be encoded', (_what, headers) => {
    expect(mayEncode(200, { ...JSON_TYPE, ...headers })).toBe(false);
  });

  test('a response that varies on another field may be encoded', () => {
    expect(mayEncode(200, { ...JSON_TYPE, vary: 'Origin', etag: '"a"' })).toBe(true);
  });
});
