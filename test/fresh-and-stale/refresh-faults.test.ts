import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { CacheMiddleware, CacheOptions, PurgeTarget } from '../../src/index.ts';
import { bare, type Handler } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { Gate } from '../support/gate.ts';
import { sized } from '../support/long.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { Child } from '../support/process.ts';
import { quietly } from '../support/quietly.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { BEHIND, counting, HIT, STALE, stage, stopMonotonicClock } from './support/stage.ts';

/* Refreshing behind answers when the app, Redis, the process or the clock does what it should not. */

quietly();

const HOUR = 3_600_000;
/** Of 200 refreshes. */
const ROUNDS = sized(10, 40);
/** Responses that become stale at once: in the long run more than the queue of refreshes takes. */
const COUNT = sized(150, 1200);
const paths = (count: number): string[] => Array.from({ length: count }, (_, i) => `/${i}`);

/** The results of refreshes from now on. */
function results(cache: CacheMiddleware): string[] {
  const seen: string[] = [];
  cache.on('refresh', ({ result }) => seen.push(result));
  return seen;
}

/** A handler whose second run waits at a gate. */
function gated(gate: Gate) {
  return counting(async (run, _req, res) => {
    if (run === 2) await gate.opened;
    res.end(`run ${run}`);
  });
}

describe('an app that hangs', () => {
  /** A handler that answers clients, and nobody else while it hangs; and how many of its refreshes are open. */
  function hanging() {
    const open = { now: 0, most: 0, hangs: false };
    const handler = counting((run, req, res) => {
      if (!open.hangs || !handler.runs[run - 1]?.forNobody) return res.end(`run ${run} of ${req.url}`);
      // A refresh whose time was over before the handler was called, on a busy machine.
      if (res.destroyed) return res;
      open.most = Math.max(open.most, ++open.now);
      return res.on('close', () => open.now--);
    });
    return { handler, open };
  }

  test('is asked by so many refreshes at a time and no more, each for so long', async () => {
    const { handler, open } = hanging();
    const { ask, later, cache } = await stage((c) => bare(c, handler), {
      refresh: { concurrency: 2, timeout: 100 },
    });
    for (const path of paths(10)) await ask(path);
    await cache.idle();
    const seen = results(cache);
    open.hangs = true;
    later(STALE);
    stopMonotonicClock();
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(paths(10).map((path) => ask(path)));
      for (const [i, answer] of answers.entries()) {
        expect(answer).toMatchObject({ ...BEHIND, body: `run ${i + 1} of /${i}` });
      }
    }
    await cache.idle();
    expect(open).toMatchObject({ now: 0, most: 2 });
    expect(seen).toEqual(Array(10).fill('failed'));
  });

  test('keeps nobody waiting, however long it hangs', async () => {
    const { handler, open } = hanging();
    const { ask, later, cache } = await stage((c) => bare(c, handler), {
      refresh: { concurrency: 2, timeout: '1h' },
    });
    for (const path of paths(10)) await ask(path);
    await cache.idle();
    open.hangs = true;
    later(STALE);
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(paths(10).map((path) => ask(path)));
      for (const answer of answers) expect(answer).toMatchObject(BEHIND);
    }
    await until(() => open.now === 2);
    // The first two have not come back, and the others wait for their turn.
    expect(open).toMatchObject({ now: 2, most: 2 });
    expect(handler.runs).toHaveLength(12);
  });

  test('makes no window longer', async () => {
    const { handler, open } = hanging();
    const { ask, later, cache } = await stage((c) => bare(c, handler), {
      refresh: { concurrency: 2, timeout: '1h' },
      collapse: { wait: 50 },
    });
    for (const path of paths(3)) await ask(path);
    await cache.idle();
    open.hangs = true;
    later(STALE);
    for (const path of paths(3)) await ask(path);
    await until(() => open.now === 2);
    later(HOUR);
    // The first two are under way, the third is not.
    const answers = await Promise.all(paths(3).map((path) => ask(path)));
    for (const answer of answers) {
      expect(answer.cacheStatus).toMatch(/^fwd=stale/);
      expect(Number(answer.body.split(' ')[1])).toBeGreaterThan(5);
    }
  });
});

