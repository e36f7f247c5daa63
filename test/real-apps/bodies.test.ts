import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import express from 'express';
import type { CacheOptions, PolicyOptions } from '../../src/index.ts';
import { bare, type Handler, newCache, serve, timedCache } from '../support/app.ts';
import { ask } from '../support/client.ts';

/* Requests with a body: a response to one is an answer to another only if the key was made of the body. */

const express4 = createRequire(__filename)('express4') as typeof express;
const EXPRESSES = [
  ['Express 5', express],
  ['Express 4', express4],
] as const;

type Parsed = IncomingMessage & { body?: Record<string, unknown>; rawBody?: Buffer };
const body = (req: IncomingMessage): Parsed['body'] => (req as Parsed).body;

const JSON_TYPE = { 'Content-Type': 'application/json' };
const post = (q: number, headers: Readonly<Record<string, string>> = JSON_TYPE) => ({
  method: 'POST',
  path: '/search',
  headers,
  body: JSON.stringify({ q }),
});
const KEYED = { methods: ['GET', 'POST', 'SEARCH'], ttl: '1h' } as const;

/** Reads the body where nothing has, and answers with it. */
const echo: Handler = async (req, res) => {
  let text = '';
  for await (const chunk of req) text += chunk;
  res.end(`answer to ${text || JSON.stringify(body(req))}`);
};

/** The bodies, and the facts of `Cache-Status`, of answers to two questions that are each asked twice. */
async function asked(port: number, cache: { idle(): Promise<void> }, of: (q: number) => object = post) {
  const answers = [];
  for (const q of [1, 2, 1, 2]) {
    answers.push(await ask(port, of(q)));
    await cache.idle();
  }
  return {
    answered: answers.map((answer) => answer.body),
    statuses: [...new Set(answers.map(({ cacheStatus }) => cacheStatus.replace(/ttl=\d+/, 'ttl')))],
  };
}

const RIGHT = [1, 2, 1, 2].map((q) => `answer to {"q":${q}}`);
const PASSED = ['fwd=bypass; detail=body-unread'];
const CACHED = ['fwd=uri-miss; stored', 'hit; ttl'];
const UNREAD = expect.stringContaining('did not read the body of the request');
const ABSENT = expect.stringContaining('read the body of the request before it was there');

