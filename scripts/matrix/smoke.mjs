// What the matrix tries: each feature of the package once, over sockets and with a real Redis.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import zlib from 'node:zlib';

const TEXT = 'all of it is text. '.repeat(500);

/** Tries all features, and prints as JSON for each `ok`, `absent`, or what went wrong. The process then ends by itself. */
export async function smoke(modules, redisUrl) {
  const results = {};
  for (const [name, feature] of Object.entries(FEATURES)) {
    try {
      const prefix = `${name.replaceAll(' ', '-')}-${process.pid}:`;
      results[name] = (await feature(modules, { redis: redisUrl, prefix })) ?? 'ok';
    } catch (error) {
      results[name] = `${error}`;
      // What it has left open keeps the process alive.
      process.exitCode = 1;
    }
  }
  process.stdout.write(JSON.stringify(results), () => process.exitCode && process.exit());
}

const FEATURES = {
  async 'miss and hit'({ express, redisCache }, where) {
    const cache = redisCache({ ttl: '1h', timeout: '5s', ...where });
    await serving(express().use(cache).get('/', counting()), async (ask) => {
      assert.match((await ask('/')).status, /fwd=uri-miss/);
      await cache.idle();
      const hit = await ask('/');
      assert.match(hit.status, /; hit; ttl=\d+/);
      assert.equal(hit.body, 'run 1');
    });
    await cache.close();
  },

  async 'a client of yours'({ express, redisCache, Redis }, { redis, prefix }) {
    const client = new Redis(redis);
    const cache = redisCache({ redis: client, prefix, ttl: '1h', timeout: '5s' });
    await serving(express().use(cache).get('/', counting()), async (ask) => {
      await ask('/');
      await cache.idle();
      assert.match((await ask('/')).status, /; hit/);
    });
    await cache.close();
    client.disconnect();
  },

  async purge({ express, redisCache }, where) {
    const cache = redisCache({ ttl: '1h', timeout: '5s', tags: ['all'], ...where });
    await serving(express().use(cache).get('/', counting()), async (ask) => {
      await ask('/');
      await cache.idle();
      assert.equal(await cache.purge({ tag: 'all' }), 1);
      assert.equal((await ask('/')).body, 'run 2');
    });
    await cache.close();
  },

  async 'stale refresh'({ express, redisCache }, where) {
    let later = 0;
    const clock = () => Date.now() + later;
    const cache = redisCache({ ttl: '1m', staleWhileRevalidate: '1h', timeout: '5s', clock, ...where });
    await serving(express().use(cache).get('/', counting()), async (ask) => {
      await ask('/');
      await cache.idle();
      later = 120_000;
      assert.equal((await ask('/')).body, 'run 1');
      await cache.idle();
      const fresh = await ask('/');
      assert.match(fresh.status, /; hit; ttl=\d+/);
      assert.equal(fresh.body, 'run 2');
    });
    await cache.close();
  },

  br: (modules, where) => compressed(modules, where, 'br', zlib.brotliDecompressSync),
  gzip: (modules, where) => compressed(modules, where, 'gzip', zlib.gunzipSync),

  zstd(modules, where) {
    if (!zlib.zstdDecompressSync) return 'absent';
    return compressed(modules, where, 'zstd', zlib.zstdDecompressSync);
  },

  async encrypt({ express, redisCache, Redis }, where) {
    const keys = [{ id: 'one', key: Buffer.alloc(32, 7) }];
    const cache = redisCache({ ttl: '1h', timeout: '5s', encrypt: { keys }, ...where });
    const client = new Redis(where.redis);
    await serving(
      express()
        .use(cache)
        .get('/', (_req, res) => void res.send(TEXT)),
      async (ask) => {
        await ask('/');
        await cache.idle();
        const hit = await ask('/');
        assert.match(hit.status, /; hit/);
        assert.equal(hit.body, TEXT);
        for (const key of await client.keys(`${where.prefix}*`)) {
          assert(!key.includes('localhost'));
          const kind = await client.type(key);
          const values = kind === 'hash' ? await client.hvals(key) : [];
          for (const value of values) assert(!value.includes('all of it'));
        }
      },
    );
    client.disconnect();
    await cache.close();
  },

  async 'front door'({ express, redisCache }, where) {
    const cache = redisCache({ ttl: '1h', timeout: '5s', ...where });
    let entered = 0;
    const app = express()
      .use((_req, _res, next) => {
        entered++;
        next();
      })
      .get('/', counting());
    await serving(cache.before(app), async (ask) => {
      await ask('/');
      await cache.idle();
      assert.match((await ask('/')).status, /; hit/);
      assert.equal(entered, 1);
    });
    await cache.close();
  },

  async near({ express, redisCache }, where) {
    const cache = redisCache({ ttl: '1h', timeout: '5s', near: true, ...where });
    await serving(express().use(cache).get('/', counting()), async (ask) => {
      const until = Date.now() + 10_000;
      for (let status = ''; !/detail=near/.test(status); status = (await ask('/')).status)
        assert(Date.now() < until, `no near hit: ${status}`);
    });
    await cache.close();
  },

  async inspector({ express, redisCache, inspector }, where) {
    const cache = redisCache({ ttl: '1h', timeout: '5s', ...where });
    const app = express()
      .use('/cache', inspector(cache, { authorize: 'development' }))
      .use(cache);
    await serving(app, async (ask) => {
      for (const file of ['/cache/', '/cache/main.js']) assert.equal((await ask(file)).code, 200);
    });
    await cache.close();
  },

  async prometheus({ express, redisCache, prometheus, Registry }, where) {
    const cache = redisCache({ ttl: '1h', timeout: '5s', ...where });
    const register = new Registry();
    prometheus(cache, { register });
    await serving(express().use(cache).get('/', counting()), async (ask) => {
      // A request is counted when its answer has left.
      const counted = new Promise((resolve) => void cache.on('request', resolve));
      await ask('/');
      await counted;
      assert.match(await register.metrics(), /redis_response_cache_requests_total\{[^}]*outcome="miss"\} 1/);
    });
    await cache.close();
  },
};

/** A response is stored in this coding alone, and a client that takes it gets it. */
async function compressed({ express, redisCache }, where, coding, decode) {
  const compress = { br: coding === 'br', gzip: coding === 'gzip', zstd: coding === 'zstd' };
  const cache = redisCache({ ttl: '1h', timeout: '5s', compress, ...where });
  await serving(
    express()
      .use(cache)
      .get('/', (_req, res) => void res.send(TEXT)),
    async (ask) => {
      await ask('/');
      await cache.idle();
      const hit = await ask('/', { 'accept-encoding': coding });
      assert.match(hit.status, /; hit/);
      assert.equal(hit.encoding, coding);
      assert.equal(decode(hit.bytes).toString(), TEXT);
    },
  );
  await cache.close();
}

function counting() {
  let runs = 0;
  return (_req, res) => void res.send(`run ${++runs}`);
}

async function serving(listener, work) {
  const server = createServer(listener).listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  try {
    await work((path, headers = {}) => ask(port, path, headers));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function ask(port, path, headers) {
  const sent = request({ port, path, headers: { host: 'localhost', ...headers } }).end();
  const [response] = await once(sent, 'response');
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return {
    code: response.statusCode,
    status: response.headers['cache-status'] ?? '',
    encoding: response.headers['content-encoding'],
    bytes,
    body: bytes.toString(),
  };
}