describe('a refresh that the options keep from its cache', () => {
  /** Middleware in front that knows a client by what the cache's own request does not bring. */
  const mark: Handler = (req, _res, next) => {
    Object.assign(req, { isKnown: req.headers['x-request-id'] !== undefined });
    next();
  };
  const isKnown = (req: object): boolean => (req as { isKnown: boolean }).isKnown;
  const asked = { path: '/', headers: { 'X-Request-Id': 'yes' } };

  test('is reported as bypass where `when` returns false', async () => {
    const { settled, later, cache } = await stage((c) => bare(mark, c, counting()), {
      when: isKnown,
    });
    const seen = results(cache);
    await settled(asked);
    later(STALE);
    await settled(asked);
    expect(seen).toEqual(['bypass']);
    expect(cache.stats().refreshes).toMatchObject({ bypass: 1, 'another-key': 0 });
  });

  test('is reported as failed where an option throws, without a run, and is tried again soon', async () => {
    const handler = counting();
    let broken = false;
    const { settled, later, cache } = await stage((c) => bare(mark, c, handler), {
      key: (req) => {
        if (broken && !isKnown(req)) throw new Error('broken');
        return 'k';
      },
    });
    const seen = results(cache);
    await settled(asked);
    later(STALE);
    broken = true;
    await settled(asked);
    expect(seen).toEqual(['failed']);
    expect(handler.runs).toHaveLength(1);
    broken = false;
    await sleep(1100);
    await settled(asked);
    expect(seen).toEqual(['failed', 'stored']);
  });
});

describe('a refresh that fails again and again', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  test('is tried ever more rarely, and once a minute at last', async () => {
    let failing = false;
    const handler = counting((run, _req, res) => {
      if (failing) res.statusCode = 500;
      res.end(`run ${run}`);
    });
    // The in-process store goes by the clock, and the backoff by the other one.
    const { settled, later } = await stage((c) => bare(c, handler), { redis: undefined as never });
    const begun = performance.now();
    let passed = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => begun + passed);
    const second = (count = 1): void => {
      later(count * 1000);
      passed += count * 1000;
    };
    await settled();
    failing = true;
    second(60);
    const at: number[] = [];
    for (let i = 0; i < 300; i++) {
      const runs = handler.runs.length;
      expect(await settled()).toMatchObject({ status: 200, body: 'run 1' });
      if (handler.runs.length > runs) at.push(i);
      second();
    }
    const gaps = at.slice(1).map((second, i) => second - (at[i] as number));
    expect(gaps.every((gap, i) => gap >= Math.min(2 ** i, 60) || gap >= 5)).toBe(true);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(62);
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(60);
    expect(at.length).toBeLessThan(18);
    // And it goes on as if nothing had been.
    failing = false;
    second(62);
    await settled();
    const recovered = await settled();
    expect(recovered).toMatchObject({ ...HIT, body: `run ${handler.runs.length}` });
    second(60);
    expect(await settled()).toMatchObject({ body: recovered.body });
    expect(await settled()).toMatchObject({ ...HIT, body: `run ${handler.runs.length}` });
  });

  test('is tried again by a client when the window has ended, and is over when that succeeds', async () => {
    let failing = false;
    const handler = counting((run, _req, res) => {
      if (failing) res.statusCode = 500;
      res.end(`run ${run}`);
    });
    const { settled, later } = await stage((c) => bare(c, handler));
    await settled();
    failing = true;
    later(STALE);
    for (let i = 0; i < 5; i++) await settled();
    later(HOUR);
    expect(await settled()).toMatchObject({ status: 500 });
    failing = false;
    const recovered = await settled();
    expect(recovered.status).toBe(200);
    expect(await settled()).toMatchObject({ ...HIT, body: recovered.body });
  });
});

