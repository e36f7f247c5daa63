import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import compression from 'compression';
import express from 'express';
import helmet from 'helmet';
import { frameworks, type Handler, newCache, serve, testApp, timedCache } from '../support/app.ts';
import { ask } from '../support/client.ts';

/* Middleware in front of the cache that sets fields, rewrites URLs, or encodes bodies. */

const TEXT = 'A line of text that can be compressed. '.repeat(1400);

describe.each(frameworks)('$name', ({ app }) => {
  test.each([
    ['ETag', '"v1"', '"v2"'],
    ['Last-Modified', 'Mon, 01 Jan 2024 00:00:00 GMT', 'Tue, 02 Jan 2024 00:00:00 GMT'],
    ['Content-Language', 'de', 'en'],
    ['Content-Type', 'text/plain', 'text/html'],
    ['Content-Disposition', 'attachment; filename="1"', 'attachment; filename="2"'],
    ['Cache-Control', 'public, max-age=600', 'public, max-age=900'],
    ['Expires', 'Fri, 01 Jan 2100 00:00:00 GMT', 'Sat, 02 Jan 2100 00:00:00 GMT'],
  ])(
    '%s, set in front of the cache, stays with the body that it was set for',
    async (name, first, second) => {
      let value = first;
      const front: Handler = (_req, res, next) => {
        res.setHeader(name, value);
        next();
      };
      const { cache } = timedCache({ ttl: '1h' });
      const port = await serve(app(front, cache as Handler, (_req, res) => res.end('body 1')));
      await ask(port);
      await cache.idle();
      value = second;
      const hit = await ask(port);
      expect([hit.cacheStatus.slice(0, 3), hit.header(name)]).toEqual(['hit', first]);
    },
  );

  test('an ETag that is set in front for a later request is not that of the stored body', async () => {
    let isSet = false;
    const front: Handler = (_req, res, next) => {
      if (isSet) res.setHeader('ETag', '"v2"').setHeader('Content-Language', 'en');
      next();
    };
    const { cache } = timedCache({ ttl: '1h' });
    const port = await serve(app(front, cache as Handler, (_req, res) => res.writeHead(200).end('body 1')));
    await ask(port);
    await cache.idle();
    isSet = true;
    const hit = await ask(port, { headers: { 'If-None-Match': '"v2"' } });
    expect([hit.status, hit.header('etag'), hit.header('content-language')]).toEqual([
      200,
      undefined,
      undefined,
    ]);
  });

  test('ids, CORS, rate limits and policies of the request at hand stay those of the request', async () => {
    let n = 0;
    const front: Handler = (_req, res, next) => {
      n++;
      res.setHeader('X-Request-Id', String(n));
      res.setHeader('RateLimit-Remaining', String(100 - n));
      res.setHeader('Access-Control-Allow-Origin', `https://${n}.example`);
      res.setHeader('Content-Security-Policy', `script-src 'nonce-${n}'`);
      next();
    };
    const { cache } = timedCache({ ttl: '1h' });
    const port = await serve(
      app(helmet({ contentSecurityPolicy: false }) as Handler, front, cache as Handler, (_req, res) =>
        res.end('x'),
      ),
    );
    await ask(port);
    await cache.idle();
    const hit = await ask(port);
    expect(hit.cacheStatus).toMatch(/^hit/);
    expect(hit.header('x-request-id')).toBe('2');
    expect(hit.header('ratelimit-remaining')).toBe('98');
    expect(hit.header('access-control-allow-origin')).toBe('https://2.example');
    expect(hit.header('content-security-policy')).toBe("script-src 'nonce-2'");
    expect(hit.header('x-content-type-options')).toBe('nosniff');
  });

  test('a range of a text that compression() in front encodes is answered with the whole', async () => {
    const { cache } = timedCache({ ttl: '1h' });
    const handler: Handler = (_req, res) => res.setHeader('Content-Type', 'text/plain').end(TEXT);
    const port = await serve(app(compression() as unknown as Handler, cache as Handler, handler));
    await ask(port);
    await cache.idle();
    const range = { Range: 'bytes=100-4999', 'Accept-Encoding': 'gzip' };
    const whole = await ask(port, { headers: range });
    expect([whole.status, whole.header('content-encoding'), whole.header('content-range')]).toEqual([
      200,
      'gzip',
      undefined,
    ]);
    expect(gunzipSync(whole.bytes).toString()).toBe(TEXT);
  });

  test('a range of a video behind compression() is answered with the part', async () => {
    const { cache } = timedCache({ ttl: '1h' });
    const handler: Handler = (_req, res) => res.setHeader('Content-Type', 'video/mp4').end(TEXT);
    const port = await serve(app(compression() as unknown as Handler, cache as Handler, handler));
    await ask(port);
    await cache.idle();
    const part = await ask(port, { headers: { Range: 'bytes=100-4999', 'Accept-Encoding': 'gzip' } });
    expect([part.status, part.body]).toEqual([206, TEXT.slice(100, 5000)]);
  });

  test.each([
    ['in upper case', 'A.EXAMPLE'],
    ['with the default port', 'a.example:80'],
  ])('a Host %s is not answered for others, nor from what is stored for others', async (_how, host) => {
    const { cache } = timedCache({ ttl: '1h' });
    const handler: Handler = (req, res) => {
      res.statusCode = req.headers.host === 'a.example' ? 200 : 404;
      res.end(`site of ${req.headers.host}`);
    };
    const port = await serve(app(cache as Handler, handler));
    const odd = await ask(port, { headers: { Host: host } });
    expect([odd.status, odd.cacheStatus]).toEqual([
      404,
      host === 'A.EXAMPLE' ? 'fwd=bypass; detail=target' : 'fwd=uri-miss; stored',
    ]);
    await cache.idle();
    const usual = await ask(port, { headers: { Host: 'a.example' } });
    expect([usual.status, usual.body]).toEqual([200, 'site of a.example']);
    await cache.idle();
    expect((await ask(port, { headers: { Host: host } })).status).toBe(404);
  });

  test('what is stored for a Host with the default port is found by purges and unsafe requests for the URL', async () => {
    const { cache } = timedCache({ ttl: '1h' });
    const port = await serve(app(cache as Handler, (_req, res) => res.end('x')));
    const hosted = { headers: { Host: 'a.example:80' } };
    for (const invalidate of [
      () => cache.purge({ url: 'http://a.example/' }),
      () => cache.purge({ prefix: 'http://a.example/' }),
      () => ask(port, { method: 'POST', headers: { Host: 'a.example' } }),
    ]) {
      await ask(port, hosted);
      await cache.idle();
      expect((await ask(port, hosted)).cacheStatus).toMatch(/^hit/);
      await invalidate();
      await cache.idle();
      expect((await ask(port, hosted)).cacheStatus).toMatch(/^fwd/);
      await cache.purge({ all: true });
    }
  });

  test('an unsafe request with a Host in another form invalidates what is stored for the usual form', async () => {
    const { cache } = timedCache({ ttl: '1h' });
    const port = await serve(app(cache as Handler, (_req, res) => res.end('x')));
    await ask(port, { headers: { Host: 'a.example' } });
    await cache.idle();
    await ask(port, { method: 'POST', headers: { Host: 'A.Example:80' } });
    await cache.idle();
    expect((await ask(port, { headers: { Host: 'a.example' } })).cacheStatus).toMatch(/^fwd/);
  });

  test.each([401, 403, 407, 429])('a %d is not stored, whatever was set before it', async (status) => {
    const { cache } = timedCache({ ttl: '1h' });
    let isAllowed = false;
    const handler: Handler = (_req, res) => {
      res.setHeader('Cache-Control', 'public, max-age=3600');
      if (!isAllowed) res.statusCode = status;
      res.end(isAllowed ? 'welcome' : 'go away');
    };
    const port = await serve(app(cache as Handler, handler));
    expect((await ask(port)).cacheStatus).toBe('fwd=uri-miss; detail=error-status');
    isAllowed = true;
    expect((await ask(port)).body).toBe('welcome');
  });

  test('an error with a Cache-Control that was set before it is stored for a minute at most, unless ttl names it', async () => {
    for (const [ttl, isHit] of [
      ['1h', false],
      [{ default: '1h', 404: '30m' }, true],
    ] as const) {
      const { cache, later } = timedCache({ ttl });
      const handler: Handler = (_req, res) => {
        res.setHeader('Cache-Control', 'public, max-age=3600');
        res.statusCode = 404;
        res.end('nothing here');
      };
      const port = await serve(app(cache as Handler, handler));
      await ask(port);
      await cache.idle();
      later(59_000);
      expect((await ask(port)).cacheStatus).toMatch(/^hit/);
      later(2000);
      expect([ttl, (await ask(port)).cacheStatus.startsWith('hit')]).toEqual([ttl, isHit]);
    }
  });

  test('a response stored by a clock that was an hour ahead is not used', async () => {
    const { cache, later } = timedCache({ ttl: '1s' });
    let n = 0;
    const handler: Handler = (_req, res) => {
      n++;
      res.setHeader('ETag', `"${n}"`).end(String(n));
    };
    later(3_600_000);
    const port = await serve(app(cache as Handler, handler));
    await ask(port);
    await cache.idle();
    later(-3_600_000);
    const next = await ask(port);
    expect([next.cacheStatus, next.body]).toEqual([expect.stringMatching(/^fwd=stale/), '2']);
  });

  test.each([
    'text/event-stream',
    'Text/Event-Stream; charset=utf-8',
    'multipart/x-mixed-replace; boundary=b',
  ])('a %s that has ended is not stored', async (type) => {
    const { cache } = timedCache({ ttl: '1h' });
    const handler: Handler = (_req, res) => res.setHeader('Content-Type', type).end('data: 1\n\n');
    const port = await serve(app(cache as Handler, handler));
    expect((await ask(port)).cacheStatus).toBe('fwd=uri-miss; detail=endless');
  });

  test.each([
    ['Age', '7200'],
    ['Date', new Date(Date.now() - 7_200_000).toUTCString()],
  ])(
    'a response with an old %s is not stored by a shorter ttl, and is under directives: override',
    async (name, value) => {
      const handler: Handler = (_req, res) => res.setHeader('ETag', '"1"').setHeader(name, value).end('old');
      const plain = timedCache({ ttl: '1h' });
      let port = await serve(app(plain.cache as Handler, handler));
      expect((await ask(port)).cacheStatus).toBe('fwd=uri-miss; detail=not-fresh');
      const overriding = timedCache({ ttl: '1h', directives: 'override' });
      port = await serve(app(overriding.cache as Handler, handler));
      await ask(port);
      await overriding.cache.idle();
      expect((await ask(port)).cacheStatus).toMatch(/^hit; ttl=3[56]\d\d/);
    },
  );

  test('cache.purge({ url }) finds a response whichever scheme the app has seen', async () => {
    const { cache } = timedCache({ ttl: '1h' });
    const port = await serve(app(cache as Handler, (_req, res) => res.end('x')));
    await ask(port, { path: '/leads', headers: { Host: 'api.example.com' } });
    await cache.idle();
    expect(await cache.purge({ url: 'https://api.example.com/leads' })).toBe(1);
  });

  test('a request for a WebSocket goes to the app in the same turn, and is not cached', async () => {
    const { cache } = timedCache({ ttl: '1h' });
    let isSameTurn: boolean | undefined;
    const front: Handler = (_req, _res, next) => {
      isSameTurn = undefined;
      next();
      isSameTurn ??= false;
    };
    const handler: Handler = (_req, res) => {
      isSameTurn ??= true;
      res.end('not a socket');
    };
    const port = await serve(app(front, cache as Handler, handler));
    for (const upgrade of ['websocket', 'WebSocket', 'h2c, websocket']) {
      const answer = await ask(port, { headers: { Connection: 'keep-alive', Upgrade: upgrade } });
      expect([upgrade, answer.cacheStatus, isSameTurn]).toEqual([
        upgrade,
        'fwd=bypass; detail=upgrade',
        true,
      ]);
    }
    const h2c = { headers: { Connection: 'keep-alive', Upgrade: 'h2c' } };
    await ask(port, h2c);
    await cache.idle();
    expect((await ask(port, h2c)).cacheStatus).toMatch(/^hit/);
  });
});

