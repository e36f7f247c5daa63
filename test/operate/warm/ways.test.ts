import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { WarmOptions, WarmTarget } from '../../../src/index.ts';
import { bare, frameworks, type Handler, newCache, serve } from '../../support/app.ts';
import { ask } from '../../support/client.ts';
import { expresses } from '../../support/expresses.ts';
import { type Certificates, certificates } from '../../support/tls.ts';

/* cache.warm over HTTP and in process: targets, failures and frameworks. */

/** A way to send the requests: the origin of the targets, and the options. */
interface Way {
  readonly name: string;
  to(app: RequestListener): Promise<{ origin: string; host: string; options: WarmOptions }>;
}

const ways: readonly Way[] = [
  {
    name: 'in process',
    to: async (app) => ({ origin: 'http://a.example', host: 'a.example', options: { app } }),
  },
  {
    name: 'in process, by its server',
    to: async (app) => ({
      origin: 'http://a.example:8080',
      host: 'a.example:8080',
      options: { app: createServer(app) },
    }),
  },
  {
    name: 'over HTTP',
    async to(app) {
      const host = `127.0.0.1:${await serve(app)}`;
      return { origin: `http://${host}`, host, options: {} };
    },
  },
];

const cases = frameworks.flatMap(({ name, app }) =>
  ways.map((way) => ({ name: `${name}, ${way.name}`, app, way })),
);

describe.each(cases)('$name', ({ app, way }) => {
  test('counts by their reason the responses that are not stored', async () => {
    const cache = newCache({ ttl: '1m' });
    const cached = app(cache as unknown as Handler, (req, res) => {
      if (req.url === '/cookie') res.setHeader('Set-Cookie', 'a=1');
      if (req.url === '/private') res.setHeader('Cache-Control', 'private');
      res.end('x');
    });
    const listener: RequestListener = (req, res) =>
      req.url === '/in-front' ? res.end('x') : cached(req as never, res as never);
    const { origin, options } = await way.to(listener);
    const urls = ['/', '/cookie', '/private', '/cookie?2', '/in-front'].map((path) => origin + path);
    expect(await cache.warm(urls, options)).toEqual({
      done: 5,
      failed: 0,
      failures: [],
      notStored: { 'set-cookie': 1, private: 1, 'no Cache-Status': 1 },
    });
  });

  test('stores missing responses, keeps fresh ones, and clients get them as hits', async () => {
    const cache = newCache({ ttl: '1m' });
    const runs: string[] = [];
    const listener = app(cache as unknown as Handler, (req, res) => {
      runs.push(req.url);
      res.setHeader('Content-Type', 'text/plain');
      res.end(`made ${req.url}`);
    });
    const { origin, host, options } = await way.to(listener);
    const urls = [`${origin}/a?x=1&y=2`, new URL(`${origin}/b#part`), { url: `${origin}/a?y=2&x=1` }];

    const rest = { failed: 0, failures: [], notStored: {} };
    expect(await cache.warm(urls.slice(0, 2), options)).toEqual({ done: 2, ...rest });
    expect(await cache.warm(urls, options)).toEqual({ done: 3, ...rest });
    expect(runs.sort()).toEqual(['/a?x=1&y=2', '/b']);

    const port = await serve(listener);
    const answer = await ask(port, { path: '/a?y=2&x=1', headers: { Host: host } });
    expect(answer.header('cache-status')).toContain('; hit');
    expect(answer.body).toBe('made /a?x=1&y=2');
  });

  test('counts a status of 400 and above as failed, and does not follow redirects', async () => {
    const cache = newCache();
    const listener = app(cache as unknown as Handler, (req, res) => {
      const status = Number(req.url.slice(1));
      res.writeHead(status, status === 301 ? { Location: '/500' } : {}).end('x');
    });
    const { origin, options } = await way.to(listener);
    const statuses = [200, 301, 400, 404, 500];
    const result = await cache.warm(
      statuses.map((status) => `${origin}/${status}`),
      { ...options, concurrency: 1 },
    );
    expect(result).toMatchObject({
      done: 2,
      failed: 3,
      failures: [400, 404, 500].map((status) => ({
        url: `${origin}/${status}`,
        reason: `status ${status}`,
      })),
    });
  });

  test('continues after requests that hang, break off or throw', async () => {
    const cache = newCache();
    const handler: Handler = (req, res, next) => {
      if (req.url === '/hangs') return;
      if (req.url === '/half') return res.write('half') && setTimeout(() => res.destroy(), 5);
      if (req.url === '/breaks') return req.socket.destroy();
      if (req.url === '/throws') return next(Object.assign(new Error('on purpose'), { stack: '' }));
      res.end('x');
    };
    const listener = app(cache as unknown as Handler, handler, last as unknown as Handler);
    const { origin, options } = await way.to(listener);
    const paths = ['/hangs', '/half', '/breaks', '/throws', '/fine'];
    const { done, failed, failures } = await cache.warm(
      paths.map((path) => origin + path),
      { ...options, timeout: 1500 },
    );
    expect([done, failed]).toEqual([1, 4]);
    const reasons = Object.fromEntries(failures.map(({ url, reason }) => [url.slice(origin.length), reason]));
    expect(reasons).toEqual({
      '/hangs': 'timed out after 1.5 s',
      '/half': expect.stringMatching(/closed/),
      '/breaks': expect.stringMatching(/closed/),
      '/throws': 'status 500',
    });
  });
});

