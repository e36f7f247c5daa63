import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import * as http2 from 'node:http2';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import compression from 'compression';
import type { CacheMiddleware, CacheOptions } from '../../src/index.ts';
import { newCache } from '../support/app.ts';
import { Http2Client } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { certificates } from '../support/tls.ts';
import { awake } from '../support/until.ts';
import { closed, listening } from './support/frameworks.ts';

/* What is otherwise in HTTP/2: `:authority`, no reason phrase, no fields of a connection, streams that are cancelled. */

const redis = process.env.TEST_REDIS_URL as string;

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

type Handler = (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => unknown;

type Layer = (...args: [...Parameters<Handler>, () => void]) => void;

interface Stage {
  readonly cache: CacheMiddleware;
  readonly client: Http2Client;
  readonly port: number;
}

/** The cache in front of a handler, by HTTP/2 in clear. */
async function stage(handler: Handler, options: CacheOptions = {}): Promise<Stage> {
  const cache = newCache({ redis, prefix: uniquePrefix(), ...options });
  const server = http2.createServer(layered(cache, handler));
  const port = await listening(server);
  const client = new Http2Client(`http://127.0.0.1:${port}`);
  open.push(
    () => closed(server),
    () => client.close(),
  );
  return { cache, client, port };
}

/** What Node's types keep apart. */
function layered(cache: CacheMiddleware, handler: Handler): Handler {
  return wrapped(cache as unknown as Layer, handler);
}

function wrapped(layer: Layer, handler: Handler): Handler {
  return (req, res) => layer(req, res, () => void handler(req, res));
}

/** A handler that counts. */
function counting(answer: Handler = (_req, res) => res.end()): Handler & { runs: number } {
  const handler = Object.assign(
    (...args: Parameters<Handler>) => {
      handler.runs++;
      return answer(...args);
    },
    { runs: 0 },
  );
  return handler;
}

const HIT = /; hit; ttl=/;

describe('what the key is made of', () => {
  test('the authority is the host: two of them share nothing', async () => {
    const { cache, client } = await stage((req, res) => res.end(`for ${req.authority}`));
    const of = async (authority: string) => {
      const answer = await client.ask({ headers: { ':authority': authority } });
      await cache.idle();
      return answer.body;
    };
    expect(await of('a.example')).toBe('for a.example');
    expect(await of('b.example')).toBe('for b.example');
    expect(await of('a.example')).toBe('for a.example');
  });

  test('a response that varies on Host, declared or by Vary, is stored for each authority', async () => {
    const handler: Handler = (req, res) => res.setHeader('Vary', 'Host') ?? res.end(`for ${req.authority}`);
    for (const vary of [{ headers: ['host'] }, {}]) {
      const { cache, client } = await stage(handler, { key: (req) => req.url ?? '', vary });
      for (const authority of ['a.example', 'b.example', 'a.example']) {
        const answer = await client.ask({ headers: { ':authority': authority } });
        await cache.idle();
        expect(answer.body).toBe(`for ${authority}`);
      }
    }
  });

  test.each([
    ['a Host that is another than the authority', { ':authority': 'a.example', host: 'b.example' }],
    ["a scheme that is not the connection's", { ':scheme': 'https' }],
  ])('with %s, nothing is stored or looked up', async (_case, headers) => {
    const handler = counting();
    const { cache, client } = await stage(handler);
    for (const run of [1, 2]) {
      const answer = await client.ask({ headers });
      expect(answer.header('cache-status')).toMatch(/fwd=bypass; detail=target$/);
      await cache.idle();
      expect(handler.runs).toBe(run);
    }
  });

  test('a body is seen though no field announces it', async () => {
    const { client } = await stage(counting());
    const answer = await client.ask({ body: 'fat' });
    expect(answer.header('cache-status')).toMatch(/fwd=bypass; detail=body$/);
  });

  test('the guard sees what is read of the person', async () => {
    const handler = counting((req, res) => res.end(`for ${req.headers.cookie}`));
    const { cache, client } = await stage(handler);
    for (const name of ['ann', 'bob']) {
      const answer = await client.ask({ headers: { cookie: `name=${name}` } });
      await cache.idle();
      expect(answer.body).toBe(`for name=${name}`);
      expect(answer.header('cache-status')).not.toMatch(/hit|stored/);
    }
  });
});

describe('on one server with HTTP/1.1', () => {
  test.each([
    ['HTTP/1.1', 'HTTP/2'],
    ['HTTP/2', 'HTTP/1.1'],
  ])('what was made for %s answers %s, without what belongs to a connection', async (first) => {
    const cache = newCache({ redis, prefix: uniquePrefix() });
    const { ca, ...own } = await certificates('127.0.0.1');
    const handler = counting((_req, res) => {
      const { req } = res as unknown as { req: http2.Http2ServerRequest };
      // Node's own HTTP/2 knows that these are not for it; a proxy in front of it need not.
      if (req.httpVersionMajor === 1)
        res.writeHead(200, 'Fine', {
          Connection: 'X-Hop',
          'X-Hop': '1',
          'Keep-Alive': 'timeout=9',
          'X-A': ['1', '2'],
        });
      else res.writeHead(200, { 'X-A': ['1', '2'] });
      res.write('he');
      res.end('llo');
    });
    const asked: { warned: number }[] = [];
    const listener = layered(cache, handler);
    const server = http2.createSecureServer({ ...own, allowHTTP1: true }, (req, res) => {
      if (req.httpVersionMajor === 2) asked.push(watchReason(res));
      listener(req, res);
    });
    const port = await listening(server);
    const client = new Http2Client(`https://127.0.0.1:${port}`, { ca });
    open.push(
      () => closed(server),
      () => client.close(),
    );
    const byHttp1 = async () => {
      const options = { host: '127.0.0.1', port, ca, agent: false, checkServerIdentity: () => undefined };
      const outgoing = request({ ...options, headers: { Host: 'test.example' } }).end();
      const [answer] = await once(outgoing, 'response');
      const chunks = await answer.toArray();
      return { headers: answer.headers, body: Buffer.concat(chunks).toString(), version: answer.httpVersion };
    };
    const byHttp2 = async () => {
      const answer = await client.ask({});
      return { headers: Object.fromEntries(answer.lines), body: answer.body, version: '2' };
    };
    const order = first === 'HTTP/2' ? [byHttp2, byHttp1, byHttp2] : [byHttp1, byHttp2, byHttp1];
    const answers = [];
    for (const ask of order) {
      answers.push(await ask());
      await cache.idle();
    }
    expect(handler.runs).toBe(1);
    expect(answers.map(({ body }) => body)).toEqual(['hello', 'hello', 'hello']);
    for (const { headers, version } of answers.slice(1)) {
      expect(headers['cache-status']).toMatch(HIT);
      expect(headers['content-length']).toBe('5');
      expect(headers['x-hop']).toBeUndefined();
      expect(headers['keep-alive']).not.toBe('timeout=9');
      if (version === '2') expect(headers).not.toHaveProperty('connection');
    }
    expect(asked.map(({ warned }) => warned)).toEqual(asked.map(() => 0));
  });

  test('what HTTP/1.1 asks for is refreshed behind the answer, for HTTP/2 too', async () => {
    let now = Date.now();
    const options = { ttl: '1m', staleWhileRevalidate: '1h', clock: () => now } as const;
    const cache = newCache({ redis, prefix: uniquePrefix(), ...options });
    const { ca, ...own } = await certificates('127.0.0.1');
    const handler = counting((_req, res) => res.end(`run ${handler.runs}`));
    const server = http2.createSecureServer({ ...own, allowHTTP1: true }, layered(cache, handler));
    const port = await listening(server);
    const client = new Http2Client(`https://127.0.0.1:${port}`, { ca });
    open.push(
      () => closed(server),
      () => client.close(),
    );
    await client.ask({});
    await cache.idle();
    now += 61_000;
    const tls = { host: '127.0.0.1', port, ca, agent: false, checkServerIdentity: () => undefined };
    const [stale] = await once(request({ ...tls, headers: { Host: 'test.example' } }).end(), 'response');
    expect(stale.headers['cache-status']).toMatch(/detail=stale-while-revalidate$/);
    expect(String(await stale.toArray())).toBe('run 1');
    await cache.idle();
    const fresh = await client.ask({});
    expect(fresh.body).toBe('run 2');
    expect(fresh.header('cache-status')).toMatch(HIT);
  });
});

/** Counts what Node would warn of: HTTP/2 has no reason phrase. */
function watchReason(res: http2.Http2ServerResponse): { warned: number } {
  const count = { warned: 0 };
  const { writeHead } = res;
  const touched = (): string => {
    count.warned++;
    return '';
  };
  Object.defineProperty(res, 'statusMessage', { get: touched, set: touched });
  Object.assign(res, {
    writeHead(...args: unknown[]) {
      if (typeof args[1] === 'string') touched();
      return Reflect.apply(writeHead, res, args);
    },
  });
  return count;
}

describe('the ways to answer', () => {
  const ways: [string, Handler, string][] = [
    ['end(string)', (_req, res) => res.end('hello'), 'hello'],
    ['end(string, callback)', (_req, res) => res.end('hello', () => {}), 'hello'],
    ['end(string, encoding, callback)', (_req, res) => res.end('aGVsbG8=', 'base64', () => {}), 'hello'],
    ['end()', (_req, res) => res.end(), ''],
    ['write and end', (_req, res) => [res.write('he'), res.end('llo')], 'hello'],
    ['a Uint8Array', (_req, res) => res.end(new Uint8Array([104, 105])), 'hi'],
    ['writeHead(status, fields)', (_req, res) => res.writeHead(200, { 'X-A': '1' }).end('hello'), 'hello'],
    [
      'writeHead(status, pairs)',
      (_req, res) => res.writeHead(200, ['X-A', '1'] as never).end('hello'),
      'hello',
    ],
    [
      'flushHeaders',
      (_req, res) => [(res as unknown as ServerResponse).flushHeaders(), res.end('hello')],
      'hello',
    ],
    ['a stated length', (_req, res) => res.writeHead(200, { 'Content-Length': 5 }).end('hello'), 'hello'],
    [
      'early hints',
      (_req, res) => [res.writeEarlyHints({ link: '</a>; rel=preload' }), res.end('hello')],
      'hello',
    ],
    [
      'trailers',
      (_req, res) => [res.write('hel'), res.addTrailers({ 'x-sum': '1' }), res.end('lo')],
      'hello',
    ],
    [
      'a push',
      (_req, res) => [
        res.createPushResponse({ ':path': '/pushed' }, (_e, pushed) => pushed?.end('p')),
        res.end('hello'),
      ],
      'hello',
    ],
    ['204', (_req, res) => res.writeHead(204).end(), ''],
  ];

  test.each(ways)('%s', async (_way, answer, body) => {
    const handler = counting(answer);
    const { cache, client } = await stage(handler);
    const asked = async () => {
      const got = await client.ask({});
      await cache.idle();
      return got;
    };
    const [first, second] = [await asked(), await asked()];
    expect(handler.runs).toBe(1);
    expect([first.body, second.body]).toEqual([body, body]);
    expect([first.complete, second.complete]).toEqual([true, true]);
    expect(second.header('cache-status')).toMatch(HIT);
    expect(second.header('x-a')).toBe(first.header('x-a'));
  });

  test('what does not match its length is not stored', async () => {
    const handler = counting((_req, res) => res.writeHead(200, { 'Content-Length': 9 }).end('hello'));
    const { cache, client } = await stage(handler);
    for (const run of [1, 2]) {
      await client.ask({}).catch(() => {});
      await cache.idle();
      expect(handler.runs).toBe(run);
    }
  });

  test('a stored response is confirmed by a 304 of the app, and stands in for its failure', async () => {
    let now = Date.now();
    let failing = false;
    const seen: unknown[] = [];
    const handler = counting((req, res) => {
      seen.push(req.headers['if-none-match']);
      if (failing) return res.writeHead(503).end('away');
      res.setHeader('ETag', '"1"');
      if (req.headers['if-none-match'] === '"1"') return res.writeHead(304).end();
      return res.end('hello');
    });
    const options = { ttl: '1m', staleIfError: '1h', clock: () => now } as const;
    const { cache, client } = await stage(handler, options);
    const asked = async () => {
      const got = await client.ask({});
      await cache.idle();
      now += 61_000;
      return [got.status, got.body, got.header('cache-status')?.replace(/^[\w-]+; /, '')];
    };
    expect(await asked()).toEqual([200, 'hello', 'fwd=uri-miss; stored']);
    expect(await asked()).toEqual([200, 'hello', 'fwd=stale; fwd-status=304; stored']);
    failing = true;
    expect(await asked()).toEqual([200, 'hello', 'fwd=stale; fwd-status=503; detail=stale-if-error']);
    expect(seen).toEqual([undefined, '"1"', '"1"']);
  });

  test('what could be refreshed behind the answer is made anew for who asks', async () => {
    let now = Date.now();
    const handler = counting((_req, res) => res.end(`run ${handler.runs}`));
    const { cache, client } = await stage(handler, {
      ttl: '1m',
      staleWhileRevalidate: '1h',
      clock: () => now,
    });
    expect((await client.ask({})).body).toBe('run 1');
    await cache.idle();
    now += 61_000;
    const answer = await client.ask({});
    expect([answer.body, answer.header('cache-status')]).toEqual([
      'run 2',
      'redis-response-cache; fwd=stale; stored',
    ]);
  });
});

test('a purge by a header field is answered, and the app never sees the field', async () => {
  const secret = 'a secret of some length';
  const seen: string[] = [];
  const handler = counting((req, res) => {
    seen.push(...Object.keys(req.headers), ...req.rawHeaders);
    res.end('hello');
  });
  const { cache, client } = await stage(handler, {
    invalidation: { header: 'X-Purge', authorize: { header: 'X-Secret', secret } },
  });
  await client.ask({ headers: { 'x-purge': 'invalidate' } });
  await cache.idle();
  const answer = await client.ask({ headers: { 'x-purge': 'invalidate', 'x-secret': secret } });
  expect([answer.status, answer.body]).toEqual([200, '{"purged":1}']);
  await client.ask({});
  expect(handler.runs).toBe(2);
  expect(seen.filter((name) => /^x-/.test(name))).toEqual([]);
});

test.each(['in front of', 'behind'])('compression() %s the cache', async (place) => {
  const text = 'a text that is worth it. '.repeat(1000);
  const compress = compression() as unknown as Layer;
  const handler = counting((_req, res) => {
    res.setHeader('Content-Type', 'text/plain');
    res.end(text);
  });
  const cache = newCache({ redis, prefix: uniquePrefix() });
  const behind = place === 'behind';
  const all = behind
    ? layered(cache, wrapped(compress, handler))
    : wrapped(compress, layered(cache, handler));
  const server = http2.createServer(all);
  const client = new Http2Client(`http://127.0.0.1:${await listening(server)}`);
  open.push(
    () => closed(server),
    () => client.close(),
  );
  for (const encoding of ['gzip', 'identity', 'gzip', 'identity']) {
    const answer = await client.ask({ headers: { 'accept-encoding': encoding } });
    await cache.idle();
    const body = Buffer.from(answer.body, 'latin1');
    expect(answer.header('content-encoding')).toBe(encoding === 'gzip' ? 'gzip' : undefined);
    expect(String(encoding === 'gzip' ? gunzipSync(body) : body)).toBe(text);
  }
  expect(handler.runs).toBe(behind ? 2 : 1);
});

/** However it ends. */
function ended(stream: http2.ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

describe('a stream that ends early', () => {
  const leave = {
    cancel: (s: http2.ClientHttp2Stream) => s.close(http2.constants.NGHTTP2_CANCEL),
    'lose the connection': (s: http2.ClientHttp2Stream) => s.session?.destroy(),
  };

  test.each(Object.entries(leave))(
    'clients that %s do not spoil what the app is about to finish',
    async (_way, go) => {
      let finish = (): void => {};
      const started = new Promise<void>((resolve) => {
        finish = resolve;
      });
      let leaves = (): void => {};
      const gone = new Promise<void>((resolve) => {
        leaves = resolve;
      });
      const handler = counting(async (_req, res) => {
        finish();
        await gone;
        res.setHeader('X-Late', 'yes');
        res.end('whole');
      });
      const { cache, client, port } = await stage(handler);
      const stream = client.session.request({ ':authority': 'test.example' });
      stream.on('error', () => {});
      await started;
      go(stream);
      await once(stream, 'close');
      await awake(50);
      leaves();
      await awake(50);
      await cache.idle();
      const other = new Http2Client(`http://127.0.0.1:${port}`);
      open.push(() => other.close());
      const answer = await other.ask({});
      expect(answer).toMatchObject({ body: 'whole', status: 200 });
      expect(answer.header('x-late')).toBe('yes');
      expect(answer.header('cache-status')).toMatch(HIT);
      expect(handler.runs).toBe(1);
    },
  );

  const ways: [string, (res: http2.Http2ServerResponse) => unknown][] = [
    ['destroys its response', (res) => res.destroy()],
    ['destroys its stream', (res) => res.stream.destroy()],
    ['closes its stream', (res) => res.stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)],
    ['loses its connection', (res) => res.stream.session?.destroy()],
  ];

  test.each(ways)('an app that %s has stored nothing', async (_way, abort) => {
    const handler = counting((_req, res) => {
      res.write('he');
      setImmediate(abort, res);
      // Too late.
      res.once('close', () => res.end('llo'));
    });
    const { cache, client, port } = await stage(handler);
    const stream = client.session
      .request({ ':authority': 'test.example' })
      .on('error', () => {})
      .resume();
    await ended(stream);
    await cache.idle();
    const other = new Http2Client(`http://127.0.0.1:${port}`);
    open.push(() => other.close());
    const again = other.session
      .request({ ':authority': 'test.example' })
      .on('error', () => {})
      .resume();
    await ended(again);
    expect(handler.runs).toBe(2);
    expect(await cache.purge({ all: true })).toBe(0);
  });

  test('a client that cancels in the midst of a stream has stored nothing', async () => {
    const handler = counting(async (_req, res) => {
      res.write('begin');
      await once(res, 'close');
      res.write('middle');
      res.end('end');
    });
    const { cache, client } = await stage(handler);
    const stream = client.session.request({ ':authority': 'test.example' }).on('error', () => {});
    await once(stream, 'data');
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await once(stream, 'close');
    await awake(50);
    await cache.idle();
    expect(await cache.purge({ all: true })).toBe(0);
  });
});

test('many at once on one connection are made once', async () => {
  const handler = counting(async (_req, res) => {
    await sleep(100);
    res.end('x'.repeat(100_000));
  });
  const { client } = await stage(handler as unknown as Handler);
  const answers = await Promise.all(Array.from({ length: 50 }, () => client.ask({})));
  expect(new Set(answers.map(({ body }) => body.length))).toEqual(new Set([100_000]));
  expect(handler.runs).toBe(1);
});
