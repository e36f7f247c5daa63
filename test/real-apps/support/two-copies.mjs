/*
 * node two-copies.mjs DIST FRONT MOUNT     prints what two copies of the package, one behind the other, do in one process
 *
 * DIST is the folder of the build, FRONT the copy in front: `esm` or `cjs`.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import express from 'express';
import { Registry } from 'prom-client';

const [dist, frontFormat, mount] = process.argv.slice(2);
const { TEST_REDIS_URL: redis, PREFIX: prefix } = process.env;
const require = createRequire(import.meta.url);

const esm = await load((name) => import(pathToFileURL(join(dist, `${name}.js`)).href));
const cjs = await load((name) => require(join(dist, `${name}.cjs`)));
const [front, back] = frontFormat === 'esm' ? [esm, cjs] : [cjs, esm];

async function load(entry) {
  return { ...(await entry('index')), ...(await entry('prometheus')) };
}

/** Without the error's stack on stderr. */
function appOf(app) {
  return app.set('env', 'test');
}

/** The two caches with a layer between them, and the handler behind. */
const MOUNTS = {
  'app.use and a route of Express': (inFront, between, behind, handler) =>
    appOf(express()).use(inFront).use(between).get('/', behind, handler),
  'the front door and app.use of Express': (inFront, between, behind, handler) =>
    inFront.before(appOf(express()).use(between).use(behind).use(handler)),
  'node:http': (inFront, between, behind, handler) => (req, res) =>
    inFront(req, res, () => between(req, res, () => behind(req, res, () => handler(req, res)))),
};

const pass = (_req, _res, next) => next();
const ofRun = (run) => `run ${run}`;

const SKIPS_FRONT = { 'X-Request-Start': 'yes' };

/**
 * A server with both caches. The cache in front passes requests with `SKIPS_FRONT` on.
 * @param options of both, and of each. `page` makes the body of the so-manieth run.
 */
async function site({ both = {}, inFront = {}, behind = {}, between = pass, page = ofRun }) {
  let shift = 0;
  let runs = 0;
  const shared = { ttl: '1h', timeout: '10s', clock: () => Date.now() + shift, ...both };
  const frontCache = front.redisCache({
    ...{ name: 'front', when: (req) => req.headers['x-request-start'] === undefined },
    ...shared,
    ...inFront,
  });
  const backCache = back.redisCache({ name: 'back', ...shared, ...behind });
  const refreshes = [];
  for (const cache of [frontCache, backCache])
    cache.on('refresh', ({ result }) => refreshes.push(`${cache.stats().cache} ${result}`));
  const handler = (_req, res) => res.end(page(++runs));
  const server = createServer(MOUNTS[mount](frontCache, between, backCache, handler)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    caches: [frontCache, backCache],
    refreshes,
    async ask(headers = {}) {
      const signal = AbortSignal.timeout(15_000);
      const response = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers, signal });
      const answer = `${response.status} ${await response.text()}; ${response.headers.get('cache-status')}`;
      // The refresh of the cache in front can begin one of the cache behind.
      for (const cache of [frontCache, backCache, frontCache]) await cache.idle();
      return answer;
    },
    later(ms) {
      shift += ms;
    },
    get runs() {
      return runs;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await Promise.all([frontCache.close(), backCache.close()]);
    },
  };
}

const SITUATIONS = {
  async 'stale behind'() {
    const it = await site({ behind: { ttl: '1m', staleWhileRevalidate: '1h' } });
    await it.ask();
    it.later(120_000);
    const answers = [await it.ask(SKIPS_FRONT), await it.ask(SKIPS_FRONT)];
    return { it, result: { answers, refreshes: it.refreshes, runs: it.runs } };
  },

  async 'an error between'() {
    let isBroken = false;
    const between = (req, _res, next) => {
      if (isBroken && req.headers['x-request-start'] === undefined) throw new Error('between');
      next();
    };
    const it = await site({ behind: { ttl: '1m', staleWhileRevalidate: '1h' }, between });
    await it.ask();
    it.later(120_000);
    isBroken = true;
    const answers = [await it.ask(SKIPS_FRONT)];
    return { it, result: { answers, refreshes: it.refreshes, runs: it.runs } };
  },

  async 'both stale'() {
    const it = await site({ both: { ttl: '1m', staleWhileRevalidate: '1h' } });
    await it.ask();
    it.later(120_000);
    const answers = [await it.ask(), await it.ask(), await it.ask(SKIPS_FRONT)];
    return { it, result: { answers, refreshes: it.refreshes, runs: it.runs } };
  },

  async 'one key'() {
    const it = await site({ both: { redis, prefix: `${prefix}key:`, collapse: { wait: '10m' } } });
    const answers = await Promise.all([it.ask(), it.ask()]);
    return { it, result: { answers: answers.map((answer) => answer.split(';', 1)[0]), runs: it.runs } };
  },

  async level() {
    const between = (req, res, next) => {
      if (req.headers['x-inside']) return next();
      res.statusCode = 403;
      res.end('members only');
    };
    const it = await site({ both: { redis, prefix: `${prefix}level:` }, between });
    const member = { ...SKIPS_FRONT, 'X-Inside': 'yes' };
    const answers = [await it.ask(member), await it.ask(member), await it.ask()];
    return { it, result: answers };
  },

  async members() {
    const it = await site({});
    return { it, result: [await it.ask(), await it.ask(), await it.ask(SKIPS_FRONT)] };
  },

  async cookie() {
    const it = await site({ page: () => 'a page' });
    const headers = { Cookie: 'sid=s3cr3t' };
    const answers = [await it.ask(headers), await it.ask(headers), await it.ask()];
    return { it, result: { answers, runs: it.runs } };
  },

  async metrics() {
    const it = await site({});
    const register = new Registry();
    front.prometheus(it.caches[0], { register });
    back.prometheus(it.caches[1], { register });
    await it.ask();
    const lines = (await register.metrics()).split('\n');
    return { it, result: lines.filter((line) => /^\w+requests_total\{.*"miss"\} 1$/.test(line)) };
  },

  async errors() {
    class Derived extends front.OptionError {}
    const unreachable = front.redisCache({ ttl: '1h', redis: 'redis://127.0.0.1:1', timeout: '100ms' });
    const errors = {
      option: await thrown(() => front.redisCache({ ttl: 'soon' })),
      purge: await thrown(() => unreachable.purge({})),
      store: await thrown(() => unreachable.purge({ all: true })),
      derived: new Derived('ttl', 'message'),
      foreign: new TypeError('foreign'),
      none: undefined,
    };
    const classes = {
      ...{ Derived, TypeError },
      ...{
        CacheError: back.CacheError,
        OptionError: back.OptionError,
        PurgeError: back.PurgeError,
        StoreError: back.StoreError,
      },
    };
    const result = {};
    for (const [name, error] of Object.entries(errors)) {
      result[name] = Object.keys(classes).filter((type) => error instanceof classes[type]);
    }
    return { it: unreachable, result };
  },
};

async function thrown(run) {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error('It does not throw');
}

const results = {};
await Promise.all(
  Object.entries(SITUATIONS).map(async ([name, run]) => {
    try {
      const { it, result } = await run();
      results[name] = result;
      await it.close();
    } catch (error) {
      results[name] = String(error);
    }
  }),
);
console.log(JSON.stringify(results));
// A situation that failed has left its server open.
process.exit();
