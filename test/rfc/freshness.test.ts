import { asctimeAt, at, rfc850At } from './support/fields.ts';
import { conformance, notReused, reused, scenario } from './support/scenario.ts';

conformance('RFC 9111 §4.2.1, calculating freshness lifetime', () => {
  reused('"if the max-age response directive is present, use its value"', { 'Cache-Control': 'max-age=60' });
  reused('"if the cache is shared and the s-maxage response directive is present, use its value"', {
    'Cache-Control': 'max-age=0, s-maxage=60',
  });
  notReused('s-maxage=0 comes before a longer max-age', { 'Cache-Control': 's-maxage=0, max-age=60' });
  reused('"if the Expires response header field is present, use its value minus the value of Date"', {
    Expires: at(60),
  });
  reused('max-age comes before an Expires that has passed', {
    'Cache-Control': 'max-age=60',
    Expires: at(-60),
  });
  notReused('max-age=0 comes before an Expires to come', { 'Cache-Control': 'max-age=0', Expires: at(60) });
  notReused('an invalid max-age does not leave it to Expires', {
    'Cache-Control': 'max-age=x',
    Expires: at(60),
  });
  reused('s-maxage comes before an Expires that has passed', {
    'Cache-Control': 's-maxage=60',
    Expires: at(-60),
  });
  reused('"minus the value of the Date response header field", so that the clocks may differ', {
    Date: at(-3600),
    Expires: at(60),
  });
  notReused('Expires that equals Date leaves no lifetime', { Date: at(0), Expires: at(0) });
  notReused('Expires before a Date to come leaves no lifetime', { Date: at(120), Expires: at(60) });
  reused(
    '"or using the time the message was received if it is not present"',
    { Expires: at(60) },
    { date: false },
  );
  notReused('Expires that has passed, without a Date', { Expires: at(-60) }, { date: false });
  reused('an invalid Date counts as none', { Date: 'yesterday', Expires: at(60) });
  notReused('a response is stale once its lifetime is over', { 'Cache-Control': 'max-age=1' });
  scenario('"response_is_fresh = (freshness_lifetime > current_age)": the second that equals is stale', [
    { reply: { headers: { 'Cache-Control': 'max-age=10' } } },
    { wait: 9, hit: 0 },
    { wait: 1 },
  ]);
});

conformance('RFC 9111 §4.2.1, conflicts and duplicates', () => {
  notReused(
    '"either the first occurrence should be used or the response should be considered stale": 0 first',
    {
      'Cache-Control': 'max-age=0, max-age=60',
    },
  );
  notReused('several lines of Cache-Control are one field', [
    ['Cache-Control', 'max-age=60'],
    ['Cache-Control', 'no-store'],
  ]);
  reused('directives of several lines add up', [
    ['Cache-Control', 'public'],
    ['Cache-Control', 'max-age=60'],
  ]);
  notReused('two Expires lines, the first of which has passed', [
    ['Expires', at(-60)],
    ['Expires', at(60)],
  ]);
  notReused('two Expires in one line are no date', { Expires: (now) => `${at(60)(now)}, ${at(60)(now)}` });
});

conformance('RFC 9111 §1.2.2, delta-seconds', () => {
  for (const value of [
    '3600',
    '0003600',
    '"3600"',
    '2147483647',
    '2147483648',
    '99999999999',
    '9'.repeat(40),
  ])
    reused(`max-age=${value} is fresh`, { 'Cache-Control': `max-age=${value}` });
  const invalid = [
    '',
    '-1',
    '-3600',
    '+3600',
    '3600.0',
    '0.5',
    '1e6',
    '0x60',
    'a3600',
    '3600a',
    "'3600'",
    '"x"',
  ];
  for (const value of [...invalid, ' 3600', '"3600', '36 00', '"36 00"', '3600;x=1'])
    notReused(`max-age=${value} is invalid, and so stale`, { 'Cache-Control': `max-age=${value}` });
  notReused('max-age without an argument is stale', { 'Cache-Control': 'max-age' });
  notReused('white space before the equals sign', { 'Cache-Control': 'max-age =3600' });
  notReused('s-maxage that is invalid is stale', { 'Cache-Control': 's-maxage=x, max-age=60' });
});

