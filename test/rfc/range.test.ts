import { expect } from '@jest/globals';
import type { Fields } from './support/fields.ts';
import { conformance, FRESH, scenario } from './support/scenario.ts';

const BODY = '01234567890123456789';
const LM = 'Thu, 01 Jan 2026 00:00:00 GMT';
const whole = (more: Record<string, string> = {}) => ({
  reply: { headers: { ...FRESH, ETag: '"a"', ...more } as Fields, body: BODY },
});
const part = (range: string, more: Fields = {}) => ({
  headers: { Range: range, ...(more as object) } as Fields,
  hit: 0,
});

conformance('RFC 9110 §14, range requests, answered from a stored 200', () => {
  const single: [string, string, string][] = [
    ['bytes=0-4', '01234', 'bytes 0-4/20'],
    ['bytes=0-0', '0', 'bytes 0-0/20'],
    ['bytes=15-', '56789', 'bytes 15-19/20'],
    ['bytes=-3', '789', 'bytes 17-19/20'],
    ['bytes=-100', BODY, 'bytes 0-19/20'],
    ['bytes=10-100', '0123456789', 'bytes 10-19/20'],
    ['bytes=0-', BODY, 'bytes 0-19/20'],
    ['bytes= 2-3', '23', 'bytes 2-3/20'],
    ['BYTES=2-3', '23', 'bytes 2-3/20'],
    ['bytes=5-6,100-200', '56', 'bytes 5-6/20'],
  ];
  for (const [range, text, contentRange] of single)
    scenario(`${range} is ${contentRange}`, [
      whole(),
      {
        ...part(range),
        status: 206,
        text,
        has: {
          'Content-Range': contentRange,
          'Content-Length': String(text.length),
          ETag: '"a"',
          'Cache-Control': 'max-age=3600',
          Date: /GMT/,
          Age: '0',
        },
      },
    ]);
  scenario('several ranges: multipart/byteranges', [
    whole({ 'Content-Type': 'text/x' }),
    {
      ...part('bytes=0-1,-2'),
      status: 206,
      has: { 'Content-Type': /^multipart\/byteranges; boundary=/, 'Content-Range': null },
      check({ body, header }) {
        const boundary = /boundary=(\S+)/.exec(header('content-type') ?? '')?.[1];
        expect(body).toBe(
          `${['0-1/20\r\n\r\n01', '18-19/20\r\n\r\n89']
            .map((end) => `--${boundary}\r\nContent-Type: text/x\r\nContent-Range: bytes ${end}\r\n`)
            .join('')}--${boundary}--\r\n`,
        );
      },
    },
  ]);
  for (const range of ['bytes=20-', 'bytes=100-200', 'bytes=-0'])
    scenario(`${range} is not satisfiable`, [
      whole(),
      {
        ...part(range),
        status: 416,
        text: '',
        has: { 'Content-Range': 'bytes */20', 'Content-Length': '0' },
      },
      { hit: 0 },
    ]);
  for (const range of [
    'bytes=5-3',
    'bytes=a-b',
    'bytes=',
    'bytes',
    'bytes=-',
    'items=0-5',
    'bytes=0-1,x',
    '0-5',
    'bytes=--1',
  ])
    scenario(`${range} is ignored`, [
      whole(),
      { ...part(range), status: 200, has: { 'Content-Range': null } },
    ]);
  scenario('more bytes than there are, in overlapping ranges, are the whole', [
    whole(),
    { ...part('bytes=0-,0-,0-'), status: 200 },
  ]);
  scenario('a Range of a HEAD is ignored: it is "defined for GET" only', [
    whole(),
    { ...part('bytes=0-4'), method: 'HEAD', status: 200 },
  ]);
  scenario('a Range of a stored 404 is ignored', [
    { reply: { status: 404, headers: FRESH } },
    { ...part('bytes=0-4'), status: 404 },
  ]);
  scenario('the part is of a fresh response only', [
    whole(),
    { ...part('bytes=0-4'), status: 206, text: '01234' },
    {
      wait: 4000,
      ...part('bytes=0-4'),
      hit: undefined,
      reply: { status: 304, headers: FRESH },
      validated: 0,
      status: 206,
      text: '01234',
    } as never,
  ]);
  scenario('a condition comes first: "If-None-Match ... 304"', [
    whole(),
    { ...part('bytes=0-4', { 'If-None-Match': '"a"' }), status: 304, text: '' },
    { ...part('bytes=0-4', { 'If-None-Match': '"b"' }), status: 206, text: '01234' },
  ]);
});

conformance('RFC 9110 §13.1.5, If-Range', () => {
  const cases: [string, Record<string, string>, number][] = [
    ['"a"', {}, 206],
    ['"b"', {}, 200],
    ['W/"a"', {}, 200],
    ['"a"', { ETag: 'W/"a"' }, 200],
    ['W/"a"', { ETag: 'W/"a"' }, 200],
    [LM, { 'Last-Modified': LM }, 206],
    ['Fri, 02 Jan 2026 00:00:00 GMT', { 'Last-Modified': LM }, 200],
    ['Wed, 31 Dec 2025 00:00:00 GMT', { 'Last-Modified': LM }, 200],
    [LM, {}, 200],
    ['foo', {}, 200],
  ];
  for (const [validator, fields, status] of cases)
    scenario(`${validator} with ${JSON.stringify(fields)}: ${status}`, [
      whole(fields),
      { ...part('bytes=0-4', { 'If-Range': validator }), status, ...(status === 206 && { text: '01234' }) },
    ]);
  scenario('a Last-Modified that is as young as Date is no strong validator', [
    {
      reply: {
        headers: { ...FRESH, 'Last-Modified': LM, Date: LM, 'Cache-Control': 'max-age=999999999' },
        body: BODY,
      },
    },
    { ...part('bytes=0-4', { 'If-Range': LM }), status: 200 },
  ]);
});
