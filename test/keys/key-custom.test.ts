import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { customKey, declaredText, redisId } from '../../src/key/cache-key.ts';

/* The `key` option's values: plain JSON makes a key, anything else makes none, and nothing hangs or throws. */

const keyOf = (value: unknown): string | undefined => customKey('GET', value);

describe('a key of plain JSON', () => {
  test.each<[unknown, string]>([
    ['', 'GET ""'],
    ['/a', 'GET "/a"'],
    [0, 'GET 0'],
    [-1.5, 'GET -1.5'],
    [true, 'GET true'],
    [null, 'GET null'],
    [[], 'GET []'],
    [[1, '1'], 'GET [1,"1"]'],
    [{}, 'GET {}'],
    [{ b: 1, a: [{ d: 1, c: 2 }] }, 'GET {"a":[{"c":2,"d":1}],"b":1}'],
    [Object.assign(Object.create(null), { b: 1, a: 2 }), 'GET {"a":2,"b":1}'],
    [JSON.parse('{"__proto__":1,"constructor":2}'), 'GET {"__proto__":1,"constructor":2}'],
    [['__proto__', 'constructor'], 'GET ["__proto__","constructor"]'],
  ])('of the value %j', (value, expected) => {
    expect(keyOf(value)).toBe(expected);
  });

  test('is shared by GET and HEAD, and differs for POST', () => {
    expect(customKey('HEAD', 'a')).toBe(customKey('GET', 'a'));
    expect(customKey('POST', 'a')).toBe('POST "a"');
  });

  test('never equals a default key', () => {
    for (const value of ['http://h/', 'https://h/', '//h/']) expect(keyOf(value)).not.toMatch(/^GET http/);
  });

  test.each<[unknown, unknown]>([
    [1, '1'],
    [true, 'true'],
    [null, 'null'],
    ['', []],
    [[], {}],
    [['a', 'b'], ['a,b']],
    [
      ['a', ['b']],
      ['a', 'b'],
    ],
    [[[]], []],
    [[null], []],
    [{ a: 1 }, [['a', 1]]],
    [{ a: null }, {}],
    [{ 0: 'a' }, ['a']],
    ['\ud800', '\ud801'],
    ['\ud800', '\\ud800'],
    ['\u00e9', 'e\u0301'],
    ['a', 'a\0'],
    ['K', '\u212a'],
  ])('differs for %j and %j', (a, b) => {
    expect(keyOf(a)).not.toBe(keyOf(b));
  });
});

class Point {
  readonly x = 1;
}

describe('an ambiguous value has no key', () => {
  const deep = JSON.parse(`${'['.repeat(1000)}${']'.repeat(1000)}`);
  const withToJson = Object.assign([1], { toJSON: () => 'x' });

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['undefined inside an object', { a: undefined }],
    ['undefined inside an array', [undefined]],
    ['undefined deep inside', { a: [{ b: [undefined] }] }],
    ['NaN', Number.NaN],
    ['Infinity', [Number.POSITIVE_INFINITY]],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a bigint', 1n],
    ['a Date', new Date(0)],
    ['a Map', new Map([['a', 1]])],
    ['a Set', new Set([1])],
    ['a RegExp', /a/],
    ['an Error', new Error('a')],
    ['a Buffer', Buffer.from('a')],
    ['an ArrayBuffer', new ArrayBuffer(1)],
    ['a typed array', new Uint8Array(1)],
    ['a URL', new URL('http://h/')],
    ['URLSearchParams', new URLSearchParams('a=1')],
    ['a promise', Promise.resolve(1)],
    ['a boxed string', Object('a')],
    ['a boxed number', Object(1)],
    ['an instance of a class', new Point()],
    ['an object with another prototype', Object.create({ a: 1 })],
    ['an object with toJSON', { a: 1, toJSON: () => 'x' }],
    ['an array with toJSON', withToJson],
    ['a sparse array', Object.assign([1], { 2: 2 })],
    ['a huge sparse array', new Array(2 ** 32 - 1)],
    ['an array that ends in a hole', Object.assign([1], { length: 2 })],
    ['very deep nesting', deep],
    ['a proxy of a Map', new Proxy(new Map(), {})],
  ])('a value has no key: %s', (_what, value) => {
    expect(keyOf(value)).toBeUndefined();
    expect(keyOf([value])).toBeUndefined();
    expect(keyOf({ a: value })).toBeUndefined();
    expect(declaredText([['by', value]])).toBeUndefined();
  });

  test('a cycle', () => {
    const list: unknown[] = [];
    for (let i = 0; i < 50; i++) list.push(list);
    const parent: Record<string, unknown> = { name: 'p' };
    parent.children = [{ parent }, { parent }, { parent }];
    const startedAt = performance.now();
    expect(keyOf(list)).toBeUndefined();
    expect(keyOf(parent)).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });

  test('an object of another realm, whose prototype is another Object.prototype', () => {
    expect(keyOf(runInNewContext('new Date(0)'))).toBeUndefined();
    expect(keyOf(runInNewContext('new Map()'))).toBeUndefined();
  });
});

describe('the text of declared parts', () => {
  test('is empty without declared parts', () => {
    expect(declaredText([])).toBe('');
  });

  test('is their JSON', () => {
    expect(
      declaredText([
        ['header', 'a', null],
        ['by', { b: 1, a: 2 }],
      ]),
    ).toBe('[["header","a",null],["by",{"a":2,"b":1}]]');
  });
});

describe('the id of a key in Redis', () => {
  test.each(['', 'GET http://h/', 'GET "a|b~"', ' !z', 'x'.repeat(200)])('%j stays readable', (text) => {
    expect(redisId(text, undefined)).toBe(text);
  });

  test.each(['{', '}', 'GET {"a":1}', '\x7f', '\x1f', '\n', 'a\n', '\0', '\u00e9', 'x'.repeat(201)])(
    'is a hash for the key %j',
    (text) => {
      expect(redisId(text, undefined)).toMatch(/^#[0-9a-f]{40}$/);
    },
  );

  test('is a hash for every key when hashing is on', () => {
    expect(redisId('GET http://h/', 'sha1')).toMatch(/^#[0-9a-f]{40}$/);
    expect(redisId('GET http://h/', 'sha256')).toMatch(/^#[0-9a-f]{64}$/);
  });
});
