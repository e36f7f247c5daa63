import { expect } from '@jest/globals';
import { at, type Fields } from './support/fields.ts';
import { conformance, FRESH, notReused, reused, scenario } from './support/scenario.ts';

const cc = (value: string): Fields => ({ 'Cache-Control': value });

conformance('RFC 9111 §3, storing responses in caches', () => {
  const final = [
    ...[200, 201, 202, 203, 204, 205, 207, 208, 226, 299, 300, 301, 302, 303, 305, 306, 307, 308, 399],
    ...[400, 402, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 417, 418, 421, 422],
    ...[423, 424, 425, 426, 428, 431, 451, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 599],
  ];
  for (const status of final) {
    reused(`${status} with max-age is stored`, FRESH, { status });
    reused(`${status} with Expires is stored`, { Expires: at(3600) }, { status });
    notReused(`${status} with max-age=0 is not used again`, cc('max-age=0'), { status });
  }
  for (const status of [401, 403, 407, 429]) {
    notReused(`${status} is for one client, whatever it states`, cc('public, max-age=3600'), { status });
  }
  for (const status of [600, 700, 999]) notReused(`${status} is no status code of HTTP`, FRESH, { status });
  notReused('"the no-store cache directive is not present in the response"', cc('no-store, max-age=3600'));
  notReused('"the private response directive is either not present"', cc('private, max-age=3600'));
  notReused('no directive, no Expires, nothing to estimate from', {});
  reused('"an Expires header field"', { Expires: at(60) });
  reused('"a max-age response directive"', cc('max-age=60'));
  reused('"an s-maxage response directive"', cc('s-maxage=60'));
  scenario('"the request method is understood by the cache": a safe method that is not GET or HEAD', [
    { method: 'OPTIONS', reply: { headers: FRESH } },
    { method: 'OPTIONS' },
    { method: 'GET' },
  ]);
  scenario('a response with an empty body is stored', [
    { reply: { headers: FRESH, body: '' } },
    { hit: 0, has: { 'Content-Length': '0' } },
  ]);
  scenario('the reason phrase is stored', [
    {
      reply: { headers: FRESH, reason: 'Splendid' },
      check: ({ message }) => expect(message).toBe('Splendid'),
    },
    { hit: 0, check: ({ message }) => expect(message).toBe('Splendid') },
  ]);
});

conformance('RFC 9111 §3.3, storing incomplete responses', () => {
  scenario('"A cache MUST NOT use an incomplete response": the origin dies midway', [
    {
      reply: { headers: FRESH, body: 'only half of this', dies: 'midway' },
      text: 'only hal',
      check: ({ complete }) => expect(complete).toBe(false),
    },
    {},
  ]);
  scenario('midway through a body without a length', [
    {
      reply: {
        headers: { ...FRESH, 'Transfer-Encoding': 'chunked' },
        body: 'only half of this',
        dies: 'midway',
      },
      text: 'only hal',
      check: ({ complete }) => expect(complete).toBe(false),
    },
    {},
  ]);
  scenario('the origin dies before it says anything', [
    { reply: { dies: 'at-once' }, status: 502, text: 'bad gateway' },
    { reply: { headers: FRESH } },
    { hit: 1 },
  ]);
  notReused('a 206 is never used as the whole', FRESH, {
    status: 206,
    headers: { ...FRESH, 'Content-Range': 'bytes 0-3/10' } as Fields,
    body: 'part',
  } as never);
  notReused('nor is a 206 that does not say which part it is', FRESH, { status: 206, body: 'part' });
});

conformance('RFC 9111 §3.5, storing responses to authenticated requests', () => {
  const authorized = { headers: { Authorization: 'Basic Zm9vOmJhcg==' } };
  notReused(
    '"MUST NOT use a cached response to a request with an Authorization header field"',
    FRESH,
    {},
    authorized,
  );
  for (const directive of ['public', 's-maxage=3600', 'must-revalidate'])
    reused(
      `"unless the response contains ... a response directive that allows it": ${directive}`,
      cc(`max-age=3600, ${directive}`),
      {},
      authorized,
    );
  notReused('proxy-revalidate does not allow it', cc('max-age=3600, proxy-revalidate'), {}, authorized);
  scenario('a response stored for others answers a request with Authorization', [
    { reply: { headers: FRESH } },
    { ...authorized, hit: 0 },
  ]);
  scenario('one that is refused is not given to a request without Authorization', [
    { ...authorized, reply: { headers: FRESH } },
    {},
  ]);
  scenario("public lets one client's response answer another", [
    { ...authorized, reply: { headers: cc('public, max-age=3600') } },
    { headers: { Authorization: 'Basic b3RoZXI=' }, hit: 0 },
    { hit: 0 },
  ]);
});

conformance('RFC 9111 §4, constructing responses from caches', () => {
  scenario('"the presented target URI ... and that of the stored response match"', [
    { reply: { headers: FRESH } },
    { at: '/other', reply: { headers: FRESH } },
    { at: '?a=1', reply: { headers: FRESH } },
    { at: '?a=2' },
    { at: '?a=1', hit: 2 },
    { at: '/other', hit: 1 },
    { hit: 0 },
  ]);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'REPORT', 'SEARCH', 'LOCK', 'M-SEARCH'])
    scenario(`a method other than GET and HEAD goes through, whatever is stored: ${method}`, [
      { method, reply: { headers: FRESH } },
      { method },
      { method: 'GET' },
    ]);
  scenario('a request that replaces a stale response stores what it gets', [
    { reply: { headers: cc('max-age=1') } },
    { wait: 2, reply: { headers: FRESH } },
    { hit: 1 },
  ]);
  scenario('"replacing ... any existing stored responses that it would have replaced"', [
    { reply: { headers: FRESH } },
    { headers: { 'Cache-Control': 'no-cache' }, reply: { headers: FRESH } },
    { hit: 1 },
  ]);
});
