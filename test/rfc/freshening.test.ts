import { at, type Fields } from './support/fields.ts';
import { conformance, FRESH, scenario } from './support/scenario.ts';

const short = (more: Record<string, string>): Fields => ({ 'Cache-Control': 'max-age=10', ...more });
const LM = 'Thu, 01 Jan 2026 00:00:00 GMT';
const LATER = 'Fri, 02 Jan 2026 00:00:00 GMT';

conformance('RFC 9111 §4.3.4, freshening stored responses upon validation', () => {
  scenario('"the cache MUST update" it: the new lifetime counts', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    { wait: 11, reply: { status: 304, headers: { ...FRESH, ETag: '"a"' } }, validated: 0, status: 200 },
    { wait: 3000, hit: 0 },
  ]);
  scenario('a 304 without a lifetime leaves the stored one', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    { wait: 11, reply: { status: 304, headers: { ETag: '"a"' } }, validated: 0, status: 200 },
    { wait: 9, hit: 0 },
    { wait: 2 },
  ]);
  scenario('a 304 with Age is as old as it says', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    {
      wait: 11,
      reply: { status: 304, headers: short({ ETag: '"a"', Age: '6' }) },
      validated: 0,
      status: 200,
      has: { Age: '6' },
    },
    { wait: 3, hit: 0, has: { Age: '9' } },
    { wait: 2 },
  ]);
  scenario('a 304 with no-store ends the storing', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    {
      wait: 11,
      reply: { status: 304, headers: { 'Cache-Control': 'no-store', ETag: '"a"' } },
      validated: 0,
      status: 200,
    },
    { asks: { 'If-None-Match': null } },
  ]);
  scenario(
    '"the cache MUST NOT use the new response to update any stored response": another strong validator',
    [
      { reply: { headers: short({ ETag: '"a"', 'X-A': '1' }) } },
      {
        wait: 11,
        reply: { status: 304, headers: { ...FRESH, ETag: '"b"', 'X-A': '2' } },
        validated: 0,
        status: 200,
        has: { ETag: '"a"', 'X-A': '1' },
      },
      { asks: { 'If-None-Match': null } },
    ],
  );
  scenario('a weak comparison is enough', [
    { reply: { headers: short({ ETag: 'W/"a"' }) } },
    { wait: 11, reply: { status: 304, headers: short({ ETag: '"a"' }) }, validated: 0, status: 200 },
    { hit: 0 },
  ]);
});

