import { createServer } from 'node:http';
import { createServer as createTlsServer, request as requestTls } from 'node:https';
import { describe, expect, test } from '@jest/globals';
import connect from 'connect';
import express from 'express';
import { dispatch, isInternal, listenerOf, templateOf } from '../../src/exchange/internal-request.ts';
import { bare, frameworks, type Layer } from '../support/app.ts';
import type { Asked } from '../support/client.ts';
import { expresses } from '../support/expresses.ts';
import { certificates } from '../support/tls.ts';
import { Stage, seen, TIMEOUT_MS } from './support/twice.ts';

/* An app cannot distinguish an internal request from one of a client. */

const TARGET = String.fromCharCode(...Array.from({ length: 0x7e - 0x20 }, (_, i) => 0x21 + i));
const REQUESTS: readonly (readonly [string, Asked | string])[] = [
  ['a path', '/a'],
  ['a query', '/a/b?c=1&c=2&d[e]=f'],
  ['escapes', '/%E2%82%AC/a%2Fb?q=%20+%00'],
  ['every character that may be in a target', `/${TARGET}`],
  ['a double slash', '//a//b'],
  ['an absolute target', 'http://other.example/a'],
  ['the asterisk', { method: 'OPTIONS', path: '*' }],
  ['HEAD', { method: 'HEAD' }],
  ['another method', { method: 'PROPFIND' }],
  ['a host with a port', { headers: { Host: 'a.b.example:8080' } }],
  ['an IPv6 host', { headers: { Host: '[::1]:80' } }],
  ['an empty host', { headers: { Host: '' } }],
  [
    'fields in odd cases, repeated, empty and beyond ASCII',
    {
      headers: [
        ['hOST', 'a.example'],
        ['X-Twice', '1'],
        ['x-twice', '2'],
        ['Cookie', 'a=1'],
        ['Cookie', 'b=2'],
        ['User-Agent', 'one'],
        ['User-Agent', 'two'],
        ['X-Empty', ''],
        ['X-Latin', 'caf\xe9'],
        ['X-Tab', 'a\tb'],
      ],
    },
  ],
  ['credentials, where they are wanted', { headers: { Authorization: 'Basic YTpi', Cookie: 'sid=1' } }],
  [
    'conditions and a range',
    { headers: { 'If-None-Match': '"a"', Range: 'bytes=0-1', 'X-Requested-With': 'XMLHttpRequest' } },
  ],
  ['many fields', { headers: Array.from({ length: 500 }, (_, i) => [`X-${i}`, 'x'] as const) }],
  ['a long field', { headers: { 'X-Long': 'x'.repeat(12_000) } }],
  [
    'a proxy, as an app that trusts none sees it',
    {
      headers: {
        'X-Forwarded-For': '1.2.3.4, 5.6.7.8',
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-Host': 'f.example',
      },
    },
  ],
];

/** Answers with the request as it sees it. */
const mirror: Layer = (req, res) => void res.end(JSON.stringify(seen(req)));

describe.each(frameworks)('$name', ({ app }) => {
  test.each(REQUESTS)('reads the same from an internal request: %s', async (_what, asked) => {
    await new Stage(app(mirror)).twice(asked);
  });

  test('reads an empty body from an internal request', async () => {
    const reader: Layer = (req, res) => {
      const chunks: unknown[] = [];
      req.on('data', (chunk) => chunks.push(chunk));
      req.on('end', () => res.end(JSON.stringify({ chunks, complete: req.complete })));
    };
    const answer = await new Stage(app(reader)).twice('/');
    expect(JSON.parse(answer.body)).toEqual({ chunks: [], complete: true });
  });

  test('iterates over an empty body of an internal request', async () => {
    const reader: Layer = async (req, res) => {
      for await (const _chunk of req) res.write('a chunk');
      res.end('done');
    };
    const answer = await new Stage(app(reader as Layer)).twice('/');
    expect(answer.body).toBe('done');
  });
});