describe('Redis', () => {
  let redis: RedisProcess;
  afterEach(() => redis.stop());

  async function inRefresh(options: CacheOptions = {}) {
    redis = await startRedis();
    const gate = new Gate();
    const handler = gated(gate);
    const app = await stage((c) => bare(c, handler), { redis: redis.url, timeout: 100, ...options });
    await until(async () => (await app.settled('/warm')).cacheStatus.startsWith('hit'));
    await until(async () => {
      handler.runs.length = 0;
      return (await app.settled()).cacheStatus.endsWith('stored');
    });
    app.later(STALE);
    expect(await app.ask()).toMatchObject(BEHIND);
    await until(() => handler.runs.length === 2);
    return { ...app, gate, handler };
  }

  test('that dies in a refresh takes nothing with it but what it had', async () => {
    const { ask, settled, cache, gate, handler, requests } = await inRefresh();
    await redis.kill();
    gate.open();
    await cache.idle();
    expect(requests.at(-1)).toMatchObject({ refresh: true, stored: false, detail: 'unavailable' });
    expect(await settled()).toMatchObject({ status: 200, body: 'run 3' });
    await redis.start();
    await until(async () => (await settled()).cacheStatus.startsWith('hit'), 15_000);
    const { body } = await ask();
    expect(body).toBe(`run ${handler.runs.length}`);
    expect(handler.runs.slice(2).every(({ forNobody }) => !forNobody)).toBe(true);
  });

  test('that hangs in a refresh delays it, and what was purged since is not there', async () => {
    const { ask, cache, gate, handler } = await inRefresh();
    redis.pause();
    gate.open();
    await cache.idle();
    redis.resume();
    await until(async () => (await ask()).cacheStatus.startsWith('hit'), 15_000);
    expect((await ask()).body).toMatch(/^run \d$/);
    await until(() => cache.purge({ all: true }).then(Boolean, () => false), 15_000);
    const runs = handler.runs.length;
    expect((await ask()).body).toBe(`run ${runs + 1}`);
  });

  /** Redis hangs when a refresh has waited for its turn, and has it. */
  async function beginning() {
    redis = await startRedis();
    const gate = new Gate();
    const handler = counting(async (run, req, res) => {
      if (run === 3) await gate.opened;
      res.end(`run ${run} of ${req.url}`);
    });
    const app = await stage((c) => bare(c, handler), {
      redis: redis.url,
      timeout: 100,
      refresh: { concurrency: 1 },
    });
    await until(async () => (await app.settled('/warm')).cacheStatus.startsWith('hit'));
    handler.runs.length = 0;
    for (const path of ['/a', '/b']) await app.settled(path);
    app.later(STALE);
    for (const path of ['/a', '/b']) expect(await app.ask(path)).toMatchObject(BEHIND);
    await until(() => handler.runs.length === 3);
    redis.pause();
    gate.open();
    await app.cache.idle();
    return { ...app, handler };
  }

  test('that hangs when a refresh begins does not have the app asked in vain', async () => {
    const { handler } = await beginning();
    expect(handler.runs).toHaveLength(3);
  });

  test('that hung when a refresh began has no client wait for it when it is back', async () => {
    const { ask } = await beginning();
    redis.resume();
    await until(async () => !(await ask('/warm')).cacheStatus.includes('bypass'), 15_000);
    expect(await ask('/b')).toMatchObject({ ...BEHIND, body: 'run 2 of /b' });
  });
});

