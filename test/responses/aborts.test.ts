import { once } from 'node:events';
import { pipeline, type Readable } from 'node:stream';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { frameworks, type Handler, lostConnection } from '../support/app.ts';
import { askOnce, begin } from '../support/client.ts';
import { Gate } from '../support/gate.ts';
import { cacheWith, expectHit } from './support/matrix.ts';
import { expressApps, type Stage, stage } from './support/stage.ts';
import { slowly } from './support/stream-cases.ts';

/* Responses that end before their time, by the client's doing or by the handler's. */

interface Abort {
  readonly name: string;
  /** Ends early the first time; `ask` is answered whole the times after. */
  readonly handler: Handler;
  /** What has arrived when the client hangs up; nothing: it hangs up as soon as the handler runs. */
  readonly after?: string;
}

let hungUp = new Gate();
beforeEach(() => {
  hungUp = new Gate();
});

/** Until the client is gone, without looking whether it is: an app that looks may stop. */
const gone = (): Promise<void> => hungUp.opened;

const finished: Abort[] = [
  {
    name: 'before the head, and the handler ends with the whole',
    async handler(_req, res) {
      await gone();
      res.end('whole body');
    },
  },
  {
    name: 'before the head, and the handler makes one with writeHead',
    async handler(_req, res) {
      await gone();
      res.writeHead(200, { 'Content-Length': 10 });
      res.end('whole body');
    },
  },
  {
    name: 'half-way under a Content-Length, and the handler writes the rest',
    after: 'whole',
    async handler(_req, res) {
      res.setHeader('Content-Length', 10);
      res.write('whole');
      await gone();
      res.end(' body');
    },
  },
];

const stopped: Abort[] = [
  // `write` has returned false, which tells the handler that nobody listens.
  {
    name: 'before the head, and the handler writes part by part',
    async handler(_req, res) {
      await gone();
      for (const part of ['whole', ' ', 'body']) res.write(part);
      res.end();
    },
  },
  {
    name: 'half-way, and the handler writes the rest',
    after: 'whole',
    async handler(_req, res) {
      res.write('whole');
      await gone();
      await new Promise(setImmediate);
      res.write(' bo');
      res.end('dy');
    },
  },
  { name: 'while a pipe runs, which stops', after: '\r\n\r\n', handler: (_req, res) => endless().pipe(res) },
  {
    name: 'while a pipeline runs, which stops',
    after: '\r\n\r\n',
    handler: (_req, res) => pipeline(endless(), res, () => {}),
  },
  {
    name: 'and the handler destroys the response',
    handler: (_req, res) => gone().then(() => res.destroy()),
  },
];

const destroyed: Abort[] = [
  { name: 'the socket at once', handler: (req) => req.socket.destroy() },
  { name: 'the request at once', handler: (req) => req.destroy() },
  { name: 'the response at once', handler: (_req, res) => res.destroy() },
  {
    name: 'the socket after the head',
    handler(req, res) {
      res.write('begun', () => req.socket.destroy());
    },
  },
  {
    name: 'the response after the head, with an error',
    handler(_req, res) {
      res.on('error', () => {});
      res.write('begun', () => res.destroy(new Error('gave up')));
    },
  },
  {
    name: 'the source of a pipeline',
    handler(_req, res) {
      const source = slowly(5);
      pipeline(source, res, () => {});
      source.once('data', () => source.destroy(new Error('broken')));
    },
  },
];

function endless(): Readable {
  return slowly(Number.POSITIVE_INFINITY, 10);
}

function onlyFirst(handler: Handler): Handler {
  let runs = 0;
  return (req, res, next) => (runs++ === 0 ? handler(req, res, next) : res.end('whole body'));
}

/** What came before is not stored and holds nothing up: the next request fills, the one after is a hit. */
async function expectFreeAgain({ port, runs }: Stage): Promise<void> {
  const startedAt = performance.now();
  const next = await askOnce(port);
  expect(performance.now() - startedAt).toBeLessThan(2000);
  expect(next.body).toBe('whole body');
  expect(next.header('cache-status')).toMatch(/fwd=uri-miss; stored/);
  await cacheWith().idle();
  const last = await askOnce(port);
  expectHit(last);
  expect(last.body).toBe('whole body');
  expect(runs()).toBe(2);
}

async function hangUpOn(server: Stage, after: string | undefined): Promise<void> {
  const client = begin(server.port);
  await (after === undefined ? server.ran(1) : client.until(after));
  client.close();
  await lostConnection(server.port);
  hungUp.open();
  await server.closed();
  await cacheWith().idle();
}

describe.each(frameworks)('$name', (framework) => {
  test.each(finished)(
    'a client that hangs up $name, does not spoil what is stored',
    async ({ handler, after }) => {
      const server = await stage(framework, [cacheWith()], handler);
      await hangUpOn(server, after);
      const hit = await askOnce(server.port);
      expectHit(hit);
      expect(hit.body).toBe('whole body');
      expect(server.runs()).toBe(1);
    },
  );

  test('a client that resets its connection does not spoil what is stored', async () => {
    const server = await stage(framework, [cacheWith()], async (_req, res) => {
      await gone();
      res.end('whole body');
    });
    const client = begin(server.port);
    await server.ran(1);
    client.socket.resetAndDestroy();
    await lostConnection(server.port);
    hungUp.open();
    await server.closed();
    await cacheWith().idle();
    expectHit(await askOnce(server.port));
  });

  test.each(stopped)('a client that hangs up $name, leaves nothing stored', async ({ handler, after }) => {
    const server = await stage(framework, [cacheWith()], onlyFirst(handler));
    await hangUpOn(server, after);
    await expectFreeAgain(server);
  });

  test.each(destroyed)('a handler that destroys $name leaves nothing stored', async ({ handler }) => {
    const server = await stage(framework, [cacheWith()], onlyFirst(handler));
    const client = begin(server.port);
    await once(client.socket, 'close');
    await server.closed();
    await cacheWith().idle();
    await expectFreeAgain(server);
  });

  test('while a client that hung up is waited for, others run the handler at once', async () => {
    const server = await stage(
      framework,
      [cacheWith()],
      onlyFirst(() => {}),
    );
    const client = begin(server.port);
    await server.ran(1);
    client.close();
    await server.closed();
    const startedAt = performance.now();
    expect((await askOnce(server.port)).body).toBe('whole body');
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});

describe.each(expressApps)('$name', (framework) => {
  test('res.json for a client that is gone is stored', async () => {
    const server = await stage(framework, [cacheWith()], async (_req, res) => {
      await gone();
      res.json({ late: true });
    });
    await hangUpOn(server, undefined);
    const hit = await askOnce(server.port);
    expectHit(hit);
    expect(hit.body).toBe('{"late":true}');
    expect(hit.header('content-type')).toMatch(/json/);
  });
});