describe.each(EXPRESSES)('%s', (_name, framework) => {
  const keys: [string, Partial<PolicyOptions>, readonly string[], unknown][] = [
    ['that reads the body', { key: (req) => ['s', (body(req)?.q as number) ?? null] }, CACHED, undefined],
    [
      'that reads it later',
      { key: async (req) => ['s', (await Promise.resolve(body(req)))?.q as number] },
      CACHED,
      undefined,
    ],
    [
      'beside a vary.by that reads it',
      { key: () => 's', vary: { by: (req) => body(req)?.q as number } },
      CACHED,
      undefined,
    ],
    ['that never reads it', { key: (req) => ['s', req.url ?? ''] }, PASSED, UNREAD],
  ];

  test.each(keys)('a key behind the body parser %s', async (_how, keyed, statuses, message) => {
    const { cache, faults } = timedCache({ ...KEYED, ...keyed });
    const app = framework();
    app.use(framework.json(), cache as never, echo as never);
    expect(await asked(await serve(app), cache)).toEqual({ answered: RIGHT, statuses });
    // Once, and not for each request.
    const told = message === undefined ? [] : [{ step: 'option', code: 'error', option: 'key', message }];
    expect(faults).toEqual(told);
  });

  test.each<[string, NonNullable<PolicyOptions['key']>, unknown]>([
    ['whose reading of it throws', (req) => body(req)!.q as number, ABSENT],
    ['that is null without it', (req) => (body(req)?.q as number) ?? null, ABSENT],
    ['that reads the body', (req) => ['s', (body(req)?.q as number) ?? null], ABSENT],
    ['that never reads it', () => 's', UNREAD],
  ])('a key in front of the body parser %s', async (_how, key, message) => {
    const { cache, faults } = timedCache({ ...KEYED, key });
    const app = framework();
    app.use(cache as never, framework.json(), echo as never);
    const port = await serve(app);
    expect(await asked(port, cache)).toEqual({ answered: RIGHT, statuses: PASSED });
    const search = (q: number) => ({ ...post(q), method: 'SEARCH' });
    expect(await asked(port, cache, search)).toEqual({ answered: RIGHT, statuses: PASSED });
    expect(faults).toMatchObject([{ option: 'key', message }]);
  });

  test('the front door is in front of every body parser', async () => {
    const { cache, faults } = timedCache({ ...KEYED, key: (req) => ['s', (body(req)?.q as number) ?? null] });
    const app = framework();
    app.use(framework.json(), echo as never);
    expect(await asked(await serve(cache.before(app)), cache)).toEqual({ answered: RIGHT, statuses: PASSED });
    expect(faults).toMatchObject([{ message: ABSENT }]);
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    ['another media type', { 'Content-Type': 'text/plain' }],
    ['none', {}],
  ])('a body of %s than that of the body parser is not there', async (_what, headers) => {
    const { cache, faults } = timedCache({ ...KEYED, key: (req) => ['s', (body(req) ?? {}) as never] });
    const app = framework();
    app.use(framework.json(), cache as never, echo as never);
    const other = await asked(await serve(app), cache, (q) => post(q, headers));
    expect(other).toEqual({ answered: RIGHT, statuses: PASSED });
    expect(faults).toMatchObject([{ message: ABSENT }]);
  });

  test('an empty object is a JSON body too', async () => {
    const { cache } = timedCache({ ...KEYED, key: (req) => ['s', body(req) as never] });
    const app = framework();
    app.use(framework.json(), cache as never, echo as never);
    const empty = () => ({ ...post(0), body: '{}' });
    expect((await asked(await serve(app), cache, empty)).statuses).toEqual(CACHED);
  });

  test('a getter of other middleware that reads the body counts', async () => {
    const { cache } = timedCache({ ...KEYED, key: (req) => ['s', (req as { question?: number }).question!] });
    const app = framework();
    const front: Handler = (req, _res, next) => {
      Object.defineProperty(req, 'question', {
        configurable: true,
        get(this: Parsed) {
          return this.body?.q;
        },
      });
      next();
    };
    app.use(framework.json(), front as never, cache as never, echo as never);
    expect(await asked(await serve(app), cache)).toEqual({ answered: RIGHT, statuses: CACHED });
  });

  test('each route is told of once', async () => {
    const { cache, faults } = timedCache({ ...KEYED, key: () => 's' });
    const app = framework();
    app.use('/other', cache.with({ key: () => 'other' }) as never, echo as never);
    app.use('/absent', cache.with({ key: (req) => [body(req)?.q as number] }) as never, echo as never);
    app.use(cache as never, echo as never);
    const port = await serve(app);
    for (const path of ['/a', '/b', '/other', '/absent', '/a', '/other', '/absent'])
      await ask(port, { ...post(1), path });
    expect(faults.map(({ message }) => message)).toEqual([UNREAD, UNREAD, ABSENT]);
  });
});

