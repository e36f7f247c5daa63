import { describe, expect, test } from '@jest/globals';
import { parsePolicy } from '../../src/options/parse.ts';
import { lifetimeFor, type Ttl } from '../../src/options/ttl.ts';
import type { PolicyOptions } from '../../src/options/types.ts';
import { refuses, thrownBy } from './support/refusal.ts';

/* The `ttl` option in all its forms: a number is milliseconds, and what counts is the lifetime of each status. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The lifetime that a ttl gives a status, through the parsed policy. */
function lifetime(ttl: unknown, status = 200): number | false {
  return lifetimeFor(parsePolicy({ ttl } as PolicyOptions).ttl as Ttl, status, false);
}

describe('units of a duration', () => {
  test.each<[string | number, number]>([
    [0, 0],
    [1, 1],
    [1500.5, 1500.5],
    [60, 60],
    [2 ** 31 * SECOND, 2 ** 31 * SECOND],
    ['0s', 0],
    ['60ms', 60],
    ['60s', MINUTE],
    ['60 s', MINUTE],
    ['90 seconds', 90 * SECOND],
    ['1 second', SECOND],
    ['30sec', 30 * SECOND],
    ['5m', 5 * MINUTE],
    ['5 min', 5 * MINUTE],
    ['2 minutes', 2 * MINUTE],
    ['1h', HOUR],
    ['1 hour', HOUR],
    ['1.5h', 1.5 * HOUR],
    ['1d', DAY],
    ['7 days', 7 * DAY],
    ['2w', 14 * DAY],
    ['1H', HOUR],
  ])('%j is %d ms', (ttl, expected) => {
    expect(lifetime(ttl)).toBe(expected);
  });

  test.each<unknown>([
    '60',
    '',
    ' ',
    'h',
    'one hour',
    '1 fortnight',
    '1h30m',
    '1h, 5m',
    '-1h',
    '- 1h',
    '1e3 ms',
    '0x10 ms',
    ' 1h',
    '1h ',
    '1h\n',
    -1,
    2 ** 31 * SECOND + 1,
    '69 years',
    `${'9'.repeat(200)}h`,
    true,
    null,
    [],
    ['1h'],
    {},
  ])('%j is refused', (ttl) => {
    const shown = JSON.stringify(ttl).slice(0, 120);
    refuses(() => lifetime(ttl), 'ttl', shown, "a duration such as '1h'");
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%d is refused', (ttl) => {
    refuses(() => lifetime(ttl), 'ttl', String(ttl), "a duration such as '1h'");
  });

  test.each([new Date(5), new Map([[404, '30s']])])('%o is refused', (ttl) => {
    refuses(() => lifetime(ttl), 'ttl', JSON.stringify(ttl), "a duration such as '1h'");
  });
});

describe('ttl: false', () => {
  test.each([200, 204, 301, 404, 500])('gives a %d nothing', (status) => {
    expect(lifetime(false, status)).toBe(false);
  });
});

describe('one ttl for all statuses', () => {
  test.each([200, 204, 301, 399])('is whole for %d', (status) => {
    expect(lifetime('1h', status)).toBe(HOUR);
  });

  test.each([400, 404, 410, 500, 501, 503])('is cut to one minute for %d', (status) => {
    expect(lifetime('1h', status)).toBe(MINUTE);
    expect(lifetime(HOUR, status)).toBe(MINUTE);
  });

  test('that is shorter than one minute is not lengthened for an error', () => {
    expect(lifetime('5s', 404)).toBe(5 * SECOND);
  });
});

describe('a ttl for each status', () => {
  const ttl = { default: '1h', 404: '30m', 500: 0, 301: '7d' };

  test.each<[number, number]>([
    [200, HOUR],
    [301, 7 * DAY],
    [404, 30 * MINUTE],
    [410, MINUTE],
    [500, 0],
    [503, MINUTE],
  ])('%d: %d ms', (status, expected) => {
    expect(lifetime(ttl, status)).toBe(expected);
  });

  test('without a default gives nothing to a status it does not name', () => {
    expect(lifetime({ 404: '30s' }, 200)).toBe(false);
    expect(lifetime({ 404: '30s' }, 404)).toBe(30 * SECOND);
  });

  test.each<[object, string, string]>([
    [{ 404: '30' }, 'ttl.404', '"30"'],
    [{ default: 'soon' }, 'ttl.default', '"soon"'],
    [{ default: false }, 'ttl.default', 'false'],
    [{ default: '1h', 404: -1 }, 'ttl.404', '-1'],
    [{ default: () => 5 }, 'ttl.default', 'a function (default)'],
  ])('with a bad duration is refused: %j', (bad, option, shown) => {
    refuses(() => lifetime(bad), option, shown, 'a duration: a number of milliseconds');
  });

  test.each(['99', '100', '600', '4xx', 'Default', '404 '])(
    'is refused for %j, which is no status',
    (name) => {
      const { option, message } = thrownBy(() => lifetime({ default: '1h', [name]: '1s' }));
      expect(option).toBe(`ttl.${name}`);
      expect(message).toBe(
        `Unknown option "ttl.${name}". "ttl" takes "default" and status codes from 200 to 599.`,
      );
    },
  );
});

describe('a ttl that a function gave', () => {
  test.each<[Ttl, number, number | false]>([
    ['1h', 200, HOUR],
    ['1h', 404, HOUR],
    [HOUR, 500, HOUR],
    [{ default: '1h' }, 404, HOUR],
    [{ default: '1h', 404: '5s' }, 404, 5 * SECOND],
    [{}, 200, false],
    [false, 200, false],
  ])('%j for %d', (ttl, status, expected) => {
    expect(lifetimeFor(ttl, status, true)).toBe(expected);
  });

  test.each<[unknown, string]>([
    ['60', '"60"'],
    [-1, '-1'],
    [true, 'true'],
    [undefined, 'undefined'],
    [null, 'null'],
    [{ 200: 'x' }, '{"200":"x"}'],
    [{ default: 'x' }, '{"default":"x"}'],
    [() => '1h', 'a function'],
  ])('%j is refused when it is used', (returned, shown) => {
    const ttl = parsePolicy({ ttl: () => returned } as PolicyOptions).ttl as () => unknown;
    expect(() => ttl()).toThrow(`Option "ttl" returned ${shown}, but must return a duration such as '1h', `);
  });

  test('is taken as a function by the policy, and not called before', () => {
    let calls = 0;
    const ttl = () => (++calls > 0 ? '1h' : '2h');
    expect(parsePolicy({ ttl }).ttl).toBeInstanceOf(Function);
    expect(calls).toBe(0);
  });
});
