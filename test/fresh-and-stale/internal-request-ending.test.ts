import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { type IncomingMessage, Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from '@jest/globals';
import { dispatch, isInternal, type RequestTemplate } from '../../src/exchange/internal-request.ts';
import { bare, frameworks, type Handler } from '../support/app.ts';
import { awake, until } from '../support/until.ts';
import { Stage, TIMEOUT_MS } from './support/twice.ts';

/* Every internal request ends, and leaves nothing behind. */

type Pair = [IncomingMessage, ServerResponse];

const TEMPLATE: RequestTemplate = { method: 'GET', url: '/a', fields: [['Host', 'a.example']], peer: {} };

/** A stage whose handler answers clients, and calls `onInternal` for internal requests. */
async function staged(onInternal: Handler): Promise<Stage> {
  const handler: Handler = (req, res, next) =>
    isInternal(req) ? onInternal(req, res, next) : res.end('client');
  const stage = new Stage(bare(handler));
  await stage.ask('/');
  return stage;
}

describe('at the timeout', () => {
  test.each(frameworks)('$name: a handler that never answers gets the close event', async ({ app }) => {
    const stage = new Stage(app((req, res) => void (isInternal(req) || res.end())));
    await stage.ask('/');
    const startedAt = performance.now();
    expect(await stage.repeat(50)).toEqual({ kind: 'timed-out' });
    expect(performance.now() - startedAt).toBeGreaterThan(40);
    // Unlike for a client that disconnects, the capture ends at once: the request has used up its time.
    expect(stage.accounts[1]).toMatchObject({
      asked: ['aborted', 'close'],
      answered: ['close'],
      body: 'aborted',
    });
  });

  test('an endless event stream ends', async () => {
    let events = 0;
    let stopped = false;
    const stage = await staged((_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      const sending = setInterval(() => res.write(`data: ${events++}\n\n`), 2);
      res.on('close', () => {
        clearInterval(sending);
        stopped = true;
      });
    });
    expect(await stage.repeat(1000)).toEqual({ kind: 'timed-out' });
    expect(stopped).toBe(true);
    expect(events).toBeGreaterThan(1);
    expect(stage.accounts[1]).toMatchObject({ answered: ['close'], body: 'aborted' });
  });

  test('a piped source is destroyed', async () => {
    const source = new Readable({ read() {} });
    const stage = await staged((_req, res) => void source.pipe(res));
    await stage.repeat(20);
    expect(source.listenerCount('data')).toBe(0);
  });

  test('a handler that answers later causes no error', async () => {
    const done: unknown[] = [];
    let late: Promise<void> | undefined;
    const stage = await staged((_req, res) => {
      late = (async () => {
        await sleep(40);
        res.setHeader('X-Late', '1');
        res.write('late', (error) => done.push((error as { code?: string } | null)?.code));
        res.end();
      })();
    });
    expect(await stage.repeat(10)).toEqual({ kind: 'timed-out' });
    await late;
    await until(() => done.length > 0);
    expect(done).toEqual(['ERR_STREAM_DESTROYED']);
    expect(stage.accounts[1]).toMatchObject({ answered: ['close'], body: 'aborted' });
  });

  test('a complete response is finished, even if its handler goes on', async () => {
    const stage = await staged(async (_req, res) => {
      res.end('done');
      await sleep(30);
    });
    expect(await stage.repeat(20)).toEqual({ kind: 'finished', status: 200 });
  });
});

describe('an aborted internal request', () => {
  test('with a signal that is aborted already never reaches the app', async () => {
    let entered = 0;
    const ending = await dispatch(TEMPLATE, () => entered++, {
      timeoutMs: TIMEOUT_MS,
      signal: AbortSignal.abort(),
    });
    expect(ending).toEqual({ kind: 'aborted' });
    await awake(20);
    expect(entered).toBe(0);
  });

  test('whose signal aborts while it runs ends at once', async () => {
    const controller = new AbortController();
    const stage = await staged((_req, res) => {
      res.write('a part');
      controller.abort();
    });
    expect(await stage.repeat(TIMEOUT_MS, controller.signal)).toEqual({ kind: 'aborted' });
    expect(stage.accounts[1]).toMatchObject({ answered: ['close'], body: 'aborted' });
  });

  test('whose signal aborts after the response is finished', async () => {
    const controller = new AbortController();
    const stage = await staged((_req, res) => res.end());
    expect(await stage.repeat(TIMEOUT_MS, controller.signal)).toEqual({ kind: 'finished', status: 200 });
    controller.abort();
    expect(stage.accounts[1]).toMatchObject({ answered: ['finish', 'close'] });
  });

  test.each<[string, (...pair: Pair) => unknown]>([
    ['req.destroy()', (req) => req.destroy()],
    ['res.destroy()', (_req, res) => res.destroy()],
    ['res.destroy(error)', (_req, res) => res.on('error', () => {}).destroy(new Error('on purpose'))],
    ['req.socket.destroy()', (req) => req.socket.destroy()],
    ['req.socket.destroy(error)', (req) => req.socket.destroy(new Error('on purpose'))],
    ['req.socket.resetAndDestroy()', (req) => req.socket.resetAndDestroy()],
    ['req.socket.end()', (req) => req.socket.end()],
    ['req.socket.destroySoon()', (req) => req.socket.destroySoon()],
    ['the timeout of its socket', (req) => req.socket.setTimeout(10)],
  ])('that the app closes: %s', async (_how, giveUp) => {
    const whole = await staged((req, res) => void giveUp(req, res));
    expect(await whole.repeat()).toEqual({ kind: 'aborted' });
    const begun = await staged((req, res) => {
      res.write('a part', () => giveUp(req, res));
    });
    expect(await begun.repeat()).toEqual({ kind: 'aborted' });
  });

  test('whose app violates strictContentLength', async () => {
    const stage = await staged((_req, res) => {
      res.strictContentLength = true;
      res.setHeader('Content-Length', 10);
      res.end('short');
    });
    expect(await stage.repeat()).toMatchObject({
      kind: 'threw',
      error: { code: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH' },
    });
  });
});

describe('an error', () => {
  const uncaught: unknown[] = [];
  const hear = (error: unknown): void => void uncaught.push(error);
  process.on('uncaughtException', hear);
  afterEach(() => {
    expect(uncaught).toEqual([]);
  });

  test('that a listener throws synchronously is the result', async () => {
    const error = new Error('on purpose');
    const stage = await staged((_req, res) => {
      res.write('a part');
      throw error;
    });
    expect(await stage.repeat()).toEqual({ kind: 'threw', error });
    expect(stage.accounts[1]).toMatchObject({ answered: ['close'], body: 'aborted' });
  });

  test('that one of several listeners throws keeps the next from being called', async () => {
    const stage = await staged(() => {
      throw 'a word';
    });
    let called = 0;
    stage.server.on('request', () => called++);
    expect(await stage.repeat()).toEqual({ kind: 'threw', error: 'a word' });
    expect(called).toBe(0);
  });

  test.each(frameworks.filter(({ name }) => name !== 'node:http'))(
    '$name: that a handler throws is answered by the framework',
    async ({ app }) => {
      const thrower: Handler = (req, res) => {
        if (!isInternal(req)) return res.end();
        throw Object.assign(new Error('on purpose'), { status: 418, stack: '' });
      };
      const stage = new Stage(app(thrower));
      await stage.ask('/');
      expect(await stage.repeat()).toEqual({ kind: 'finished', status: 418 });
    },
  );
});

describe('a server that closes', () => {
  test('does not wait for an internal request', async () => {
    const stage = await staged(() => {});
    const pending = stage.repeat(200);
    stage.server.closeAllConnections();
    await new Promise((resolve) => stage.server.close(resolve));
    expect(await pending).toEqual({ kind: 'timed-out' });
  });

  test('lets an internal request finish', async () => {
    const stage = await staged(async (_req, res) => {
      await sleep(20);
      res.end('late');
    });
    const pending = stage.repeat();
    stage.server.close();
    stage.server.closeAllConnections();
    await once(stage.server, 'close');
    expect(await pending).toEqual({ kind: 'finished', status: 200 });
    expect(stage.accounts[1]?.body).toBe('late');
  });

  test('still accepts internal requests after it has closed', async () => {
    const stage = await staged((_req, res) => res.end('still'));
    stage.server.closeAllConnections();
    await new Promise((resolve) => stage.server.close(resolve));
    expect(await stage.repeat()).toEqual({ kind: 'finished', status: 200 });
  });

  test('without listeners leaves the internal request to its timeout', async () => {
    const stage = await staged((_req, res) => res.end());
    stage.server.removeAllListeners('request');
    expect(await stage.repeat(10)).toEqual({ kind: 'timed-out' });
  });
});

describe('asynchronous context', () => {
  const user = new AsyncLocalStorage<string>();

  test('the context of the caller does not reach the app, and is restored for the caller', async () => {
    const seen: unknown[] = [];
    const see = (): unknown => seen.push(user.getStore());
    const app = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
      see();
      req.on('end', see).resume();
      res.on('finish', see);
      res.on('close', see);
      await sleep(1);
      see();
      setImmediate(() => res.write('a', see));
      setTimeout(() => res.end(see), 5);
    };
    await user.run('alice', async () => {
      const ending = await dispatch(TEMPLATE, app, { timeoutMs: TIMEOUT_MS });
      expect(ending).toEqual({ kind: 'finished', status: 200 });
      expect(user.getStore()).toBe('alice');
    });
    expect(seen).toEqual(Array(7).fill(undefined));
  });

  test('the context of the caller does not reach the app when the request ends by timeout or signal', async () => {
    const seen: unknown[] = [];
    const app = (_req: IncomingMessage, res: ServerResponse): void =>
      void res.on('close', () => seen.push(user.getStore()));
    await user.run('alice', () => dispatch(TEMPLATE, app, { timeoutMs: 5 }));
    const { signal } = user.run('alice', () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 5);
      return controller;
    });
    await user.run('alice', () => dispatch(TEMPLATE, app, { timeoutMs: TIMEOUT_MS, signal }));
    expect(seen).toEqual([undefined, undefined]);
  });

  test('that the app creates is kept for the internal request', async () => {
    const seen: unknown[] = [];
    const app = (_req: IncomingMessage, res: ServerResponse): void =>
      user.run('nobody', () => {
        setTimeout(() => {
          seen.push(user.getStore());
          res.end();
        }, 1);
      });
    await dispatch(TEMPLATE, app, { timeoutMs: TIMEOUT_MS });
    expect(seen).toEqual(['nobody']);
  });
});

