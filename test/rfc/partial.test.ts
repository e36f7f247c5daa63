import type { Fields } from './support/fields.ts';
import { conformance, FRESH, scenario } from './support/scenario.ts';

const LONG = '01234567890123456789';
const ask = (range: string, more: Fields = {}) => ({
  headers: { ...(more as object), Range: range } as Fields,
});
const piece = (first: number, last: number, more: Record<string, string | null> = {}) => {
  const headers = { ...FRESH, ETag: '"a"', 'Content-Range': `bytes ${first}-${last}/20`, ...more };
  const given = Object.entries(headers).filter(([, value]) => value !== null) as [string, string][];
  return {
    reply: { status: 206, headers: given, body: LONG.slice(first, last + 1) },
    text: LONG.slice(first, last + 1),
  };
};

conformance('RFC 9111 §3.3, storing incomplete responses: parts', () => {
  scenario('the origin is asked for the range, as the client asked', [
    {
      ...ask('bytes=0-4', { 'If-Range': '"a"' }),
      ...piece(0, 4),
      asks: { Range: 'bytes=0-4', 'If-Range': '"a"' },
      has: { 'Content-Range': 'bytes 0-4/20' },
    },
  ]);
  scenario('a part answers for the same range', [
    { ...ask('bytes=5-9'), ...piece(5, 9) },
    {
      ...ask('bytes=5-9'),
      hit: 0,
      status: 206,
      text: '56789',
      has: { 'Content-Range': 'bytes 5-9/20', Age: '0' },
    },
  ]);
  scenario('a part without a validator too', [
    { ...ask('bytes=5-9'), ...piece(5, 9, { ETag: null }) },
    { ...ask('bytes=5-9'), hit: 0, status: 206, text: '56789' },
  ]);
  scenario('"the range of which is wholly within": open, suffix, single', [
    { ...ask('bytes=-10'), ...piece(10, 19) },
    {
      ...ask('bytes=12-13'),
      hit: 0,
      status: 206,
      text: '23',
      has: { 'Content-Range': 'bytes 12-13/20', 'Content-Length': '2' },
    },
    { ...ask('bytes=15-'), hit: 0, status: 206, text: '56789' },
    { ...ask('bytes=-3'), hit: 0, status: 206, text: '789' },
    { ...ask('bytes=9-10'), ...piece(9, 10) },
  ]);
  scenario('"MUST NOT use an incomplete response": for the whole', [
    { ...ask('bytes=0-4'), ...piece(0, 4) },
    { reply: { headers: FRESH, body: LONG }, has: { 'Cache-Status': /fwd=partial/ } },
    { hit: 1 },
  ]);
  scenario('nor for another range, several ranges, another unit', [
    { ...ask('bytes=0-4'), ...piece(0, 4) },
    { ...ask('bytes=6-9'), reply: {} },
    { ...ask('bytes=0-1,3-4'), reply: {} },
    { ...ask('items=0-4'), reply: {} },
    { ...ask('bytes=0-4', { 'If-Range': '"b"' }), reply: {} },
    { ...ask('bytes=0-4', { 'If-Range': '"a"' }), hit: 0, status: 206, text: '01234' },
  ]);
  scenario('nor for HEAD', [
    { ...ask('bytes=0-4'), ...piece(0, 4) },
    { method: 'HEAD' },
    { ...ask('bytes=0-4'), method: 'HEAD' },
  ]);
  scenario('a condition that holds comes first', [
    { ...ask('bytes=0-4'), ...piece(0, 4) },
    { ...ask('bytes=0-4', { 'If-None-Match': '"a"' }), hit: 0, status: 304, text: '' },
  ]);
  scenario('a stale part is asked for again', [
    { ...ask('bytes=0-4'), ...piece(0, 4, { 'Cache-Control': 'max-age=10' }) },
    { wait: 11, ...ask('bytes=0-4'), asks: { 'If-None-Match': null, Range: 'bytes=0-4' }, ...piece(0, 4) },
    { ...ask('bytes=0-4'), hit: 1, status: 206, text: '01234' },
  ]);
  scenario('a part without freshness is not stored', [
    { ...ask('bytes=0-4'), ...piece(0, 4, { 'Cache-Control': 'max-age=0' }) },
    { ...ask('bytes=0-4') },
  ]);
  scenario('a 206 that nobody asked for is passed on and not stored', [
    { ...piece(0, 4) },
    { ...ask('bytes=0-4') },
  ]);
  scenario('a 206 in several parts likewise', [
    {
      ...ask('bytes=0-1,3-4'),
      reply: {
        status: 206,
        headers: { ...FRESH, 'Content-Type': 'multipart/byteranges; boundary=x' },
        body: '--x--',
      },
      text: '--x--',
    },
    { ...ask('bytes=0-1') },
  ]);
  for (const said of [
    'bytes 0-4/*',
    'bytes 0-9/20',
    'bytes 4-0/20',
    'bytes 0-4/3',
    'items 0-4/20',
    'foo',
    '',
  ])
    scenario(`one that does not say which part it is, or lies: ${said}`, [
      { ...ask('bytes=0-4'), ...piece(0, 4, { 'Content-Range': said }) },
      { ...ask('bytes=0-4') },
    ]);
  scenario('a 416 to a range is not what another request is answered with', [
    {
      ...ask('bytes=100-'),
      reply: { status: 416, headers: FRESH },
      has: { 'Cache-Status': /detail=partial/ },
    },
    { reply: { headers: FRESH } },
    { hit: 1 },
  ]);
  scenario('a 200 to a range request is stored as the whole', [
    { ...ask('bytes=0-4'), reply: { headers: FRESH, body: LONG } },
    { hit: 0 },
    { ...ask('bytes=0-4'), hit: 0, status: 206, text: '01234' },
  ]);
  scenario('no part takes the place of the whole', [
    { reply: { headers: { ...FRESH, ETag: '"a"' }, body: LONG } },
    { ...ask('bytes=0-4', { 'Cache-Control': 'no-cache' }), ...piece(0, 4), asks: { Range: 'bytes=0-4' } },
    { hit: 0 },
  ]);
  scenario('parts of several variants', [
    { ...ask('bytes=0-4', { Foo: '1' }), ...piece(0, 4, { Vary: 'Foo' }) },
    { ...ask('bytes=0-4', { Foo: '2' }), ...piece(0, 4, { Vary: 'Foo' }) },
    { ...ask('bytes=0-4', { Foo: '1' }), hit: 0, status: 206, text: '01234' },
  ]);
  scenario('an unsafe method invalidates a part', [
    { ...ask('bytes=0-4'), ...piece(0, 4) },
    { method: 'POST' },
    { ...ask('bytes=0-4') },
  ]);
});

conformance('RFC 9111 §3.4, parts are not combined: the newest part is stored', () => {
  scenario('a part that meets the stored one takes its place', [
    { ...ask('bytes=0-4'), ...piece(0, 4) },
    { ...ask('bytes=5-9'), ...piece(5, 9) },
    { ...ask('bytes=6-9'), hit: 1, status: 206, text: '6789' },
    { ...ask('bytes=3-6'), reply: {} },
  ]);
  scenario('a single part that is all of it is the whole', [
    { ...ask('bytes=0-'), ...piece(0, 19) },
    { hit: 0, status: 200, text: LONG, has: { 'Content-Range': null } },
  ]);
});
