import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { frameworks, type Handler, newCache, serve } from '../support/app.ts';
import { type SlowNetwork, startProxy } from '../support/chaos.ts';
import { ask, Connection } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

/* Clients that hang up while their request waits: for Redis, or for the fill of another request. */

const HOST = { headers: { Host: 'a' } };

function client(port: number, path: string): Connection {
  const connection = new Connection(port);
  connection.socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  return connection;
}

/** A handler that waits until it is let go. */
function gated(fields: Record<string, string> = {}): { handler: Handler; runs: number; open(): void } {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const gate = {
    runs: 0,
    open: () => open(),
    handler: (async (_req, res) => {
      gate.runs++;
      await opened;
      res.writeHead(200, fields).end('a body');
    }) as Handler,
  };
  return gate;
}

describe.each(frameworks)('$name', ({ app }) => {
  test.each([
    ['is stored', {}],
    ['is not shared', { 'Cache-Control': 'no-store' }],
  ])(
    'nineteen clients that leave while they wait for a response that %s run no handler',
    async (_how, fields) => {
      const cache = newCache({ ttl: '1h' });
      const gate = gated(fields);
      let arrived = 0;
      let gone = 0;
      const counting: Handler = (_req, res, next) => {
        arrived++;
        res.once('close', () => gone++);
        next();
      };
      const port = await serve(app(counting, cache as unknown as Handler, gate.handler));
      const first = ask(port, { path: '/a', ...HOST });
      await until(() => gate.runs === 1);
      const others = Array.from({ length: 19 }, () => client(port, '/a'));
      const stays = ask(port, { path: '/a', ...HOST });
      await until(() => arrived === 21);
      for (const { socket } of others) socket.destroy();
      await until(() => gone === 19);
      gate.open();
      expect((await first).body).toBe('a body');
      expect((await stays).body).toBe('a body');
      await until(() => cache.stats().requests.abandoned === 19);
      expect(gate.runs).toBe('Cache-Control' in fields ? 2 : 1);
    },
  );
});

describe('with a Redis that is slow', () => {
  let redis: RedisProcess;
  let proxy: SlowNetwork;
  beforeAll(async () => {
    redis = await startRedis();
    proxy = await startProxy(redis);
  });
  afterAll(async () => {
    proxy.stop();
    await redis.stop();
  });

  test.each(frameworks)('$name: a client that leaves in the look-up runs no handler', async ({ app }) => {
    const cache = newCache({ redis: proxy.url, prefix: uniquePrefix(), ttl: '1h' });
    const gate = gated();
    gate.open();
    const port = await serve(app(cache as unknown as Handler, gate.handler));
    await until(async () => (await ask(port, { path: '/warm', ...HOST })).cacheStatus.startsWith('hit'));
    gate.runs = 0;
    proxy.delay = 500;
    const events: string[] = [];
    cache.on('request', ({ result }) => events.push(result));
    const connection = client(port, '/a');
    await new Promise((resolve) => setTimeout(resolve, 100));
    connection.socket.destroy();
    await until(() => cache.stats().requests.abandoned === 1);
    proxy.delay = 0;
    expect(events).toEqual(['abandoned']);
    expect(gate.runs).toBe(0);
    // It has left no lease behind.
    expect((await ask(port, { path: '/a', ...HOST })).cacheStatus).toBe('fwd=uri-miss');
    await cache.idle();
    expect((await ask(port, { path: '/a', ...HOST })).cacheStatus).toMatch(/^hit/);
  });

  test.each(frameworks)(
    '$name: a client that leaves in the look-up of a cache behind another one takes no response from those who wait in front',
    async ({ app }) => {
      const front = newCache({ ttl: '1h', collapse: { wait: '20s' } });
      const back = newCache({ redis: proxy.url, prefix: uniquePrefix(), ttl: '1h', timeout: '30s' });
      const gate = gated();
      gate.open();
      let arrived = 0;
      let gone = 0;
      const counting: Handler = (_req, res, next) => {
        arrived++;
        res.once('close', () => gone++);
        next();
      };
      const port = await serve(
        app(counting, front as unknown as Handler, back as unknown as Handler, gate.handler),
      );
      await until(async () => (await ask(port, { path: '/warm', ...HOST })).cacheStatus.includes('hit'));
      await back.idle();
      gate.runs = 0;
      arrived = 0;
      gone = 0;
      proxy.hold();
      const leaves = client(port, '/a');
      await until(() => proxy.held > 0);
      const stays = ask(port, { path: '/a', ...HOST });
      await until(() => arrived === 2);
      leaves.socket.destroy();
      await until(() => gone === 1);
      proxy.release();
      const { body, cacheStatus } = await stays;
      expect(body).toBe('a body');
      expect(cacheStatus).not.toContain('fill-under-way');
      expect(gate.runs).toBe(1);
    },
  );
});
