import { at, type Fields } from './support/fields.ts';
import { conformance, FRESH, notReused, reused, scenario } from './support/scenario.ts';

const cc = (value: string): Fields => ({ 'Cache-Control': value });

conformance('RFC 9111 §5.2, Cache-Control', () => {
  reused('"to be compared case-insensitively"', cc('MaX-aGe=3600'));
  notReused('no-store in any case', cc('max-age=3600, No-StoRE'));
  reused('"an optional argument that can use both token and quoted-string syntax"', cc('max-age="3600"'));
  reused('empty members are nothing', cc(', ,max-age=3600,,'));
  reused('no white space at all', cc('public,max-age=3600'));
  reused('tabs are white space', cc('public,\tmax-age=3600\t'));
  reused(
    '§5.2.3: "A cache MUST ignore unrecognized cache directives"',
    cc('foo, bar=baz, qux="x, y", max-age=3600'),
  );
  notReused('a directive inside a quoted string is none', cc('foo="max-age=3600"'));
  notReused('not even behind a comma', cc('foo="a, max-age=3600, b"'));
  reused(
    'a directive of an extension does not undo the real one',
    cc('foo="max-age=0, no-store", max-age=3600'),
  );
  reused('an escaped quote does not end a quoted string', cc('foo="a\\", no-store, \\"b", max-age=3600'));
  notReused('a quoted string that does not end', cc('max-age=3600, foo="bar'));
  notReused('no-store behind an argument is still no-store', cc('max-age=3600, no-store=foo'));
  notReused('private behind an argument that is no list of names', cc('max-age=3600, private="="'));
  reused('a directive whose name only begins alike', cc('max-age=3600, no-storefoo, xprivate, no-cached'));
});