/** The error handler of a framework. */
function last(_req: unknown, res: { statusCode: number; end(): void }): void {
  res.statusCode = 500;
  res.end();
}

describe.each(ways)('$name', (way) => {
  test('sends the header fields of a target, which select its variant', async () => {
    const cache = newCache({ ttl: '1m' });
    const seen: unknown[] = [];
    const listener = bare(cache as unknown as Handler, (req, res) => {
      seen.push([req.headers.host, req.headers['accept-language']]);
      res.setHeader('Vary', 'Accept-Language');
      res.end(req.headers['accept-language']);
    });
    const { origin, host, options } = await way.to(listener);
    const url = `${origin}/`;
    const targets: WarmTarget[] = [
      { url, headers: { 'Accept-Language': 'de' } },
      { url, headers: { 'accept-language': 'en' } },
    ];
    expect(await cache.warm(targets, { ...options, concurrency: 1 })).toMatchObject({ done: 2 });
    expect(seen).toEqual([
      [host, 'de'],
      [host, 'en'],
    ]);
    const port = await serve(listener);
    for (const language of ['de', 'en']) {
      const answer = await ask(port, { headers: { Host: host, 'Accept-Language': language } });
      expect(answer.header('cache-status')).toContain('; hit');
      expect(answer.body).toBe(language);
    }
  });

  test('counts an invalid target as failed, with the reason', async () => {
    const { origin, options } = await way.to(bare((_req, res) => res.end()));
    const targets = [
      'no URL',
      '/path',
      'ftp://a.example/',
      'http://user:word@a.example/x',
      5,
      null,
      undefined,
      { url: undefined },
      { url: `${origin}/a`, headers: { 'Content-Length': '5' } },
      { url: `${origin}/b`, headers: { 'Transfer-Encoding': 'chunked' } },
      { url: `${origin}/c`, headers: { 'no field': 'x' } },
      { url: `${origin}/d`, headers: { 'X-A': 'a\r\nX-B: b' } },
      Symbol('no URL'),
      `${origin}/fine`,
    ];
    const result = await newCache().warm(targets as WarmTarget[], { ...options, concurrency: 1 });
    expect([result.done, result.failed]).toEqual([1, 13]);
    expect(result.failures.map(({ url, reason }) => [url, reason])).toEqual([
      ['no URL', 'Invalid URL'],
      ['/path', 'Invalid URL'],
      ['ftp://a.example/', expect.stringContaining('must begin with http:// or https://')],
      ['http://a.example/x', expect.stringContaining('credentials')],
      ['5', 'Invalid URL'],
      ['null', 'Invalid URL'],
      ['undefined', 'Invalid URL'],
      ['undefined', 'Invalid URL'],
      [`${origin}/a`, 'the header field Content-Length cannot be sent: remove it'],
      [`${origin}/b`, 'the header field Transfer-Encoding cannot be sent: remove it'],
      [`${origin}/c`, expect.stringMatching(/no field/)],
      [`${origin}/d`, expect.stringMatching(/X-A|invalid/i)],
      ['Symbol(no URL)', 'Invalid URL'],
    ]);
  });

  test('reads a large body to its end', async () => {
    let sent = 0;
    const listener = bare(async (_req, res) => {
      for (let i = 0; i < 200; i++, sent++) {
        if (!res.write(Buffer.alloc(65_536))) await once(res, 'drain');
      }
      res.end();
    });
    const { origin, options } = await way.to(listener);
    expect(await newCache().warm([`${origin}/`], options)).toMatchObject({ done: 1, failed: 0 });
    expect(sent).toBe(200);
  });
});

describe('cache.warm over HTTP', () => {
  test('counts an unreachable server as failed, with the reason', async () => {
    const { failures } = await newCache().warm(['http://127.0.0.1:1/', 'http://nowhere.invalid/']);
    expect(failures.map(({ reason }) => reason).join()).toMatch(/bad port|ECONNREFUSED/);
    expect(failures).toHaveLength(2);
  });

  test('rejects a Host field in a target', async () => {
    const port = await serve((_req, res) => res.end());
    const target = { url: `http://127.0.0.1:${port}/`, headers: { host: 'b.example' } };
    const { failures } = await newCache().warm([target]);
    expect(failures).toEqual([{ url: target.url, reason: expect.stringMatching(/Host/) }]);
  });

  test('sends its own User-Agent, unless the target has one', async () => {
    const agents: unknown[] = [];
    const port = await serve((req, res) => {
      agents.push(req.headers['user-agent']);
      res.end();
    });
    const url = `http://127.0.0.1:${port}/`;
    await newCache().warm([url, { url, headers: { 'user-agent': 'me' } }], { concurrency: 1 });
    expect(agents).toEqual(['redis-response-cache', 'me']);
  });
});