test.each(frameworks)(
  '$name: a hit for somebody whose session middleware in front begins is not for the next shared cache',
  async ({ app }) => {
    const cache = newCache({ ttl: '1h' });
    const front: Handler = (req, res, next) => {
      if (req.headers['x-begins']) {
        res.setHeader('Set-Cookie', 'sid=alice');
        res.setHeader('Cache-Control', 'private, no-store');
      }
      next();
    };
    const handler: Handler = (_req, res) => void res.setHeader('Cache-Control', 'max-age=600').end('a page');
    const port = await serve(app(front, cache as unknown as Handler, handler));
    await ask(port, { path: '/a' });
    await cache.idle();
    const { cacheStatus, header } = await ask(port, { path: '/a', headers: { 'X-Begins': 'yes' } });
    expect(cacheStatus).toMatch(/^hit/);
    expect([header('set-cookie'), header('cache-control')]).toEqual(['sid=alice', 'private, no-store']);
    expect((await ask(port, { path: '/a' })).header('cache-control')).toBe('max-age=600');
  },
);

describe.each(frameworks)('$name, with a URL that is rewritten in front', ({ app }) => {
  test.each([
    ['to the root', (url: string, keeps: boolean) => (keeps ? url : '/')],
    ['without its prefix', (url: string, keeps: boolean) => (keeps ? url : url.replace('/area', ''))],
  ])('%s for some people: nobody gets the page of the others', async (_how, rewrite) => {
    const cache = newCache({ ttl: '1h' });
    const gate: Handler = (req, _res, next) => {
      // As Connect and Express do.
      (req as { originalUrl?: string }).originalUrl ??= req.url;
      req.url = rewrite(req.url, req.headers['x-keeps'] === 'yes');
      next();
    };
    const handler: Handler = (req, res) => void res.end(`page ${req.url}`);
    const port = await serve(app(gate, cache as unknown as Handler, handler));
    const pageFor = async (keeps: string) => {
      const { body, cacheStatus } = await ask(port, { path: '/area/a', headers: { 'X-Keeps': keeps } });
      await cache.idle();
      return [body, cacheStatus.slice(0, 3)];
    };
    const others = `page ${rewrite('/area/a', false)}`;
    expect(await pageFor('yes')).toEqual(['page /area/a', 'fwd']);
    expect(await pageFor('no')).toEqual([others, 'fwd']);
    expect(await pageFor('yes')).toEqual(['page /area/a', 'hit']);
    expect(await pageFor('no')).toEqual([others, 'hit']);
  });
});

