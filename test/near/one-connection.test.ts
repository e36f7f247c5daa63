import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { CacheOptions, PurgeTarget } from '../../src/index.ts';
import { redisCache } from '../../src/index.ts';
import { Random } from '../coherence/model/random.ts';
import { startProxy } from '../support/chaos.ts';
import { CLIENTS, CLUSTERS, OTHER_CLIENTS, type UsersClient } from '../support/clients.ts';
import { sharedCluster } from '../support/cluster.ts';
import { sized } from '../support/long.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { crossing } from './support/crossing.ts';
import { brought, Origin, type Process, startProcess, untilCurrent, urlOf } from './support/stage.ts';

/* node-redis passes on what Redis reports to the connection that has read (RESP3), so one connection reads and is told of changes. */

let redis: RedisProcess;
let origin: Origin;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await redis.cli('FLUSHALL');
});

async function processOf(
  name: string,
  url: string = redis.url,
  options: CacheOptions = {},
): Promise<Process> {
  const client = await CLIENTS[name]?.(url);
  if (client) closing.push(() => client.end());
  const process = await startProcess(origin, { redis: client?.option ?? url, ...options });
  closing.push(() => process.close());
  return process;
}

/** An address whose next connections lead elsewhere. */
async function switchable(
  server: RedisProcess,
): Promise<{ url: string; leadTo(server: RedisProcess): void }> {
  let target = server;
  const proxy = createServer((client) => {
    const upstream = connect(target.port, target.host);
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.on('error', () => client.destroy()).on('close', () => client.destroy());
    closing.push(() => client.destroy());
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  closing.push(() => proxy.close());
  return {
    url: `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    leadTo: (next) => {
      target = next;
    },
  };
}

async function connections(): Promise<{ all: number; tracked: number }> {
  const list = String(await redis.cli('CLIENT', 'LIST'))
    .trim()
    .split('\n');
  return { all: list.length, tracked: list.filter((line) => / flags=t/.test(line)).length };
}

const URL_OF_1: PurgeTarget = { url: urlOf('/1') };

describe.each(['node-redis 6', 'node-redis 5'])('with %s', (name) => {
  test('a value is near, over one more connection than without, which the cache closes', async () => {
    origin = new Origin();
    const before = await connections();
    const a = await processOf(name);
    await brought(a, '/1');
    expect(await a.get('/1')).toMatchObject({ near: true, version: 0 });
    expect(await connections()).toEqual({ all: before.all + 2, tracked: before.tracked + 1 });
    await a.cache.close();
    for (let i = 0; (await connections()).all > before.all + 1; i++) {
      expect(i).toBeLessThan(100);
      await sleep(10);
    }
  });

  test.each<[string, PurgeTarget]>([
    ['the URL', URL_OF_1],
    ['a tag', { tag: 'all' }],
    ['all', { all: true }],
  ])('a purge by %s elsewhere, over another client, is heard of', async (_name, target) => {
    origin = new Origin();
    const [a, b] = [await processOf(name), await processOf('a URL')];
    for (let i = 0; i < 5; i++) {
      await brought(a, '/1');
      origin.change('/1');
      await b.cache.purge(target);
      await untilCurrent(a, origin, '/1');
      await brought(b, '/1');
      origin.change('/1');
      await a.cache.purge(target);
      expect((await a.get('/1')).version).toBe(origin.version('/1'));
      await untilCurrent(b, origin, '/1');
    }
  });

  test('a flush of Redis is heard of', async () => {
    origin = new Origin();
    const a = await processOf(name);
    await brought(a, '/1');
    origin.change('/1');
    await redis.cli('FLUSHALL');
    await untilCurrent(a, origin, '/1');
  });

  test('nothing is near where the server has closed the connection, until there is another', async () => {
    origin = new Origin();
    const [a, b] = [await processOf(name), await processOf('a URL', redis.url, { near: false })];
    for (let i = 0; i < 5; i++) {
      await brought(a, '/1');
      const list = String(await redis.cli('CLIENT', 'LIST')).split('\n');
      const id = /^id=(\d+)/.exec(list.find((line) => / flags=t/.test(line)) ?? '')?.[1] as string;
      origin.change('/1');
      await redis.cli('CLIENT', 'KILL', 'ID', id);
      await b.cache.purge(URL_OF_1);
      await brought(a, `/other/${i}`);
      expect((await a.get('/1')).version).toBe(origin.version('/1'));
    }
  });

  test('nothing is near for longer than 1.5 s in a network that has gone dark', async () => {
    const network = await startProxy(redis);
    closing.push(() => network.stop());
    origin = new Origin();
    const [a, b] = [await processOf(name, network.url), await processOf('a URL')];
    await brought(a, '/1');
    network.dark = true;
    origin.change('/1');
    await b.cache.purge(URL_OF_1);
    await sleep(1600);
    expect(await a.get('/1')).toMatchObject({ near: false, version: 1 });
    network.dark = false;
    network.reset();
    await brought(a, '/1');
  }, 40_000);

  test('what comes back after Redis was gone is asked', async () => {
    const server = await startRedis();
    closing.push(() => server.stop());
    origin = new Origin();
    const a = await processOf(name, server.url);
    await brought(a, '/1');
    origin.change('/1');
    await server.restart();
    await untilCurrent(a, origin, '/1');
    await brought(a, '/1');
  });

  test('nothing is read from another server that the same address leads to by now', async () => {
    const other = await startRedis();
    closing.push(() => other.stop());
    const address = await switchable(redis);
    origin = new Origin();
    const options = { near: false, prefix: 'moved:' };
    // The other server has a response from before the change.
    const before = await processOf('a URL', other.url, options);
    await before.get('/1');
    await before.cache.idle();
    origin.change('/1');
    const a = await processOf(name, address.url, { prefix: 'moved:' });
    await brought(a, '/1');
    address.leadTo(other);
    const list = String(await redis.cli('CLIENT', 'LIST')).split('\n');
    const id = /^id=(\d+)/.exec(list.find((line) => / flags=t/.test(line)) ?? '')?.[1] as string;
    await redis.cli('CLIENT', 'KILL', 'ID', id);
    for (let i = 0; i < 100; i++) {
      expect((await a.get('/1')).version).toBe(1);
      await sleep(10);
    }
  });

  test('nothing is near where the client has selected another database than its options name', async () => {
    const made = (await CLIENTS[name]?.(redis.url)) as UsersClient;
    closing.push(() => made.end());
    const client = made.option as unknown as { select(database: number): Promise<unknown> };
    await client.select(5);
    origin = new Origin();
    const a = await startProcess(origin, { redis: made.option });
    closing.push(() => a.close());
    for (let i = 0; i < 20; i++) {
      expect((await a.get('/1')).near).toBe(false);
      await sleep(20);
    }
    expect(a.faults).toEqual([
      expect.objectContaining({ step: 'near', message: expect.stringMatching('database') }),
    ]);
  });

  test('a server that may not track is told of once, and the cache goes on without', async () => {
    await redis.cli('ACL', 'SETUSER', 'plain', 'on', '>secret', '~*', '&*', '+@all', '-client|tracking');
    closing.push(() => redis.cli('ACL', 'DELUSER', 'plain'));
    origin = new Origin();
    const a = await processOf(name, `redis://plain:secret@${redis.host}:${redis.port}`);
    for (let i = 0; i < 5; i++) await a.get('/1');
    await sleep(300);
    expect((await a.get('/1')).status).toMatch(/; hit; ttl=\d+$/);
    expect(a.faults).toEqual([expect.objectContaining({ step: 'near', code: 'NOPERM' })]);
  });

  test.each(Array.from({ length: sized(2, 8) }, (_, seed) => seed))(
    'a read that crosses a change is not kept, whichever connection breaks, in a fleet of several clients (seed %i)',
    async (seed) => {
      const networks = await Promise.all([0, 1, 2].map(() => startProxy(redis)));
      for (const network of networks) closing.push(() => network.stop());
      origin = new Origin();
      const clients = [name, 'a URL', name];
      const fleet = await Promise.all(networks.map(({ url }, i) => processOf(clients[i] as string, url)));
      await crossing(new Random(seed), redis, origin, fleet, networks);
    },
    30_000,
  );

  test('each master of a Cluster tells what changes there', async () => {
    const nodes = await sharedCluster(3);
    origin = new Origin();
    const clients = await Promise.all([name, 'ioredis 6'].map((each) => CLUSTERS[each]?.(nodes)));
    const fleet = await Promise.all(
      clients.map((client) => startProcess(origin, { redis: client?.option, prefix: 'one-connection:' })),
    );
    for (const process of fleet) closing.push(() => process.close());
    for (const client of clients) closing.push(() => client?.end());
    const [a, b] = fleet as [Process, Process];
    for (let i = 0; i < 20; i++) await brought(a, `/${i}`);
    for (let i = 0; i < 20; i++) origin.change(`/${i}`);
    await b.cache.purge({ all: true });
    for (let i = 0; i < 20; i++) await untilCurrent(a, origin, `/${i}`);
  });
});

describe('near is refused, with a reason,', () => {
  const refused = async (
    make: () => Promise<{ option: unknown; end(): void }> | undefined,
    reason: RegExp,
  ) => {
    const client = await make();
    closing.push(() => client?.end());
    expect(() => redisCache({ redis: client?.option as never, near: true })).toThrow(reason);
    await redisCache({ redis: client?.option as never }).close();
  };

  test('with Valkey GLIDE', () => {
    return refused(
      async () => CLIENTS['Valkey GLIDE']?.(redis.url) as never,
      /near.*GLIDE.*Pass an ioredis or node-redis client/,
    );
  });

  test('with a client of Sentinels of node-redis', () => {
    const client = {
      isOpen: false,
      withTypeMapping() {},
      sendCommand() {},
      getMasterNode() {},
      on() {},
      off() {},
    };
    const refusal = /near.*Sentinels.*Pass an ioredis client/;
    expect(() => redisCache({ redis: client as never, near: true })).toThrow(refusal);
  });

  test('with a pool of node-redis', () => {
    return refused(
      async () => OTHER_CLIENTS['a pool of node-redis 6']?.(redis.url) as never,
      /near.*pool.*Pass an ioredis client/,
    );
  });
});