describe('a purge during a refresh', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const targets: PurgeTarget[] = [
    { url: 'http://test.example/' },
    { tag: 't' },
    { tags: ['x', 't'] },
    { prefix: '/' },
    { all: true },
  ];

  async function inRefresh() {
    const gate = new Gate();
    const handler = gated(gate);
    const prefix = uniquePrefix();
    const app = await stage((c) => bare(c, handler), { tags: ['t'], prefix });
    const other = await stage((c) => bare(c, handler), { tags: ['t'], prefix });
    await app.settled();
    app.later(STALE);
    expect(await app.ask()).toMatchObject({ ...BEHIND, body: 'run 1' });
    await until(() => handler.runs.length === 2);
    return { ...app, other, gate, handler };
  }

  test.each(targets)(
    'of %j: what it makes is not stored, and the next client has its own',
    async (target) => {
      const { ask, settled, other, cache, gate } = await inRefresh();
      // By another process, which knows nothing of the refresh.
      expect(await other.cache.purge(target)).toBe(1);
      const asked = ask();
      gate.open();
      expect((await asked).body).toBe('run 3');
      await cache.idle();
      expect(await settled()).toMatchObject({ ...HIT, body: 'run 3' });
    },
  );

  test.each(targets)(
    'softly, of %j, discards the response of the refresh, and a later refresh is stored',
    async (target) => {
      const { ask, other, cache, gate } = await inRefresh();
      expect(await other.cache.purge(target, { soft: true })).toBe(1);
      const bodies = [(await ask()).body];
      gate.open();
      await cache.idle();
      // The next attempt is due a second after the one that came to nothing.
      const now = performance.now.bind(performance);
      jest.spyOn(performance, 'now').mockImplementation(() => now() + 1000);
      await until(async () => {
        bodies.push((await ask()).body);
        return bodies.at(-1) !== 'run 1';
      });
      expect(new Set(bodies)).toEqual(new Set(['run 1', 'run 3']));
    },
  );

  test('by an unsafe request discards the response of the refresh', async () => {
    const { ask, settled, cache, gate } = await inRefresh();
    expect((await ask({ method: 'POST' })).body).toBe('run 3');
    gate.open();
    await cache.idle();
    expect((await ask()).body).toBe('run 4');
    expect(await settled()).toMatchObject({ ...HIT, body: 'run 4' });
  });
});