describe.each([
  ['Express 5', express],
  ['Express 4', require('express4') as typeof express],
])('%s, with a URL that is rewritten in front', (_name, framework) => {
  test.each([
    ['the cache inside the router of each language', true],
    ['the cache in front of the routers', false],
  ])('%s: each language has its own page', async (_where, isInside) => {
    const { ask } = await testApp(
      (cache) => {
        const app = framework();
        app.use((req, _res, next) => {
          req.url = `/${req.headers['accept-language']}${req.url}`;
          next();
        });
        if (!isInside) app.use(cache as never);
        for (const language of ['de', 'en']) {
          const router = framework.Router();
          if (isInside) router.use(cache as never);
          router.get('/page', (_req, res) => void res.send(language));
          app.use(`/${language}`, router);
        }
        return app;
      },
      { ttl: '1h' },
    );
    const pageIn = async (language: string) => {
      const { body, cacheStatus } = await ask({ path: '/page', headers: { 'Accept-Language': language } });
      return [body, cacheStatus.slice(0, 3)];
    };
    expect(await pageIn('de')).toEqual(['de', 'fwd']);
    expect(await pageIn('en')).toEqual(['en', 'fwd']);
    expect(await pageIn('de')).toEqual(['de', 'hit']);
    expect(await pageIn('en')).toEqual(['en', 'hit']);
  });

  test('a mount point alone makes no second entry', async () => {
    const { ask, settled } = await testApp(
      (cache) => {
        const app = framework();
        const router = framework.Router();
        router.use(cache as never);
        router.get('/', (_req, res) => void res.send('root'));
        router.get('/page', (_req, res) => void res.send('page'));
        app.use('/shop', router);
        return app;
      },
      { ttl: '1h', vary: {} },
    );
    for (const path of ['/shop', '/shop?a=1', '/shop/page?a=1']) {
      await settled({ path });
      expect([path, (await ask({ path })).cacheStatus.slice(0, 3)]).toEqual([path, 'hit']);
    }
  });
});
