import { expect } from '@jest/globals';
import type { Answer } from '../support/client.ts';
import { at, type Fields } from './support/fields.ts';
import { conformance, FRESH, reused, scenario } from './support/scenario.ts';

const cc = 'max-age=3600';

conformance('RFC 9111 §3.1, storing header and trailer fields', () => {
  const kept = [
    ...['X-Test', 'Accept-Ranges', 'Access-Control-Allow-Origin', 'Allow', 'Alt-Svc', 'Content-Language'],
    ...['Content-Type', 'Content-Location', 'Content-Disposition', 'Content-MD5', 'Content-Security-Policy'],
    ...['Clear-Site-Data', 'ETag', 'Last-Modified', 'Link', 'Location', 'P3P', 'Refresh', 'Retry-After'],
    ...['Referrer-Policy', 'Server', 'Server-Timing', 'Strict-Transport-Security', 'Via', 'WWW-Authenticate'],
    ...[
      'X-Content-Type-Options',
      'X-Frame-Options',
      'X-Powered-By',
      'X-XSS-Protection',
      'Authentication-Info',
    ],
  ];
  for (const name of kept)
    scenario(`"Caches MUST include all received response header fields": ${name}`, [
      { reply: { headers: { ...FRESH, [name]: 'foo' } }, has: { [name]: 'foo' } },
      { hit: 0, has: { [name]: 'foo' } },
    ]);
  const notKept = [
    ...['Keep-Alive', 'TE', 'Upgrade', 'Proxy-Connection'],
    ...['Proxy-Authenticate', 'Proxy-Authentication-Info', 'Proxy-Authorization'],
  ];
  for (const name of notKept)
    scenario(`"unless": ${name}`, [
      { reply: { headers: { ...FRESH, [name]: 'foo' } } },
      { hit: 0, has: { [name]: (value) => value !== 'foo' } },
    ]);
  scenario('"the Connection header field and fields whose names are listed in it"', [
    { reply: { headers: { ...FRESH, Connection: 'X-A, close, x-B', 'X-A': '1', 'X-B': '2', 'X-C': '3' } } },
    { hit: 0, has: { 'X-A': null, 'X-B': null, 'X-C': '3', Connection: (value) => !value?.includes('X-A') } },
  ]);
  scenario('Connection in several lines', [
    {
      reply: {
        headers: [
          ['Cache-Control', cc],
          ['Connection', 'X-A'],
          ['Connection', 'X-B'],
          ['X-A', '1'],
          ['X-B', '2'],
        ],
      },
    },
    { hit: 0, has: { 'X-A': null, 'X-B': null } },
  ]);
  scenario('Transfer-Encoding is of one connection', [
    { reply: { headers: { ...FRESH, 'Transfer-Encoding': 'chunked' } } },
    { hit: 0, has: { 'Transfer-Encoding': null, 'Content-Length': /^\d+$/ } },
  ]);
  scenario('order, case and several lines', [
    {
      reply: {
        headers: [
          ['x-LoWer', 'a'],
          ['Cache-Control', cc],
          ['X-Two', '1'],
          ['Link', '<a>'],
          ['X-Two', '2'],
          ['Link', '<b>'],
        ],
      },
    },
    {
      hit: 0,
      has: { 'X-Two': '1, 2', Link: '<a>, <b>', 'x-lower': 'a' },
      check({ lines }) {
        const names = lines.map(([name]) => name.toLowerCase());
        expect(names.indexOf('x-lower')).toBeLessThan(names.indexOf('cache-control'));
        expect(names.indexOf('cache-control')).toBeLessThan(names.indexOf('x-two'));
        expect(names.indexOf('x-two')).toBeLessThan(names.indexOf('link'));
      },
    },
  ]);
  scenario('odd values', [
    {
      reply: {
        headers: {
          ...FRESH,
          'X-Empty': '',
          'X-Comma': 'a, "b, c"',
          'X-Tab': 'a\tb',
          'X-Long': 'x'.repeat(4000),
        },
      },
    },
    { hit: 0, has: { 'X-Empty': '', 'X-Comma': 'a, "b, c"', 'X-Tab': 'a\tb', 'X-Long': 'x'.repeat(4000) } },
  ]);
  scenario('obs-text survives', [
    { reply: { headers: { ...FRESH, 'X-Latin': 'caf\xe9' } }, has: { 'X-Latin': 'caf\xe9' } },
    { hit: 0, has: { 'X-Latin': 'caf\xe9' } },
  ]);
  scenario('Date, Expires and Cache-Control are sent as they were stored', [
    { reply: { headers: { Date: at(-5), Expires: at(100), 'Cache-Control': 'foo=bar, max-age=99' } } },
    { wait: 3, hit: 0, has: { 'Cache-Control': 'foo=bar, max-age=99', Age: '8' } },
  ]);
  scenario('trailer fields are passed on, and none is made a header field', [
    {
      reply: { headers: FRESH, trailers: { 'X-Sum': '1' } },
      check: ({ trailers }) => expect(trailers).toEqual([['x-sum', '1']]),
    },
    { hit: 0, has: { 'X-Sum': null, Trailer: null } },
  ]);
  reused('Content-Disposition: attachment is a response like any other', {
    ...FRESH,
    'Content-Disposition': 'attachment; filename=x',
  });
  reused('Content-Encoding is stored with the bytes', { ...FRESH, 'Content-Encoding': 'identity' });
  scenario('figures of one client are not for the next', [
    { reply: { headers: { ...FRESH, 'RateLimit-Remaining': '5' } }, has: { 'RateLimit-Remaining': '5' } },
    { hit: 0, has: { 'RateLimit-Remaining': null } },
  ]);
});