describe.each(expresses)('%s', (_name, make) => {
  const TRUSTED = [
    false,
    true,
    1,
    2,
    'loopback',
    '10.0.0.0/8',
    (address: string) => address.startsWith('127.'),
  ];
  const FORWARDED = [
    { 'X-Forwarded-Proto': 'https' },
    { 'X-Forwarded-Host': 'f.example:8443' },
    { 'X-Forwarded-For': '1.2.3.4' },
    { 'X-Forwarded-For': '1.2.3.4, 127.0.0.1, 10.1.2.3', 'X-Forwarded-Proto': 'https,http' },
  ];
  test.each(TRUSTED)('with trust proxy %p an internal request shows the same proxy', async (trust) => {
    const app = make();
    app.set('trust proxy', trust);
    app.use(mirror);
    const stage = new Stage(app);
    for (const headers of FORWARDED) await stage.twice({ headers });
  });

  test('an internal request takes the same way through mounted apps and nested routers', async () => {
    const app = make();
    const sub = make();
    const [outer, inner] = [make.Router(), make.Router({ mergeParams: true })];
    const noted: Layer = (req, _res, next) => {
      Object.assign(req, { noted: [...((req as { noted?: string[] }).noted ?? []), req.url] });
      next();
    };
    inner.get('/d', noted, (req, res) => {
      const { noted } = req as { noted?: string[] };
      res.json({ ...seen(req), params: req.params, noted, mountpath: req.app.mountpath });
    });
    outer.use('/:c', noted, inner);
    sub.set('trust proxy', true);
    sub.use(noted, outer);
    app.use('/a', noted, sub);
    const headers = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '1.2.3.4' };
    const answer = await new Stage(app).twice({ path: '/a/b/d?e', headers });
    expect(JSON.parse(answer.body)).toMatchObject({
      params: { c: 'b' },
      noted: ['/b/d?e', '/b/d?e', '/d?e', '/d?e'],
      originalUrl: '/a/b/d?e',
      protocol: 'https',
      ip: '1.2.3.4',
    });
  });
});

test('an internal request is the same in an app within an app and behind a bare listener', async () => {
  const inner = express().get('/b', (req, res) => void res.json(seen(req)));
  const outer = connect().use('/a', inner as unknown as connect.NextHandleFunction);
  const answer = await new Stage((req, res) => void outer(req, res)).twice('/a/b?c');
  expect(JSON.parse(answer.body)).toMatchObject({ originalUrl: '/a/b?c', url: '/b?c' });
});

test('an internal request calls every listener of the server in order', async () => {
  const stage = new Stage((_req, res) => void res.setHeader('X-By', 'first'));
  stage.server.on('request', (req, res) => {
    if (req.url?.startsWith('/socket.io/')) res.end('socket');
  });
  stage.server.on('request', (req, res) => {
    if (!req.url?.startsWith('/socket.io/')) res.end('app');
  });
  expect((await stage.twice('/')).body).toBe('app');
  expect((await stage.twice('/socket.io/')).body).toBe('socket');
});

test('an internal request from a TLS template is encrypted to the app', async () => {
  const { key, cert, ca } = await certificates('127.0.0.1');
  const app = express().use((req, res) => {
    const { servername } = req.socket as { servername?: string };
    res.json({ ...seen(req), servername });
  });
  const stage = new Stage(app, createTlsServer({ key, cert }));
  const port = await stage.open();
  const text = await new Promise<string>((resolve, reject) => {
    const options = { port, host: '127.0.0.1', ca, servername: '', headers: { Host: 'a.example' } };
    requestTls(options, async (res) => resolve(Buffer.concat(await res.toArray()).toString()))
      .on('error', reject)
      .end();
  });
  expect(await stage.repeat()).toEqual({ kind: 'finished', status: 200 });
  // The client sends fields of its connection, which an internal request does not have.
  const { headers, headersDistinct, rawHeaders, ...rest } = JSON.parse(text);
  const body = JSON.parse(stage.accounts[1]!.body!);
  expect(body).toMatchObject({ ...rest, protocol: 'https', secure: true, encrypted: true });
  expect(body.headers).toEqual({ host: 'a.example' });
});

