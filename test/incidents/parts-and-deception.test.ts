import { describe, expect, test } from '@jest/globals';
import { bare, express5app, type Handler, newCache, serve } from '../support/app.ts';
import { ask, Connection, serialized } from '../support/client.ts';

/* Parts taken for wholes, and URLs that the cache and the app read differently. */

const page: Handler = (req, res) => res.end(`${req.method} ${req.url}`);

describe('S13, a part or a redirect stands for the whole', () => {
  test('a 206 is never the answer to a request for the whole', async () => {
    const cache = newCache();
    const partial: Handler = (req, res) => {
      if (req.url === '/own') return res.writeHead(206, { 'Content-Range': 'bytes 0-3/8' }).end('half');
      res
        .writeHead(206, { 'Content-Range': 'bytes 0-3/8', 'Cache-Control': 'max-age=60, public' })
        .end('half');
    };
    const port = await serve(bare(cache, partial));
    for (const path of ['/own', '/']) {
      expect((await ask(port, { path, headers: { Range: 'bytes=0-3' } })).status).toBe(206);
      await cache.idle();
      // This app has nothing but parts to give, so that what it gives is not the cache's doing.
      expect((await ask(port, path)).header('cache-status')).not.toMatch(/hit/);
      await cache.idle();
    }
  });

  test('a Content-Range in a 200 means nothing: the response is stored as the whole', async () => {
    const cache = newCache({ ttl: '1h' });
    const port = await serve(
      bare(cache, (_req, res) => res.writeHead(200, { 'Content-Range': 'bytes 0-3/8' }).end('whole')),
    );
    expect((await ask(port)).header('cache-status')).not.toMatch(/detail/);
    await cache.idle();
    const part = await ask(port, { headers: { Range: 'bytes=0-1' } });
    expect([part.status, part.body, part.header('content-range')]).toEqual([206, 'wh', 'bytes 0-1/5']);
  });

  test('a request for a part stores the whole, and never the part', async () => {
    const cache = newCache();
    const port = await serve(
      express5app(cache, (_req, res) => void (res as never as { send(text: string): void }).send('01234567')),
    );
    const part = await ask(port, { headers: { Range: 'bytes=0-1' } });
    expect(part.status).toBeLessThan(300);
    await cache.idle();
    expect((await ask(port)).body).toBe('01234567');
    expect((await ask(port, { headers: { Range: 'bytes=6-' } })).body).toBe('67');
  });

  test("a 304 to one client's own condition is not the answer to others", async () => {
    const cache = newCache();
    const port = await serve(
      express5app(cache, (_req, res) => void (res as never as { send(text: string): void }).send('made')),
    );
    const { header } = await ask(port);
    await cache.purge({ all: true });
    const etag = header('etag') as string;
    expect((await ask(port, { headers: { 'If-None-Match': etag } })).status).toBe(304);
    await cache.idle();
    const whole = await ask(port);
    expect([whole.status, whole.body]).toEqual([200, 'made']);
  });

  test('a 304 that confirms something else refreshes nothing', async () => {
    let now = Date.now();
    const cache = newCache({ clock: () => now });
    let etag = '"1"';
    const port = await serve(
      bare(cache, (req, res) => {
        res.setHeader('Cache-Control', 'max-age=10').setHeader('ETag', etag);
        if (req.headers['if-none-match']) res.writeHead(304).end();
        else res.end(etag);
      }),
    );
    await ask(port);
    await cache.idle();
    now += 20_000;
    etag = '"2"';
    await ask(port);
    await cache.idle();
    expect((await ask(port)).body).toBe('"2"');
  });

  test('a redirect for one is not a redirect for all', async () => {
    const cache = newCache();
    const port = await serve(
      bare(cache, (req, res) => res.writeHead(302, { Location: `/for/${req.headers['x-who']}` }).end()),
    );
    expect((await ask(port, { headers: { 'X-Who': 'alice' } })).header('location')).toBe('/for/alice');
    await cache.idle();
    expect((await ask(port, { headers: { 'X-Who': 'bob' } })).header('location')).toBe('/for/bob');
  });
});