test('an internal request keeps no process alive', async () => {
  const controller = new AbortController();
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  const before = process.getActiveResourcesInfo();
  const pending = dispatch(TEMPLATE, () => {}, { timeoutMs: TIMEOUT_MS, signal: controller.signal });
  // Resources of the first turns do not count, nor do timers of the test runner, which may end meanwhile.
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  const added = process.getActiveResourcesInfo();
  for (const resource of before) if (added.includes(resource)) added.splice(added.indexOf(resource), 1);
  expect(added).toEqual([]);
  controller.abort();
  await pending;
});

test('an internal request leaves no timer and no abort listener behind', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { signal } = new AbortController();
  const requests: WeakRef<IncomingMessage>[] = [];
  const enter = (req: IncomingMessage, res: ServerResponse): void => {
    requests.push(new WeakRef(req));
    res.end();
  };
  for (let i = 0; i < 20; i++) await dispatch(TEMPLATE, enter, { timeoutMs: 3_600_000, signal });
  await sleep(5);
  collect();
  // Node's parser may still know its last one.
  expect(requests.filter((request) => request.deref()).length).toBeLessThan(3);
});

test('an internal response holds nothing of its body in memory', async () => {
  let most = 0;
  const stage = await staged((req, res) => {
    const source = Readable.from(Array(256).fill(Buffer.alloc(65_536)));
    source.pipe(res).on('drain', () => {});
    source.on('data', () => {
      most = Math.max(most, req.socket.writableLength + res.writableLength);
    });
  });
  // Not by the stage either.
  stage.listener = (req, res) => stage.server.listeners('request')[1]!(req, res);
  expect(await stage.repeat()).toEqual({ kind: 'finished', status: 200 });
  expect(most).toBeLessThan(200_000);
});

test('many internal requests at once each get their own response', async () => {
  const app = (req: IncomingMessage, res: ServerResponse): void => {
    const status = Number(req.url?.slice(1));
    setTimeout(() => res.writeHead(status).end('x'), status % 7);
  };
  const statuses = Array.from({ length: 300 }, (_, i) => 200 + i);
  const asked = statuses.map((status) =>
    dispatch({ ...TEMPLATE, url: `/${status}` }, app, { timeoutMs: TIMEOUT_MS }),
  );
  expect(await Promise.all(asked)).toEqual(statuses.map((status) => ({ kind: 'finished', status })));
});

test('instrumentation of all servers sees an internal request once', async () => {
  const stage = await staged((_req, res) => res.end());
  const { emit } = Server.prototype;
  const seen: unknown[] = [];
  Server.prototype.emit = function watched(this: Server, ...args: Parameters<typeof emit>) {
    if ((args[0] as string) === 'request') seen.push(this);
    return Reflect.apply(emit, this, args);
  } as typeof emit;
  try {
    await stage.repeat();
  } finally {
    Server.prototype.emit = emit;
  }
  expect(seen).toEqual([stage.server]);
});
