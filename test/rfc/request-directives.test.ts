import { expect } from '@jest/globals';
import { at, type Fields } from './support/fields.ts';
import { conformance, FRESH, scenario } from './support/scenario.ts';

const cc = (value: string): Fields => ({ 'Cache-Control': value });

conformance('RFC 9111 §5.2.1, request Cache-Control directives', () => {
  scenario(
    'max-age: "prefers a response whose age is less than or equal to the specified number of seconds"',
    [
      { reply: { headers: FRESH } },
      { wait: 10, headers: cc('max-age=10'), hit: 0 },
      { wait: 1, headers: cc('max-age=10'), reply: { headers: FRESH } },
      { headers: cc('max-age=10'), hit: 2 },
    ],
  );
  scenario('max-age=0 asks for one that has just been made or confirmed', [
    { reply: { headers: FRESH } },
    { wait: 1, headers: cc('max-age=0') },
  ]);
  scenario('max-age counts the age that the response came with', [
    { reply: { headers: { ...FRESH, Age: '1800' } } },
    { headers: cc('max-age=600') },
  ]);
  scenario('max-age beyond the lifetime does not make a stale response fresh', [
    { reply: { headers: cc('max-age=2') } },
    { wait: 3, headers: cc('max-age=600') },
  ]);
  scenario('max-age that is invalid asks for a new one', [
    { reply: { headers: FRESH } },
    { wait: 1, headers: cc('max-age=x') },
  ]);
  scenario('max-stale: "willing to accept a response that has exceeded its freshness lifetime"', [
    { reply: { headers: cc('max-age=10') } },
    { wait: 20, headers: cc('max-stale=10'), hit: 0 },
    { wait: 1, headers: cc('max-stale=10') },
  ]);
  scenario(
    '"If no value is assigned to max-stale, then the client will accept a stale response of any age"',
    [{ reply: { headers: cc('max-age=10') } }, { wait: 60, headers: cc('max-stale'), hit: 0 }],
  );
  scenario('max-stale with an Age beyond the lifetime', [
    { reply: { headers: { ...(cc('max-age=100') as object), Age: '150', ETag: '"a"' } as Fields } },
    { headers: cc('max-stale=100'), hit: 0 },
    { headers: cc('max-stale=40') },
  ]);
  scenario('max-stale of a response that was stale when it came', [
    { reply: { headers: { 'Cache-Control': 'max-age=1500', Age: '2000' } } },
    { headers: cc('max-stale=1000'), hit: 0 },
    {},
  ]);
  scenario('max-stale=1000 of a response that has nothing to be validated by', [
    { reply: { headers: cc('max-age=1') } },
    { wait: 5, headers: cc('max-stale=1000'), hit: 0 },
  ]);
  for (const directive of ['must-revalidate', 'proxy-revalidate', 's-maxage=2'])
    scenario(`max-stale is nothing against ${directive}`, [
      { reply: { headers: cc(`max-age=2, ${directive}`) } },
      { wait: 4, headers: cc('max-stale=1000') },
    ]);
  scenario('max-stale is nothing against no-cache', [
    { reply: { headers: { 'Cache-Control': 'max-age=60, no-cache', ETag: '"a"' } } },
    { headers: cc('max-stale=1000') },
  ]);
  scenario('max-stale and a max-age that the response exceeds', [
    { reply: { headers: cc('max-age=10') } },
    { wait: 20, headers: cc('max-age=30, max-stale=100'), hit: 0 },
    { headers: cc('max-age=5, max-stale=100') },
  ]);
  scenario('min-fresh: "a response whose freshness lifetime is no less than its current age plus" it', [
    { reply: { headers: cc('max-age=60') } },
    { wait: 10, headers: cc('min-fresh=50'), hit: 0 },
    { wait: 1, headers: cc('min-fresh=50') },
  ]);
  scenario('min-fresh counts the age that the response came with', [
    { reply: { headers: { 'Cache-Control': 'max-age=1500', Age: '1000' } } },
    { headers: cc('min-fresh=1000') },
  ]);
  scenario('no-cache: "stored response not be used ... without successful validation"', [
    { reply: { headers: FRESH } },
    { headers: cc('no-cache') },
  ]);
  scenario('no-cache with a validator is a validation', [
    { reply: { headers: { ...FRESH, ETag: '"a"' } } },
    {
      headers: cc('no-cache'),
      reply: { status: 304, headers: FRESH },
      validated: 0,
      status: 200,
      asks: { 'If-None-Match': '"a"' },
    },
  ]);
  scenario('no-cache with Last-Modified is a validation', [
    { reply: { headers: { ...FRESH, 'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT' } } },
    {
      headers: cc('no-cache'),
      reply: { status: 304, headers: FRESH },
      validated: 0,
      status: 200,
      asks: { 'If-Modified-Since': 'Thu, 01 Jan 2026 00:00:00 GMT' },
    },
  ]);
  scenario('no-store: "MUST NOT store any part of either this request or any response to it"', [
    { headers: cc('no-store'), reply: { headers: FRESH } },
    {},
  ]);
  scenario('no-store does not forbid to be answered from what is stored', [
    { reply: { headers: FRESH } },
    { headers: cc('no-store'), hit: 0 },
  ]);
  scenario('no-transform: what is stored is what was received', [
    { reply: { headers: FRESH } },
    { headers: cc('no-transform'), hit: 0 },
  ]);
  scenario('only-if-cached: "SHOULD respond using either a stored response ... or with a 504"', [
    { headers: cc('only-if-cached'), own: true, status: 504, text: '' },
    { reply: { headers: cc('max-age=10') } },
    { headers: cc('only-if-cached'), hit: 1 },
    { wait: 11, headers: cc('only-if-cached'), own: true, status: 504, text: '' },
    { headers: cc('only-if-cached, max-stale'), hit: 1 },
  ]);
  scenario('a HEAD with only-if-cached', [
    { method: 'HEAD', headers: cc('only-if-cached'), own: true, status: 504, text: '' },
    { reply: { headers: FRESH } },
    { method: 'HEAD', headers: cc('only-if-cached'), hit: 1 },
  ]);
  scenario('directives in any case, with white space, among unknown ones', [
    { reply: { headers: FRESH } },
    { wait: 1, headers: cc('foo=bar ,  Max-Age=0,baz') },
    { headers: cc(' NO-CACHE') },
  ]);
  scenario('unknown directives change nothing', [
    { reply: { headers: FRESH } },
    { headers: cc('foo, bar="no-cache, max-age=0", baz=1'), hit: 0 },
  ]);
  scenario('the origin sees what the client said', [
    { headers: cc('no-cache, foo=bar'), asks: { 'Cache-Control': 'no-cache, foo=bar' } },
  ]);
});

