import { describe, expect, test } from '@jest/globals';
import {
  fieldsByName,
  freshened,
  type StoredFields,
  snapshot,
  storedFields,
} from '../../../src/http/headers.ts';

/* A stored head brought up to date by the head of a 304, or of a HEAD's 200. */

describe('RFC 9111 3.2, "Updating Stored Header Fields"', () => {
  test.each<[string, StoredFields, StoredFields, StoredFields]>([
    ['nothing to add', ['A', '1'], [], ['A', '1']],
    ['nothing stored', [], ['A', '1'], ['A', '1']],
    ['"MUST add each header field in the provided response"', ['A', '1'], ['B', '2'], ['A', '1', 'B', '2']],
    [
      '"replacing field values that are already present"',
      ['A', '1', 'B', '2'],
      ['A', '3'],
      ['B', '2', 'A', '3'],
    ],
    ['names match in any case, the new one stands', ['etag', '"a"'], ['ETag', '"b"'], ['ETag', '"b"']],
    ['several lines are replaced by one', ['Link', ['a', 'b']], ['Link', 'c'], ['Link', 'c']],
    ['and one by several', ['Link', 'c'], ['Link', ['a', 'b']], ['Link', ['a', 'b']]],
    ['every stored field of the name goes', ['A', '1', 'B', '2', 'a', '3'], ['A', '4'], ['B', '2', 'A', '4']],
    ['an empty value is a value', ['A', '1'], ['A', ''], ['A', '']],
    [
      'what the update does not name stays',
      ['A', '1', 'B', ['2', '3']],
      ['C', '4'],
      ['A', '1', 'B', ['2', '3'], 'C', '4'],
    ],
    [
      'names such as __proto__ are names',
      ['__proto__', '1'],
      ['constructor', '2'],
      ['__proto__', '1', 'constructor', '2'],
    ],
  ])('%s', (_rule, stored, fresh, expected) => {
    expect(freshened(stored, fresh)).toEqual(expected);
  });

  test.each([
    'Cache-Control',
    'Date',
    'ETag',
    'Expires',
    'Vary',
    'Last-Modified',
    'Content-Type',
    'Content-Language',
    'X-A',
  ])('%s is updated', (name) => {
    expect(freshened([name, 'old'], [name, 'new'])).toEqual([name, 'new']);
  });

  test.each(['Content-Length', 'Content-Encoding', 'Content-Range', 'CONTENT-LENGTH'])(
    '%s is "subject to exclusions": neither updated nor added',
    (name) => {
      expect(freshened([name, 'old'], [name, 'new'])).toEqual([name, 'old']);
      expect(freshened(['A', '1'], [name, 'new'])).toEqual(['A', '1']);
    },
  );

  test.each(['Connection', 'Transfer-Encoding', 'Age', 'Set-Cookie', 'X-Hop', 'X-Private'])(
    '%s is "excepted from storage" and so from updates',
    (name) => {
      const sent = [
        ['Connection', 'X-Hop'],
        [name, 'new'],
      ] as const;
      const { headers } = storedFields(sent, snapshot([]), ['set-cookie', 'x-private']);
      expect(freshened([name, 'old'], headers)).toEqual([name, 'old']);
    },
  );

  test('the lists that are passed in are not changed', () => {
    const [stored, fresh] = [Object.freeze(['A', '1']), Object.freeze(['A', '2'])];
    expect(freshened(stored, fresh)).toEqual(['A', '2']);
  });
});

describe('the fields of a stored head by lower-case name', () => {
  test('have every value, of one line or several', () => {
    const byName = fieldsByName(['ETag', '"a"', 'Link', ['<a>', '<b>'], 'X-Empty', '']);
    expect({ ...byName }).toEqual({ etag: '"a"', link: ['<a>', '<b>'], 'x-empty': '' });
  });

  test.each(['constructor', '__proto__', 'toString', 'x'])('have no %s when the head has none', (name) => {
    expect(fieldsByName(['A', '1'])[name]).toBeUndefined();
  });

  test('have a field __proto__ when the head has one', () => {
    const byName = fieldsByName(['__proto__', 'x', 'A', '1']);
    expect(Object.entries(byName)).toEqual([
      ['__proto__', 'x'],
      ['a', '1'],
    ]);
  });
});

describe('fields that the response forbids to store', () => {
  const fields = [
    ['X-A', '1'],
    ['Set-Cookie', ['a=1', 'b=2']],
    ['x-b', '2'],
  ] as const;

  test.each<[readonly string[], StoredFields]>([
    [[], ['X-A', '1', 'Set-Cookie', ['a=1', 'b=2'], 'x-b', '2']],
    [['set-cookie'], ['X-A', '1', 'x-b', '2']],
    [
      ['x-a', 'x-b'],
      ['Set-Cookie', ['a=1', 'b=2']],
    ],
    [['x-c'], ['X-A', '1', 'Set-Cookie', ['a=1', 'b=2'], 'x-b', '2']],
  ])('when %j is forbidden, %j is stored', (names, expected) => {
    expect(storedFields(fields, snapshot([]), names).headers).toEqual(expected);
  });

  test('a forbidden field of middleware in front does not count as removed', () => {
    const before = snapshot([['X-A', '0']]);
    expect(storedFields(fields, before, ['x-a', 'set-cookie'])).toEqual({
      headers: ['x-b', '2'],
      removedFields: [],
    });
  });
});
