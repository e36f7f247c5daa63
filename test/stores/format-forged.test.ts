import { describe, expect, test } from '@jest/globals';
import { decode } from '../../src/codec/format.ts';
import { ageing, forge, HEAD, metadata } from '../support/stored-head.ts';

/* Bytes whose lengths and sum are right, but which nobody who encodes would have written. */

describe('a response with forged metadata is not decoded', () => {
  const bad: [string, unknown][] = [
    ...['a\r\nB: c', 'a\n', '\r', 'a\0', '\x7f', '\u0100', '\u2028'].flatMap((text): [string, unknown][] => [
      ['value', metadata(4, ['X', text])],
      ['value among others', metadata(4, ['X', ['a', text]])],
      ['name', metadata(4, [`X${text}`, 'a'])],
      ['reason phrase', metadata(3, text)],
    ]),
    ...['', ' ', 'a b', 'a:', ':status', 'a\t', '"a"', '\u00e9', 5, null, ['a']].map(
      (name): [string, unknown] => ['name', metadata(4, [name, 'a'])],
    ),
    ...[5, null, {}, true, [5], [null], [['a']]].map((value): [string, unknown] => [
      'value',
      metadata(4, ['X', value]),
    ]),
    ...[null, {}, 'X: a', ['X'], ['X', 'a', 'Y'], [['X', 'a']]].map((list): [string, unknown] => [
      'header list',
      metadata(4, list),
    ]),
    ...[199, 100, 0, -200, 1000, 200.5, '200', null, [200]].map((s): [string, unknown] => [
      'status',
      metadata(2, s),
    ]),
    ...[null, 5, {}, ['a']].flatMap((v): [string, unknown][] => [
      ['key', metadata(0, v)],
      ['variant', metadata(1, v)],
      ['reason phrase', metadata(3, v)],
    ]),
    ...[null, 'a', {}, [5], [null], [['a']]].map((v): [string, unknown] => ['removed list', metadata(5, v)]),
    ...[null, '5', [], {}].flatMap((v): [string, unknown][] => [
      ['ageing', metadata(6, v)],
      ['moment of birth', metadata(6, ageing(0, v))],
      ['lifetime', metadata(6, ageing(1, v))],
      ['rules', metadata(6, ageing(2, v))],
      ['stale-if-error', metadata(6, ageing(3, v))],
      ['stale-while-revalidate', metadata(6, ageing(4, v))],
      ['time it took', metadata(6, ageing(5, v))],
    ]),
    ['short ageing', metadata(6, ageing().slice(0, 5))],
    ['long ageing', metadata(6, [...ageing(), 0])],
    ...[0, 1, 2, 3].flatMap((place): [string, unknown][] =>
      ['1e999', '-1e999'].map((endless) => [
        'endless number',
        JSON.stringify(metadata(6, ageing(place, 'endless'))).replace('"endless"', endless),
      ]),
    ),
    ...[5, 'a', true, [], [1]].map((v): [string, unknown] => ['locals', metadata(8, v)]),
    ...[null, 5, {}, 'a', [5], [null]].map((v): [string, unknown] => ['tags', metadata(7, v)]),
    ...[null, 5, {}, 'a', [5], [null]].map((v): [string, unknown] => ['selectors', metadata(9, v)]),
    ...[5, 'a', true, {}, [], [[]], [[], [], []], [[5], []], [[], [5]], [[], ['a']], [[], [['a']]]].map(
      (v): [string, unknown] => ['audience', metadata(10, v)],
    ),
    ...[
      [5, 1],
      ['a', '1'],
      ['a', null],
      ['a', 1, 2],
    ].map((v): [string, unknown] => ['shape that got another answer', metadata(10, [[], [v]])]),
    ['array of the form before', metadata().slice(0, 9)],
    ['short array', metadata().slice(0, 10)],
    ['long array', [...metadata(), 1]],
    ['object', { ...metadata() }],
    ['null', null],
    ['empty text', Buffer.alloc(0)],
    ['text that is no JSON', '[1,2'],
  ];
  test.each(bad)('%s: %j', (_what, meta) => {
    expect(decode({ bytes: forge(meta) })).toBeUndefined();
  });

  test.each([0, 2, 3, 0x81, 255])('of format %d', (format) => {
    expect(decode({ bytes: forge(metadata(), 'body', format) })).toBeUndefined();
  });

  test('but is decoded when the metadata is valid', () => {
    expect(decode({ bytes: forge(metadata()) })).toEqual({
      ...HEAD,
      body: Buffer.from('body'),
      purged: false,
    });
  });

  test('and locals named __proto__ do not change a prototype', () => {
    const bytes = forge(JSON.stringify(metadata(8, {})).replace(',{},', ',{"__proto__":{"admin":true}},'));
    const stored = decode({ bytes });
    expect(Object.hasOwn(stored?.locals ?? {}, '__proto__')).toBe(true);
    expect(Object.getPrototypeOf(stored?.locals)).toBe(Object.prototype);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});