conformance('RFC 9111 §3.2, updating stored header fields', () => {
  const updated = [
    ...['X-Test', 'Content-Foo', 'X-Content-Foo', 'Content-Language', 'Content-Location', 'Content-Type'],
    ...['Content-Security-Policy', 'Link', 'Server', 'Via', 'Content-Disposition', 'Allow', 'Last-Modified'],
  ];
  for (const name of updated)
    scenario(`"replacing field values that are already present": ${name}`, [
      { reply: { headers: short({ ETag: '"a"', [name]: LM }) } },
      {
        wait: 11,
        reply: { status: 304, headers: short({ ETag: '"a"', [name]: LATER }) },
        validated: 0,
        status: 200,
        has: { [name]: LATER },
      },
      { hit: 0, has: { [name]: LATER } },
    ]);
  scenario('"MUST add each header field in the provided response"', [
    { reply: { headers: short({ ETag: '"a"', 'X-Old': '1' }) } },
    {
      wait: 11,
      reply: { status: 304, headers: short({ ETag: '"a"', 'X-New': '2' }) },
      validated: 0,
      status: 200,
      has: { 'X-Old': '1', 'X-New': '2' },
    },
    { hit: 0, has: { 'X-Old': '1', 'X-New': '2' } },
  ]);
  scenario('several lines replace several lines', [
    {
      reply: {
        headers: [
          ['Cache-Control', 'max-age=10'],
          ['ETag', '"a"'],
          ['X-A', '1'],
          ['X-A', '2'],
        ],
      },
    },
    {
      wait: 11,
      reply: {
        status: 304,
        headers: [
          ['Cache-Control', 'max-age=10'],
          ['X-A', '3'],
          ['X-A', '4'],
        ],
      },
      validated: 0,
      status: 200,
      has: { 'X-A': '3, 4' },
    },
    { hit: 0, has: { 'X-A': '3, 4' } },
  ]);
  scenario('Date and Expires are the new ones', [
    { reply: { headers: { Date: at(0), Expires: at(10), ETag: '"a"' } } },
    {
      wait: 11,
      reply: { status: 304, headers: { Date: at(0), Expires: at(10) } },
      validated: 0,
      status: 200,
    },
    { wait: 5, hit: 0, has: { Age: '5' } },
  ]);
  for (const [name, value] of [
    ['Content-Length', '3'],
    ['Content-Encoding', 'gzip'],
    ['Content-Range', 'bytes 0-1/2'],
  ] as const)
    scenario(`not of what the stored bytes depend on: ${name}`, [
      { reply: { headers: short({ ETag: '"a"' }) } },
      {
        wait: 11,
        reply: { status: 304, headers: short({ ETag: '"a"', [name]: value }) },
        validated: 0,
        status: 200,
        has: { [name]: (v) => v !== value },
      },
      { hit: 0, has: { [name]: (v) => v !== value } },
    ]);
  for (const name of ['Keep-Alive', 'Proxy-Authenticate', 'Proxy-Connection', 'Upgrade', 'TE'])
    scenario(`"excepted from storage in Section 3.1": ${name}`, [
      { reply: { headers: short({ ETag: '"a"' }) } },
      { wait: 11, reply: { status: 304, headers: short({ [name]: 'foo' }) }, validated: 0, status: 200 },
      { hit: 0, has: { [name]: (v) => v !== 'foo' } },
    ]);
  scenario('Set-Cookie of a 304 is for the client that asked, and no other', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    {
      wait: 11,
      reply: { status: 304, headers: short({ 'Set-Cookie': 'a=1' }) },
      validated: 0,
      status: 200,
      has: { 'Set-Cookie': 'a=1' },
    },
    { hit: 0, has: { 'Set-Cookie': null } },
  ]);
});

conformance('RFC 9111 §4.3.5, freshening responses with HEAD', () => {
  const tagged = { ...FRESH, ETag: '"a"', 'Content-Length': '10' };
  scenario('HEAD is answered from what GET stored', [
    { reply: { headers: FRESH } },
    { method: 'HEAD', hit: 0, has: { 'Content-Length': /^\d+$/ } },
  ]);
  scenario('a HEAD is written through where nothing is stored', [
    { method: 'HEAD', reply: { headers: FRESH } },
    { reply: { headers: FRESH } },
  ]);
  scenario('a HEAD whose fields match leaves the stored response as it is', [
    { reply: { headers: { ...FRESH, ETag: '"a"', 'X-A': '1' }, body: '0123456789' } },
    {
      method: 'HEAD',
      headers: { 'Cache-Control': 'no-cache' },
      reply: { headers: { ...tagged, 'X-A': '2' } },
    },
    { hit: 0, has: { 'X-A': '1' } },
  ]);
  for (const [what, fields] of Object.entries({
    'another ETag': { ETag: '"b"' },
    'another Last-Modified': { 'Last-Modified': LATER },
    'another Content-Length': { 'Content-Length': '11' },
  }))
    scenario(`"the cache SHOULD consider the stored response to be stale": ${what}`, [
      { reply: { headers: { ...FRESH, ETag: '"a"', 'Last-Modified': LM }, body: '0123456789' } },
      {
        method: 'HEAD',
        headers: { 'Cache-Control': 'no-cache' },
        reply: { headers: { ...tagged, 'Last-Modified': LM, ...fields } },
      },
      {},
    ]);
  scenario('a HEAD that is not 200 says nothing of it', [
    { reply: { headers: FRESH } },
    { method: 'HEAD', headers: { 'Cache-Control': 'no-cache' }, reply: { status: 404 } },
    { hit: 0 },
  ]);
  scenario('a HEAD never stores an empty GET', [
    { method: 'HEAD', reply: { headers: { ...FRESH, 'Content-Length': '10' } } },
    { reply: { headers: FRESH } },
    { hit: 1 },
  ]);
});
