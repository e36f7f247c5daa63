import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from '@jest/globals';
import { ArgumentError, fromAccessLog, OptionError } from '../../../src/index.ts';
import { sized } from '../../support/long.ts';

const folder = mkdtempSync(join(tmpdir(), 'rrc-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const origin = 'https://a.example';
let files = 0;

function file(content: string | Buffer): string {
  const path = join(folder, `${files++}.log`);
  writeFileSync(path, content);
  return path;
}

function all(source: AsyncIterable<string>): Promise<string[]> {
  return Readable.from(source).toArray();
}

async function paths(log: string | string[], top?: number): Promise<string[]> {
  const path = file(typeof log === 'string' ? log : `${log.join('\n')}\n`);
  return (await all(fromAccessLog(path, { origin, ...(top && { top }) }))).map((url) => {
    expect(url.startsWith(origin)).toBe(true);
    return url.slice(origin.length);
  });
}

const AGENT = '"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"';

function combined(request: string, status: number | string, client = '203.0.113.7'): string {
  return `${client} - - [10/Oct/2025:13:55:36 +0200] "${request}" ${status} 2326 "https://a.example/start" ${AGENT}`;
}

describe('a line of an access log', () => {
  test.each<[string, string, string | undefined]>([
    ['common', '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326', '/a.gif'],
    ['combined', combined('GET /a?b=1&c=%20d HTTP/1.1', 200), '/a?b=1&c=%20d'],
    ['HTTP/2', combined('GET /a HTTP/2.0', 200), '/a'],
    ['HTTP/0.9', combined('GET /a', 200), '/a'],
    ['of an IPv6 client', combined('GET /a HTTP/1.1', 200, '2001:db8::1'), '/a'],
    ['with a host in front', `a.example:443 ${combined('GET /a HTTP/1.1', 200)}`, '/a'],
    ['with no agent', '::1 - - [10/Oct/2025:13:55:36 +0200] "GET /a HTTP/1.1" 200 0 "-" "-"', '/a'],
    ['with a carriage return', `${combined('GET /a HTTP/1.1', 200)}\r`, '/a'],
    ['with an escaped quote', combined('GET /a?q=\\"x\\"&r=\\\\ HTTP/1.1', 200), '/a?q=%22x%22&r=%5C'],
    ['with escaped bytes', combined('GET /a?q=\\x22x\\xC3\\xa9 HTTP/1.1', 200), '/a?q=%22x%C3%A9'],
    ['with bytes as they are', combined('GET /caf\u00e9 HTTP/1.1', 200), '/caf\u00e9'],
    ['of two slashes', combined('GET //b.example/a HTTP/1.1', 200), '//b.example/a'],
    ['204', combined('GET /a HTTP/1.1', 204), '/a'],
    ['304', combined('GET /a HTTP/1.1', 304), '/a'],
    ['301', combined('GET /a HTTP/1.1', 301), undefined],
    ['404', combined('GET /a HTTP/1.1', 404), undefined],
    ['499', combined('GET /a HTTP/1.1', 499), undefined],
    ['000', combined('GET /a HTTP/1.1', '000'), undefined],
    ['POST', combined('POST /a HTTP/1.1', 200), undefined],
    ['HEAD', combined('HEAD /a HTTP/1.1', 200), undefined],
    ['a proxied request', combined('GET http://b.example/a HTTP/1.1', 200), undefined],
    ['CONNECT', combined('CONNECT b.example:443 HTTP/1.1', 200), undefined],
    ['no request', combined('-', 408), undefined],
    ['a handshake', combined('\\x16\\x03\\x01\\x02\\x00\\x01', 400), undefined],
    [
      'a request in the agent',
      combined('POST /a HTTP/1.1', 200).replace('Mozilla', '\\"GET /evil HTTP/1.1\\" 200 '),
      undefined,
    ],
    ['a request in a request', combined('POST /\\"GET /evil HTTP/1.1\\" 200 HTTP/1.1', 200), undefined],
    ['empty', '', undefined],
    ['something else', 'Oct 10 13:55:36 host nginx[1]: started', undefined],
    ['cut off', '127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a.gif HT', undefined],
  ])('%s yields its path, or nothing', async (_kind, line, path) => {
    expect(await paths([line])).toEqual(path === undefined ? [] : [path]);
  });

  test.each<[string, object, string | undefined]>([
    ['request', { request: 'GET /a?b=1 HTTP/1.1', status: 200 }, '/a?b=1'],
    ['url', { method: 'GET', url: '/a', status: '200' }, '/a'],
    ['path', { path: '/a', status: 200 }, '/a'],
    ['request_uri', { request_method: 'GET', request_uri: '/a?b=1', uri: '/a', status: '200' }, '/a'],
    ['of Caddy', { request: { method: 'GET', host: 'a.example', uri: '/a' }, status: 200, size: 5 }, '/a'],
    ['of pino-http', { req: { method: 'GET', url: '/a' }, res: { statusCode: 200 }, msg: 'completed' }, '/a'],
    ['a POST', { method: 'POST', url: '/a', status: 200 }, undefined],
    ['a POST in one', { request: 'POST /a HTTP/1.1', status: 200 }, undefined],
    ['a failure', { url: '/a', status: 500 }, undefined],
    ['without a status', { url: '/a' }, undefined],
    ['without a path', { status: 200, url: 5 }, undefined],
    ['of another kind', { level: 30, status: null, url: null, req: null, res: 5 }, undefined],
  ])('in JSON, %s, yields its path, or nothing', async (_kind, line, path) => {
    expect(await paths([JSON.stringify(line), '{"url":"/cut', '{}', '[]'])).toEqual(path ? [path] : []);
  });
});

test('fromAccessLog yields the most frequent URLs first, and equally frequent ones in their order', async () => {
  const log = ['/b', '/a', '/c', '/a', '/d', '/c', '/a'].map((path) => combined(`GET ${path} HTTP/1.1`, 200));
  expect(await paths(log)).toEqual(['/a', '/c', '/b', '/d']);
  expect(await paths(log, 2)).toEqual(['/a', '/c']);
});

test('fromAccessLog reads gzip, a file URL, a last line without a line break, and very long lines', async () => {
  const line = combined('GET /a HTTP/1.1', 200);
  const long = combined('GET /long HTTP/1.1', 200).padEnd(1_000_000, 'x');
  const log = `${long}\n${'x'.repeat(500_000)}\n\0\xff\n${line}`;
  expect(await paths(log)).toEqual(['/long', '/a']);
  const packed = file(gzipSync(log));
  expect(await all(fromAccessLog(pathToFileURL(packed), { origin }))).toEqual([
    `${origin}/long`,
    `${origin}/a`,
  ]);
});

test('fromAccessLog reads a large log with very many URLs in bounded memory', async () => {
  const path = join(folder, 'large.log');
  const lines = function* (): Generator<string> {
    for (let i = 0; i < sized(100_000, 500_000); i++) {
      const asked = i % 100 === 0 ? `/frequent/${(i / 100) % 7}` : `/rare/${i}?${'x'.repeat(40)}`;
      yield `${combined(`GET ${asked} HTTP/1.1`, 200)}\n`;
    }
  };
  await pipeline(Readable.from(lines()), createWriteStream(path));
  const before = process.memoryUsage().rss;
  const urls = await all(fromAccessLog(path, { origin, top: 7 }));
  expect(urls.sort()).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => `${origin}/frequent/${i}`));
  expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
}, 60_000);

