import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { CacheMiddleware, CacheOptions, PurgeTarget } from '../../src/index.ts';
import { bare, newCache, serve } from '../support/apps.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { startRedis } from '../support/redis.ts';
import { type Answer, type Asked, Session } from '../support/socket.ts';
import { until } from '../support/until.ts';

/* RFC 9110 9.3.3: what answers a POST may answer the next GET, unless a purge came in between. */

const redis = process.env.TEST_REDIS_URL as string;
const IN_PROCESS = { redis: undefined } as unknown as CacheOptions;
/** What is the same wherever it is asked for. */
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
  /** The keys that are left in Redis, and their lifetimes. */
  left(): Promise<Record<string, number>>;
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
  const client = new Redis(redis);
  closing.push(() => client.disconnect());
  const ask: Fleet['ask'] = async (process, asked = {}) => {
    const session = new Session(ports[process] as number);
    closing.push(() => session.hangUp());
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
    async left() {
      const keys = await client.keys(`${prefix}*`);
      const lifetimes = await Promise.all(keys.map((key) => client.pttl(key)));
      return Object.fromEntries(keys.map((key, i) => [key.slice(prefix.length), lifetimes[i] as number]));
    },
  };
}

const OWN = { 'Content-Location': '/form', 'Cache-Control': 'max-age=60' };

/** Answers a POST with what a GET of the same would be answered with. */
function answerForAll(res: ServerResponse, body: string, headers: Record<string, string> = {}): void {
  res.writeHead(200, { ...OWN, ...headers }).end(body);
}

const isHit = (answer: Answer): boolean => /; hit\b/.test(answer.header('cache-status') ?? '');

