import { describe, expect, test } from '@jest/globals';
import cors from 'cors';
import { bare, type Handler, type Layer, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';

/* Fields that caches have misread: Vary and Cache-Control in shapes that parsers disagree about. */

describe('S5, Vary is misread', () => {
  test.each([
    ['an asterisk', '*'],
    ['an asterisk in a list', 'Accept, *'],
    ['an asterisk among spaces', ' Accept ,  *  , Origin'],
    ['an asterisk on a line of its own', ['Accept', '*']],
    ['what is no field name', 'Accept, a b'],
  ])('%s is never stored', async (_name, vary) => {
    const cache = newCache();
    const port = await serve(bare(cache, (_req, res) => res.setHeader('Vary', vary).end('made')));
    await ask(port);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/detail=vary/);
  });

  test.each(['X-Tenant', 'x-tenant', ' X-TENANT ', 'Accept,X-Tenant', 'Accept\t,\tX-Tenant'])(
    'Vary: %j keeps apart what is absent, empty and given',
    async (vary) => {
      const cache = newCache();
      const tenant: Handler = (req, res) =>
        res.setHeader('Vary', vary).end(JSON.stringify(req.headers['x-tenant'] ?? null));
      const port = await serve(bare(cache, tenant));
      for (const headers of [{}, { 'X-Tenant': '' }, { 'X-Tenant': 'a' }, { 'X-Tenant': 'b' }, {}]) {
        const [value = null] = Object.values(headers);
        expect((await ask(port, { headers })).body).toBe(JSON.stringify(value));
        await cache.idle();
      }
    },
  );

  test('what the app makes of a field is not what a client sent', async () => {
    const cache = newCache();
    const rewriting: Handler = (req, res) => {
      const { 'x-v': sent } = req.headers;
      req.headers['x-v'] = 'b';
      delete req.headers.accept;
      res.setHeader('Vary', 'X-V, Accept').end(sent);
    };
    const port = await serve(bare(cache, rewriting));
    for (const value of ['a', 'b', 'a', 'b']) {
      expect((await ask(port, { headers: { 'X-V': value, Accept: 'text/html' } })).body).toBe(value);
      await cache.idle();
    }
    const hit = await ask(port, { headers: { 'X-V': 'a', Accept: 'text/html' } });
    expect(hit.header('cache-status')).toMatch(/; hit;/);
  });

  test('on two lines they both count', async () => {
    const cache = newCache();
    const both: Handler = (req, res) =>
      res.setHeader('Vary', ['X-A', 'X-B']).end(`${req.headers['x-a']} ${req.headers['x-b']}`);
    const port = await serve(bare(cache, both));
    for (const [a, b] of ['11', '12', '21', '22', '11'])
      expect((await ask(port, { headers: { 'X-A': `${a}`, 'X-B': `${b}` } })).body).toBe(`${a} ${b}`);
  });

  test('what middleware in front varies on is still there on a hit', async () => {
    const cache = newCache();
    const origin = cors({ origin: ['https://a.example', 'https://b.example'] }) as unknown as Layer;
    const app = bare(origin, cache, (_req, res) => res.setHeader('Vary', 'Accept-Encoding').end('made'));
    const port = await serve(app);
    await ask(port, { headers: { Origin: 'https://a.example' } });
    await cache.idle();
    const hit = await ask(port, { headers: { Origin: 'https://b.example' } });
    expect(hit.header('cache-status')).toMatch(/; hit;/);
    expect(hit.header('vary')?.toLowerCase().split(/, ?/).sort()).toEqual(['accept-encoding', 'origin']);
    expect(hit.header('access-control-allow-origin')).toBe('https://b.example');
  });
});

describe('S6, Cache-Control is misread', () => {
  test.each([
    ['PRIVATE'],
    ['Private, max-age=60'],
    ['max-age=60,private'],
    ['max-age=60 ,\tprivate '],
    ['private=""'],
    ['private, private="x"'],
    ['private="x", private'],
    ['private=","'],
    ['private=x y'],
    ['private ="x"'],
    ['private ; max-age=60'],
    [['max-age=60', 'private']],
    [['private="x"', 'private']],
    ['public, private'],
    ['public, no-store'],
    ['NO-STORE'],
    ['"no-store'],
    ['no-store=""'],
    ['max-age="60", no-store'],
    ['foo="a, max-age=60", no-store'],
    ['foo="a\\", no-store'],
    ['max-age=60, no store'],
    ['s-maxage=60, no-store=1'],
    ['max-age=60, "private"'],
    ['no-store, must-understand=x, private'],
  ])('a response with %j is not stored, and nothing throws', async (value) => {
    const cache = newCache();
    const faults: unknown[] = [];
    cache.on('fault', (fault) => faults.push(fault));
    const port = await serve(bare(cache, (_req, res) => res.setHeader('Cache-Control', value).end('made')));
    expect((await ask(port)).status).toBe(200);
    await cache.idle();
    expect((await ask(port)).header('cache-status')).not.toMatch(/hit/);
    expect(faults).toEqual([]);
  });

  test.each(['=', '""', ',,,', 'max-age=', 'max-age="', '\\', 'no-cache="', 'max-stale=-1', 'min-fresh=x'])(
    'a request with %j is answered like any other',
    async (value) => {
      const cache = newCache();
      const port = await serve(bare(cache, (_req, res) => res.end('made')));
      for (let i = 0; i < 2; i++) {
        expect((await ask(port, { headers: { 'Cache-Control': value } })).body).toBe('made');
        await cache.idle();
      }
    },
  );
});

describe('S12, a long field costs more than its length', () => {
  test.each([
    ['quotes', '"'],
    ['backslashes in quotes', '"\\'],
    ['commas', ','],
    ['spaces', ' '],
    ['equals signs', 'a='],
    ['members', 'a="b",'],
  ])('of %s', async (_name, part) => {
    const cache = newCache({ targeted: ['CDN-Cache-Control'] });
    const long = part.repeat(Math.floor(15_000 / part.length));
    const lines = ['Cache-Control', 'CDN-Cache-Control', 'Vary', 'Age', 'Expires', 'No-Vary-Search'];
    const port = await serve(
      bare(cache, (_req, res) => {
        for (const name of lines) res.setHeader(name, `x${long}x`);
        res.end('made');
      }),
    );
    const names = [
      'Cache-Control',
      'Pragma',
      'If-None-Match',
      'Range',
      'If-Modified-Since',
      'Accept-Encoding',
    ];
    const startedAt = performance.now();
    for (const name of names)
      expect((await ask(port, { headers: { [name]: `x${long}x` } })).status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});
