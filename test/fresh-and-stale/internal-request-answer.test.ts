import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, pipeline, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import compression from 'compression';
import cors from 'cors';
import express from 'express';
import session from 'express-session';
import helmet from 'helmet';
import { isInternal } from '../../src/exchange/internal-request.ts';
import { bare, frameworks, type Handler, type Layer } from '../support/app.ts';
import type { Asked } from '../support/client.ts';
import { expresses } from '../support/expresses.ts';
import { Stage, seen } from './support/twice.ts';

/* An internal request gets the same response as a client, and the app's listeners get the same events. */

const FILE = require.resolve('typescript/package.json');

type Case = readonly [name: string, handler: Handler, asked?: Asked];

const HEAD: Asked = { method: 'HEAD' };

const CASES: readonly Case[] = [
  ['end(text)', (_req, res) => res.end('hello')],
  ['end() alone', (_req, res) => res.end()],
  ['HEAD', (_req, res) => res.setHeader('Content-Length', 5).end('hello'), HEAD],
  ['HEAD of a stream', (_req, res) => createReadStream(FILE).pipe(res), HEAD],
  ['204', (_req, res) => res.writeHead(204).end()],
  ['304', (_req, res) => res.writeHead(304, { ETag: '"a"' }).end()],
  [
    'a status message',
    (_req, res) =>
      res
        .writeHead(299, 'Fine', [
          ['X-A', '1'],
          ['X-A', '2'],
        ] as never)
        .end('x'),
  ],
  [
    'interim answers',
    (_req, res) => {
      res.writeContinue();
      res.writeProcessing();
      res.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => res.end('styled'));
    },
  ],
  [
    'flushHeaders, and a body later',
    (_req, res) => {
      res.flushHeaders();
      setImmediate(() => res.write('late', () => res.end()));
    },
  ],
  [
    'trailers',
    (_req, res) => {
      res.writeHead(200, { Trailer: 'X-Sum' });
      res.write('body');
      res.addTrailers({ 'X-Sum': 'abc' });
      res.end();
    },
  ],
  [
    'cork and uncork',
    (_req, res) => {
      res.cork();
      res.write('one');
      res.write('two');
      setImmediate(() => {
        res.uncork();
        res.end('three');
      });
    },
  ],
  [
    'a connection that is to be closed',
    (_req, res) => {
      res.shouldKeepAlive = false;
      res.end('last');
    },
  ],
  ['a pipe', (_req, res) => createReadStream(FILE, { highWaterMark: 100 }).pipe(res)],
  ['a pipeline', (_req, res) => pipeline(createReadStream(FILE, { highWaterMark: 100 }), res, () => {})],
  ['a pipe of a megabyte', (_req, res) => Readable.from(Array(64).fill(Buffer.alloc(16_384, 'x'))).pipe(res)],
  ['a proxied body', (req, res) => req.pipe(new PassThrough()).pipe(res)],
  [
    'back-pressure, as the answer itself knows it',
    async (_req, res) => {
      for (let i = 0; i < 8; i++) {
        if (!res.write(Buffer.alloc(100_000, 'x')))
          await new Promise((resolve) => res.once('drain', resolve));
      }
      res.end();
    },
  ],
  [
    'callbacks of each write',
    (_req, res) => {
      res.write('a', () => res.write('b', () => res.end('c', () => {})));
    },
  ],
  [
    'what the response and its socket say of themselves',
    (req, res) => {
      const { headersSent, writable, writableEnded, destroyed, sendDate, statusCode } = res;
      const { readyState, destroyed: gone } = req.socket;
      const same = res.socket === req.socket && res.connection === req.socket && res.req === req;
      req.socket.setNoDelay(true).setKeepAlive(true).ref().unref();
      res.end(
        JSON.stringify([
          headersSent,
          writable,
          writableEnded,
          destroyed,
          sendDate,
          statusCode,
          readyState,
          gone,
          same,
        ]),
      );
    },
  ],
  [
    'a timeout of its own',
    (_req, res) => {
      res.setTimeout(20, () => res.writeHead(503).end('slow'));
    },
  ],
  [
    'a strict length',
    (_req, res) => {
      res.strictContentLength = true;
      res.setHeader('Content-Length', 5);
      res.end('hello');
    },
  ],
  [
    'server-sent events that end',
    async (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      for (let i = 0; i < 3; i++) {
        res.write(`data: ${i}\n\n`);
        await sleep(2);
      }
      res.end();
    },
  ],
];