describe('S14, web cache deception', () => {
  test.each([
    '/account.css',
    '/account/x.css',
    '/account;x.css',
    '/account%2Fx.css',
    '/account%00.css',
    '/account%0A.css',
    '/static/..%2faccount',
    '/account?x.css',
  ])('%s is stored by what the app answers and says, not by its looks', async (path) => {
    const cache = newCache();
    const account: Handler = (req, res) => {
      res.setHeader('Cache-Control', 'no-store').end(`account of ${req.headers['x-who']} at ${req.url}`);
    };
    const port = await serve(bare(cache, account));
    await ask(port, { path, headers: { 'X-Who': 'alice' } });
    await cache.idle();
    expect((await ask(port, path)).body).toBe(`account of undefined at ${path}`);
  });

  test('paths that some would take for one are each their own', async () => {
    const cache = newCache();
    const port = await serve(bare(cache, page));
    const paths = [
      '/a',
      '/a/',
      '//a',
      '/./a',
      '/b/../a',
      '/%61',
      '/A',
      '/a%20',
      '/a;x',
      '/a#x',
      '/a?',
      '/a?#',
      '/a%3F',
    ];
    for (const path of [...paths, ...paths]) {
      expect((await ask(port, path)).body).toBe(`GET ${path}`);
      await cache.idle();
    }
  });

  test.each([
    ['absolute', 'http://test.example/a'],
    ["another host's", 'http://evil.example/a'],
    ['an asterisk', '*'],
    ['no path at all', 'a'],
  ])('a request target that is %s is forwarded and stored nowhere', async (_name, path) => {
    const cache = newCache();
    const port = await serve(bare(cache, page));
    const answer = await ask(port, path);
    if (answer.status !== 400) expect(answer.header('cache-status')).toMatch(/detail=target/);
  });
});

describe('S14, parameters in disguise', () => {
  test('an ignored parameter carries no other past the key, whatever splits it', async () => {
    const cache = newCache({ vary: { query: { except: ['utm_*'] } } });
    const port = await serve(bare(cache, page));
    const queries = ['utm_a=1;q=evil', 'utm_a=1%26q=evil', 'q=1&utm_a=1;q=evil', 'utm_a=1&q=1;q=evil', 'q=1'];
    for (const query of queries) {
      const plain = query.includes(';') ? undefined : query;
      const answer = await ask(port, `/?${query}`);
      await cache.idle();
      if (plain === undefined) expect(answer.header('cache-status')).not.toMatch(/hit/);
    }
    expect((await ask(port, '/?q=1&utm_z=3')).body).not.toContain('evil');
  });

  test('an order that a parser goes by stays: of repeated parameters the first, or the last', async () => {
    const cache = newCache();
    const port = await serve(bare(cache, page));
    const queries = [
      'a=1&a=2',
      'a=2&a=1',
      'a[]=1&a[]=2',
      'a[]=2&a[]=1',
      'a=1&a[]=2',
      'a[]=2&a=1',
      'a.b=1&a.b=2',
    ];
    for (const query of [...queries, ...queries]) {
      expect((await ask(port, `/?${query}`)).body).toBe(`GET /?${query}`);
      await cache.idle();
    }
  });
});

describe('S14, a GET with a body', () => {
  const fat: Handler = async (req, res) => {
    let text = '';
    for await (const chunk of req) text += String(chunk);
    res.end(`made of ${text}`);
  };

  test.each([
    ['a length', { 'Content-Length': '4' }, 'evil'],
    ['chunks', { 'Transfer-Encoding': 'chunked' }, '4\r\nevil\r\n0\r\n\r\n'],
  ])('in %s is not stored, and not answered from what is', async (_name, headers, body) => {
    const cache = newCache();
    const port = await serve(bare(cache, fat));
    const answer = await ask(port, { headers, body });
    expect([answer.body, answer.header('cache-status')]).toEqual([
      'made of evil',
      expect.stringMatching(/detail=body/),
    ]);
    await cache.idle();
    expect((await ask(port)).body).toBe('made of ');
    await cache.idle();
    expect((await ask(port, { headers, body })).body).toBe('made of evil');
  });

  test('a body that a hit leaves unread is not the next request on the connection', async () => {
    const cache = newCache({
      methods: ['GET', 'POST'],
      key: (req) => [req.method ?? '', req.url ?? '', (req as { body?: string }).body ?? ''],
    });
    // As an adapter that knows the body and leaves the stream alone.
    const front: Handler = (req, _res, next) => {
      if (req.method === 'POST') req.body = 'known';
      next();
    };
    const port = await serve(bare(front, cache, (req, res) => res.end(req.url)));
    const smuggled = serialized({ path: '/evil' });
    const session = new Connection(port);
    const post = { method: 'POST', path: '/form', body: smuggled };
    await session.ask(post);
    await cache.idle();
    const hit = await session.ask(post);
    expect(hit.header('cache-status')).toMatch(/; hit;/);
    const next = session.closed ? await ask(port, '/next') : await session.ask({ path: '/next' });
    expect(next.body).toBe('/next');
    session.close();
  });
});

describe('S14, denial by an error page', () => {
  test.each([
    ['a field beyond all measure', { 'X-Long': 'x'.repeat(20_000) }],
    ['a malformed field', { 'X-Bad': 'a\u0000b' }],
    ['a malformed host', { Host: 'a b' }],
  ])('%s is not the page of those who ask next', async (_name, headers) => {
    const cache = newCache();
    const port = await serve(bare(cache, page));
    const answer = await ask(port, { headers });
    await cache.idle();
    const next = await ask(port);
    expect([next.status, next.body]).toEqual([200, 'GET /']);
    if (answer.status === 200) expect(answer.body).toBe('GET /');
  });
});