test('the template of a rewritten request has the original URL', async () => {
  const app = express()
    .use((req, _res, next) => {
      req.url = `/rewritten${req.url}`;
      next();
    })
    .use((req, res) => void res.json({ url: req.url, again: templateOf(req, () => false).url }));
  const answer = await new Stage(app).twice('/a?b');
  expect(JSON.parse(answer.body)).toEqual({ url: '/rewritten/a?b', again: '/a?b' });
});

test('the template of a request with an overridden method has the original method', async () => {
  const app = express()
    .use((req, _res, next) => {
      Object.assign(req, { originalMethod: req.method, method: 'DELETE' });
      next();
    })
    .use((req, res) => void res.json(templateOf(req, () => false).method));
  expect((await new Stage(app).twice('/')).body).toBe('"GET"');
});

test('a middleware can define connection properties of an internal request', async () => {
  const app = express().use((req, _res, next) => {
    Object.assign(req.socket, { encrypted: true });
    Object.defineProperty(req.socket, 'remoteAddress', { get: () => '1.2.3.4' });
    next();
  }, mirror);
  const answer = await new Stage(app).twice('/');
  expect(JSON.parse(answer.body)).toMatchObject({ protocol: 'https', ip: '1.2.3.4' });
});

test('an internal request has no stricter limits than the server of the original', async () => {
  const server = createServer({ maxHeaderSize: 200_000, requireHostHeader: false });
  const stage = new Stage(bare(mirror), server);
  await stage.twice({ headers: { 'X-Long': 'x'.repeat(150_000) } });
  stage.template = { ...stage.template!, fields: [] };
  expect(await stage.repeat()).toEqual({ kind: 'finished', status: 200 });
});

describe('the template of a request', () => {
  const SENT = {
    Host: 'a.example',
    Authorization: 'Bearer x',
    Cookie: 'sid=1',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'b.example',
    'X-Forwarded-For': '1.2.3.4',
    'Accept-Language': 'de',
  };
  const OF_THE_CONNECTION = {
    'HTTP2-Settings': 'x',
    'Proxy-Connection': 'close',
    Upgrade: 'x',
    Connection: 'close',
    'Keep-Alive': 'timeout=5',
    TE: 'trailers',
    Trailer: 'X',
  };

  async function fieldsOf(asked: Asked, wanted: (name: string) => boolean): Promise<object> {
    let fields: object = [];
    const listener = bare((req, res) => {
      fields = Object.fromEntries(templateOf(req, wanted).fields);
      res.end();
    });
    await new Stage(listener).ask(asked);
    return fields;
  }

  test('has the target fields and no field of the user', async () => {
    const { Host, 'X-Forwarded-Proto': proto, 'X-Forwarded-Host': host } = SENT;
    expect(await fieldsOf({ headers: SENT }, () => false)).toEqual({
      Host,
      'X-Forwarded-Proto': proto,
      'X-Forwarded-Host': host,
    });
  });

  test('has the wanted fields, which are asked for by lower-case name', async () => {
    const fields = await fieldsOf({ headers: SENT }, (name) => name === 'accept-language');
    expect(fields).toMatchObject({ 'Accept-Language': 'de' });
    expect(Object.keys(fields)).toHaveLength(4);
  });

  test('never has fields of the connection or of the body', async () => {
    const headers = { ...OF_THE_CONNECTION, Host: 'a', Expect: '100-continue', 'Content-Type': 'text/plain' };
    const asked = { method: 'POST', headers, body: 'abc' };
    expect(await fieldsOf(asked, () => true)).toEqual({ Host: 'a', 'Content-Type': 'text/plain' });
    const chunked = {
      method: 'POST',
      headers: { Host: 'a', 'Transfer-Encoding': 'chunked' },
      body: '0\r\n\r\n',
    };
    expect(await fieldsOf(chunked, () => true)).toEqual({ Host: 'a' });
  });

  test.each([
    ['a line break in the URL', { url: '/ HTTP/1.1\r\nX-Injected: 1\r\n\r\n' }],
    ['a space in the URL', { url: '/a b' }],
    ['no URL', { url: '' }],
    ['a character in the URL that is not ASCII', { url: '/\xe9' }],
    ['a line break in a value', { fields: [['X-A', '1\r\nX-Injected: 1']] }],
    ['a character in a value that is no byte', { fields: [['X-A', '\u20ac']] }],
    ['a line break in a name', { fields: [['X-A: 1\r\nX-Injected', '1']] }],
    ['a space in the method', { method: 'GET /other' }],
    ['a method that Node does not know', { method: 'NONSENSE' }],
  ] as const)('with %s is no request', async (_what, wrong) => {
    const right = { method: 'GET', url: '/', fields: [['Host', 'a']] as const, peer: {} };
    let entered = 0;
    const ending = await dispatch({ ...right, ...wrong }, () => entered++, { timeoutMs: TIMEOUT_MS });
    expect(ending).toMatchObject({ kind: 'threw', error: { name: 'TypeError' } });
    expect(entered).toBe(0);
  });

  test('can consist of a URL alone', async () => {
    let sent: unknown;
    const app = express().get('/a', (req, res) => {
      sent = seen(req);
      res.json({});
    });
    const template = {
      method: 'GET',
      url: '/a',
      fields: [['Host', 'a.example']] as const,
      peer: { encrypted: true },
    };
    expect(await dispatch(template, app, { timeoutMs: TIMEOUT_MS })).toEqual({
      kind: 'finished',
      status: 200,
    });
    expect(sent).toMatchObject({ protocol: 'https', hostname: 'a.example', headers: { host: 'a.example' } });
  });
});