const statuses = (interim: Answer['interim']): number[] => interim.map(({ status }) => status);

conformance('RFC 9110 §15.2, interim responses', () => {
  for (const status of [102, 103] as const)
    scenario(`${status} is passed on and never stored`, [
      {
        reply: { headers: FRESH, interim: [{ status, headers: { Link: '</a.css>; rel=preload' } }] },
        check: ({ interim }) => expect(statuses(interim)).toEqual([status]),
      },
      { hit: 0, check: ({ interim }) => expect(interim).toEqual([]), has: { Link: null } },
    ]);
  scenario('two of them', [
    {
      reply: {
        headers: FRESH,
        interim: [{ status: 102 }, { status: 103, headers: { Link: '</a>; rel=preload' } }],
      },
      check: ({ interim }) => expect(statuses(interim)).toEqual([102, 103]),
    },
    { hit: 0 },
  ]);
  scenario('freshness of an interim response is not that of the final one', [
    {
      reply: {
        interim: [{ status: 103, headers: { Link: '</a>; rel=preload', 'Cache-Control': cc } as Fields }],
      },
    },
    {},
  ]);
  scenario('an interim response during a validation', [
    { reply: { headers: { 'Cache-Control': 'max-age=10', ETag: '"a"' } } },
    {
      wait: 11,
      reply: { status: 304, interim: [{ status: 103, headers: { Link: '</a>; rel=preload' } }] },
      validated: 0,
      status: 200,
      check: ({ interim }) => expect(statuses(interim)).toEqual([103]),
    },
  ]);
});

conformance('cookies', () => {
  scenario('a response with Set-Cookie is not stored (RFC 9111 §7.3 warns)', [
    { reply: { headers: { ...FRESH, 'Set-Cookie': 'a=1' } }, has: { 'Set-Cookie': 'a=1' } },
    { reply: { headers: FRESH } },
    { hit: 1, has: { 'Set-Cookie': null } },
  ]);
  reused(
    'a request with Cookie, for a response that says public',
    { 'Cache-Control': 'public, max-age=60' },
    {},
    { headers: { Cookie: 'a=1' } },
  );
});

conformance(
  'cookies, with setCookie: store, as RFC 9111 alone has it',
  () => {
    scenario('Set-Cookie is a field like any other', [
      {
        reply: {
          headers: [
            ['Cache-Control', cc],
            ['Set-Cookie', 'a=1'],
            ['Set-Cookie', 'b=2'],
          ],
        },
      },
      { hit: 0, has: { 'Set-Cookie': 'a=1, b=2' } },
    ]);
  },
  { setCookie: 'store' },
);

conformance(
  'cookies, with setCookie: strip',
  () => {
    scenario('the response is stored without it', [
      { reply: { headers: { ...FRESH, 'Set-Cookie': 'a=1' } }, has: { 'Set-Cookie': 'a=1' } },
      { hit: 0, has: { 'Set-Cookie': null } },
    ]);
  },
  { setCookie: 'strip' },
);
