import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  type Framework,
  frameworks,
  type Handler,
  lostConnection,
  serve,
  timedCache,
} from '../support/app.ts';
import { ask, Connection } from '../support/client.ts';
import { Gate } from '../support/gate.ts';
import { awake, until } from '../support/until.ts';

// Packages without types of their own.
const morgan: (format: string, options: object) => Handler = require('morgan');
const onFinished: (res: ServerResponse, listener: () => void) => void = require('on-finished');

/* Clients that hang up while the app answers, and apps that notice it, as many do. */

const ROWS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
const WHOLE = ROWS.join('');

const HOST = { headers: { Host: 'a' } };

/** A client that has sent a request, and may hang up. */
function client(port: number): Connection {
  const connection = new Connection(port);
  connection.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  return connection;
}

/** Waits until a row of the answer has arrived, as a chunk of its own or in a body whose length is stated. */
async function receives(connection: Connection, row: string): Promise<void> {
  const arrived = new RegExp(`\r\n${row}\r\n|\r\n\r\n[0-9]*${row}`);
  await until(() => arrived.test(connection.text));
}

let hungUp = new Gate();
beforeEach(() => {
  hungUp = new Gate();
});

/** Hangs up, and lets the app go on when its server knows. */
async function hangUp(connection: Connection, port: number): Promise<void> {
  connection.socket.destroy();
  await lostConnection(port);
  hungUp.open();
}

/** What an app does between two rows: before the last ones, the first client hangs up. */
const pause = (row: string): Promise<unknown> => (row === '4' ? hungUp.opened : turn());

/** Ends in the middle when it sees, by `gone`, that nobody listens any more. */
const rows =
  (gone: (req: Parameters<Handler>[0], res: Parameters<Handler>[1]) => boolean): Handler =>
  async (req, res) => {
    for (const row of ROWS) {
      if (gone(req, res)) break;
      res.write(row);
      await pause(row);
    }
    res.end();
  };

const NOTICING: readonly [how: string, handler: () => Handler][] = [
  ['by res.destroyed', () => rows((_req, res) => res.destroyed)],
  ['by req.destroyed', () => rows((req) => req.destroyed)],
  ['by req.aborted', () => rows((req) => req.aborted)],
  ['by res.writable', () => rows((_req, res) => !res.writable)],
  ['by res.closed', () => rows((_req, res) => res.closed)],
  ['by req.socket.destroyed', () => rows((req) => req.socket.destroyed)],
  [
    "by the event 'close' of the response",
    () => {
      let isGone = false;
      return (req, res, next) => {
        isGone = false;
        res.on('close', () => {
          isGone = !res.writableFinished;
        });
        return rows(() => isGone)(req, res, next);
      };
    },
  ],
  [
    "by the event 'aborted' of the request",
    () => {
      let isGone = false;
      return (req, res, next) => {
        isGone = false;
        req.on('aborted', () => {
          isGone = true;
        });
        return rows(() => isGone)(req, res, next);
      };
    },
  ],
  [
    "by a listener that is called once for 'aborted'",
    () => (req, res, next) => {
      let isGone = false;
      req.once('aborted', () => {
        isGone = true;
      });
      return rows(() => isGone)(req, res, next);
    },
  ],
  [
    "by a listener that is called once for 'close' of the request",
    () => (req, res, next) => {
      let isGone = false;
      req.once('close', () => {
        isGone = true;
      });
      return rows(() => isGone)(req, res, next);
    },
  ],
  [
    "by a listener that is called once for 'close' of the socket",
    () => (req, res, next) => {
      let isGone = false;
      req.socket.once('close', () => {
        isGone = true;
      });
      return rows(() => isGone)(req, res, next);
    },
  ],
  [
    'by the error that a write reports',
    () => async (_req, res) => {
      let isGone = false;
      for (const row of ROWS) {
        if (isGone) break;
        res.write(row, (error) => {
          isGone ||= error != null;
        });
        await pause(row);
      }
      res.end();
    },
  ],
];

