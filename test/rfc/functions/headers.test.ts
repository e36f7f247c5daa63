import { describe, expect, test } from '@jest/globals';
import { type FieldList, field, leftOutOf304, snapshot, storedFields } from '../../../src/http/headers.ts';

const NOTHING = snapshot([]);
const stored = (fields: FieldList, before = NOTHING) => storedFields(fields, before, []);

describe('RFC 9111 3.1, "Storing Header and Trailer Fields"', () => {
  test('all fields are stored, known or not, with their order, case and repetition', () => {
    const fields: FieldList = [
      ['X-Unknown', 'a'],
      ['link', ['<a>', '<b>']],
      ['Content-Length', 5],
      ['ETAG', '"e"'],
      ['X-Empty', ''],
    ];
    const expected = [
      'X-Unknown',
      'a',
      'link',
      ['<a>', '<b>'],
      'Content-Length',
      '5',
      'ETAG',
      '"e"',
      'X-Empty',
      '',
    ];
    expect(stored(fields)).toEqual({ headers: expected, removedFields: [] });
  });

  test.each([
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'TE',
    'Transfer-Encoding',
    'Upgrade',
    'Trailer',
  ])('"MUST be removed before forwarding": %s is not stored', (name) => {
    expect(stored([[name, 'x']]).headers).toEqual([]);
    expect(stored([[name.toUpperCase(), 'x']]).headers).toEqual([]);
  });

  test.each(['Proxy-Authenticate', 'Proxy-Authentication-Info', 'Proxy-Authorization'])(
    'fields "specific to the proxy": %s is not stored',
    (name) => {
      expect(stored([[name, 'x']]).headers).toEqual([]);
    },
  );

  test.each(['Age', 'RateLimit', 'RateLimit-Remaining', 'X-RateLimit-Limit'])(
    '%s belongs to one response and is not stored',
    (name) => {
      expect(stored([[name, '5']]).headers).toEqual([]);
    },
  );
});

describe('RFC 9110 7.6.1, "Connection"', () => {
  test.each<[string | string[]]>([['close, X-Hop'], ['x-hop'], ['X-HOP,close'], [['close', 'X-Hop']]])(
    'fields that Connection: %j nominates are not stored',
    (connection) => {
      const fields: FieldList = [
        ['X-Hop', 'a'],
        ['Connection', connection],
        ['X-End', 'b'],
      ];
      expect(stored(fields).headers).toEqual(['X-End', 'b']);
    },
  );
});

describe('fields of middleware in front', () => {
  const before = snapshot([
    ['X-Request-Id', '1'],
    ['Vary', ['Origin', 'Accept']],
    ['X-Powered-By', 'Express'],
    ['X-Count', 5],
  ]);

  test('are not stored when the app has not changed them', () => {
    const fields: FieldList = [
      ['x-request-id', '1'],
      ['Vary', ['Origin', 'Accept']],
      ['X-Powered-By', 'Express'],
      ['X-Count', '5'],
      ['Content-Type', 'text/plain'],
    ];
    expect(stored(fields, before)).toEqual({ headers: ['Content-Type', 'text/plain'], removedFields: [] });
  });

  test('are stored when the app has changed them, and listed as removed when it has removed them', () => {
    const fields: FieldList = [
      ['X-Request-Id', '2'],
      ['Vary', ['Origin']],
    ];
    expect(stored(fields, before)).toEqual({
      headers: ['X-Request-Id', '2', 'Vary', ['Origin']],
      removedFields: ['x-powered-by', 'x-count'],
    });
  });

  test('count as changed when two lines have become one line with both values', () => {
    const lines = snapshot([['Link', ['a', 'b']]]);
    expect(stored([['Link', 'a, b']], lines).headers).toEqual(['Link', 'a, b']);
  });
});

describe('RFC 9110 15.4.5, "304 Not Modified"', () => {
  test.each(['cache-control', 'content-location', 'date', 'etag', 'expires', 'vary'])(
    'a 304 has %s',
    (name) => {
      expect(leftOutOf304(name)).toBe(false);
    },
  );

  test.each([
    'content-length',
    'content-type',
    'content-encoding',
    'content-language',
    'content-range',
    'last-modified',
  ])('a 304 has no %s, which describes the representation', (name) => {
    expect(leftOutOf304(name)).toBe(true);
  });

  test.each([
    'set-cookie',
    'x-request-id',
    'link',
    'access-control-allow-origin',
    'content-security-policy',
    'content-security-policy-report-only',
  ])('a 304 has %s, which does not describe the representation', (name) => {
    expect(leftOutOf304(name)).toBe(false);
  });
});

describe('a field of a stored head', () => {
  const headers = ['ETag', '"a"', 'Link', ['<a>', '<b>'], 'X', '', 'etag', '"b"'];

  test.each([
    ['etag', '"a"'],
    ['link', '<a>, <b>'],
    ['x', ''],
    ['y', undefined],
    ['"a"', undefined],
  ])('%s has the value %j', (name, expected) => {
    expect(field(headers, name)).toBe(expected);
  });
});