describe('a process', () => {
  const children: Child[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill();
  });
  const start = (script: string, env: NodeJS.ProcessEnv = {}): Child => {
    const child = new Child(script, process.env.TEST_REDIS_URL as string, env);
    children.push(child);
    return child;
  };

  test('that is killed in a refresh leaves it to another when its lease has run out', async () => {
    const prefix = uniquePrefix();
    const options = `{ redis: REDIS, prefix: ${JSON.stringify(prefix)}, timeout: '5s', key: () => 'one',
      ttl: 300, staleWhileRevalidate: '1h', collapse: { lease: 2000 } }`;
    const child = start(`
      const cache = redisCache(${options});
      let runs = 0;
      const server = require('node:http').createServer((req, res) => cache(req, res, () => {
        console.log('run');
        if (++runs === 1) res.end('killed');
      }));
      server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));`);
    await until(() => /port \d+\n/.test(child.out), 15_000);
    const port = Number(/port (\d+)/.exec(child.out)?.[1]);
    const handler = counting();
    const survivor = await stage((c) => bare(c, handler), {
      prefix,
      key: () => 'one',
      ttl: 300,
      collapse: { lease: 2000 },
      clock: Date.now,
    });
    expect((await ask(port)).body).toBe('killed');
    await until(async () => (await ask(port)).cacheStatus.includes('stale-while-revalidate'));
    await until(() => child.out.split('run\n').length === 3);
    expect(await survivor.settled()).toMatchObject({ body: 'killed' });
    expect(handler.runs).toHaveLength(0);
    child.kill();
    await until(async () => (await survivor.settled()).body !== 'killed');
    expect(handler.runs.map(({ forNobody }) => forNobody)).toContain(true);
  });

  test.each([
    ['the in-process store', 'undefined', ''],
    ['Redis, when the cache is closed', 'REDIS', 'await cache.close();'],
  ])('with %s ends by itself while refreshes are under way and waiting', async (_store, redis, closing) => {
    const child = start(`
      const http = require('node:http');
      let now = Date.now();
      const cache = redisCache({ redis: ${redis}, prefix: ${JSON.stringify(uniquePrefix())}, timeout: '5s',
        ttl: 1000, staleWhileRevalidate: '1h', clock: () => now, refresh: { concurrency: 1, timeout: '1h' }, warnings: false });
      let runs = 0;
      const server = http.createServer((req, res) => cache(req, res, () => {
        if (++runs <= 3) res.end('fine');
      }));
      const ask = (path) => new Promise((resolve, reject) => {
        http.get({ port: server.address().port, path, agent: false }, (res) => res.resume().on('end', resolve)).on('error', reject);
      });
      server.listen(0, '127.0.0.1', async () => {
        for (const path of ['/a', '/b', '/c']) await ask(path);
        await cache.idle();
        now += 2000;
        for (const path of ['/a', '/b', '/c']) await ask(path);
        while (runs < 4) await new Promise((resolve) => setTimeout(resolve, 5));
        for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5));
        console.log('runs ' + runs);
        server.close();
        ${closing}
      });`);
    expect(await child.ended()).toBe(0);
    expect(child.out).toBe('runs 4\n');
    expect(child.err).toBe('');
  });

  test(`keeps no memory of ${200 * ROUNDS} refreshes`, async () => {
    const child = start(
      `
      require('node:v8').setFlagsFromString('--expose-gc');
      const gc = require('node:vm').runInNewContext('gc');
      const http = require('node:http');
      let now = Date.now();
      const cache = redisCache({ ttl: 1000, staleWhileRevalidate: '1h', clock: () => now });
      let runs = 0;
      const body = Buffer.alloc(1000, 'x');
      const server = http.createServer((req, res) => cache(req, res, () => { runs++; res.end(body); }));
      server.keepAliveTimeout = 0;
      const agent = new http.Agent({ keepAlive: true, maxSockets: 50 });
      const ask = (path) => new Promise((resolve, reject) => {
        http.get({ port: server.address().port, path, agent }, (res) => res.resume().on('end', resolve)).on('error', reject);
      });
      const round = async () => {
        await Promise.all(Array.from({ length: 200 }, (_, i) => ask('/' + i)));
        await cache.idle();
        now += 2000;
      };
      const used = async () => {
        for (let i = 0; i < 3; i++) { gc(); await new Promise(setImmediate); }
        return process.memoryUsage().heapUsed;
      };
      server.listen(0, '127.0.0.1', async () => {
        for (let i = 0; i < 6; i++) await round();
        const before = await used();
        for (let i = 0; i < ${ROUNDS}; i++) await round();
        console.log(JSON.stringify({ runs, grown: (await used()) - before }));
        agent.destroy();
        server.close();
      });`,
    );
    const code = await child.ended(110_000);
    expect({ code, err: child.err }).toEqual({ code: 0, err: '' });
    const { runs, grown } = JSON.parse(child.out);
    expect(runs).toBe(200 + (5 + ROUNDS) * 200);
    // A request that is kept is several kilobytes, so 2,000 of them would be ten megabytes.
    expect(grown).toBeLessThan(5_000_000);
  }, 120_000);
});

test('hundreds of responses that become stale at once are all sent at once, and made anew a few at a time', async () => {
  const open = { now: 0, most: 0 };
  const ran = new Map<string, number>();
  const handler = counting((run, req, res) => {
    const path = req.url as string;
    ran.set(path, (ran.get(path) ?? 0) + 1);
    const done = (): ServerResponse => res.end(`${path} ${ran.get(path)}`);
    if (!handler.runs[run - 1]?.forNobody) return done();
    open.most = Math.max(open.most, ++open.now);
    return setImmediate(() => {
      open.now--;
      done();
    });
  });
  const { ask, later, cache } = await stage((c) => bare(c, handler), { refresh: { concurrency: 4 } });
  const all = async () => {
    const answers = await Promise.all(paths(COUNT).map((path) => ask(path)));
    await cache.idle();
    return answers;
  };
  await all();
  later(STALE);
  const stale = await all();
  expect(stale.every(({ status }) => status === 200)).toBe(true);
  expect(new Set(stale.map(({ body }, i) => body === `/${i} 1`))).toEqual(new Set([true]));
  // What was beyond the queue is asked for again.
  await all();
  const last = await all();
  expect(last.filter(({ body }, i) => body !== `/${i} 2`)).toEqual([]);
  expect(open.most).toBeLessThanOrEqual(4);
  expect(new Set(ran.values())).toEqual(new Set([2]));
}, 60_000);