describe.each(frameworks)('$name', ({ app }) => {
  test.each(CASES)(
    'an internal request gets the same response as a client: %s',
    async (_name, handler, asked = {}) => {
      await new Stage(app(handler)).twice(asked);
    },
  );

  test('an internal response emits finish and close like one to a client', async () => {
    const heard: unknown[] = [];
    const logger: Handler = (req, res, next) => {
      for (const event of ['finish', 'close']) {
        res.on(event, () => heard.push([event, req.method, res.statusCode, res.getHeader('content-length')]));
      }
      next();
    };
    const stage = new Stage(app(logger, (_req, res) => res.setHeader('Content-Length', 2).end('ok')));
    await stage.twice('/');
    expect(heard).toHaveLength(4);
    expect(heard.slice(2)).toEqual(heard.slice(0, 2));
  });
});

const failure = (): never => {
  // How it got there is the one thing that differs.
  throw Object.assign(new Error('on purpose'), { status: 418, stack: 'on purpose' });
};

type App = ReturnType<typeof express>;
type Express = typeof express;

const EXPRESS_CASES: readonly (readonly [
  name: string,
  on: (app: App, make: Express) => unknown,
  asked?: Asked,
])[] = [
  ['res.json', (app) => app.use((_req, res) => void res.json({ a: 1 }))],
  ['res.send', (app) => app.use((_req, res) => void res.send('<p>caf\xe9</p>'))],
  ['res.send to HEAD', (app) => app.use((_req, res) => void res.send('text')), HEAD],
  [
    'res.send, where it is fresh',
    (app) => app.use((_req, res) => void res.set('ETag', '"a"').send('text')),
    { headers: { 'If-None-Match': '"a"' } },
  ],
  ['res.sendStatus', (app) => app.use((_req, res) => void res.sendStatus(404))],
  ['res.redirect', (app) => app.use((_req, res) => void res.redirect(301, '/there'))],
  ['res.sendFile', (app) => app.use((_req, res) => void res.sendFile(FILE))],
  [
    'res.sendFile of a range',
    (app) => app.use((_req, res) => void res.sendFile(FILE)),
    { headers: { Range: 'bytes=1-9' } },
  ],
  ['res.sendFile of nothing', (app) => app.use((_req, res) => void res.sendFile('/nowhere/at/all'))],
  [
    'res.download, which waits for the end',
    (app) => app.use((_req, res, next) => void res.download(FILE, 'a.json', next)),
  ],
  [
    'express.static',
    (app, make) => app.use(make.static(require.resolve('typescript/package.json').replace(/[^/]*$/, ''))),
    { path: '/package.json' },
  ],
  ['no route', (app) => app.get('/other', failure)],
  ['OPTIONS', (app) => app.get('/', failure).post('/', failure), { method: 'OPTIONS' }],
  ['what a handler throws', (app) => app.get('/', failure)],
  ['what is passed to next', (app) => app.get('/', (_req, _res, next) => next('a word'))],
  [
    'what an error handler answers',
    (app) =>
      app.get('/', failure).use(((error, _req, res, _next) => {
        res.status(500).json({ said: (error as Error).message });
      }) as express.ErrorRequestHandler),
  ],
  [
    'what an asynchronous handler answers',
    (app) =>
      app.get('/', async (_req, res) => {
        await sleep(2);
        res.json({ late: true });
      }),
  ],
  [
    'res.format and res.vary',
    (app) =>
      app.use(
        (_req, res) =>
          void res.vary('Origin').format({ html: () => res.send('<p>'), json: () => res.json({}) }),
      ),
    { headers: { Accept: 'application/json' } },
  ],
];

