import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { CacheOptions, PurgeOptions, PurgeTarget } from '../../src/index.ts';
import { Random } from '../coherence/model/random.ts';
import { type SlowNetwork, startProxy } from '../support/chaos.ts';
import { sharedCluster } from '../support/cluster.ts';
import { sized } from '../support/long.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { client5Of, clientOf, clusterOf } from '../support/store.ts';
import { awake } from '../support/until.ts';
import { crossing } from './support/crossing.ts';
import { brought, Origin, type Process, startProcess, untilCurrent, urlOf } from './support/stage.ts';

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

async function processOf(options: CacheOptions = {}): Promise<Process> {
  const process = await startProcess(origin, { redis: redis.url, ...options });
  closing.push(() => process.close());
  return process;
}

async function processes(count: number, options?: CacheOptions): Promise<Process[]> {
  origin = new Origin();
  return Promise.all(Array.from({ length: count }, () => processOf(options)));
}

function own(client: Redis): Redis {
  client.on('error', () => {});
  closing.push(() => client.disconnect());
  return client;
}

/** How often the server was asked for a stored response. */
async function reads(): Promise<number> {
  const stats = String(await redis.cli('INFO', 'commandstats'));
  return Number(/cmdstat_hget:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

describe('what was read lately is kept near', () => {
  test('answers without asking Redis, and says so', async () => {
    const [a] = (await processes(1)) as [Process];
    await brought(a, '/1');
    const before = await reads();
    for (let i = 0; i < 20; i++) expect(await a.get('/1')).toMatchObject({ near: true, version: 0 });
    expect(await reads()).toBe(before);
    expect((await a.get('/1')).status).toMatch(/^redis-response-cache; hit; ttl=\d+; detail=near$/);
  });

  test('answers each variant with its own', async () => {
    const [a] = (await processes(1)) as [Process];
    for (const kind of ['one', 'two', 'one', 'two']) await brought(a, '/vary', { 'x-kind': kind });
    expect((await brought(a, '/vary', { 'x-kind': 'one' })).body).toBe('/vary one is at 0');
    expect((await brought(a, '/vary', { 'x-kind': 'two' })).body).toBe('/vary two is at 0');
    expect((await a.get('/vary', { 'x-kind': 'three' })).body).toBe('/vary three is at 0');
  });

  test('is decoded once for a client without a coding', async () => {
    const [a] = (await processes(1, { compress: true })) as [Process];
    await brought(a, '/large', { 'accept-encoding': 'gzip' });
    let decoded = 0;
    const hook = createHook({
      init: (_id, type) => {
        if (/zlib/i.test(type)) decoded++;
      },
    }).enable();
    closing.push(() => hook.disable());
    expect((await a.get('/large', { 'accept-encoding': 'identity' })).body).toMatch(/x{50000}$/);
    expect(decoded).toBe(1);
  });

  test('answers a HEAD, a range and a condition from it', async () => {
    const [a] = (await processes(1)) as [Process];
    await brought(a, '/1');
    expect(await a.get('/1', { range: 'bytes=0-1' })).toMatchObject({ body: '/1', near: true });
    expect(await a.get('/1', { 'if-none-match': '"x"' })).toMatchObject({ near: true });
  });

  test('asks Redis where the client wants more, or what is near is stale', async () => {
    let now = Date.now();
    const [a] = (await processes(1, { clock: () => now, ttl: '1m' })) as [Process];
    await brought(a, '/1');
    expect((await a.get('/1', { 'cache-control': 'no-cache' })).status).toContain('fwd=request');
    await brought(a, '/1');
    now += 61_000;
    expect((await a.get('/1')).status).toContain('fwd=stale');
  });

  test('asks Redis anew when its time is over', async () => {
    const [a] = (await processes(1, { near: { ttl: 50 } })) as [Process];
    await brought(a, '/1');
    await sleep(60);
    expect((await a.get('/1')).near).toBe(false);
  });

  test('keeps no more than there is room for', async () => {
    const [a] = (await processes(1, { near: { maxSize: '200kb' } })) as [Process];
    await brought(a, '/large/0');
    for (let i = 1; i < 10; i++) await brought(a, `/large/${i}`);
    expect(await a.get('/large/0')).toMatchObject({ near: false, version: 0 });
    expect(await brought(a, '/large/9')).toMatchObject({ near: true });
  });

  test.each([
    ['of one process, with a prefix to its keys', () => own(clientOf(redis, { keyPrefix: 'app:' }))],
    ['of ioredis 5', () => client5Of(redis)],
    ['by RESP2', () => own(clientOf(redis, { protocol: 2 } as object))],
    ['by options', () => ({ host: redis.host, port: redis.port })],
  ])('works with a client %s', async (_name, client) => {
    origin = new Origin();
    const client1 = client();
    if ('disconnect' in client1) closing.push(() => (client1 as Redis).disconnect());
    const a = await processOf({ redis: client1 as never });
    const b = await processOf({ redis: client1 as never });
    await brought(a, '/1');
    origin.change('/1');
    await b.cache.purge({ url: urlOf('/1') });
    await untilCurrent(a, origin, '/1');
  });
});

test('nothing is near where the client has selected another database than its options name', async () => {
  origin = new Origin();
  const client = own(clientOf(redis));
  await client.select(5);
  const a = await processOf({ redis: client });
  for (let i = 0; i < 20; i++) {
    expect((await a.get('/1')).near).toBe(false);
    await sleep(20);
  }
});

const PURGES: [name: string, target: PurgeTarget, options: PurgeOptions][] = [
  ['the URL', { url: urlOf('/1') }, {}],
  ['the URL, softly', { url: urlOf('/1') }, { soft: true }],
  ['a tag', { tag: 'all' }, {}],
  ['a tag, softly', { tag: 'all' }, { soft: true }],
  ['a prefix', { prefix: '/1' }, {}],
  ['all', { all: true }, {}],
];

describe('what has changed is not near', () => {
  test.each(PURGES)('at once after a purge by %s in the same process', async (_name, target, options) => {
    const [a] = (await processes(1)) as [Process];
    for (let i = 0; i < 20; i++) {
      await brought(a, '/1');
      origin.change('/1');
      await a.cache.purge(target, options);
      expect((await a.get('/1')).version).toBe(origin.version('/1'));
    }
  });

  test.each(PURGES)(
    'at once after a purge by %s in the same process, though Redis is slow to say so',
    async (_name, target, options) => {
      origin = new Origin();
      const network = await heldReplies('listener');
      const a = await processOf({ redis: network.url });
      await brought(a, '/1');
      network.hold();
      origin.change('/1');
      await a.cache.purge(target, options);
      expect((await a.get('/1')).version).toBe(1);
      network.release();
    },
  );

  test.each(PURGES)(
    'as soon as Redis says so after a purge by %s elsewhere',
    async (_name, target, options) => {
      const [a, b] = (await processes(2)) as [Process, Process];
      for (let i = 0; i < 5; i++) {
        await brought(a, '/1');
        origin.change('/1');
        await b.cache.purge(target, options);
        await untilCurrent(a, origin, '/1');
      }
    },
  );

  test('when another process has stored it anew', async () => {
    const [a, b] = (await processes(2)) as [Process, Process];
    await brought(a, '/1');
    origin.change('/1');
    await b.get('/1', { 'cache-control': 'no-cache' });
    await untilCurrent(a, origin, '/1');
  });

  test('when somebody empties Redis', async () => {
    const [a] = (await processes(1)) as [Process];
    await brought(a, '/1');
    origin.change('/1');
    await redis.cli('FLUSHALL');
    await untilCurrent(a, origin, '/1');
  });

  test('when Redis forgets who keeps what, for want of room', async () => {
    const [a, b] = (await processes(2)) as [Process, Process];
    await redis.cli('CONFIG', 'SET', 'tracking-table-max-keys', '1');
    closing.push(() => redis.cli('CONFIG', 'SET', 'tracking-table-max-keys', '1000000'));
    for (let i = 0; i < 20; i++) await a.get(`/${i}`);
    for (let i = 0; i < 20; i++) await a.get(`/${i}`);
    for (let i = 0; i < 20; i++) origin.change(`/${i}`);
    await b.cache.purge({ all: true });
    for (let i = 0; i < 20; i++) await untilCurrent(a, origin, `/${i}`);
  });
});

describe('where Redis may not be heard, nothing is near', () => {
  test.each(['reader', 'listener'])('when the %s is closed by the server', async (which) => {
    const [a, b] = (await processes(2)) as [Process, Process];
    for (let i = 0; i < 5; i++) {
      await brought(a, '/1');
      const id = await connectionOf(which);
      origin.change('/1');
      await redis.cli('CLIENT', 'KILL', 'ID', id);
      await b.cache.purge({ url: urlOf('/1') });
      // It is told of changes again.
      await brought(a, `/other/${i}`);
      expect((await a.get('/1')).version).toBe(origin.version('/1'));
    }
  });

  test('when the network goes dark: for no longer than a sign of life is good', async () => {
    const network = await dark();
    origin = new Origin();
    const a = await processOf({ redis: network.url });
    const b = await processOf();
    await brought(a, '/1');
    network.dark = true;
    origin.change('/1');
    await b.cache.purge({ url: urlOf('/1') });
    await sleep(1600);
    expect(await a.get('/1')).toMatchObject({ near: false, version: 1 });
    network.dark = false;
    // In the long run, connections begun in the dark are given up after ten seconds without a sign of life.
    if (sized(true, false)) network.reset();
    await brought(a, '/1');
  }, 40_000);

  test('when Redis is gone; and what comes back is asked', async () => {
    const server = await startRedis();
    closing.push(() => server.stop());
    origin = new Origin();
    const a = await processOf({ redis: server.url });
    await brought(a, '/1');
    origin.change('/1');
    await server.restart();
    await untilCurrent(a, origin, '/1');
    await brought(a, '/1');
  });

  test('when the user may not have changes told: the cache goes on without, and says so', async () => {
    await redis.cli('ACL', 'SETUSER', 'plain', 'on', '>secret', '~*', '&*', '+@all', '-client|tracking');
    closing.push(() => redis.cli('ACL', 'DELUSER', 'plain'));
    const [a] = (await processes(1, {
      redis: { host: redis.host, port: redis.port, username: 'plain', password: 'secret' },
    })) as [Process];
    for (let i = 0; i < 5; i++) await a.get('/1');
    expect((await a.get('/1')).status).toMatch(/; hit; ttl=\d+$/);
    expect(a.faults).toEqual([expect.objectContaining({ step: 'near', code: 'NOPERM' })]);
  });
});

describe('a read that crosses a change is not kept', () => {
  test.each(['a purge elsewhere', 'a purge of its own', 'a loss of the connection that listens'])(
    'when its answer comes after %s',
    async (what) => {
      origin = new Origin();
      const network = await heldReplies('reader');
      const a = await processOf({ redis: network.url, timeout: '10s' });
      const b = await processOf();
      await brought(a, '/other');
      await b.get('/1');
      network.hold();
      const crossing = a.get('/1');
      await network.held;
      origin.change('/1');
      if (what.startsWith('a loss')) await redis.cli('CLIENT', 'KILL', 'ID', await connectionOf('listener'));
      await (what === 'a purge of its own' ? a : b).cache.purge({ url: urlOf('/1') });
      await awake(100);
      network.release();
      await crossing;
      await awake(100);
      expect(await a.get('/1')).toMatchObject({ near: false, version: 1 });
    },
  );

  test.each(Array.from({ length: sized(2, 8) }, (_, seed) => seed))(
    'whatever comes late, and whichever connection breaks (seed %i)',
    async (seed) => {
      const networks = await Promise.all([dark(), dark(), dark()]);
      origin = new Origin();
      const fleet = await Promise.all(networks.map(({ url }) => processOf({ redis: url })));
      await crossing(new Random(seed), redis, origin, fleet, networks);
    },
    30_000,
  );
});

describe('on a Cluster', () => {
  test('each master says what changes there', async () => {
    const [url] = (await sharedCluster()) as [string];
    origin = new Origin();
    const clients = [clusterOf({ url }, 'near:'), clusterOf({ url }, 'near:')];
    for (const client of clients) closing.push(() => client.disconnect());
    const [a, b] = (await Promise.all(clients.map((client) => processOf({ redis: client })))) as [
      Process,
      Process,
    ];
    for (let i = 0; i < 10; i++) await brought(a, `/${i}`);
    for (let i = 0; i < 10; i++) origin.change(`/${i}`);
    await b.cache.purge({ all: true });
    for (let i = 0; i < 10; i++) await untilCurrent(a, origin, `/${i}`);
  });
});

/** A network that can hold back what one of the two connections is told that a near cache has, and no other. */
async function heldReplies(which: 'reader' | 'listener'): Promise<{
  url: string;
  hold(): void;
  release(): void;
  held: Promise<unknown>;
}> {
  let holding: Buffer[] | undefined;
  let heldBack: Socket | undefined;
  let noted = (): void => {};
  const held = new Promise<void>((resolve) => {
    noted = resolve;
  });
  const server = createServer((client) => {
    const upstream = connect(redis.port, redis.host);
    client.on('data', (bytes) => {
      if (bytes.includes(which === 'reader' ? 'TRACKING' : '__redis__:invalidate')) heldBack = client;
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      // Its pings are answered.
      if (client !== heldBack || !holding || bytes.equals(PONG)) return void client.write(bytes);
      holding.push(bytes);
      noted();
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => {}).on('close', () => other.destroy());
    }
    closing.push(() => client.destroy());
  }).listen(0, redis.host);
  await once(server, 'listening');
  closing.push(() => server.close());
  return {
    url: `redis://${redis.host}:${(server.address() as AddressInfo).port}`,
    held,
    hold: () => {
      holding = [];
    },
    release: () => {
      for (const bytes of holding ?? []) heldBack?.write(bytes);
      holding = undefined;
    },
  };
}

const PONG = Buffer.from('+PONG\r\n');

async function dark(): Promise<SlowNetwork> {
  const network = await startProxy(redis);
  closing.push(() => network.stop());
  return network;
}

/** Of all processes there are, the one that listens or is told of changes. */
async function connectionOf(which: string): Promise<string> {
  const list = String(await redis.cli('CLIENT', 'LIST')).split('\n');
  const reader = list.find((line) => / flags=t /.test(line)) ?? '';
  const id = which === 'reader' ? /^id=(\d+)/.exec(reader) : / redir=(\d+)/.exec(reader);
  return id?.[1] ?? '';
}