describe('what an app puts in place of req.body', () => {
  const collected: Handler = async (req, _res, next) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    Object.assign(req, { rawBody: Buffer.concat(chunks) });
    next();
  };
  const answer: Handler = (req, res) => void res.end(`answer to ${(req as Parsed).rawBody}`);

  test('req.rawBody', async () => {
    const cache = newCache({ ...KEYED, key: (req) => ['s', String((req as Parsed).rawBody)] });
    const port = await serve(bare(collected, cache, answer));
    expect(await asked(port, cache)).toEqual({ answered: RIGHT, statuses: CACHED });
  });

  test('a lazy getter, whose parser runs when it is read', async () => {
    const lazy: Handler = (req, _res, next) => {
      Object.defineProperty(req, 'body', {
        configurable: true,
        get: () => JSON.parse(String((req as unknown as Parsed).rawBody)),
      });
      next();
    };
    const cache = newCache({ ...KEYED, key: (req) => ['s', body(req)?.q as number] });
    const port = await serve(bare(collected, lazy, cache, answer));
    expect(await asked(port, cache)).toEqual({ answered: RIGHT, statuses: CACHED });
  });

  test('a key that reads the stream itself', async () => {
    const key: CacheOptions['key'] = async (req) => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk);
      Object.assign(req, { rawBody: Buffer.concat(chunks) });
      return ['s', String((req as Parsed).rawBody)];
    };
    const cache = newCache({ ...KEYED, key });
    const port = await serve(bare(cache, answer));
    expect(await asked(port, cache)).toEqual({ answered: RIGHT, statuses: CACHED });
  });

  test('a body that an adapter has parsed, of a request without a length', async () => {
    const adapter: Handler = async (req, _res, next) => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk);
      const { 'content-length': _, ...headers } = req.headers;
      Object.defineProperty(req, 'headers', { value: headers, configurable: true });
      req.body = JSON.parse(Buffer.concat(chunks).toString());
      next();
    };
    const cache = newCache({ ...KEYED, key: () => 's' });
    const port = await serve(bare(adapter, cache, echo));
    expect(await asked(port, cache)).toEqual({ answered: RIGHT, statuses: PASSED });
  });

  test('is as it was, once the key is made', async () => {
    const given = { q: 1 };
    const before: unknown[] = [];
    const after: unknown[] = [];
    const look =
      (seen: unknown[]): Handler =>
      (req, _res, next) => {
        seen.push(
          Object.getOwnPropertyDescriptor(req, 'body'),
          Object.getOwnPropertyDescriptor(req, 'rawBody'),
        );
        next();
      };
    const front: Handler = (req, _res, next) => {
      req.body = given;
      next();
    };
    const cache = newCache({ ...KEYED, key: (req) => ['s', body(req) as never] });
    const port = await serve(bare(front, look(before), cache, look(after), (_req, res) => res.end('x')));
    await ask(port, post(1));
    expect(after).toEqual([
      { value: given, configurable: true, enumerable: true, writable: true },
      undefined,
    ]);
    expect(after).toEqual(before);
  });
});

test('a POST without a body needs no key that reads one', async () => {
  const cache = newCache({ ...KEYED, key: (req) => ['s', req.url ?? ''] });
  const port = await serve(bare(cache, (_req, res) => res.end('x')));
  const { statuses } = await asked(port, cache, (q) => ({ method: 'POST', path: `/${q}` }));
  expect(statuses).toEqual(CACHED);
});

test('an unsafe request with a body invalidates under a key that does not read it', async () => {
  let version = 1;
  const cache = newCache({ key: () => 'page', ttl: '1h' });
  const page: Handler = (req, res) => {
    if (req.method === 'POST') version++;
    res.end(`version ${version}`);
  };
  const port = await serve(bare(cache, page));
  await ask(port, '/a');
  await cache.idle();
  await ask(port, { ...post(1), path: '/b' });
  await cache.idle();
  expect((await ask(port, '/a')).body).toBe('version 2');
});

test('explain() says so, and emits nothing', async () => {
  const { cache, faults } = timedCache({ ...KEYED, key: () => 's' });
  const explained: unknown[] = [];
  const port = await serve(
    bare(async (req, res) => {
      explained.push(await cache.explain(req));
      res.end();
    }),
  );
  await ask(port, post(1));
  expect(explained).toMatchObject([
    {
      cacheStatus: expect.stringContaining('detail=body-unread'),
      failure: { option: 'key', message: UNREAD },
    },
  ]);
  expect(faults).toEqual([]);
});