conformance('RFC 9111 §5.3, Expires', () => {
  reused('in the form of asctime, which "MUST" be accepted (RFC 9110 §5.6.7)', { Expires: asctimeAt(3600) });
  reused('in the form of RFC 850, with a two-digit year', { Expires: rfc850At(3600) });
  notReused('that has passed, in the form of asctime', { Expires: asctimeAt(-3600) });
  notReused('that has passed, in the form of RFC 850', { Expires: rfc850At(-3600) });
  reused('§4.2: "a cache recipient SHOULD match the field value case-insensitively"', {
    Expires: (now) => at(3600)(now).toLowerCase(),
  });
  reused('far in the future', { Expires: 'Fri, 31 Dec 9999 23:59:59 GMT' });
  const invalid: Record<string, string | ((now: number) => string)> = {
    '0': '0',
    empty: '',
    '-1': '-1',
    'a number of seconds': '3600',
    'a day of the week that is none': (now) => at(3600)(now).replace(/^\w{3}/, 'Foo'),
    'another time zone': (now) => at(3600)(now).replace('GMT', 'PST'),
    'an offset': (now) => at(3600)(now).replace('GMT', '+0000'),
    'UTC for GMT': (now) => at(3600)(now).replace('GMT', 'UTC'),
    quoted: (now) => `"${at(3600)(now)}"`,
    'no comma': (now) => at(3600)(now).replace(',', ''),
    'two spaces': (now) => at(3600)(now).replace(' ', '  '),
    'no seconds': (now) => at(3600)(now).replace(/:\d\d GMT/, ' GMT'),
    'a one-digit hour': (now) => at(3600)(now).replace(/ \d\d:/, ' 9:'),
    'dots in the time': (now) => at(3600)(now).replaceAll(':', '.'),
    'a two-digit year': (now) => at(3600)(now).replace(/ 20(\d\d) /, ' $1 '),
    hyphens: (now) => at(3600)(now).replace(/(\d\d) (\w{3}) (\d{4})/, '$1-$2-$3'),
    'ISO 8601': (now) => new Date(now + 3_600_000).toISOString(),
    'a parameter': (now) => `${at(3600)(now)};x=1`,
    'the 31st of February': 'Sat, 31 Feb 2065 00:00:00 GMT',
    'an hour too many': 'Sat, 28 Feb 2065 25:00:00 GMT',
  };
  for (const [what, value] of Object.entries(invalid))
    notReused(`"MUST interpret invalid date formats ... as representing a time in the past": ${what}`, {
      Expires: value,
    });
});

conformance('RFC 9111 §4.2.2, calculating heuristic freshness', () => {
  for (const status of [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
    reused(
      `${status} "is heuristically cacheable" (RFC 9110 §15.1)`,
      { 'Last-Modified': at(-86_400) },
      { status },
    );
  for (const status of [201, 202, 302, 303, 307, 400, 401, 403, 409, 429, 500, 502, 503, 504, 299, 499, 599])
    notReused(`${status} is not`, { 'Last-Modified': at(-86_400) }, { status });
  for (const status of [201, 302, 402, 599])
    reused(
      `${status} that is "explicitly marked as cacheable" with public`,
      { 'Last-Modified': at(-86_400), 'Cache-Control': 'public' },
      { status },
    );
  notReused('nothing to estimate from, with "ttl: false"', {});
  notReused('an invalid Last-Modified is nothing to estimate from', { 'Last-Modified': 'last week' });
  notReused('a Last-Modified to come is nothing to estimate from', { 'Last-Modified': at(3600) });
  notReused('"MUST NOT use heuristics when an explicit expiration time is present": max-age', {
    'Last-Modified': at(-86_400),
    'Cache-Control': 'max-age=0',
  });
  notReused('"MUST NOT use heuristics when an explicit expiration time is present": Expires', {
    'Last-Modified': at(-86_400),
    Expires: at(-10),
  });
  scenario('"a typical setting of this fraction might be 10%"', [
    { reply: { headers: { 'Last-Modified': at(-1000) } } },
    { wait: 99, hit: 0 },
    { wait: 1 },
  ]);
  scenario('never longer than a day', [
    { reply: { headers: { 'Last-Modified': at(-31_536_000) } } },
    { wait: 86_399, hit: 0 },
    { wait: 1 },
  ]);
  reused(
    '"SHOULD NOT ... use heuristics for URIs with query components" is of HTTP/1.0 and obsolete',
    { 'Last-Modified': at(-86_400) },
    {},
    { at: '?a=1' },
  );
});