describe.each([
  ['Redis', {}],
  ['the in-process store', IN_PROCESS],
] as const)('in %s', (_name, options) => {
  test('a POST answers the next GET, and the one after', async () => {
    const { caches, ask, post, runs, running } = await fleet(1, options);
    const posted = post();
    answerForAll(await runs(1), 'made', { 'Content-Type': 'text/x-form', ETag: '"a"' });
    expect((await posted).header('cache-status')).toBe('redis-response-cache; fwd=method');
    await caches[0]?.idle();
    for (let i = 0; i < 2; i++) {
      const answer = await ask(0);
      expect(answer).toMatchObject({ status: 200, body: 'made' });
      expect(answer.header('content-type')).toBe('text/x-form');
      expect(answer.header('etag')).toBe('"a"');
      expect(isHit(answer)).toBe(true);
    }
    expect(running).toHaveLength(1);
  });

  const purges: [string, (cache: CacheMiddleware) => Promise<unknown>][] = [
    ['url', (cache) => cache.purge({ url: 'http://form.example/form' })],
    ['prefix', (cache) => cache.purge({ prefix: '/form' })],
    ['prefix with a host', (cache) => cache.purge({ prefix: 'http://form.example' })],
    ['tag', (cache) => cache.purge({ tag: 'forms' })],
    ['all', (cache) => cache.purge({ all: true })],
    ['url, softly', (cache) => cache.purge({ url: 'http://form.example/form', soft: true })],
    ['all, softly', (cache) => cache.purge({ all: true, soft: true })],
  ];
  test.each(purges)('a purge while its handler runs keeps it from that: %s', async (_what, purge) => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const posted = post();
    const res = await runs(1);
    await purge(caches[0] as CacheMiddleware);
    answerForAll(res, 'from before', { 'Cache-Tag': 'forms' });
    expect((await posted).body).toBe('from before');
    await caches[0]?.idle();
    const asked = ask(0);
    (await runs(2)).end('from after');
    expect((await asked).body).toBe('from after');
  });

  test.each<[string, (cache: CacheMiddleware) => Promise<unknown>]>([
    ['url', (cache) => cache.purge({ url: 'http://form.example/other' })],
    ['prefix', (cache) => cache.purge({ prefix: '/other' })],
    ['tag', (cache) => cache.purge({ tag: 'others' })],
    ['key', (cache) => cache.purge({ key: '/form' })],
  ])('a purge of another %s does not', async (_what, purge) => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const posted = post();
    const res = await runs(1);
    await purge(caches[0] as CacheMiddleware);
    answerForAll(res, 'made', { 'Cache-Tag': 'forms' });
    await posted;
    await caches[0]?.idle();
    expect(await ask(0)).toMatchObject({ body: 'made' });
  });

  test('its own invalidation does not, of whatever it names', async () => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const first = ask(0);
    answerForAll(await runs(1), 'old');
    await first;
    await caches[0]?.idle();
    const posted = post();
    answerForAll(await runs(2), 'new', { Location: '/form', 'Cache-Group-Invalidation': '"others"' });
    await posted;
    await caches[0]?.idle();
    expect(await ask(0)).toMatchObject({ body: 'new' });
  });

  test('another POST that succeeds meanwhile does, and has its own invalidated', async () => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const first = post();
    const earlier = await runs(1);
    const second = post();
    const later = await runs(2);
    answerForAll(later, 'later');
    await second;
    await caches[0]?.idle();
    expect(await ask(0)).toMatchObject({ body: 'later' });
    answerForAll(earlier, 'earlier');
    await first;
    await caches[0]?.idle();
    const asked = ask(0);
    (await runs(3)).end('anew');
    expect((await asked).body).toBe('anew');
  });

  test.each(['PUT', 'DELETE', 'PATCH'])('and so does a %s', async (method) => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const posted = post();
    const res = await runs(1);
    const changed = ask(0, { method });
    (await runs(2)).writeHead(204).end();
    await changed;
    answerForAll(res, 'from before');
    await posted;
    await caches[0]?.idle();
    const asked = ask(0);
    (await runs(3)).end('from after');
    expect((await asked).body).toBe('from after');
  });

  test('one that fails meanwhile does not', async () => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const first = post();
    const earlier = await runs(1);
    const second = post();
    (await runs(2)).writeHead(409).end();
    await second;
    answerForAll(earlier, 'made');
    await first;
    await caches[0]?.idle();
    expect(await ask(0)).toMatchObject({ body: 'made' });
  });

  test('a fill of a GET that is under way is revoked by its success', async () => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const asked = ask(0);
    const filling = await runs(1);
    const posted = post();
    answerForAll(await runs(2), 'after');
    await posted;
    await caches[0]?.idle();
    answerForAll(filling, 'before');
    expect((await asked).body).toBe('before');
    await caches[0]?.idle();
    expect(await ask(0)).toMatchObject({ body: 'after' });
  });

  test('and is not by its failure', async () => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const asked = ask(0);
    const filling = await runs(1);
    const posted = post();
    (await runs(2)).writeHead(500, OWN).end();
    await posted;
    answerForAll(filling, 'filled');
    await asked;
    await caches[0]?.idle();
    expect(await ask(0)).toMatchObject({ body: 'filled' });
  });

  test('a GET does not wait for a POST, nor a POST for a GET, nor one for another', async () => {
    const { ask, post, runs } = await fleet(1, options);
    const asked = [post(), post(), ask(0), post()];
    const startedAt = performance.now();
    await runs(4);
    expect(performance.now() - startedAt).toBeLessThan(1500);
    for (let i = 1; i <= 4; i++) (await runs(i)).end('done');
    for (const answer of asked) expect((await answer).body).toBe('done');
  });

  test('a GET that was stored is answered while the POST runs, and no more once it has succeeded', async () => {
    const { caches, ask, post, runs } = await fleet(1, options);
    const first = ask(0);
    answerForAll(await runs(1), 'old');
    await first;
    await caches[0]?.idle();
    const posted = post();
    const res = await runs(2);
    expect(await ask(0)).toMatchObject({ body: 'old' });
    // Its head alone is its success; the body may be long in coming.
    res.writeHead(200, OWN);
    res.write('begun');
    await until(async () => {
      const asked = ask(0);
      const answer = await Promise.race([asked, sleep(100)]);
      return answer === undefined;
    });
    (await runs(3)).end('asked for anew');
    res.end();
    await posted;
  });
});