describe.each(expresses)('%s', (_express, make) => {
  const newApp = (): App => make().set('env', 'test');

  test.each(EXPRESS_CASES)(
    'an internal request gets the same response as a client: %s',
    async (_name, on, asked = {}) => {
      const app = newApp();
      on(app, make);
      await new Stage(app).twice(asked);
    },
  );

  test('an internal request gets the same response behind compression', async () => {
    const app = newApp().use(compression({ threshold: 0 }));
    app.get('/json', (_req, res) => void res.json({ a: 'a'.repeat(1000) }));
    app.get('/file', (_req, res) => void res.sendFile(FILE));
    app.get('/flushed', (_req, res) => {
      res.type('text').write('one');
      res.flush();
      setImmediate(() => res.end('two'));
    });
    const stage = new Stage(app);
    for (const encoding of ['gzip', 'br', 'identity']) {
      for (const path of ['/json', '/file', '/flushed']) {
        const answer = await stage.twice({ path, headers: { 'Accept-Encoding': encoding } });
        expect(answer.header('content-encoding')).toBe(encoding === 'identity' ? undefined : encoding);
      }
    }
  });

  test('an internal request gets the same response behind CORS and helmet', async () => {
    const app = newApp().use(cors({ origin: /example$/, credentials: true }), helmet());
    app.use((_req, res) => void res.json({}));
    const stage = new Stage(app);
    await stage.twice({ headers: { Origin: 'https://a.example' } });
    const preflight = { Origin: 'https://a.example', 'Access-Control-Request-Method': 'PUT' };
    expect((await stage.twice({ method: 'OPTIONS', headers: preflight })).status).toBe(204);
  });

  test('an internal request gets the same response behind body parsers', async () => {
    const app = newApp().use(make.json(), make.urlencoded({ extended: true }), make.text(), make.raw());
    app.use((req, res) => void res.json(seen(req)));
    await new Stage(app).twice({ headers: { 'Content-Type': 'application/json' } });
  });

  test('an internal request gets the same response behind a session in a store', async () => {
    const app = newApp().use(
      session({ secret: 's', resave: false, saveUninitialized: true, genid: () => 'one' }),
    );
    app.use((req, res) => {
      const { session } = req as { session?: { views?: number } };
      session!.views ??= 1;
      res.json({ views: session!.views });
    });
    const answer = await new Stage(app).twice('/');
    expect(answer.header('set-cookie')).toContain('connect.sid');
    await new Stage(app).twice({ headers: { Cookie: answer.header('set-cookie')!.split(';')[0]! } });
  });

  test('an internal request gets the same response behind a middleware that wraps the response', async () => {
    const upper = (chunk: unknown): unknown => chunk && String(chunk).toUpperCase();
    const wrapping: Layer = (_req, res, next) => {
      const { write, end } = res as unknown as Record<'write' | 'end', (...args: unknown[]) => unknown>;
      Object.assign(res, {
        write: (chunk: unknown, ...rest: unknown[]) => Reflect.apply(write, res, [upper(chunk), ...rest]),
        end: (chunk: unknown, ...rest: unknown[]) => Reflect.apply(end, res, [upper(chunk), ...rest]),
      });
      next();
    };
    const app = newApp().use(wrapping, (_req, res) => {
      res.write('one ');
      res.end('two');
    });
    expect((await new Stage(app).twice('/')).body).toBe('ONE TWO');
  });
});

test('Express 5 sends an internal request the same error when a promise is rejected', async () => {
  const app = express().get('/', async () => {
    await sleep(2);
    failure();
  });
  expect((await new Stage(app.set('env', 'test')).twice('/')).status).toBe(418);
});

test.each([
  ['chunks', {}],
  ['a length', { 'Content-Length': '1000000000000' }],
])('a handler that writes without end does not block the event loop: %s', async (_how, headers) => {
  let turns = 0;
  const handler: Handler = (req, res) => {
    if (!isInternal(req)) return res.end();
    res.writeHead(200, headers);
    return new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
    }).pipe(res);
  };
  const stage = new Stage(bare(handler));
  await stage.ask('/');
  const counting = setInterval(() => turns++, 1);
  expect(await stage.repeat(1000)).toEqual({ kind: 'timed-out' });
  clearInterval(counting);
  expect(turns).toBeGreaterThan(5);
});

test("an app whose server has its own response class gets Node's for an internal request", async () => {
  class Own extends ServerResponse<IncomingMessage> {
    readonly own = true;
  }
  const answer: Handler = (_req, res) => res.end(String('own' in res));
  const stage = new Stage(bare(answer), createServer({ ServerResponse: Own as never }));
  await stage.ask('/');
  await stage.repeat();
  expect(stage.accounts.map(({ body }) => body)).toEqual(['true', 'false']);
});