conformance('RFC 9111 §5.4, Pragma', () => {
  scenario('no-cache in a request without Cache-Control is no-cache', [
    { reply: { headers: FRESH } },
    { headers: { Pragma: 'no-cache' }, reply: { headers: FRESH } },
    { headers: { Pragma: 'No-Cache , foo' } },
  ]);
  scenario('"when Cache-Control is present, Pragma is ignored"', [
    { reply: { headers: FRESH } },
    { headers: { Pragma: 'no-cache', 'Cache-Control': 'max-age=60' }, hit: 0 },
  ]);
  scenario('another Pragma says nothing', [
    { reply: { headers: FRESH } },
    { headers: { Pragma: 'foo' }, hit: 0 },
  ]);
  scenario('"Pragma: no-cache in a response" is not specified and means nothing', [
    { reply: { headers: { ...FRESH, Pragma: 'no-cache' } } },
    { hit: 0, has: { Pragma: 'no-cache' } },
  ]);
  scenario('not even where freshness is estimated', [
    { reply: { headers: { 'Last-Modified': at(-86_400), Pragma: 'no-cache' } } },
    { hit: 0 },
  ]);
});

conformance('RFC 9111 §5.5, Warning', () => {
  scenario('is neither written nor needed', [
    { reply: { headers: cc('max-age=1') } },
    { wait: 5, headers: cc('max-stale'), hit: 0, has: { Warning: null } },
  ]);
  scenario('is passed on like any other field', [
    { reply: { headers: { ...FRESH, Warning: '299 - "foo"' } } },
    { hit: 0, has: { Warning: '299 - "foo"' }, check: (answer) => expect(answer.status).toBe(200) },
  ]);
});
