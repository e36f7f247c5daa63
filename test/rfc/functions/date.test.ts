import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseHttpDate } from '../../../src/http/date.ts';

const NOW = Date.UTC(2026, 0, 15);
const at = (text: string | undefined, now = NOW): number | undefined => parseHttpDate(text, now);

describe('RFC 9110 5.6.7, "Date/Time Formats"', () => {
  const example = Date.UTC(1994, 10, 6, 8, 49, 37);
  test.each([
    ['IMF-fixdate', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['obsolete RFC 850 format', 'Sunday, 06-Nov-94 08:49:37 GMT'],
    ["ANSI C's asctime() format", 'Sun Nov  6 08:49:37 1994'],
    ['asctime() with a day of two digits', 'Sun Nov 06 08:49:37 1994'],
  ])('the %s form is parsed', (_form, text) => {
    expect(at(text)).toBe(example);
  });

  test('every name of a day and a month is parsed', () => {
    const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
    for (let i = 0; i < 400; i++) {
      const time = Date.UTC(2024, 0, 1 + i, 23, 59, 59);
      const imf = new Date(time).toUTCString();
      const [, day, month, year, clock] = /, (\d\d) (\w+) (\d+) (\S+)/.exec(imf) as RegExpExecArray;
      const weekday = days[new Date(time).getUTCDay()] as string;
      expect(at(imf)).toBe(time);
      expect(at(`${weekday}, ${day}-${month}-${year?.slice(2)} ${clock} GMT`)).toBe(time);
      expect(at(`${weekday.slice(0, 3)} ${month} ${day?.replace(/^0/, ' ')} ${clock} ${year}`)).toBe(time);
    }
  });

  test('dates in the format of Node are parsed', () => {
    const dates = fc.date({ min: new Date(0), max: new Date(Date.UTC(9999, 11, 31)), noInvalidDate: true });
    fc.assert(
      fc.property(dates, (date) => at(date.toUTCString()) === Math.floor(date.getTime() / 1000) * 1000),
      { seed: 9111, numRuns: 1000 },
    );
  });

  test('a leap second is valid', () => {
    expect(at('Sat, 31 Dec 2016 23:59:60 GMT')).toBe(Date.UTC(2017, 0, 1));
  });

  test('a leap day is valid in leap years only', () => {
    expect(at('Thu, 29 Feb 2024 00:00:00 GMT')).toBe(Date.UTC(2024, 1, 29));
    expect(at('Wed, 29 Feb 2023 00:00:00 GMT')).toBeUndefined();
    expect(at('Mon, 29 Feb 1900 00:00:00 GMT')).toBeUndefined();
  });

  test.each([
    ['an absent field', undefined],
    ['an empty field', ''],
    ['0', '0'],
    ['-1', '-1'],
    ['a number of seconds', '1700000000'],
    ['ISO 8601', '1994-11-06T08:49:37Z'],
    ['no weekday', '06 Nov 1994 08:49:37 GMT'],
    ['no comma', 'Sun 06 Nov 1994 08:49:37 GMT'],
    ['an unknown weekday', 'Xyz, 06 Nov 1994 08:49:37 GMT'],
    ['a long weekday', 'Sunday, 06 Nov 1994 08:49:37 GMT'],
    ['a short RFC 850 weekday', 'Sun, 06-Nov-94 08:49:37 GMT'],
    ['an unknown month', 'Sun, 06 Foo 1994 08:49:37 GMT'],
    ['a long month', 'Sun, 06 November 1994 08:49:37 GMT'],
    ['a day of one digit', 'Sun, 6 Nov 1994 08:49:37 GMT'],
    ['day 0', 'Sun, 00 Nov 1994 08:49:37 GMT'],
    ['day 31 of November', 'Sun, 31 Nov 1994 08:49:37 GMT'],
    ['day 32', 'Sun, 32 Jan 1994 08:49:37 GMT'],
    ['a year of two digits', 'Sun, 06 Nov 94 08:49:37 GMT'],
    ['a year of five digits', 'Sun, 06 Nov 19940 08:49:37 GMT'],
    ['hour 24', 'Sun, 06 Nov 1994 24:00:00 GMT'],
    ['minute 60', 'Sun, 06 Nov 1994 08:60:00 GMT'],
    ['second 61', 'Sun, 06 Nov 1994 08:49:61 GMT'],
    ['no seconds', 'Sun, 06 Nov 1994 08:49 GMT'],
    ['fractions', 'Sun, 06 Nov 1994 08:49:37.5 GMT'],
    ['no zone', 'Sun, 06 Nov 1994 08:49:37'],
    ['a trailing space', 'Sun, 06 Nov 1994 08:49:37 GMT '],
    ['a trailing line break', 'Sun, 06 Nov 1994 08:49:37 GMT\n'],
    ['a leading space', ' Sun, 06 Nov 1994 08:49:37 GMT'],
    ['two dates', 'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT'],
    ['two spaces', 'Sun,  06 Nov 1994 08:49:37 GMT'],
    ['digits that are not ASCII', 'Sun, \u0660\u0666 Nov 1994 08:49:37 GMT'],
  ])('not an HTTP-date: %s, %j', (_what, text) => {
    expect(at(text)).toBeUndefined();
  });

  test.each([
    ['Sunday, 06-Nov-25 08:49:37 GMT', 2025],
    ['Friday, 06-Nov-26 08:49:37 GMT', 2026],
    ['Saturday, 06-Nov-75 08:49:37 GMT', 2075],
    ['Sunday, 06-Nov-77 08:49:37 GMT', 1977],
    ['Saturday, 06-Nov-99 08:49:37 GMT', 1999],
    ['Monday, 06-Nov-00 08:49:37 GMT', 2000],
  ])('a year "more than 50 years in the future" is in the past: %s', (text, year) => {
    expect(new Date(at(text) as number).getUTCFullYear()).toBe(year);
  });

  test('the fifty years are counted from the timestamp and not from the year', () => {
    expect(new Date(at('Thursday, 01-Jan-76 00:00:00 GMT') as number).getUTCFullYear()).toBe(2076);
    expect(new Date(at('Sunday, 01-Feb-76 00:00:00 GMT') as number).getUTCFullYear()).toBe(1976);
  });

  test('a four-digit year below 100 is that year', () => {
    expect(new Date(at('Sat, 06 Nov 0094 08:49:37 GMT') as number).getUTCFullYear()).toBe(94);
  });
});

describe('RFC 9111 4.2, "Freshness"', () => {
  test.each(['sun, 06 nov 1994 08:49:37 gmt', 'SUNDAY, 06-NOV-94 08:49:37 GMT', 'SUN NOV  6 08:49:37 1994'])(
    'a cache recipient SHOULD match "case-insensitively": %s',
    (text) => {
      expect(at(text)).toBe(Date.UTC(1994, 10, 6, 8, 49, 37));
    },
  );

  test.each(['EST', 'CET', 'Z', '+0000', 'GMT+1', 'utc+0'])('the zone %s is invalid', (zone) => {
    expect(at(`Sun, 06 Nov 1994 08:49:37 ${zone}`)).toBeUndefined();
  });

  test('the local time zone has no influence', () => {
    const before = process.env.TZ;
    try {
      process.env.TZ = 'America/New_York';
      expect(at('Sun Nov  6 08:49:37 1994')).toBe(Date.UTC(1994, 10, 6, 8, 49, 37));
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });
});
