import { describe, expect, test } from '@jest/globals';
import type { PolicyOptions } from '../../src/index.ts';
import { cacheWith, expectHit } from '../responses/support/matrix.ts';
import { stage } from '../responses/support/stage.ts';
import { frameworks, type Handler } from '../support/app.ts';
import { askOnce } from '../support/client.ts';

/* Credentials: what one person's request brought is another's only where somebody said so. */

const ALICE = { authorization: 'Bearer alice' };
const BOB = { authorization: 'Bearer bob' };

const mine: Handler = (req, res) => res.end(`for ${req.headers.authorization}`);

function under(cacheControl: string): Handler {
  return (req, res) => res.setHeader('Cache-Control', cacheControl).end(`for ${req.headers.authorization}`);
}

interface Rule {
  readonly name: string;
  readonly handler: Handler;
  readonly options?: PolicyOptions;
}

const shared: Rule[] = [
  { name: 'public', handler: under('public') },
  { name: 's-maxage', handler: under('s-maxage=60') },
  { name: 'must-revalidate', handler: under('max-age=60, must-revalidate') },
];

const apart: Rule[] = [
  { name: 'vary.headers', handler: mine, options: { vary: { headers: ['authorization'] } } },
  {
    name: 'vary.caller',
    handler: mine,
    options: { vary: { caller: ({ headers }) => headers.authorization ?? null } },
  },
  {
    name: 'Vary',
    handler: (_req, res) => res.setHeader('Vary', 'Authorization').end(`for ${_req.headers.authorization}`),
  },
];

const refused: Rule[] = [
  { name: 'nothing said', handler: mine },
  { name: 'max-age alone', handler: under('max-age=60') },
  { name: 'private', handler: under('private') },
  { name: 'public but private', handler: under('public, private') },
  { name: 'public but no-store', handler: under('public, no-store') },
  { name: 'a key that reads nothing of the person', handler: mine, options: { key: ({ url }) => url ?? '' } },
  {
    name: 'a key that reads the credential',
    handler: mine,
    options: { key: ({ url, headers }) => [url ?? '', headers.authorization ?? null] },
  },
  {
    name: 'vary.by that reads the credential',
    handler: mine,
    options: { vary: { by: ({ headers }) => headers.authorization ?? null } },
  },
  {
    name: 'a key that reads only the cookie',
    handler: mine,
    options: { key: ({ url, headers }) => [url ?? '', headers.cookie ?? null] },
  },
  {
    name: 'a Set-Cookie under public',
    handler: (_req, res) => res.writeHead(200, { 'Cache-Control': 'public', 'Set-Cookie': 'a=1' }).end('x'),
  },
];

describe.each(frameworks)('$name', (framework) => {
  test.each(shared)('what $name allows to share is shared', async ({ handler }) => {
    const server = await stage(framework, [cacheWith()], handler);
    await askOnce(server.port, { headers: ALICE });
    await cacheWith().idle();
    const answer = await askOnce(server.port, { headers: BOB });
    expectHit(answer);
    expect(answer.body).toBe('for Bearer alice');
    expect(server.runs()).toBe(1);
  });

  test.each(apart)('$name keeps what each person gets apart', async ({ handler, options }) => {
    const server = await stage(framework, [cacheWith(options ?? {})], handler);
    for (const headers of [ALICE, BOB, {}]) {
      await askOnce(server.port, { headers });
      await cacheWith().idle();
    }
    const people: { authorization?: string }[] = [ALICE, BOB, {}];
    for (const headers of people) {
      const answer = await askOnce(server.port, { headers: headers as Record<string, string> });
      expectHit(answer);
      expect(answer.body).toBe(`for ${headers.authorization}`);
    }
    expect(server.runs()).toBe(3);
  });

  test.each(refused)('$name: what a credential got is not stored', async ({ handler, options }) => {
    const server = await stage(framework, [cacheWith(options ?? {})], handler);
    for (const [i, headers] of [ALICE, BOB, ALICE].entries()) {
      const answer = await askOnce(server.port, { headers });
      expect(answer.header('age')).toBeUndefined();
      await cacheWith().idle();
      expect(server.runs()).toBe(i + 1);
    }
  });

  test('what was stored for strangers answers requests with a credential, once one of them got the same', async () => {
    const server = await stage(framework, [cacheWith()], (_req, res) => res.end('for anyone'));
    await askOnce(server.port);
    await cacheWith().idle();
    await askOnce(server.port, { headers: ALICE });
    await cacheWith().idle();
    expectHit(await askOnce(server.port, { headers: BOB }));
    expect(server.runs()).toBe(2);
  });

  test('a second response that is not to be stored leaves no trace of the first', async () => {
    let runs = 0;
    let now = 1_700_000_000_000;
    const cache = cacheWith({ clock: () => now });
    const server = await stage(framework, [cache], (_req, res) => {
      res.setHeader('Cache-Control', runs++ === 0 ? 'max-age=10' : 'no-store').end(`run ${runs}`);
    });
    await askOnce(server.port);
    await cache.idle();
    now += 10_000;
    for (const body of ['run 2', 'run 3']) {
      expect((await askOnce(server.port)).body).toBe(body);
      await cache.idle();
    }
  });
});
