import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Fields, nominated, selector } from '../../../src/http/vary.ts';
import { sized } from '../../support/long.ts';

const selectors = (names: string[], headers: Fields): (string | null)[] =>
  names.map((name) => selector(name, headers));
const matches = (names: string[], a: Fields, b: Fields): boolean =>
  JSON.stringify(selectors(names, a)) === JSON.stringify(selectors(names, b));

describe('RFC 9110 12.5.5, "Vary": the fields that a response nominates', () => {
  test.each<[string | string[] | undefined, string[]]>([
    [undefined, []],
    ['', []],
    [' , ', []],
    ['Accept', ['accept']],
    ['Accept-Language, accept', ['accept', 'accept-language']],
    ['a, A,a', ['a']],
    [
      ['b', 'a'],
      ['a', 'b'],
    ],
    ['x-a,,x-b', ['x-a', 'x-b']],
    ['constructor', ['constructor']],
  ])('Vary: %j nominates %j', (vary, expected) => {
    expect(nominated(vary)).toEqual(expected);
  });

  test.each(['*', 'Accept, *', '*, Accept', ' * ', '__proto__'])('Vary: %j always fails to match', (vary) => {
    expect(nominated(vary)).toBe('*');
    expect(nominated(['Accept', vary])).toBe('*');
  });

  test.each(['a b', 'a;q=1', '"a"', 'a:', 'caf\xe9', 'a=b', '(a)'])(
    'Vary: %j has a member that is no field name, so it always fails to match',
    (vary) => {
      expect(nominated(vary)).toBe('*');
      expect(nominated(`Accept, ${vary}`)).toBe('*');
    },
  );
});

