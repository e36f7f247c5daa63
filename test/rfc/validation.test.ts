import { at, type Fields } from './support/fields.ts';
import { conformance, FRESH, scenario } from './support/scenario.ts';

const short = (more: Record<string, string>): Fields => ({ 'Cache-Control': 'max-age=10', ...more });
const LM = 'Thu, 01 Jan 2026 00:00:00 GMT';
const _LATER = 'Fri, 02 Jan 2026 00:00:00 GMT';

conformance('RFC 9111 §4.3.1, sending a validation request', () => {
  scenario('"MUST send the relevant entity tags (using If-Match or If-None-Match)"', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    {
      wait: 11,
      asks: { 'If-None-Match': '"a"', 'If-Modified-Since': null },
      reply: { status: 304, headers: short({ ETag: '"a"' }) },
      validated: 0,
      status: 200,
      has: { Age: null, ETag: '"a"' },
    },
    { wait: 5, hit: 0, has: { Age: '5' } },
  ]);
  scenario('a weak entity tag', [
    { reply: { headers: short({ ETag: 'W/"a"' }) } },
    {
      wait: 11,
      asks: { 'If-None-Match': 'W/"a"' },
      reply: { status: 304, headers: short({ ETag: 'W/"a"' }) },
      validated: 0,
      status: 200,
    },
    { wait: 5, hit: 0 },
  ]);
  for (const tag of ['"a, b"', '"a\\b"', '""', '"#*!"', 'unquoted'])
    scenario(`the entity tag ${tag} as it came`, [
      { reply: { headers: short({ ETag: tag }) } },
      { wait: 11, asks: { 'If-None-Match': tag }, reply: { status: 304 }, validated: 0, status: 200 },
    ]);
  scenario('"SHOULD send the Last-Modified value (using If-Modified-Since)"', [
    { reply: { headers: short({ 'Last-Modified': LM }) } },
    {
      wait: 11,
      asks: { 'If-Modified-Since': LM, 'If-None-Match': null },
      reply: { status: 304, headers: short({}) },
      validated: 0,
      status: 200,
    },
    { wait: 5, hit: 0 },
  ]);
  scenario('both where there are both', [
    { reply: { headers: short({ ETag: '"a"', 'Last-Modified': LM }) } },
    {
      wait: 11,
      asks: { 'If-Modified-Since': LM, 'If-None-Match': '"a"' },
      reply: { status: 304, headers: short({}) },
      validated: 0,
      status: 200,
    },
  ]);
  scenario('a response without a validator is asked for anew', [
    { reply: { headers: short({}) } },
    { wait: 11, asks: { 'If-Modified-Since': null, 'If-None-Match': null } },
  ]);
  scenario('a response without freshness but with a validator is kept to be validated', [
    { reply: { headers: { ETag: '"a"' } } },
    { asks: { 'If-None-Match': '"a"' }, reply: { status: 304 }, validated: 0, status: 200 },
    { asks: { 'If-None-Match': '"a"' }, reply: { status: 304 }, validated: 0, status: 200 },
  ]);
  scenario('max-age=0 with a validator likewise', [
    { reply: { headers: { 'Cache-Control': 'max-age=0', ETag: '"a"' } } },
    { wait: 1, asks: { 'If-None-Match': '"a"' }, reply: { status: 304 }, validated: 0, status: 200 },
  ]);
  scenario('an Expires of the past with Last-Modified likewise', [
    { reply: { headers: { Expires: at(-60), 'Last-Modified': LM } } },
    { wait: 1, asks: { 'If-Modified-Since': LM }, reply: { status: 304 }, validated: 0, status: 200 },
  ]);
  scenario("the client's own condition does not reach the origin in place of ours", [
    { reply: { headers: short({ ETag: '"a"' }) } },
    {
      wait: 11,
      headers: { 'If-None-Match': '"z"' },
      asks: { 'If-None-Match': (value) => value?.includes('"a"') === true },
      reply: { status: 304, headers: short({ ETag: '"a"' }) },
      validated: 0,
      status: 200,
    },
    { hit: 0 },
  ]);
});

conformance('RFC 9111 §4.3.3, handling a validation response', () => {
  scenario('"A full response ... MUST use it", and replaces what is stored', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    { wait: 11, reply: { headers: short({ ETag: '"b"' }) }, has: { ETag: '"b"' } },
    { hit: 1, has: { ETag: '"b"' } },
  ]);
  scenario('a full response with the same entity tag replaces it too', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    { wait: 11, reply: { headers: short({ ETag: '"a"' }) } },
    { hit: 1 },
  ]);
  scenario('a 404 with freshness replaces it', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    { wait: 11, reply: { status: 404, headers: FRESH } },
    { hit: 1, status: 404 },
  ]);
  scenario('"a 5xx (Server Error) response": forwarded, and nothing is replaced by it', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    { wait: 11, reply: { status: 503 } },
    {
      asks: { 'If-None-Match': '"a"' },
      reply: { status: 304, headers: short({}) },
      validated: 0,
      status: 200,
    },
  ]);
  scenario('"or act as if the server failed to respond": with stale-if-error', [
    { reply: { headers: { 'Cache-Control': 'max-age=10, stale-if-error=60', ETag: '"a"' } } },
    { wait: 11, reply: { status: 500 }, validated: 0, status: 200, has: { Age: '11' } },
    { reply: { status: 304 }, validated: 0, status: 200 },
  ]);
  scenario('the client has the stored representation, which the origin confirms', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    {
      wait: 11,
      headers: { 'If-None-Match': '"a"' },
      reply: { status: 304, headers: short({ ETag: '"a"' }) },
      status: 304,
      text: '',
      has: { ETag: '"a"' },
    },
    { hit: 0 },
  ]);
  scenario('the client has the new representation already', [
    { reply: { headers: short({ ETag: '"a"' }) } },
    {
      wait: 11,
      headers: { 'If-None-Match': '"b"' },
      reply: { headers: short({ ETag: '"b"' }) },
      status: 304,
    },
    { hit: 1 },
  ]);
});
