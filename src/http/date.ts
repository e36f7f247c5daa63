/** HTTP-date (RFC 9110 §5.6.7). `Date.parse` accepts far more than HTTP does, hence a parser. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const IMF = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/;
const RFC850 = /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d\d)-(\w{3})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/;
const ASCTIME = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\w{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/;

/**
 * Milliseconds since 1970 of an HTTP-date in any of its three forms, or `undefined`.
 * @param now decides the century of the obsolete two-digit year: "more than 50 years in the future" is the past.
 */
export function parseHttpDate(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  let m = IMF.exec(text);
  if (m) return instant(m[3], m[2], m[1], m[4], m[5], m[6]);
  m = ASCTIME.exec(text);
  if (m) return instant(m[6], m[1], m[2], m[3], m[4], m[5]);
  m = RFC850.exec(text);
  if (!m) return undefined;
  const thisYear = new Date(now).getUTCFullYear();
  let year = thisYear - (thisYear % 100) + Number(m[3]);
  if (year > thisYear + 50) year -= 100;
  return instant(String(year), m[2], m[1], m[4], m[5], m[6]);
}

function instant(...parts: (string | undefined)[]): number | undefined {
  const [year, monthName, day, hour, minute, second] = parts;
  const month = MONTHS.indexOf(monthName ?? '');
  const [h, m, s, d] = [Number(hour), Number(minute), Number(second), Number(day)];
  // A leap second is grammatical (second = 60); JavaScript has none and counts it as the next second.
  if (month < 0 || h > 23 || m > 59 || s > 60) return undefined;
  const time = Date.UTC(Number(year), month, d, h, m, s);
  return new Date(Date.UTC(Number(year), month, d)).getUTCDate() === d ? time : undefined;
}