test('fromAccessLog ends on return, and on abort with the reason', async () => {
  const path = file(combined('GET /a HTTP/1.1', 200));
  const urls = fromAccessLog(path, { origin });
  expect(await urls.return()).toMatchObject({ done: true });
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(all(fromAccessLog(path, { origin, signal }))).rejects.toThrow('enough');
});

test('fromAccessLog names a file that cannot be read', async () => {
  const path = join(folder, 'missing.log');
  await expect(all(fromAccessLog(path, { origin }))).rejects.toThrow(`access log ${path}: ENOENT`);
});

test.each<[string, object]>([
  ['origin', {}],
  ['origin', { origin: 'a.example' }],
  ['origin', { origin: 'https://a.example/path' }],
  ['origin', { origin: 'ftp://a.example' }],
  ['origin', { origin: 'https://user:word@a.example' }],
  ['top', { origin, top: 0 }],
  ['top', { origin, top: '5' }],
  ['first', { origin, first: 5 }],
])('fromAccessLog throws an OptionError for a bad %s: %j', (option, options) => {
  let thrown: unknown;
  try {
    fromAccessLog('access.log', options as never);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(OptionError);
  expect((thrown as OptionError).option).toBe(`fromAccessLog.${option}`);
});

test('fromAccessLog throws an ArgumentError for a file that is not a path', () => {
  expect(() => fromAccessLog(5 as never, { origin })).toThrow(ArgumentError);
});