describe('in several processes', () => {
  test('what answers the POST at one answers the next GET at all', async () => {
    const { caches, ask, post, runs, running } = await fleet(2);
    const posted = post(0);
    answerForAll(await runs(1), 'made');
    await posted;
    await caches[0]?.idle();
    expect(await ask(1)).toMatchObject({ body: 'made' });
    expect(running).toHaveLength(1);
  });

  test.each<[string, (cache: CacheMiddleware) => Promise<unknown>]>([
    ['url', (cache) => cache.purge({ url: 'http://form.example/form' })],
    ['prefix', (cache) => cache.purge({ prefix: '/form' })],
    ['tag', (cache) => cache.purge({ tag: 'forms' })],
    ['all', (cache) => cache.purge({ all: true })],
  ])('a purge at another while its handler runs keeps it from that: %s', async (_what, purge) => {
    const { caches, ask, post, runs } = await fleet(2);
    const posted = post(0);
    const res = await runs(1);
    await purge(caches[1] as CacheMiddleware);
    answerForAll(res, 'from before', { 'Cache-Tag': 'forms' });
    await posted;
    await caches[0]?.idle();
    for (const process of [0, 1]) {
      const asked = ask(process);
      (await runs(2 + process)).writeHead(200, { 'Cache-Control': 'no-store' }).end('from after');
      expect((await asked).body).toBe('from after');
    }
  });

  test.each<[string, PurgeTarget]>([
    ['url', { url: 'http://form.example/form' }],
    ['prefix', { prefix: '/form' }],
    ['prefix of another', { prefix: '/other' }],
    ['all', { all: true }],
  ])('where keys are hashed a purge is no different: %s', async (what, target) => {
    const { caches, ask, post, runs } = await fleet(2, { hashKeys: true });
    const posted = post(0);
    const res = await runs(1);
    await caches[1]?.purge(target);
    answerForAll(res, 'from before');
    await posted;
    await caches[0]?.idle();
    const asked = ask(1);
    if (what.endsWith('other')) return expect(await asked).toMatchObject({ body: 'from before' });
    (await runs(2)).end('from after');
    expect((await asked).body).toBe('from after');
  });

  test('a fill at another is revoked by its success', async () => {
    const { caches, ask, post, runs } = await fleet(2);
    const asked = ask(1);
    const filling = await runs(1);
    const posted = post(0);
    answerForAll(await runs(2), 'after');
    await posted;
    await caches[0]?.idle();
    answerForAll(filling, 'before');
    await asked;
    await caches[1]?.idle();
    for (const process of [0, 1]) expect(await ask(process)).toMatchObject({ body: 'after' });
  });

  test('a GET at another does not wait for it', async () => {
    const { ask, post, runs } = await fleet(2);
    const posted = post(0);
    await runs(1);
    const asked = ask(1);
    (await runs(2)).end('own');
    expect((await asked).body).toBe('own');
    (await runs(1)).end();
    await posted;
  });

  test('its right is renewed for as long as its handler takes', async () => {
    const { caches, ask, post, runs } = await fleet(2, { collapse: { lease: '200ms' } });
    const posted = post(0);
    const res = await runs(1);
    await sleep(800);
    answerForAll(res, 'slowly made');
    await posted;
    await caches[0]?.idle();
    expect(await ask(1)).toMatchObject({ body: 'slowly made' });
  });
});

describe('a POST that stores nothing', () => {
  test.each<[string, (res: ServerResponse) => void]>([
    [
      'says nothing of where its answer is',
      (res) => res.writeHead(200, { 'Cache-Control': 'max-age=60' }).end(),
    ],
    ['states no freshness', (res) => res.writeHead(200, { 'Content-Location': '/form' }).end()],
    ['states none that is left', (res) => res.writeHead(200, { ...OWN, 'Cache-Control': 'max-age=0' }).end()],
    [
      'states none, but can be asked again',
      (res) => res.writeHead(200, { 'Content-Location': '/form', ETag: '"a"' }).end(),
    ],
    ['is for one person', (res) => answerForAll(res, '', { 'Cache-Control': 'private, max-age=60' })],
    ['gives a cookie', (res) => answerForAll(res, '', { 'Set-Cookie': 'a=b' })],
    ['fails', (res) => res.writeHead(500, OWN).end()],
    ['is refused', (res) => res.writeHead(409, OWN).end()],
    ['has made something', (res) => res.writeHead(201, OWN).end()],
    ['leads elsewhere', (res) => res.writeHead(303, { ...OWN, Location: '/other' }).end()],
    ['is too large', (res) => answerForAll(res, 'x'.repeat(3000))],
    ['is shorter than it says', (res) => res.writeHead(200, { ...OWN, 'Content-Length': '9' }).end('short')],
    ['has too many tags', (res) => answerForAll(res, '', { 'Cache-Tag': [...Array(129).keys()].join() })],
    ['breaks off', (res) => void res.writeHead(200, OWN).write('half', () => res.destroy())],
    ['never begins', (res) => res.destroy()],
  ])('leaves nothing behind: it %s', async (_what, answer) => {
    const { caches, ask, post, runs, left } = await fleet(1, { maxBodySize: '2kb' });
    post().catch(() => {});
    const res = await runs(1);
    const during = Object.entries(await left());
    expect(during.map(([key]) => key)).toEqual(['{GET http://form.example/form}|leases']);
    for (const [, ms] of during) expect(ms).toBeGreaterThan(0);
    answer(res);
    await until(() => res.writableFinished || res.closed);
    await caches[0]?.idle();
    await until(async () => Object.keys(await left()).length === 0, 2000);
    const asked = ask(0);
    (await runs(2)).end('anew');
    expect((await asked).body).toBe('anew');
  });

  test('leaves only what ends by itself while it answers, and after it has stored', async () => {
    const { caches, post, runs, left } = await fleet(1);
    const posted = post();
    const res = await runs(1);
    res.writeHead(200, { ...OWN, 'Cache-Tag': 'a' });
    res.write('made');
    await caches[0]?.idle();
    const during = await left();
    expect(Object.keys(during)).toEqual(['{GET http://form.example/form}|leases']);
    for (const ms of Object.values(during)) expect(ms).toBeGreaterThan(0);
    res.end();
    await posted;
    await caches[0]?.idle();
    const after = await left();
    expect(Object.keys(after).sort()).toEqual(['{@a}', '{GET http://form.example/form}']);
    for (const ms of Object.values(after)) expect(ms).toBeGreaterThan(0);
  });

  test('of a client that hangs up is stored all the same when its handler ends it', async () => {
    const { caches, running, ask, runs } = await fleet(1);
    const port = await serve(
      bare(
        (req, res, next) => caches[0]?.(req, res, next),
        (req, res) => running.push({ req, res }),
      ),
    );
    const session = new Session(port);
    session.ask({ method: 'POST', path: '/form', headers: HOST, body: '' }).catch(() => {});
    const res = await runs(1);
    session.hangUp();
    await until(() => res.closed);
    answerForAll(res, 'made');
    await caches[0]?.idle();
    expect(await ask(0)).toMatchObject({ body: 'made' });
  });
});

