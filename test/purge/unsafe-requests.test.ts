import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { CacheMiddleware, CacheOptions } from '../../src/index.ts';
import { bare, newCache, serve } from '../support/app.ts';
import { type SlowNetwork, startProxy } from '../support/chaos.ts';
import { type Answer, type Asked, Connection } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { startRedis } from '../support/redis.ts';
import { awake, until } from '../support/until.ts';

/* Requests with an unsafe method: their handlers begin at once, and their success invalidates (RFC 9111 section 4.4). */

const redis = process.env.TEST_REDIS_URL as string;
const IN_PROCESS = { redis: undefined } as unknown as CacheOptions;
/** One host for all processes, so that they share the key. */
const HOST = { Host: 'form.example' };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Handlers that are let go on by hand, in front of which stand several caches: as many processes, but for the memory. */
interface Fleet {
  readonly caches: readonly CacheMiddleware[];
  /** The requests whose handlers run. */
  readonly running: { req: IncomingMessage; res: ServerResponse }[];
  ask(process: number, asked?: Asked): Promise<Answer>;
  /** Sends a POST of `/form`; it is up to the handler to answer. */
  post(process?: number, asked?: Asked): Promise<Answer>;
  /** Waits until as many handlers run, and gives the last one's response. */
  runs(count: number): Promise<ServerResponse>;
}

async function fleet(processes: number, options: CacheOptions = {}): Promise<Fleet> {
  const prefix = uniquePrefix();
  const running: Fleet['running'] = [];
  const caches: CacheMiddleware[] = [];
  const ports: number[] = [];
  for (let i = 0; i < processes; i++) {
    const cache = newCache({ redis, prefix, ...options });
    caches.push(cache);
    ports.push(
      await serve(
        bare(
          (req, res, next) => cache(req, res, next),
          (req, res) => running.push({ req, res }),
        ),
      ),
    );
  }
  const ask: Fleet['ask'] = async (process, asked = {}) => {
    const session = new Connection(ports[process] as number);
    closing.push(() => session.close());
    return session.ask({ path: '/form', headers: HOST, ...asked });
  };
  return {
    caches,
    running,
    ask,
    post: (process = 0, asked = {}) => ask(process, { method: 'POST', body: 'a=b', ...asked }),
    async runs(count) {
      await until(() => running.length >= count, 3000);
      return running[count - 1]?.res as ServerResponse;
    },
  };
}

/** A response that may be stored. */
function answer(res: ServerResponse, body: string, headers: Record<string, string> = {}): void {
  res.writeHead(200, { 'Cache-Control': 'max-age=60', ...headers }).end(body);
}

describe.each([
  ['Redis', {}],
  ['the in-process store', IN_PROCESS],
])('with %s', (_store, options) => {
  test('a GET fill under way is revoked when a POST to its URL succeeds', async () => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const asked = ask(0);
    const filling = await runs(1);
    const posted = post();
    answer(await runs(2), 'after');
    await posted;
    await caches[0]?.idle();
    answer(filling, 'before');
    expect((await asked).body).toBe('before');
    await caches[0]?.idle();
    const next = ask(0);
    answer(await runs(3), 'anew');
    expect((await next).body).toBe('anew');
  });

  test('a GET fill under way is stored when a POST to its URL fails', async () => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const asked = ask(0);
    const filling = await runs(1);
    const posted = post();
    (await runs(2)).writeHead(500).end();
    await posted;
    answer(filling, 'filled');
    await asked;
    await caches[0]?.idle();
    expect(await ask(0)).toMatchObject({ body: 'filled' });
  });

  test('GET and POST handlers of one URL run side by side', async () => {
    const { ask, post, runs } = await fleet(1, options);
    const asked = [post(), post(), ask(0), post()];
    await runs(4);
    for (let i = 1; i <= 4; i++) (await runs(i)).end('done');
    for (const one of asked) expect((await one).body).toBe('done');
  });

  test('a stored GET is served while a POST runs, and not after the head of its success', async () => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const first = ask(0);
    answer(await runs(1), 'old');
    await first;
    await caches[0]?.idle();
    const posted = post();
    const res = await runs(2);
    expect(await ask(0)).toMatchObject({ body: 'old' });
    res.writeHead(200);
    res.write('begun');
    await until(async () => {
      const asked = ask(0);
      return (await Promise.race([asked, awake(100)])) === undefined;
    });
    (await runs(3)).end('made anew');
    res.end();
    await posted;
  });

  test('the response to a POST is never given to a GET, though it names its own URL', async () => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const posted = post();
    answer(await runs(1), 'posted', { 'Content-Location': '/form' });
    await posted;
    await caches[0]?.idle();
    const asked = ask(0);
    answer(await runs(2), 'fetched');
    expect((await asked).body).toBe('fetched');
  });
});

describe('while Redis is slow to answer', () => {
  async function slowFleet(): Promise<Fleet & { network: SlowNetwork }> {
    const server = await startRedis();
    const network = await startProxy(server);
    closing.push(
      () => network.stop(),
      () => server.stop(),
    );
    const made = await fleet(1, { redis: network.url, timeout: '1m' });
    // The first fill sends the scripts.
    const first = made.ask(0, { path: '/first' });
    answer(await made.runs(1), 'first');
    await first;
    await made.caches[0]?.idle();
    network.hold();
    return { ...made, network };
  }

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('the handler of a %s begins at once', async (method) => {
    const { ask, runs, network } = await slowFleet();
    const asked = ask(0, { method });
    const res = await runs(2);
    network.release();
    res.end();
    await asked;
  });

  test('the handler of a GET miss begins after two round trips: look-up and lease', async () => {
    const { ask, runs, network } = await slowFleet();
    const asked = ask(0);
    const begun = runs(2);
    for (let trip = 0; trip < 2; trip++) {
      await until(() => network.held === 1);
      expect(await Promise.race([begun, awake(50)])).toBeUndefined();
      network.pass();
    }
    const res = await begun;
    network.release();
    answer(res, 'made');
    await asked;
  });
});
