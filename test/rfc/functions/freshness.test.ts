import { describe, expect, test } from '@jest/globals';
import { parseCacheControl } from '../../../src/http/cache-control.ts';
import { bornAt, heuristicLifetime, type Stated, statedLifetime } from '../../../src/http/freshness.ts';
import { reuse } from '../../../src/http/reuse.ts';
import type { Fields } from '../../../src/http/vary.ts';

const SECOND = 1000;
const DAY = 86_400 * SECOND;
const NOW = Date.UTC(2026, 0, 15, 12);

/** An HTTP-date this many seconds from now. */
const date = (seconds: number): string => new Date(NOW + seconds * SECOND).toUTCString();
const stated = (headers: Fields, dated = headers): Stated => ({
  headers,
  dated,
  directives: parseCacheControl(headers['cache-control']),
  targeted: false,
  receivedAt: NOW,
});

describe('RFC 9111 4.2.1, "Calculating Freshness Lifetime"', () => {
  test.each<[string, Fields, number | undefined]>([
    ['no statement', {}, undefined],
    ['no statement but others', { 'cache-control': 'public, must-revalidate', date: date(0) }, undefined],
    ['max-age', { 'cache-control': 'max-age=60' }, 60],
    ['max-age of 0', { 'cache-control': 'max-age=0' }, 0],
    ['quoted max-age', { 'cache-control': 'max-age="60"' }, 60],
    ['s-maxage before max-age', { 'cache-control': 'max-age=60, s-maxage=30' }, 30],
    ['s-maxage before max-age in any order', { 'cache-control': 's-maxage=90, max-age=60' }, 90],
    ['max-age before Expires', { 'cache-control': 'max-age=60', expires: date(5) }, 60],
    ['max-age before a past Expires', { 'cache-control': 'max-age=60', expires: '0' }, 60],
    ['s-maxage before Expires', { 'cache-control': 's-maxage=60', expires: date(5) }, 60],
    ['Expires minus Date', { expires: date(60), date: date(-30) }, 90],
    ['Expires without Date', { expires: date(60) }, 60],
    ['Expires with an invalid Date', { expires: date(60), date: 'yesterday' }, 60],
    ['Expires equal to Date', { expires: date(0), date: date(0) }, 0],
    ['Expires before Date', { expires: date(-60), date: date(0) }, 0],
    ['max-age on several lines', { 'cache-control': ['public', 'max-age=60'] }, 60],
    ['more than can be represented', { 'cache-control': `max-age=${'9'.repeat(50)}` }, 2 ** 31],
  ])('%s', (_what, headers, seconds) => {
    expect(statedLifetime(stated(headers))).toBe(seconds === undefined ? undefined : seconds * SECOND);
  });

  test.each([
    'max-age=a',
    'max-age',
    'max-age=-5',
    'max-age=1.5',
    's-maxage=x, max-age=60',
    'max-age=60, max-age=x',
  ])('"invalid freshness information" gives a lifetime of 0: %s', (value) => {
    expect(statedLifetime(stated({ 'cache-control': value, expires: date(60) }))).toBe(0);
  });

  test('with several max-age, the lifetime is never longer than the first', () => {
    expect(statedLifetime(stated({ 'cache-control': 'max-age=5, max-age=60' }))).toBe(5 * SECOND);
    expect(statedLifetime(stated({ 'cache-control': 'max-age=60, max-age=5' }))).toBeLessThanOrEqual(
      60 * SECOND,
    );
  });
});

describe('RFC 9111 5.3, "Expires"', () => {
  test.each([
    '0',
    '-1',
    '',
    'never',
    '60',
    'Thu, 32 Jan 2099 00:00:00 GMT',
    '2099-01-01T00:00:00Z',
    'Thu, 01 Jan 2099 00:00:00 EST',
  ])('"invalid date formats, especially the value 0" give a lifetime of 0: %j', (expires) => {
    expect(statedLifetime(stated({ expires }))).toBe(0);
  });

  test('several Expires fields give a lifetime of 0', () => {
    expect(statedLifetime(stated({ expires: [date(60), date(60)] }))).toBe(0);
  });
});