describe('a clock', () => {
  test('that steps forward past the window has responses made anew by clients', async () => {
    const handler = counting();
    const { settled, later } = await stage((c) => bare(c, handler), { staleWhileRevalidate: '30m' });
    await settled();
    later(HOUR);
    expect(await settled()).toMatchObject({ body: 'run 2', cacheStatus: 'fwd=stale; stored' });
    later(-HOUR);
    // Made in the future, so nothing is known of its age.
    expect((await settled()).cacheStatus).toBe('fwd=stale; stored');
  });

  test('that steps forward within the window has them refreshed once', async () => {
    const handler = counting();
    const { settled, later } = await stage((c) => bare(c, handler), { staleWhileRevalidate: '2h' });
    await settled();
    later(HOUR);
    expect((await settled()).body).toBe('run 1');
    for (let i = 0; i < 3; i++) expect(await settled()).toMatchObject({ ...HIT, body: 'run 2' });
    expect(handler.runs).toHaveLength(2);
  });

  test('that steps back an hour has responses made anew, since nothing is known of their age', async () => {
    const handler = counting();
    const { settled, later } = await stage((c) => bare(c, handler));
    await settled();
    later(STALE);
    later(-HOUR);
    const answer = await settled();
    expect(answer).toMatchObject({ body: 'run 2', cacheStatus: 'fwd=stale; stored' });
    expect(await settled()).toMatchObject({ ...HIT, body: 'run 2' });
  });

  test('that steps back during a refresh has it stored all the same', async () => {
    const gate = new Gate();
    const handler = gated(gate);
    const { ask, settled, later, cache } = await stage((c) => bare(c, handler));
    await settled();
    later(STALE);
    await ask();
    await until(() => handler.runs.length === 2);
    later(-HOUR);
    gate.open();
    await cache.idle();
    expect(await settled()).toMatchObject({ ...HIT, body: 'run 2' });
  });
});

describe('close', () => {
  test('ends refreshes that are under way and those that wait, at once, and stores nothing of them', async () => {
    const prefix = uniquePrefix();
    const heard: string[] = [];
    const handler = counting((_run, req, res) => {
      if (!handler.runs.at(-1)?.forNobody) return res.end('run');
      return res.on('close', () => heard.push(req.url as string));
    });
    const { ask, later, cache } = await stage((c) => bare(c, handler), {
      prefix,
      refresh: { concurrency: 2, timeout: '1h' },
    });
    for (const path of paths(5)) await ask(path);
    await cache.idle();
    later(STALE);
    for (const path of paths(5)) await ask(path);
    await until(() => handler.runs.length === 7);
    await cache.close();
    expect(heard.sort()).toEqual(['/0', '/1']);
    expect(handler.runs).toHaveLength(7);
    // From now on the app answers by itself.
    expect(await ask('/0')).toMatchObject({ body: 'run', cacheStatus: '' });
  });

  test('of the server lets refreshes end, and their responses are stored', async () => {
    const gate = new Gate();
    const handler = gated(gate);
    const prefix = uniquePrefix();
    const app = await stage((c) => bare(c, handler), { prefix });
    const server = createServer(bare(app.cache as never, handler));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as { port: number };
    expect((await ask(port)).body).toBe('run 1');
    await app.cache.idle();
    app.later(STALE);
    expect(await ask(port)).toMatchObject(BEHIND);
    await until(() => handler.runs.length === 2);
    server.close();
    await once(server, 'close');
    gate.open();
    await app.cache.idle();
    expect(await app.ask()).toMatchObject({ ...HIT, body: 'run 2' });
  });
});

