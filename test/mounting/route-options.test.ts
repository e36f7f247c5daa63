import { describe, expect, test } from '@jest/globals';
import type { Response } from 'express';
import type { PolicyOptions } from '../../src/index.ts';
import { cacheWith, expectHit } from '../responses/support/matrix.ts';
import { type Stage, stage } from '../responses/support/stage.ts';
import { frameworks, type Handler, type Layer } from '../support/app.ts';
import { askOnce } from '../support/client.ts';

/* Options that decide per request, and routes that refine the cache in front of them. */

const hello: Handler = (_req, res) => res.end('hello');

/** Which of these requests, one after the other, were answered without the handler. */
async function hits({ port, runs }: Stage, asked: Parameters<typeof askOnce>[1][]): Promise<boolean[]> {
  const list: boolean[] = [];
  for (const one of asked) {
    const before = runs();
    await askOnce(port, one);
    await cacheWith().idle();
    list.push(runs() === before);
  }
  return list;
}

/** Behind the cache in front, or alone. */
const layouts = [
  { name: 'alone', layers: (overrides: PolicyOptions) => [cacheWith().with(overrides)] },
  {
    name: 'behind the cache',
    layers: (overrides: PolicyOptions) => [cacheWith(), cacheWith().with(overrides)],
  },
];