describe('cache.warm in process', () => {
  test('sends the Host field of a target', async () => {
    const hosts: unknown[] = [];
    const app = bare((req, res) => res.end(String(hosts.push(req.headers.host))));
    const { done } = await newCache().warm([{ url: 'http://a.example/', headers: { HOST: 'b.example' } }], {
      app,
    });
    expect([done, hosts]).toEqual([1, ['b.example']]);
  });

  test('calls all request listeners of a server that does not listen', async () => {
    const server = createServer();
    const heard: string[] = [];
    server.on('request', (req) => heard.push(`1 ${req.url}`));
    server.on('request', (req, res) => {
      heard.push(`2 ${req.url}`);
      res.end();
    });
    expect(await newCache().warm(['http://a.example/x'], { app: server })).toMatchObject({ done: 1 });
    expect(heard).toEqual(['1 /x', '2 /x']);
  });

  test('reports what a listener throws or rejects with', async () => {
    const app = (req: IncomingMessage): unknown => {
      if (req.url === '/sync') throw new Error('at once');
      return Promise.reject(new Error('later'));
    };
    const targets = ['http://a.example/sync', 'http://a.example/async'];
    const { failures } = await newCache().warm(targets, { app, concurrency: 1 });
    expect(failures.map(({ reason }) => reason)).toEqual(['at once', 'later']);
    const server = createServer(() => {
      throw new Error('of a server');
    });
    expect((await newCache().warm(targets, { app: server })).failures[0]?.reason).toBe('of a server');
  });

  test('resolves after the responses are stored', async () => {
    const cache = newCache({ redis: process.env.TEST_REDIS_URL as string, prefix: 'warm-ways:', ttl: '1m' });
    await cache.purge({ all: true });
    const events: unknown[] = [];
    cache.on('request', ({ stored }) => events.push(stored));
    const app = bare(cache as unknown as Handler, (_req, res) => res.end('x'));
    const targets = Array.from({ length: 20 }, (_, i) => `http://a.example/${i}`);
    await cache.warm(targets, { app });
    expect(events).toEqual(Array(20).fill(true));
    expect(await cache.purge({ all: true })).toBe(20);
  });

  test.each(expresses)('%s sees a client on this machine, and the scheme of the URL', async (_name, make) => {
    const seen: unknown[] = [];
    const app = make().set('trust proxy', 'loopback');
    app.use((req, res) => {
      seen.push([req.protocol, req.secure, req.hostname, req.ip]);
      res.end();
    });
    const proxied = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '1.2.3.4' };
    await newCache().warm(
      ['http://a.example/', 'https://b.example/', { url: 'http://c.example/', headers: proxied }],
      { app, concurrency: 1 },
    );
    expect(seen).toEqual([
      ['http', false, 'a.example', '127.0.0.1'],
      ['https', true, 'b.example', '127.0.0.1'],
      ['https', true, 'c.example', '1.2.3.4'],
    ]);
  });

  test('refreshes a stale response in the background through a server', async () => {
    let now = 1e12;
    const cache = newCache({ ttl: '1m', staleWhileRevalidate: '1h', clock: () => now });
    let runs = 0;
    const app = createServer(bare(cache as unknown as Handler, (_req, res) => res.end(`run ${++runs}`)));
    await cache.warm(['http://a.example/'], { app });
    now += 90_000;
    await cache.warm(['http://a.example/'], { app });
    await cache.idle();
    expect(runs).toBe(2);
  });
});

describe('cache.warm of an https server', () => {
  let pems: Certificates;
  beforeAll(async () => {
    pems = await certificates('127.0.0.1');
  });

  test('warms an https server in process, whose clients then get hits over TLS', async () => {
    const cache = newCache({ ttl: '1m' });
    const server: Server | HttpsServer = createHttpsServer(
      { cert: pems.cert, key: pems.key },
      bare(cache as unknown as Handler, (req, res) =>
        res.end(String((req.socket as { encrypted?: boolean }).encrypted)),
      ),
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    expect(await cache.warm([url], { app: server })).toMatchObject({ done: 1, failed: 0 });
    const { get } = await import('node:https');
    const [res] = await once(get(url, { ca: pems.ca, agent: false }), 'response');
    expect(res.headers['cache-status']).toContain('; hit');
    expect(String(await res.setEncoding('utf8').toArray())).toBe('true');
    // The certificate authority is not trusted.
    const { failures } = await cache.warm([url]);
    expect(failures[0]?.reason).toMatch(/certificate/);
    server.close();
  });
});