/** Ends at the first sign of a client that has disconnected, also before the response's own event `close`. */
const FIRST_SIGNS: readonly [sign: string, stop: (...args: Parameters<Handler>) => unknown][] = [
  ['req.socket.destroyed', (req, res) => spun(() => req.socket.destroyed).then(() => res.end())],
  ['socket.writable', (req, res) => spun(() => !req.socket.writable).then(() => res.end())],
  ['req.destroyed', (req, res) => spun(() => req.destroyed).then(() => res.end())],
  ['res.destroyed', (_req, res) => spun(() => res.destroyed).then(() => res.end())],
  ["'aborted' of the request", (req, res) => req.on('aborted', () => res.end())],
  ["'close' of the request", (req, res) => req.on('close', () => res.end())],
  ["'error' of the request", (req, res) => req.on('error', () => res.end())],
  ["'close' of the socket", (req, res) => req.socket.on('close', () => res.end())],
  ["'close' of the socket, in front", (req, res) => req.socket.prependListener('close', () => res.end())],
  ["'close' of the response", (_req, res) => res.on('close', () => res.end())],
];

/** Resolves when something is true, which is asked in every turn of the event loop. */
async function spun(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await turn();
}

/** The first client hangs up half-way: what it got is not stored, and the next one gets the whole. */
async function expectNotStored(
  app: Framework['app'],
  front: readonly Handler[],
  handler: Handler,
): Promise<void> {
  const { cache, requests } = timedCache({ ttl: '1h' });
  const port = await serve(app(...front, cache as Handler, handler));
  const first = client(port);
  await receives(first, '4');
  await hangUp(first, port);
  await until(() => requests.length > 0);
  expect(requests[0]).toMatchObject({ stored: false, detail: 'incomplete' });
  expect((await ask(port, HOST)).body).toBe(WHOLE);
}