describe('RFC 9111 4.1, "Calculating Cache Keys with the Vary Header Field"', () => {
  test.each<[string[], Fields, Fields]>([
    [[], { a: '1' }, { a: '2' }],
    [['a'], {}, { b: '1' }],
    [['a'], { a: '1', b: '1' }, { a: '1', b: '2' }],
    [['a', 'b'], { a: '1', b: '2' }, { b: '2', a: '1' }],
  ])('requests match when all nominated fields match: %j of %j and %j', (names, a, b) => {
    expect(matches(names, a, b)).toBe(true);
  });

  test.each<[string[], Fields, Fields]>([
    [['a'], { a: '1' }, { a: '2' }],
    [['a'], { a: 'x' }, { a: 'X' }],
    [['a', 'b'], { a: '1', b: '2' }, { a: '1', b: '3' }],
    [['a', 'b'], { a: '1' }, { b: '1' }],
    [['a', 'b'], { a: '1", "2' }, { a: '1', b: '2' }],
  ])('requests do not match when a nominated field differs: %j of %j and %j', (names, a, b) => {
    expect(matches(names, a, b)).toBe(false);
  });

  test.each(['', 'null', ' '])('an absent field does not match the value %j', (value) => {
    expect(matches(['a'], {}, { a: value })).toBe(false);
    expect(matches(['a'], {}, {})).toBe(true);
  });

  test.each<[Fields, Fields]>([
    [{ accept: 'a, b' }, { accept: 'a,b' }],
    [{ accept: ' a ,\tb ' }, { accept: 'a,b' }],
    [{ accept: ['a', 'b'] }, { accept: 'a, b' }],
    [{ accept: 'text/html' }, { accept: ' text/html' }],
  ])('white space around list members does not matter: %j and %j', (a, b) => {
    expect(matches(['accept'], a, b)).toBe(true);
  });

  test.each<[Fields, Fields]>([
    [{ accept: 'a, b' }, { accept: 'b, a' }],
    [{ accept: 'a, a' }, { accept: 'a' }],
    [{ accept: 'a b' }, { accept: 'ab' }],
    [{ accept: 'a="x,y"' }, { accept: 'a="x, y"' }],
    [{ accept: '"a,b' }, { accept: '"a, b' }],
  ])('order, repetition and quoted white space matter: %j and %j', (a, b) => {
    expect(matches(['accept'], a, b)).toBe(false);
  });

  test.each(['\xa0a', 'a\xa0', '\xa0', 'a,\xa0b', '\xa0a, b'])(
    'a no-break space does not count as white space: %j',
    (value) => {
      expect(matches(['x-role'], { 'x-role': value }, { 'x-role': value.replaceAll('\xa0', '') })).toBe(
        false,
      );
    },
  );

  test.each([
    ['x-filter', "name eq 'a,b'", "name eq 'a, b'"],
    ['x-list', 'a,,b', 'a,b'],
    ['user-agent', 'A (b,c)', 'A (b, c)'],
    ['cookie', 'a=1,2', 'a=1, 2'],
    ['x-lang', 'en;q=0.5, de', 'de, en;q=0.5'],
    ['x-lang', 'en', 'EN'],
    ['user-agent', 'A', 'a'],
    ['accept', 'a;Level=A', 'a;level=a'],
    ['accept', 'a;level=A', 'a;level=a'],
    ['accept', 'A="x"', 'a="x"'],
  ])('normalizes only what is "known to have identical semantics": %s of %j and %j', (name, a, b) => {
    expect(matches([name], { [name]: a }, { [name]: b })).toBe(false);
  });

  test.each<[string, string]>([
    ['GZIP, br', 'gzip, br'],
    ['gzip;q=0.5, br', 'br,gzip;q=0.5'],
    ['gzip;q=0.5, br;q=1.0', 'br;q=1.0, gzip;q=0.5'],
    ['gzip ; q=0.5,br', 'gzip;q=0.5, br'],
    ['gzip;\tq=0, *;q=0.001', '*;q=0.001, gzip;q=0'],
    ['a;q=0.2, b;q=0.9, c, d;q=0.2', 'c, b;q=0.9, a;q=0.2, d;q=0.2'],
  ])('the order of members of different weight, and their case, do not matter: %j and %j', (a, b) => {
    expect(matches(['accept-encoding'], { 'accept-encoding': a }, { 'accept-encoding': b })).toBe(true);
  });

  test.each<[string, string]>([
    ['gzip', 'br'],
    ['gzip', 'gzip;q=0'],
    ['gzip;q=1, br;q=0.5', 'gzip;q=0.5, br;q=1'],
    ['gzip', 'gzip, br'],
    ['', 'identity'],
    ['gzip, br', 'br, gzip'],
    ['gzip;q=0.5, br;q=0.5', 'br;q=0.5, gzip;q=0.5'],
    ['gzip;q=0.5', 'gzip;q=0.50'],
    ['gzip;q=2, br', 'br, gzip;q=2'],
  ])('weights, and the order of members of equal weight, matter: %j and %j', (a, b) => {
    expect(matches(['accept-encoding'], { 'accept-encoding': a }, { 'accept-encoding': b })).toBe(false);
  });

  test.each<[string, string, string]>([
    ['accept', 'Text/HTML;q=0.5, */*', '*/*,text/html;q=0.5'],
    ['accept-language', 'en-US;q=0.8, de', 'de, en-us;q=0.8'],
    ['accept-charset', 'UTF-8', 'utf-8'],
    ['prefer', 'a,  b', 'a, b'],
    ['te', 'a,b', 'a, b'],
    ['cache-control', 'no-cache ,a', 'no-cache, a'],
  ])('normalizes white space in a known list field: %s of %j and %j', (name, a, b) => {
    expect(matches([name], { [name]: a }, { [name]: b })).toBe(true);
  });

  test.each([
    ['prefer', 'a, b', 'b, a'],
    ['prefer', 'A', 'a'],
    ['te', 'a;q=0.5, b', 'b, a;q=0.5'],
  ])('does not normalize order and case of other lists: %s of %j and %j', (name, a, b) => {
    expect(matches([name], { [name]: a }, { [name]: b })).toBe(false);
  });

  test('a field of unknown syntax loses only the white space around its value', () => {
    expect(selectors(['x-a', 'x-b'], { 'x-a': ' \tB ;q=1 ,\ta, ', 'x-b': 'Z, a' })).toEqual([
      'B ;q=1 ,\ta,',
      'Z, a',
    ]);
  });

  test.each(['constructor', '__proto__'])(
    'a field called %s is absent from a request that does not have it',
    (name) => {
      expect(selectors([name], {})).toEqual([null]);
    },
  );

  test('two values are equal only if they differ in nothing but list white space', () => {
    const piece = fc.constantFrom('a', 'b', ',', ' ', '\t', '"', '\\', '\xa0', '=', ', ', '"a', '"\\', 'a,');
    const pieces = fc.array(piece, { maxLength: 6 });
    const twins = fc.oneof(
      fc.tuple(pieces, pieces),
      fc
        .tuple(pieces, piece, fc.nat(6))
        .map(([list, more, at]) => [list, list.toSpliced(at, 0, more)] as const),
    );
    const bare = (list: readonly string[]): string => list.join('').replace(/[ \t,]/g, '');
    fc.assert(
      fc.property(
        twins,
        ([a, b]) =>
          !matches(['accept'], { accept: a.join('') }, { accept: b.join('') }) || bare(a) === bare(b),
      ),
      { seed: 9111, numRuns: sized(1000, 5000) },
    );
  });
});