describe('the listener of a request', () => {
  test('exists for an internal request, so that it can be repeated', async () => {
    const stage = new Stage(bare(mirror));
    await stage.twice('/a?b');
    let nested: Promise<unknown> | undefined;
    stage.onInternal = (req) => {
      stage.onInternal = () => {};
      expect(req.socket).toMatchObject({ server: stage.server });
      nested = dispatch(
        templateOf(req, () => true),
        listenerOf(req)!,
        { timeoutMs: TIMEOUT_MS },
      );
    };
    expect(await stage.repeat()).toEqual({ kind: 'finished', status: 200 });
    expect(await nested).toEqual({ kind: 'finished', status: 200 });
    const { length } = stage.accounts;
    expect(length).toBe(4);
    expect(stage.accounts[3]).toEqual(stage.accounts[2]);
  });

  test.each([
    ['no socket', { httpVersionMajor: 1 }],
    ['a socket of no server', { httpVersionMajor: 1, socket: {} }],
    ['a server of another kind', { httpVersionMajor: 1, socket: { server: { emit: () => {} } } }],
    ['a server without listeners', { httpVersionMajor: 1, socket: { server: createServer() } }],
    ['HTTP/2', { httpVersionMajor: 2, socket: { server: createServer(() => {}) } }],
  ])('does not exist with %s', (_what, req) => {
    expect(listenerOf(req as Parameters<typeof listenerOf>[0])).toBeUndefined();
    expect(isInternal(req as Parameters<typeof isInternal>[0])).toBe(false);
  });
});

test('no header field makes a request of a client an internal one', async () => {
  const names = [
    'isSynthetic',
    'synthetic',
    'X-Synthetic',
    'redis-response-cache',
    'enter',
    'socket',
    '__proto__',
  ];
  const headers = Object.fromEntries(names.map((name) => [name, 'true']));
  const stage = new Stage(bare((_req, res) => res.end()));
  await stage.ask({ path: '/?synthetic=true&__proto__[synthetic]=true', headers });
  expect(stage.accounts.map(({ internal }) => internal)).toEqual([false]);
});
