import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { startCluster } from '../support/cluster.ts';
import { Child } from '../support/process.ts';
import { quietly } from '../support/quietly.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { startApp, untilHit } from './support/app.ts';

/* Whose connection it is: the app's own client is used and left as it was, those of the cache end with it. */

let redis: RedisProcess;
let child: Child | undefined;
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  child?.kill();
  child = undefined;
  await redis.stop();
});
quietly();

describe("the app's own client", () => {
  const clients: [string, (redis: RedisProcess) => Redis | Redis5 | Cluster][] = [
    ['of ioredis 6', ({ url }) => new Redis(url, { keyPrefix: 'app:', disconnectTimeout: 100 })],
    ['of ioredis 5', ({ url }) => new Redis5(url, { keyPrefix: 'app:', disconnectTimeout: 100 })],
    [
      'of ioredis 6, a Cluster',
      ({ url }) => new Cluster([url], { redisOptions: { disconnectTimeout: 100 } }),
    ],
  ];
  test.each(clients)('%s is left as it was, and open', async (name, clientOf) => {
    if (name.endsWith('Cluster')) {
      await redis.stop();
      redis = await startCluster();
    }
    const client = clientOf(redis) as Redis;
    client.on('error', () => {});
    await until(() => client.status === 'ready');
    // Whatever a client keeps about itself once it has been used.
    await client.get('a');
    await client.evalsha('0'.repeat(40), 0).catch(() => {});
    const before = portrait(client);

    const app = await startApp({ redis: client });
    expect(portrait(client)).toEqual(before);
    await untilHit(app, 1);
    await app.cache.purge({ all: true });
    await untilHit(app, 1);
    expect(portrait(client)).toEqual(before);
    redis.pause();
    for (let i = 0; i < 10; i++) await app.item(1);
    redis.resume();
    await untilHit(app, 1);
    await app.close();

    expect(portrait(client)).toEqual(before);
    expect(client.status).toBe('ready');
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
  });

  test('carries on with commands of the app while Redis is away', async () => {
    const client = new Redis(redis.url, { disconnectTimeout: 100 });
    client.on('error', () => {});
    const app = await startApp({ redis: client });
    await untilHit(app, 1);
    await redis.kill();
    await app.item(1);
    // As ioredis has it: the command waits for the connection.
    const answer = client.incr('app:counter');
    for (let i = 0; i < 10; i++) await app.item(1);
    await redis.start();
    expect(await answer).toBe(1);
    client.disconnect();
  });

  test('that the app has closed is as good as none', async () => {
    const client = new Redis(redis.url, { disconnectTimeout: 100 });
    const app = await startApp({ redis: client });
    await untilHit(app, 1);
    await client.quit();
    expect((await app.item(1)).cacheStatus).toMatch(/fwd=bypass; detail=unavailable/);
  });

  test('that connects when it is first used is used', async () => {
    const client = new Redis(redis.url, { lazyConnect: true, disconnectTimeout: 100 });
    const app = await startApp({ redis: client });
    expect(client.status).toBe('wait');
    await untilHit(app, 1);
    client.disconnect();
  });
});

describe('connections of the cache', () => {
  test.each([
    ['a URL', () => redis.url],
    ['options', () => ({ host: redis.host, port: redis.port })],
    ['a lazy client by options', () => ({ host: redis.host, port: redis.port, lazyConnect: true })],
  ])('from %s are closed with it', async (_name, option) => {
    const app = await startApp({ redis: option() });
    await untilHit(app, 1);
    const clients = async () =>
      String(await redis.cli('CLIENT', 'LIST'))
        .trim()
        .split('\n').length;
    // This question's own is one more.
    expect(await clients()).toBe(2);
    await app.cache.close();
    await until(async () => (await clients()) === 1);
    await app.cache.close();
    expect((await app.item(1)).cacheStatus).toBe('');
  });

  test('to a Cluster are closed with the cache', async () => {
    await redis.stop();
    redis = await startCluster();
    const app = await startApp({ redis: { cluster: [redis.url] } });
    await untilHit(app, 1);
    await app.cache.close();
    await until(
      async () =>
        String(await redis.cli('CLIENT', 'LIST'))
          .trim()
          .split('\n').length === 1,
    );
  });

  // What keeps a process from ending: a connection, a timer.
  const use = `
    const cache = redisCache({ redis: REDIS, timeout: 500 });
    const ended = new Promise((resolve) => {
      const res = new (require('node:http').ServerResponse)({ method: 'GET', headers: {} });
      const req = { method: 'GET', url: '/', headers: { host: 'a.test' }, rawHeaders: [], socket: {} };
      cache(req, res, () => resolve());
    });
    ended.then(() => { console.log('answered'); return cache.close(); });`;
  test.each([
    ['is there', () => {}],
    ['hangs', () => redis.pause()],
    ['is away', () => redis.kill()],
  ])('do not keep a process from ending once it is closed, when Redis %s', async (_name, prepare) => {
    await prepare();
    child = new Child(use, redis.url);
    expect(await child.ended()).toBe(0);
    expect(child.out).toBe('answered\n');
    expect(child.err).toBe('');
  });

  test('print nothing, however long Redis is away', async () => {
    await redis.kill();
    child = new Child(
      `const cache = redisCache({ redis: REDIS });
      setTimeout(() => cache.close(), 2000);
      setInterval(() => cache.purge({ all: true }).catch(() => {}), 20).unref();`,
      redis.url,
    );
    expect(await child.ended()).toBe(0);
    expect(child.out + child.err).toBe('');
  });
});

/** All of a client that the cache could have touched. */
function portrait(client: Redis): object {
  const listeners = client.eventNames().map((name) => [String(name), client.listenerCount(name)]);
  const prototype = Object.getPrototypeOf(client);
  return {
    options: { ...client.options },
    listeners: listeners.sort(),
    own: Reflect.ownKeys(client).map(String).sort(),
    inherited: Reflect.ownKeys(prototype).length,
    scripts: Object.keys((client as unknown as { scriptsSet: object }).scriptsSet),
    maxListeners: client.getMaxListeners(),
  };
}
