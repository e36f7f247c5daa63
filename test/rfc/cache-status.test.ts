import { conformance, FRESH, scenario } from './support/scenario.ts';

const NAME = 'redis-response-cache';

conformance('RFC 9211, Cache-Status', () => {
  scenario('fwd=uri-miss and stored, then hit with its ttl', [
    {
      reply: { headers: { ...FRESH, 'Content-Length': '2' }, body: 'ok' },
      has: { 'Cache-Status': `${NAME}; fwd=uri-miss; stored` },
    },
    { wait: 600, hit: 0, has: { 'Cache-Status': `${NAME}; hit; ttl=3000` } },
  ]);
  scenario('fwd=stale with fwd-status', [
    { reply: { headers: { 'Cache-Control': 'max-age=10', ETag: '"a"' } } },
    {
      wait: 11,
      reply: { status: 304 },
      validated: 0,
      status: 200,
      has: { 'Cache-Status': /; fwd=stale; fwd-status=304/ },
    },
    { wait: 11, has: { 'Cache-Status': /; fwd=stale; fwd-status=200/ } },
  ]);
  scenario('fwd=vary-miss', [
    { headers: { Foo: '1' }, reply: { headers: { ...FRESH, Vary: 'Foo' } } },
    { headers: { Foo: '2' }, has: { 'Cache-Status': /; fwd=vary-miss/ } },
  ]);
  scenario('fwd=request', [
    { reply: { headers: FRESH } },
    { headers: { 'Cache-Control': 'no-cache' }, has: { 'Cache-Status': /; fwd=request/ } },
  ]);
  scenario('fwd=method', [
    { method: 'POST', has: { 'Cache-Status': /; fwd=method/ } },
    { method: 'OPTIONS', has: { 'Cache-Status': /; fwd=method/ } },
  ]);
  scenario('fwd=bypass', [{ headers: { 'If-Match': '"a"' }, has: { 'Cache-Status': /; fwd=bypass/ } }]);
  scenario('a stale hit has a negative ttl', [
    { reply: { headers: { 'Cache-Control': 'max-age=10' } } },
    {
      wait: 15,
      headers: { 'Cache-Control': 'max-stale' },
      hit: 0,
      has: { 'Cache-Status': `${NAME}; hit; ttl=-5` },
    },
  ]);
  scenario('why a response is not stored', [
    {
      reply: { headers: { 'Cache-Control': 'no-store' } },
      has: { 'Cache-Status': `${NAME}; fwd=uri-miss; detail=no-store` },
    },
  ]);
  scenario('"appended to the list" of the caches nearer to the origin, on a miss and on a hit', [
    {
      reply: { headers: { ...FRESH, 'Cache-Status': 'Origin; hit' } },
      has: { 'Cache-Status': new RegExp(`^Origin; hit, ${NAME}; fwd=uri-miss`) },
    },
    { hit: 0, has: { 'Cache-Status': new RegExp(`^Origin; hit, ${NAME}; hit; ttl=\\d+$`) } },
  ]);
  scenario('in an answer of the cache itself', [
    {
      headers: { 'Cache-Control': 'only-if-cached' },
      own: true,
      status: 504,
      text: '',
      has: { 'Cache-Status': `${NAME}; fwd=uri-miss; detail=only-if-cached` },
    },
  ]);
});
