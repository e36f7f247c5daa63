import { describe, expect, test } from '@jest/globals';
import { frameworks, type Handler } from '../support/app.ts';
import { askOnce } from '../support/client.ts';
import { cacheWith, expectHit, expectSame } from './support/matrix.ts';
import { expressApps, type Stage, stage } from './support/stage.ts';

/* Conditional requests (RFC 9110 section 13): on a hit, and on the fill before it. */

const THEN = 'Wed, 01 Jan 2020 00:00:00 GMT';
const BEFORE = 'Tue, 31 Dec 2019 23:59:59 GMT';
const LATER = 'Thu, 02 Jan 2020 00:00:00 GMT';

interface Condition {
  readonly name: string;
  readonly headers: Record<string, string>;
  readonly etag?: string;
}

const known: Condition[] = [
  { name: 'the same strong tag', headers: { 'if-none-match': '"v1"' } },
  { name: 'the same tag, but weak', headers: { 'if-none-match': 'W/"v1"' } },
  { name: 'the same tag, stored as weak', etag: 'W/"v1"', headers: { 'if-none-match': '"v1"' } },
  { name: 'the same weak tag', etag: 'W/"v1"', headers: { 'if-none-match': 'W/"v1"' } },
  { name: 'a list with the tag', headers: { 'if-none-match': '"a,b", W/"v1" , "c"' } },
  { name: '*', headers: { 'if-none-match': '*' } },
  { name: 'the tag, whatever the date', headers: { 'if-none-match': '"v1"', 'if-modified-since': BEFORE } },
  { name: 'the same date', headers: { 'if-modified-since': THEN } },
  { name: 'a later date', headers: { 'if-modified-since': LATER } },
];

const unknown: Condition[] = [
  { name: 'another tag', headers: { 'if-none-match': '"v2"' } },
  { name: 'a tag that is part of another', headers: { 'if-none-match': '"v1,v2"' } },
  {
    name: 'another tag, whatever the date',
    headers: { 'if-none-match': '"v2"', 'if-modified-since': LATER },
  },
  { name: 'an earlier date', headers: { 'if-modified-since': BEFORE } },
  { name: 'no date at all', headers: { 'if-modified-since': 'yesterday' } },
  { name: 'a range', headers: { range: 'bytes=0-1' } },
  { name: 'a range of the same tag', headers: { range: 'bytes=0-1', 'if-range': '"v1"' } },
];

/** Answers as Express and others do by themselves: less than the whole where the request allows it. */
function eager(etag = '"v1"'): Handler {
  return (req, res) => {
    const { headers } = req;
    res.setHeader('ETag', etag);
    res.setHeader('Last-Modified', THEN);
    res.setHeader('Cache-Control', 'max-age=60');
    res.setHeader('Vary', 'Accept');
    res.setHeader('Content-Language', 'en');
    res.setHeader('Content-Type', 'text/plain');
    res.setHeader('X-Own', 'kept');
    if (headers['if-none-match'] || headers['if-modified-since']) return res.writeHead(304).end();
    if (headers.range) return res.writeHead(206, { 'Content-Range': 'bytes 0-1/4' }).end('bo');
    res.end('body');
  };
}

async function expect304(server: Stage, headers: Record<string, string>, etag = '"v1"'): Promise<void> {
  for (const method of ['GET', 'HEAD']) {
    const answer = await askOnce(server.port, { method, headers });
    expectHit(answer);
    expect(answer.status).toBe(304);
    expect(answer.message).toBe('Not Modified');
    expect(answer.rest).toHaveLength(0);
    const names = [
      'etag',
      'cache-control',
      'vary',
      'x-own',
      'content-type',
      'content-length',
      'content-language',
    ];
    expect([...names, 'last-modified', 'transfer-encoding'].map(answer.header)).toEqual([
      ...[etag, 'max-age=60', 'Accept', 'kept'],
      ...[undefined, undefined, undefined, undefined, undefined],
    ]);
    expect(answer.header('date')).toBeDefined();
  }
}