describe.each(frameworks)('$name', (framework) => {
  describe.each(layouts)('a route $name', ({ layers }) => {
    test('stores for its own ttl', async () => {
      const server = await stage(framework, layers({ ttl: '50s' }), hello);
      await askOnce(server.port);
      await cacheWith().idle();
      const hit = await askOnce(server.port);
      expectHit(hit);
      expect(hit.header('cache-status')).toMatch(/ttl=(?:50|4\d)$/);
    });

    test('stores only what its storeWhen allows', async () => {
      const storeWhen: PolicyOptions['storeWhen'] = (_req, res) => res.getHeader('x-final') === 'yes';
      const server = await stage(framework, layers({ storeWhen }), (req, res) => {
        res.setHeader('X-Final', req.url === '/yes' ? 'yes' : 'no').end('x');
      });
      expect(await hits(server, ['/yes', '/yes', '/no', '/no'])).toEqual([false, true, false, false]);
    });

    test('keeps bodies up to its own maxBodySize', async () => {
      const server = await stage(framework, layers({ maxBodySize: 4 }), hello);
      expect(await hits(server, ['/', '/'])).toEqual([false, false]);
    });

    test('has a key of its own', async () => {
      const key: PolicyOptions['key'] = ({ url }) => ['route', (url ?? '').split('?')[0] as string];
      const server = await stage(framework, layers({ key }), hello);
      expect(await hits(server, ['/?a=1', '/?a=2', '/b'])).toEqual([false, true, false]);
    });

    test('varies by what it says', async () => {
      const server = await stage(framework, layers({ vary: { headers: ['x-tenant'] } }), (req, res) => {
        res.end(`for ${req.headers['x-tenant']}`);
      });
      const [a, b] = [{ headers: { 'x-tenant': 'a' } }, { headers: { 'x-tenant': 'b' } }];
      expect(await hits(server, [a, b, a, b, {}])).toEqual([false, false, true, true, false]);
      expect((await askOnce(server.port, b)).body).toBe('for b');
    });

    test.each([
      { enabled: false },
      { enabled: async () => false },
      { when: () => false },
      { ttl: false },
    ] as const)('stores nothing with %o', async (overrides) => {
      const server = await stage(framework, layers(overrides), hello);
      expect(await hits(server, ['/', '/'])).toEqual([false, false]);
    });

    test('stores a status that it names, for as long as it says', async () => {
      const overrides: PolicyOptions = { statuses: [503], ttl: { 503: '10s' } };
      const server = await stage(framework, layers(overrides), (_req, res) =>
        res.writeHead(503).end('later'),
      );
      expect(await hits(server, ['/', '/'])).toEqual([false, true]);
    });
  });

  test('two routes of one cache refine only their own', async () => {
    const cache = cacheWith();
    const short = cache.with({ ttl: '50s' });
    const routed: Layer = (req, res, next) => (req.url === '/short' ? short(req, res, next) : next());
    const server = await stage(framework, [cache, routed], hello);
    await hits(server, ['/short', '/long']);
    expect((await askOnce(server.port, '/short')).header('cache-status')).toMatch(/ttl=(?:50|4\d)$/);
    expect((await askOnce(server.port, '/long')).header('cache-status')).toMatch(/ttl=3\d\d\d$/);
  });

  test('one cache mounted twice fills once', async () => {
    const cache = cacheWith();
    const server = await stage(framework, [cache, cache], hello);
    expect(await hits(server, ['/', '/'])).toEqual([false, true]);
  });

  test('two caches, one behind the other, say both what they did', async () => {
    const far = cacheWith({ name: 'far' });
    const near = cacheWith({ name: 'near' });
    const server = await stage(framework, [near, far], hello);
    expect((await askOnce(server.port)).header('cache-status')).toMatch(
      /^far; fwd=uri-miss.*, near; fwd=uri-miss/,
    );
    await near.idle();
    const hit = await askOnce(server.port);
    expect(hit.header('cache-status')).toMatch(/^far; fwd=uri-miss.*, near; hit; ttl=\d+$/);
    await far.idle();
    await far.close();
  });

  test('locals are kept with the response, put back on a hit, and no others', async () => {
    const seen: unknown[] = [];
    type Local = { locals?: Record<string, unknown> };
    const log: Layer = (_req, res, next) => {
      res.once('finish', () => seen.push((res as Local).locals));
      next();
    };
    const server = await stage(
      framework,
      [log, cacheWith({ locals: ['route', 'tags', 'none'] })],
      (_req, res) => {
        const response: Local = res as Response;
        response.locals ??= {};
        Object.assign(response.locals, { route: 'a', tags: ['x', { y: 1 }], secret: 1 });
        res.end('x');
      },
    );
    expect(await hits(server, ['/', '/'])).toEqual([false, true]);
    await server.closed();
    expect(seen).toEqual([
      { route: 'a', tags: ['x', { y: 1 }], secret: 1 },
      { route: 'a', tags: ['x', { y: 1 }] },
    ]);
  });

  test('when and enabled are asked for each request', async () => {
    let on = true;
    const options: PolicyOptions = {
      enabled: async () => on,
      when: ({ headers }) => headers['x-skip'] === undefined,
    };
    const server = await stage(framework, [cacheWith(options)], hello);
    expect(await hits(server, ['/', { headers: { 'x-skip': '1' } }, '/'])).toEqual([false, false, true]);
    const skipped = await askOnce(server.port, { headers: { 'x-skip': '1' } });
    expect(skipped.header('cache-status')).toBe('redis-response-cache; fwd=bypass; detail=when');
    on = false;
    const off = await askOnce(server.port);
    expect(off.header('cache-status')).toBeUndefined();
    expect(off.header('age')).toBeUndefined();
  });

  test('POST is stored under a key that covers its body, and every other method is forwarded', async () => {
    const parse: Layer = (req, _res, next) => {
      let text = '';
      req.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      req.on('end', () => {
        Object.assign(req, { body: text });
        next();
      });
    };
    type Parsed = { body?: string };
    const key: PolicyOptions['key'] = (req) => [req.method ?? '', req.url ?? '', (req as Parsed).body ?? ''];
    const cache = cacheWith({ methods: ['POST'], key });
    const server = await stage(framework, [parse, cache], (req, res) =>
      res.end(`echo ${(req as Parsed).body}`),
    );
    const [a, b] = ['{"a":1}', '{"a":2}'].map((body) => ({ method: 'POST', body })) as [object, object];
    expect(await hits(server, [a, b, a, b])).toEqual([false, false, true, true]);
    expect((await askOnce(server.port, b)).body).toBe('echo {"a":2}');
    expect(await hits(server, ['/', '/', { method: 'PUT', body: '{"a":1}' }])).toEqual([false, false, false]);
  });

  test('the body of a request reaches the handler, however long the cache takes to let it pass', async () => {
    const enabled = () => new Promise<boolean>((resolve) => setImmediate(resolve, true));
    const server = await stage(framework, [cacheWith({ enabled })], (req, res) => req.pipe(res));
    const body = 'x'.repeat(300_000);
    expect((await askOnce(server.port, { method: 'POST', body })).body).toBe(body);
  });

  test('a method that the cache does not take is told so', async () => {
    const server = await stage(framework, [cacheWith()], hello);
    const answer = await askOnce(server.port, { method: 'DELETE' });
    expect(answer.header('cache-status')).toBe('redis-response-cache; fwd=method');
  });
});
