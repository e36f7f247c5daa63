/** HTTP-date (RFC 9110 §5.6.7). Not parsed with `Date.parse`, which accepts far more than HTTP does. */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const IMF = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/i;
const RFC850 =
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d\d)-(\w{3})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/i;
const ASCTIME = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\w{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/i;

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
  const year = new Date(now).getUTCFullYear();
  const century = year - (year % 100) + Number(m[3]);
  const time = instant(String(century), m[2], m[1], m[4], m[5], m[6]);
  const limit = new Date(now).setUTCFullYear(year + 50);
  return time !== undefined && time > limit
    ? instant(String(century - 100), m[2], m[1], m[4], m[5], m[6])
    : time;
}

let last = { second: 0, text: 'Thu, 01 Jan 1970 00:00:00 GMT' };

/** An instant as an HTTP-date. The text is reused within a second, because formatting is slow. */
export function httpDate(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== last.second) last = { second, text: new Date(ms).toUTCString() };
  return last.text;
}

function instant(...parts: (string | undefined)[]): number | undefined {
  const [year, monthName, day, hour, minute, second] = parts;
  const month = MONTHS.indexOf((monthName ?? '').toLowerCase());
  const [h, m, s, d] = [Number(hour), Number(minute), Number(second), Number(day)];
  // A leap second (60) is valid. JavaScript has none and counts it as the next second.
  if (month < 0 || h > 23 || m > 59 || s > 60) return undefined;
  // `Date.UTC` would add 1900 to a year below 100.
  const date = new Date(0);
  date.setUTCFullYear(Number(year), month, d);
  return date.getUTCDate() === d ? date.setUTCHours(h, m, s) : undefined;
}