describe.each(frameworks)('$name', (framework) => {
  test.each(known)('a hit answers 304 to a client that has $name', async ({ headers, etag }) => {
    const server = await stage(framework, [cacheWith()], eager(etag));
    await askOnce(server.port);
    await cacheWith().idle();
    await expect304(server, headers, etag);
    expect(server.runs()).toBe(1);
  });

  test.each(known)(
    'a fill answers 304 to a client that has $name, and stores the whole',
    async ({ headers, etag }) => {
      const server = await stage(framework, [cacheWith()], eager(etag));
      const miss = await askOnce(server.port, { headers });
      expect(miss.status).toBe(304);
      expect(miss.message).toBe('Not Modified');
      expect(miss.rest).toHaveLength(0);
      expect(miss.header('etag')).toBe(etag ?? '"v1"');
      expect(miss.header('x-own')).toBe('kept');
      expect(['content-type', 'content-length', 'transfer-encoding'].map(miss.header)).toEqual(
        Array(3).fill(undefined),
      );
      expect(miss.header('cache-status')).toMatch(/fwd=uri-miss; fwd-status=200; stored$/);
      await cacheWith().idle();
      const hit = await askOnce(server.port);
      expectHit(hit);
      expect([hit.status, hit.body, hit.header('content-type')]).toEqual([200, 'body', 'text/plain']);
      await expect304(server, headers, etag);
      expect(server.runs()).toBe(1);
    },
  );

  test.each(unknown)(
    'a fill answers the whole to a client that has $name, or the part that it asks for, and a hit too',
    async ({ headers }) => {
      const server = await stage(framework, [cacheWith()], eager());
      const expected = 'range' in headers ? [206, 'bo'] : [200, 'body'];
      const miss = await askOnce(server.port, { headers });
      expect([miss.status, miss.body]).toEqual(expected);
      await cacheWith().idle();
      const hit = await askOnce(server.port, { headers });
      expectHit(hit);
      expect([hit.status, hit.body]).toEqual(expected);
      // The whole that a part belongs to is asked for behind the answer.
      expect(server.runs()).toBe('range' in headers ? 2 : 1);
    },
  );

  test('a fill answers 304 also where the app announces trailers', async () => {
    const server = await stage(framework, [cacheWith()], async (_req, res) => {
      await null;
      res.setHeader('ETag', '"v1"').setHeader('Trailer', 'X-Sum');
      res.write('body');
      res.addTrailers({ 'X-Sum': '4' });
      res.end();
    });
    const { status, body } = await askOnce(server.port, { headers: { 'if-none-match': '*' } });
    expect([status, body]).toEqual([304, '']);
  });

  test('a fill that streams answers 304 without a byte of the body', async () => {
    const server = await stage(framework, [cacheWith()], (_req, res) => {
      res.writeHead(200, ['ETag', '"v1"', 'Content-Length', '8']);
      res.write('part');
      setImmediate(() => res.end('part'));
    });
    const miss = await askOnce(server.port, { headers: { 'if-none-match': '"v1"' } });
    expect([miss.status, miss.rest.length, miss.header('content-length')]).toEqual([304, 0, undefined]);
    await cacheWith().idle();
    expect((await askOnce(server.port)).body).toBe('partpart');
    expect(server.runs()).toBe(1);
  });

  test('the handler sees no conditions while it fills, and all of them when it is only forwarded to', async () => {
    const seen: unknown[] = [];
    const headers = {
      'if-none-match': '"v2"',
      'if-modified-since': THEN,
      range: 'bytes=0-',
      'if-range': '"v1"',
    };
    const handler: Handler = (req, res) => {
      const raw = req.rawHeaders.map((name) => name.toLowerCase());
      const { headers, headersDistinct } = req;
      const names = ['if-none-match', 'if-modified-since', 'range', 'if-range'];
      seen.push(names.filter((name) => headers[name] ?? headersDistinct[name] ?? raw.includes(name)).length);
      res.end('body');
    };
    const server = await stage(framework, [cacheWith()], handler);
    await askOnce(server.port, { headers });
    await askOnce(server.port, { method: 'POST', headers });
    expect(seen).toEqual([0, 4]);
  });

  test.each(['if-match', 'if-unmodified-since'])(
    '%s goes to the handler, and nothing is stored',
    async (name) => {
      const server = await stage(framework, [cacheWith()], eager());
      await askOnce(server.port);
      await cacheWith().idle();
      const answer = await askOnce(server.port, {
        headers: { [name]: name === 'if-match' ? '"v0"' : BEFORE },
      });
      expect(answer.header('cache-status')).toMatch(/fwd=bypass; detail=precondition/);
      expect(server.runs()).toBe(2);
    },
  );

  test('conditions on a stored status other than 200 are ignored', async () => {
    const server = await stage(framework, [cacheWith()], (_req, res) =>
      res.writeHead(404, { ETag: '"v1"' }).end('none'),
    );
    for (let i = 0; i < 2; i++) {
      const answer = await askOnce(server.port, { headers: { 'if-none-match': '"v1"' } });
      expect([answer.status, answer.body]).toEqual([404, 'none']);
      await cacheWith().idle();
    }
    expect(server.runs()).toBe(1);
  });
});

describe.each(expressApps)('$name', (framework) => {
  test('a hit answers with the 304 that Express itself would', async () => {
    const handler: Handler = (_req, res) => res.vary('Accept').set('X-Own', 'kept').json({ a: 1 });
    const bare = await stage(framework, [], handler);
    const cached = await stage(framework, [cacheWith()], handler);
    const etag = (await askOnce(bare.port)).header('etag') as string;
    const headers = { 'if-none-match': etag };
    const expected = await askOnce(bare.port, { headers });
    expect(expected.status).toBe(304);
    expectSame(await askOnce(cached.port, { headers }), expected);
    await cacheWith().idle();
    const hit = await askOnce(cached.port, { headers });
    expectHit(hit);
    expectSame(hit, expected);
    expect(cached.runs()).toBe(1);
  });
});
