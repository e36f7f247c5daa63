import { describe, expect, test } from '@jest/globals';
import type { ErrorRequestHandler } from 'express';
import { type Framework, frameworks, type Handler, type Layer } from '../support/app.ts';
import { askOnce } from '../support/client.ts';
import { type Case, cacheWith, expectPassed, expectReplayed, expectSame } from './support/matrix.ts';
import { expressApps, stage } from './support/stage.ts';

/* Handlers that fail, and handlers that go on after the end. */

const mistaken: Case[] = [
  {
    name: 'end twice',
    handler(_req, res, note) {
      res.end('a', () => note('done'));
      note(res.end() === res);
    },
  },
  {
    name: 'end twice with a body',
    handler(_req, res, note) {
      res.on('error', (error) => note((error as { code?: string }).code));
      res.end('a');
      res.end('b', () => note('called'));
    },
  },
  {
    name: 'end twice in a later tick',
    handler(_req, res, note) {
      res.on('error', (error) => note((error as { code?: string }).code));
      res.end('a');
      setImmediate(() => note(res.end() === res));
    },
  },
  {
    name: 'write after end',
    handler(_req, res, note) {
      res.on('error', (error) => note((error as { code?: string }).code));
      res.end('a');
      note(res.write('b', () => note('called')));
    },
  },
  {
    name: 'end with a wrong type, which throws, and then a right one',
    handler(_req, res, note) {
      try {
        res.end(42);
      } catch (error) {
        note((error as { code?: string }).code);
      }
      res.end('a');
    },
  },
];

const failing: { name: string; handler: Handler }[] = [
  { name: 'throws before the head', handler: fail },
  { name: 'calls next(error)', handler: (_req, _res, next) => next(broken()) },
  {
    name: 'calls next(error) in a later tick',
    handler: (_req, _res, next) => setImmediate(() => next(broken())),
  },
  {
    name: 'throws with fields set',
    handler(_req, res) {
      res.setHeader('X-One', '1');
      res.statusCode = 201;
      fail();
    },
  },
  {
    name: 'throws after the head',
    handler(_req, res) {
      res.write('begun');
      fail();
    },
  },
  {
    name: 'calls next(error) after part of the body has arrived',
    handler(_req, res, next) {
      res.setHeader('Content-Length', 100);
      res.write('begun', () => next(broken()));
    },
  },
  {
    name: 'has a head that Node refuses',
    handler(_req, res) {
      try {
        res.writeHead(200, 'Two\nLines');
      } catch {
        fail();
      }
    },
  },
  { name: 'calls next() without an answer', handler: (_req, _res, next) => next() },
];

/** Without a stack, which the answer of a framework would show. */
function broken(): Error {
  return Object.assign(new Error('broken'), { stack: 'Error: broken' });
}

function fail(): never {
  throw broken();
}

const withErrors = frameworks.filter(({ name }) => name !== 'node:http');

/** The answer is the app's own, nothing of it is stored, and the key is free again at once. */
async function expectFailurePassed(
  framework: Framework,
  handler: Handler,
  layers: Layer[] = [],
): Promise<void> {
  let runs = 0;
  const once: Handler = (req, res, next) => (runs++ === 0 ? handler(req, res, next) : res.end('whole'));
  const bare = await stage(framework, layers, handler);
  const cached = await stage(framework, [...layers, cacheWith({ statuses: [200] })], once);
  expectSame(await askOnce(cached.port), await askOnce(bare.port));
  await cached.closed();
  await cacheWith().idle();
  const next = await askOnce(cached.port);
  expect(next.body).toBe('whole');
  expect(next.header('cache-status')).toMatch(/fwd=uri-miss; stored/);
}

describe.each(frameworks)('$name', (framework) => {
  test.each(mistaken)('a handler that does $name is told so, and what it ended is replayed', (one) =>
    expectReplayed(framework, one),
  );

  test('a handler whose end throws and that never ends stores nothing', () =>
    expectPassed(framework, {
      name: '',
      handler(_req, res, note) {
        res.setHeader('Content-Length', 4);
        res.write('ab', () => {
          try {
            res.end({} as never);
          } catch (error) {
            note((error as { code?: string }).code);
            res.destroy();
          }
        });
      },
    }));
});

describe.each(withErrors)('$name', (framework) => {
  test('an error page is kept for a minute, not for the lifetime that the handler had meant for its answer', async () => {
    let now = Date.now();
    const server = await stage(framework, [cacheWith({ clock: () => now })], (_req, res) => {
      res.setHeader('Cache-Control', 'max-age=3600');
      fail();
    });
    expect((await askOnce(server.port)).status).toBe(500);
    await cacheWith().idle();
    now += 61_000;
    expect((await askOnce(server.port)).header('cache-status')).toMatch(/fwd=(?:stale|uri-miss)/);
    expect(server.runs()).toBe(2);
  });

  test.each(failing)('a handler that $name fails as it would without the cache', ({ handler }) =>
    expectFailurePassed(framework, handler),
  );
});

describe.each(expressApps)('$name', (framework) => {
  test('an error handler of the app answers, and its 500 is not stored', async () => {
    const onError: ErrorRequestHandler = (error, _req, res, _next) => {
      res.status(500).json({ error: (error as Error).message });
    };
    const server = await stage(framework, [cacheWith()], fail);
    server.app.use?.(onError);
    for (let i = 1; i <= 2; i++) {
      const answer = await askOnce(server.port);
      expect(answer.status).toBe(500);
      expect(answer.body).toBe('{"error":"broken"}');
      await cacheWith().idle();
      expect(server.runs()).toBe(i);
    }
  });
});

test('Express 5 answers for an async handler that rejects', () =>
  expectFailurePassed(expressApps[0]!, async () => {
    await new Promise(setImmediate);
    fail();
  }));