describe('RFC 9111 4.2.2, "Calculating Heuristic Freshness"', () => {
  test.each<[string, Fields, number | undefined]>([
    ['nothing to go by', {}, undefined],
    ['a tenth since Last-Modified', { 'last-modified': date(-1000) }, 100],
    ['from Date, where there is one', { 'last-modified': date(-1000), date: date(-500) }, 50],
    ['a Last-Modified that is no date', { 'last-modified': 'yesterday' }, undefined],
    ['a Last-Modified now', { 'last-modified': date(0) }, undefined],
    ['a Last-Modified in the future', { 'last-modified': date(60) }, undefined],
    ['a Last-Modified after Date', { 'last-modified': date(-10), date: date(-20) }, undefined],
  ])('%s', (_what, headers, seconds) => {
    expect(heuristicLifetime(stated(headers))).toBe(seconds === undefined ? undefined : seconds * SECOND);
  });

  test('the heuristic lifetime is at most a day', () => {
    expect(heuristicLifetime(stated({ 'last-modified': date(-11 * 86_400) }))).toBe(DAY);
    expect(heuristicLifetime(stated({ 'last-modified': 'Thu, 01 Jan 1970 00:00:00 GMT' }))).toBe(DAY);
  });
});

describe('RFC 9111 4.2.3, "Calculating Age"', () => {
  /** The age in seconds, when the head comes in, of a response that took so many seconds. */
  const age = (headers: Fields, delay: number): number =>
    (NOW - bornAt(stated(headers), NOW - delay * SECOND)) / SECOND;

  test.each<[string, Fields, number, number]>([
    ['made here and now', {}, 0, 0],
    ['made here, slowly', {}, 6, 0],
    ['apparent_age is the time since Date', { date: date(-30) }, 0, 30],
    ['apparent_age is never negative', { date: date(30) }, 0, 0],
    ['age_value is Age', { age: '30' }, 0, 30],
    ['corrected_age_value adds the response_delay', { age: '30' }, 6, 36],
    ['corrected_initial_age is the greater', { age: '30', date: date(-100) }, 6, 100],
    ['corrected_initial_age is the greater', { age: '100', date: date(-30) }, 6, 106],
    ['a Date of now and a delay', { date: date(0) }, 6, 6],
    ['an Age of 0 and a delay', { age: '0' }, 6, 6],
    ['a number for Age', { age: 30 }, 0, 30],
  ])('%s: %j after %d s is %d s', (_rule, headers, delay, expected) => {
    expect(age(headers, delay)).toBe(expected);
  });

  test.each([0, 5, 60])('the current age includes the resident time of %d s', (seconds) => {
    const born = bornAt(stated({ age: '30' }), NOW);
    const rules = { validateAlways: false, neverStale: false };
    const stale = { staleIfError: 0, staleWhileRevalidate: 0, originMs: 0 };
    const stored = { bornAt: born, lifetime: DAY, ...rules, ...stale };
    expect(reuse(stored, undefined, NOW + seconds * SECOND, false)).toHaveProperty(
      'age',
      (30 + seconds) * SECOND,
    );
  });
});

describe('RFC 9111 5.1, "Age"', () => {
  const ageOf = (value: string | string[]): number => (NOW - bornAt(stated({ age: value }), NOW)) / SECOND;

  test.each(['', 'x', '-5', '1.5', '30s', '"30"'])('an invalid Age is ignored: %j', (value) => {
    expect(ageOf(value)).toBe(0);
  });

  test.each<[string | string[], number]>([
    ['30, 5', 30],
    ['5,30', 5],
    [['30', '5'], 30],
    ['x, 30', 0],
  ])('of several Age values "the first is used": %j', (value, expected) => {
    expect(ageOf(value)).toBe(expected);
  });

  test('an Age that "overflows" is limited to 2^31 s', () => {
    expect(ageOf('9'.repeat(30))).toBe(2 ** 31);
  });
});