conformance('RFC 9111 §5.2.2, response Cache-Control directives', () => {
  scenario('max-age: "stale after its age is greater than the specified number of seconds"', [
    { reply: { headers: cc('max-age=10') } },
    { wait: 9, hit: 0 },
    { wait: 2 },
  ]);
  scenario('must-revalidate: "MUST NOT reuse that response ... until it has been successfully validated"', [
    { reply: { headers: cc('max-age=10, must-revalidate') } },
    { wait: 9, hit: 0 },
    { wait: 2 },
  ]);
  scenario('must-revalidate: an error is no permission either', [
    {
      reply: { headers: { 'Cache-Control': 'max-age=10, must-revalidate, stale-if-error=600', ETag: '"a"' } },
    },
    { wait: 20, reply: { status: 503 } },
  ]);
  scenario('must-revalidate: a validation brings it back', [
    { reply: { headers: { 'Cache-Control': 'max-age=10, must-revalidate', ETag: '"a"' } } },
    { wait: 20, reply: { status: 304, headers: { ETag: '"a"' } }, validated: 0, status: 200 },
    { wait: 5, hit: 0 },
  ]);
  scenario('no-cache: "MUST NOT be used to satisfy any other request without forwarding it for validation"', [
    { reply: { headers: { 'Cache-Control': 'no-cache, max-age=3600', ETag: '"a"' } } },
    { reply: { status: 304, headers: {} }, validated: 0, status: 200, asks: { 'If-None-Match': '"a"' } },
    { reply: { headers: FRESH } },
    { hit: 2 },
  ]);
  notReused('no-cache without a validator', cc('no-cache, max-age=3600'));
  notReused('no-cache in any case', cc('max-age=3600, No-CACHE'));
  scenario(
    'no-cache="field": the field is not sent "in response to a subsequent request without successful validation"',
    [
      {
        reply: {
          headers: {
            'Cache-Control': 'max-age=3600, no-cache="X-A, x-b"',
            'X-A': '1',
            'X-B': '2',
            'X-C': '3',
          },
        },
        has: { 'X-A': '1' },
      },
      { hit: 0, has: { 'X-A': null, 'X-B': null, 'X-C': '3' } },
    ],
  );
  scenario('no-cache=field as a token', [
    { reply: { headers: { 'Cache-Control': 'max-age=3600, no-cache=x-a', 'X-A': '1' } } },
    { hit: 0, has: { 'X-A': null } },
  ]);
  notReused('private: "a shared cache MUST NOT store the response"', cc('private, max-age=3600'));
  notReused('private in any case, in another line', [
    ['Cache-Control', 'max-age=3600'],
    ['Cache-Control', 'PRIVATE'],
  ]);
  notReused('private comes before public', cc('public, private, max-age=3600'));
  scenario('private="field": "limited to the field-values associated with the listed header fields"', [
    {
      reply: { headers: { 'Cache-Control': 'max-age=3600, private="X-A"', 'X-A': '1', 'X-C': '3' } },
      has: { 'X-A': '1' },
    },
    { hit: 0, has: { 'X-A': null, 'X-C': '3' } },
  ]);
  notReused(
    'no-store: "MUST NOT store any part of either the immediate request or the response"',
    cc('no-store'),
  );
  reused(
    'must-understand: "SHOULD ignore the no-store" where the status is understood',
    cc('must-understand, no-store, max-age=3600'),
  );
  notReused(
    'must-understand: not stored where the status is not understood',
    cc('must-understand, max-age=3600'),
    { status: 499 },
  );
  notReused(
    'must-understand: no-store holds where the status is not understood',
    cc('must-understand, no-store, max-age=3600'),
    { status: 299 },
  );
  reused('no-transform is for who transforms', cc('max-age=3600, no-transform'));
  scenario('proxy-revalidate: "the same meaning as must-revalidate" for shared caches', [
    { reply: { headers: cc('max-age=10, proxy-revalidate') } },
    { wait: 11, headers: cc('max-stale') },
  ]);
  reused(
    'public: "MAY store the response even if it would otherwise be prohibited"',
    { 'Cache-Control': 'public', 'Last-Modified': at(-86_400) },
    { status: 302 },
  );
  notReused('public alone is no freshness', cc('public'));
  scenario('s-maxage "incorporates the semantics of proxy-revalidate"', [
    { reply: { headers: cc('s-maxage=10') } },
    { wait: 11, headers: cc('max-stale') },
  ]);
  scenario('immutable (RFC 8246) is passed on, and no validation is spared that is due', [
    { reply: { headers: cc('max-age=10, immutable') } },
    { wait: 5, hit: 0, has: { 'Cache-Control': 'max-age=10, immutable' } },
    { wait: 6 },
  ]);
});

conformance('RFC 9111 §4.2.4, serving stale responses', () => {
  scenario('"A cache MUST NOT generate a stale response" without permission', [
    { reply: { headers: { 'Cache-Control': 'max-age=10', ETag: '"a"' } } },
    { wait: 11 },
  ]);
  scenario('an error of the origin is passed on where nothing allows the stale response', [
    { reply: { headers: { 'Cache-Control': 'max-age=10', ETag: '"a"' } } },
    { wait: 11, reply: { status: 503 } },
  ]);
  for (const status of [500, 502, 503, 504])
    scenario(`RFC 5861 §4: stale-if-error stands in for ${status}`, [
      { reply: { headers: cc('max-age=10, stale-if-error=60') } },
      { wait: 30, reply: { status }, validated: 0, status: 200, has: { Age: '30' } },
      { wait: 60, reply: { status } },
    ]);
  scenario('RFC 5861 §4: stale-if-error does not stand in for another status', [
    { reply: { headers: cc('max-age=10, stale-if-error=60') } },
    { wait: 30, reply: { status: 404 } },
  ]);
  scenario('RFC 5861 §4: stale-if-error of the request', [
    { reply: { headers: { 'Cache-Control': 'max-age=10', ETag: '"a"' } } },
    { wait: 30, headers: cc('stale-if-error=60'), reply: { status: 503 }, validated: 0, status: 200 },
  ]);
  scenario('RFC 5861 §4: stale-if-error when the origin cannot be reached', [
    { reply: { headers: cc('max-age=10, stale-if-error=60') } },
    { wait: 30, reply: { dies: 'at-once' }, validated: 0, status: 200 },
  ]);
});