test('the request is what came, whatever its handler makes of it', async () => {
  const { caches, ask, post, runs, running } = await fleet(1);
  const headers = { ...HOST, 'Accept-Language': 'de' };
  const posted = post(0, { headers });
  const res = await runs(1);
  delete running[0]?.req.headers['accept-language'];
  answerForAll(res, 'Hallo', { Vary: 'Accept-Language' });
  await posted;
  await caches[0]?.idle();
  expect(await ask(0, { headers })).toMatchObject({ body: 'Hallo' });
  const other = ask(0);
  (await runs(2)).end('Hello');
  expect((await other).body).toBe('Hello');
});

describe('a guard over what is read of the person', () => {
  test('keeps the answer to a POST that reads a cookie from others', async () => {
    const { caches, ask, post, runs, running } = await fleet(1);
    const posted = post(0, { headers: { ...HOST, Cookie: 'user=1' } });
    const res = await runs(1);
    answerForAll(res, `for ${running[0]?.req.headers.cookie}`);
    expect((await posted).body).toBe('for user=1');
    await caches[0]?.idle();
    const asked = ask(0);
    (await runs(2)).end('for everyone');
    expect((await asked).body).toBe('for everyone');
  });

  test('and so does `Authorization`', async () => {
    const { caches, ask, post, runs } = await fleet(1);
    const posted = post(0, { headers: { ...HOST, Authorization: 'Basic a' } });
    answerForAll(await runs(1), 'for one');
    await posted;
    await caches[0]?.idle();
    const asked = ask(0);
    (await runs(2)).end('for everyone');
    expect((await asked).body).toBe('for everyone');
  });
});

describe('a Redis that hangs', () => {
  const TIMEOUT = 200;
  const MARGIN = 600;

  test('delays a POST by the timeout at most, and soon not at all', async () => {
    const server = await startRedis();
    closing.push(() => server.stop());
    const { ask, post, runs } = await fleet(1, { redis: server.url, timeout: TIMEOUT });
    const first = ask(0);
    (await runs(1)).end();
    await first;
    server.pause();
    const waits: number[] = [];
    for (let i = 2; i <= 16; i++) {
      const startedAt = performance.now();
      const posted = post();
      const res = await runs(i);
      waits.push(performance.now() - startedAt);
      answerForAll(res, 'made');
      expect((await posted).body).toBe('made');
      expect(performance.now() - startedAt).toBeLessThan(TIMEOUT + MARGIN);
    }
    expect(waits[0]).toBeGreaterThan(TIMEOUT / 2);
    expect(waits.filter((ms) => ms < TIMEOUT / 2).length).toBeGreaterThan(waits.length / 2);
    server.resume();
  });

  test('or is down: it runs at once, and stores nothing', async () => {
    const server = await startRedis();
    closing.push(() => server.stop());
    const { ask, post, runs } = await fleet(1, { redis: server.url, timeout: TIMEOUT });
    const first = ask(0);
    (await runs(1)).end();
    await first;
    await server.kill();
    const startedAt = performance.now();
    const posted = post();
    const res = await runs(2);
    expect(performance.now() - startedAt).toBeLessThan(MARGIN);
    answerForAll(res, 'made');
    expect((await posted).body).toBe('made');
  });
});