describe('idle', () => {
  test('waits for what is under way and for what waits its turn, until all is stored', async () => {
    const handler = counting(async (_run, req, res) => {
      await new Promise(setImmediate);
      res.end(`run ${handler.runs.length} of ${req.url}`);
    });
    const { ask, later, cache } = await stage((c) => bare(c, handler), { refresh: { concurrency: 1 } });
    for (const path of paths(10)) await ask(path);
    await cache.idle();
    later(STALE);
    await Promise.all(paths(10).map((path) => ask(path)));
    await cache.idle();
    expect(handler.runs).toHaveLength(20);
    for (const path of paths(10)) expect(await ask(path)).toMatchObject(HIT);
  });

  test('has nothing to wait for where nothing is under way', async () => {
    const { cache } = await stage((c) => bare(c, counting()));
    await cache.idle();
    await Promise.all([cache.idle(), cache.idle()]);
  });

  test('resolves for everybody who waits', async () => {
    const gate = new Gate();
    const handler = gated(gate);
    const { ask, settled, later, cache } = await stage((c) => bare(c, handler));
    await settled();
    later(STALE);
    await ask();
    const order: string[] = [];
    const waiting = [1, 2, 3].map((i) => cache.idle().then(() => order.push(`idle ${i}`)));
    await until(() => handler.runs.length === 2);
    order.push('opened');
    gate.open();
    await Promise.all(waiting);
    expect(order).toEqual(['opened', 'idle 1', 'idle 2', 'idle 3']);
  });
});

describe('what a refresh brings that cannot be stored', () => {
  /** A session of each request, an instance of a class. */
  const front: Handler = (req, _res, next) => {
    Object.assign(req, { session: new (class Session {})() });
    next();
  };
  const see = (res: ServerResponse, req: IncomingMessage): unknown =>
    Object.assign(res, { seen: (req as { session?: object }).session });
  const changes: [string, (res: ServerResponse, req: IncomingMessage) => unknown][] = [
    ['says private', (res) => res.setHeader('Cache-Control', 'private')],
    ['says no-store', (res) => res.setHeader('Cache-Control', 'no-store')],
    ['sets a cookie', (res) => res.setHeader('Set-Cookie', 'a=b')],
    ['varies on everything', (res) => res.setHeader('Vary', '*')],
    ['is a 500', (res) => Object.assign(res, { statusCode: 500 })],
    ['is a 403', (res) => Object.assign(res, { statusCode: 403 })],
    ['is made by looking at an object of the request that nothing can compare', (res, req) => see(res, req)],
    ['is shorter than it says', (res) => res.setHeader('Content-Length', 100)],
  ];

  test.each(changes)(
    'as it %s leaves the stale response standing to the end of its window, and no longer',
    async (_how, change) => {
      let changed = false;
      const handler = counting((run, req, res) => {
        if (changed) change(res, req);
        res.end(`run ${run}`);
      });
      const { settled, later, requests } = await stage((c) => bare(front, c, handler), {
        refresh: { timeout: 1000 },
      });
      await settled();
      changed = true;
      later(STALE);
      stopMonotonicClock();
      for (let i = 0; i < 3; i++) expect(await settled()).toMatchObject({ ...BEHIND, body: 'run 1' });
      // And is not tried again for each of them.
      expect(handler.runs).toHaveLength(2);
      expect(requests.filter(({ refresh, stored }) => refresh && stored)).toEqual([]);
      changed = false;
      later(HOUR);
      expect((await settled()).body).toBe('run 3');
    },
  );

  test('since it is too large leaves it standing likewise', async () => {
    const handler = counting((run, _req, res) => res.end(run === 2 ? 'x'.repeat(2000) : `run ${run}`));
    const { settled, later } = await stage((c) => bare(c, handler), { maxBodySize: 1000 });
    await settled();
    later(STALE);
    stopMonotonicClock();
    for (let i = 0; i < 3; i++) expect(await settled()).toMatchObject({ ...BEHIND, body: 'run 1' });
    expect(handler.runs).toHaveLength(2);
  });
});

test('a 404 in a refresh is an answer, and takes the place of what was there', async () => {
  const handler = counting((run, _req, res) => {
    if (run > 1) res.statusCode = 404;
    res.end(`run ${run}`);
  });
  const { settled, later } = await stage((c) => bare(c, handler));
  await settled();
  later(STALE);
  expect(await settled()).toMatchObject({ ...BEHIND, body: 'run 1' });
  expect(await settled()).toMatchObject({ status: 404, body: 'run 2', cacheStatus: 'hit; ttl=60' });
});