describe.each(frameworks)('$name', ({ app }) => {
  test.each(
    FIRST_SIGNS.flatMap(([sign, stop]) =>
      (['destroy', 'resetAndDestroy', 'end'] as const).map((leave) => ({ sign, stop, leave })),
    ),
  )('an app that ends at $sign, when its client leaves by $leave, is not stored', async ({ stop, leave }) => {
    const { cache, requests } = timedCache({ ttl: '1h' });
    let runs = 0;
    const handler: Handler = (req, res, next) => {
      if (++runs > 1) return res.end('whole');
      res.write('ha');
      return stop(req, res, next);
    };
    const port = await serve(app(cache as Handler, handler));
    const first = client(port);
    await first.until('ha');
    first.socket[leave]();
    await until(() => requests.length > 0);
    expect((await ask(port, HOST)).body).toBe('whole');
  });

  test.each(NOTICING)(
    'an app that stops and ends when its client hangs up, %s, is not stored',
    async (_how, handler) => {
      const { cache, requests } = timedCache({ ttl: '1h' });
      // Middleware in front listens too, and its listener is gone before the app's is called.
      const front: Handler = (req, res, next) => {
        for (const emitter of [req, res])
          for (const event of ['close', 'aborted']) emitter.once(event, () => {});
        next();
      };
      const port = await serve(app(front, cache as Handler, handler()));
      const first = client(port);
      await receives(first, '4');
      await hangUp(first, port);
      await until(() => requests.length > 0);
      expect(requests[0]).toMatchObject({ stored: false, detail: 'incomplete' });
      expect((await ask(port, HOST)).body).toBe(WHOLE);
    },
  );

  test.each<[string, (req: object, res: object, controller: AbortController) => void]>([
    ['req.signal', (req, _res, { signal }) => Object.assign(req, { signal })],
    ['res.locals.signal', (_req, res, { signal }) => Object.assign(res, { locals: { signal } })],
    ['a controller on the request', (req, _res, controller) => Object.assign(req, { controller })],
  ])(
    'an app that stops by an AbortSignal of middleware in front, %s, is not stored',
    async (_where, leave) => {
      const { cache, requests } = timedCache({ ttl: '1h' });
      let signal: AbortSignal | undefined;
      const front: Handler = (req, res, next) => {
        const controller = new AbortController();
        res.on('close', () => controller.abort());
        leave(req, res, controller);
        ({ signal } = controller);
        next();
      };
      const handler = rows(() => signal?.aborted === true);
      const port = await serve(app(front, cache as Handler, handler));
      const first = client(port);
      await receives(first, '4');
      await hangUp(first, port);
      await until(() => requests.length > 0);
      expect(requests[0]).toMatchObject({ stored: false, detail: 'incomplete' });
      expect((await ask(port, HOST)).body).toBe(WHOLE);
    },
  );

  test.each<[string, (req: IncomingMessage, res: ServerResponse, gone: () => void) => void]>([
    ["'close' of the response", (_req, res, gone) => res.on('close', gone)],
    ["'close' of the request", (req, _res, gone) => req.on('close', gone)],
    ["'aborted' of the request", (req, _res, gone) => req.on('aborted', gone)],
    ["'error' of the request", (req, _res, gone) => req.on('error', gone)],
  ])('an app that middleware in front tells of %s is not stored where it stops', async (_event, listen) => {
    const { cache, requests } = timedCache({ ttl: '1h' });
    let isGone = false;
    const front: Handler = (req, res, next) => {
      isGone = false;
      listen(req, res, () => {
        isGone = true;
      });
      next();
    };
    const port = await serve(
      app(
        front,
        cache as Handler,
        rows(() => isGone),
      ),
    );
    const first = client(port);
    await receives(first, '4');
    await hangUp(first, port);
    await until(() => requests.length > 0);
    expect(requests[0]).toMatchObject({ stored: false, detail: 'incomplete' });
    expect((await ask(port, HOST)).body).toBe(WHOLE);
  });

  test('an app that is told by on-finished, behind morgan, is not stored where it stops', async () => {
    const front = morgan('tiny', { stream: { write() {} } });
    const handler: Handler = (req, res, next) => {
      let isGone = false;
      onFinished(res, () => {
        isGone = !res.writableFinished;
      });
      return rows(() => isGone)(req, res, next);
    };
    await expectNotStored(app, [front], handler);
  });

  test('an app that stops where `write` returns false is not stored', async () => {
    const handler: Handler = async (_req, res) => {
      for (const row of ROWS) {
        if (!res.write(row)) break;
        await pause(row);
      }
      res.end();
    };
    await expectNotStored(app, [], handler);
  });

  test('an app that answers nothing when its client is gone is not stored', async () => {
    const { cache, requests } = timedCache({ ttl: '1h' });
    let runs = 0;
    const handler: Handler = async (_req, res) => {
      runs++;
      await hungUp.opened;
      if (res.destroyed) return res.end();
      return res.end(WHOLE);
    };
    const port = await serve(app(cache as Handler, handler));
    const first = client(port);
    await until(() => runs > 0);
    await hangUp(first, port);
    await until(() => requests.length > 0);
    expect((await ask(port, HOST)).body).toBe(WHOLE);
    expect(runs).toBe(2);
  });

  test('an app that does not look is stored whole, though its client has hung up', async () => {
    const { cache, requests } = timedCache({ ttl: '1h' });
    let runs = 0;
    const handler: Handler = async (_req, res) => {
      runs++;
      await hungUp.opened;
      res.end(WHOLE);
    };
    const port = await serve(app(cache as Handler, handler));
    const first = client(port);
    await until(() => runs > 0);
    await hangUp(first, port);
    await until(() => requests.length > 0);
    const answer = await ask(port, HOST);
    expect([answer.body, answer.cacheStatus.slice(0, 3), runs]).toEqual([WHOLE, 'hit', 1]);
  });

  test('a response whose length was stated before its client hung up is stored if its bytes match, and not otherwise', async () => {
    for (const [sent, isStored] of [
      [WHOLE, true],
      ['01234567', false],
    ] as const) {
      hungUp = new Gate();
      const { cache, requests } = timedCache({ ttl: '1h' });
      const handler: Handler = async (_req, res) => {
        res.setHeader('Content-Length', WHOLE.length);
        for (const row of sent) {
          // It looks, and goes on all the same.
          void res.destroyed;
          res.write(row);
          await pause(row);
        }
        res.end();
      };
      const port = await serve(app(cache as Handler, handler));
      const first = client(port);
      await receives(first, '4');
      await hangUp(first, port);
      await until(() => requests.length > 0);
      expect([sent, requests[0]?.stored]).toEqual([sent, isStored]);
    }
  });

  test('others who wait get the whole: one of them runs the app again', async () => {
    const { cache } = timedCache({ ttl: '1h' });
    let runs = 0;
    const slow = rows((_req, res) => res.destroyed);
    const handler: Handler = (req, res, next) => {
      runs++;
      return slow(req, res, next);
    };
    let arrived = 0;
    const front: Handler = (_req, _res, next) => {
      arrived++;
      next();
    };
    const port = await serve(app(front, cache as Handler, handler));
    const first = client(port);
    await receives(first, '4');
    const waiting = Array.from({ length: 5 }, () => ask(port, HOST));
    await until(() => arrived === 6);
    await awake(30);
    await hangUp(first, port);
    const answers = await Promise.all(waiting);
    expect(answers.map(({ body }) => body)).toEqual(Array(5).fill(WHOLE));
    expect(runs).toBe(2);
  });
});
