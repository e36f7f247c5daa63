import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Cluster, type ClusterOptions } from 'ioredis';
import type { RedisOption } from '../../src/index.ts';
import { brought, Origin, type Process, purged, startProcess, untilCurrent } from '../near/support/stage.ts';
import { CLUSTERS, type UsersClient } from '../support/clients.ts';
import { type HeldKey, type ShardedCluster, startShardedCluster } from '../support/cluster.ts';
import { sized } from '../support/long.ts';
import { uniquePrefix } from '../support/prefix.ts';
import type { RedisProcess } from '../support/redis.ts';
import { covers, Stand } from './support/stand.ts';

/*
 * What the cache promises holds on a real Cluster, whose slots move and whose masters die. The masters are three, with
 * a replica each; a fourth has no slots yet.
 */

jest.setTimeout(60_000);

const PREFIX = uniquePrefix();

let cluster: ShardedCluster;
beforeAll(async () => {
  cluster = await startShardedCluster({ spares: 1 });
});
afterAll(() => cluster.stop());

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await cluster.revive();
});

type Given = () => RedisOption | Promise<RedisOption>;
type Way = [name: string, redis: Given];
const NODES: Way = ['the nodes of a Cluster', () => ({ cluster: cluster.nodes })];
const USERS: Way[] = Object.entries(CLUSTERS).map(([name, make]) => [
  `the app's own ${name} Cluster`,
  async () => usersOwn(await make(cluster.nodes)),
]);
const WAYS: Way[] = [NODES, ...USERS];

function wayOf(library: string): Way {
  return USERS.find(([name]) => name.includes(library)) as Way;
}

function usersOwn({ option, end }: UsersClient): RedisOption {
  closing.push(end);
  return option;
}

function clusterWith(options: ClusterOptions): RedisOption {
  const client = new Cluster(cluster.nodes, options as object);
  client.on('error', () => {});
  return usersOwn({ option: client, end: () => client.disconnect() });
}

/** @param processes how each of them is given the Cluster. */
async function standOf(...processes: Given[]): Promise<Stand> {
  const options = await Promise.all(processes.map(async (redis) => ({ redis: await redis() })));
  const stand = await Stand.start(options);
  closing.push(() => stand.close());
  return stand;
}

const PATHS = Array.from({ length: 48 }, (_, i) => {
  return `/${i % 2 === 0 ? 'url' : 'key'}/${i % 3 === 0 ? 'vary-' : ''}${i}`;
});
/** So few that each is often asked for. */
const HOT = PATHS.slice(0, 4);

async function slotsOf(stand: Stand): Promise<number[]> {
  return [...new Set((await cluster.keys(stand.prefix)).map(({ slot }) => slot))];
}

async function anotherMaster(slot: number, step = 1): Promise<RedisProcess> {
  const masters = await cluster.masters();
  const at = masters.indexOf(await cluster.masterOf(slot));
  return masters[(at + step) % masters.length] as RedisProcess;
}

describe.each(WAYS)('over %s', (_name, redis) => {
  test('keys of every master are filled once, for all processes', async () => {
    // A busy machine is no Redis that is away: nobody gives up waiting for it.
    const options = await Promise.all(
      [0, 1].map(async () => ({ redis: await redis(), timeout: '10s' as const })),
    );
    const stand = await Stand.start(options);
    closing.push(() => stand.close());
    await stand.purgeSoon(0, 'all');
    await stand.purgeSoon(1, 'all');
    await Promise.all(PATHS.flatMap((path) => [0, 0, 1, 1].map((process) => stand.ask(process, path))));
    expect(stand.runs).toBe(PATHS.length);
    expect(await stand.countHits(0, PATHS)).toBe(PATHS.length);
    expect(await stand.countHits(1, PATHS)).toBe(PATHS.length);
    expect(new Set((await cluster.keys(stand.prefix)).map(({ master }) => master)).size).toBe(3);
    expect(stand.wrong).toEqual([]);
  });
});

describe.each(sized([NODES, wayOf('node-redis 6')], WAYS))('over %s', (_name, redis) => {
  test('a purge takes what it names on whatever master, and nothing else', async () => {
    const stand = await standOf(redis, redis);
    const foreign = new Cluster(cluster.nodes);
    closing.push(() => foreign.disconnect());
    const others = Array.from({ length: 60 }, (_, i) => `${i % 2 ? 'foreign' : 'x'}${stand.prefix}{${i}}`);
    await Promise.all(others.map((key) => foreign.set(key, key)));
    await stand.fill(PATHS);
    const [purged, kept] = [PATHS.slice(0, 24), PATHS.slice(24)];
    for (const path of purged) expect(await stand.purge(0, path)).toBe(true);
    expect(await stand.countHits(1, purged)).toBe(0);
    expect(await stand.countHits(1, kept)).toBe(kept.length);
    await stand.fill(PATHS);
    expect(await stand.caches[0]?.purge({ all: true })).toBe(PATHS.length);
    expect(await stand.countHits(1, PATHS)).toBe(0);
    await stand.fill(PATHS);
    expect(await stand.purge(1, 'all')).toBe(true);
    expect(await stand.countHits(0, PATHS)).toBe(0);
    for (const what of ['#1', '/url/2*', '/url/*']) {
      for (const soft of [false, true]) {
        await stand.fill(PATHS);
        const count = PATHS.filter((path) => covers(what, path)).length;
        expect(await stand.purge(0, what, soft)).toBe(true);
        expect(await stand.countHits(1, PATHS)).toBe(PATHS.length - count);
      }
    }
    await stand.fill(PATHS);
    expect(await stand.purge(1, 'all', true)).toBe(true);
    expect(await stand.countHits(0, PATHS)).toBe(0);
    expect(await Promise.all(others.map((key) => foreign.get(key)))).toEqual(others);
    expect(stand.wrong).toEqual([]);
  });
});

/** node-redis 5 waits for a master that has died for as long as it takes: docs/clients.md. */
const FOLLOWING = WAYS.filter(([name]) => !name.includes('node-redis 5'));

describe.each(sized([wayOf('ioredis 5'), wayOf('node-redis 6')], FOLLOWING))('over %s', (_name, redis) => {
  test('slots move while requests and purges run, and no answer is wrong', async () => {
    const stand = await standOf(redis, redis, redis);
    await stand.fill(HOT);
    const slots = await slotsOf(stand);
    const move = async (): Promise<void> => {
      for (const slot of slots) {
        await cluster.moveSlot(slot, await anotherMaster(slot), { pause: 30 });
      }
    };
    await stand.loaded(HOT, move());
    for (const path of HOT) await stand.purgeSoon(1, path);
    await stand.fill(HOT);
    await stand.purgeSoon(2, 'all');
    expect(await stand.countHits(0, HOT)).toBe(0);
    expect(stand.wrong).toEqual([]);
  });

  test('a master dies, requests are answered, and what it stored is found at its replica', async () => {
    const stand = await standOf(redis, redis);
    await stand.fill(PATHS);
    for (const path of PATHS.slice(0, 12)) await stand.purgeSoon(0, path);
    await stand.fill(PATHS);
    stand.age();
    const [slot] = (await slotsOf(stand)) as [number];
    await cluster.replicated();
    // No purge meanwhile: one that the master confirms and has not replicated is lost with it.
    await stand.loaded(PATHS, cluster.killMaster(slot), { purges: false });
    await stand.fill(PATHS);
    const found = await Promise.all(PATHS.map((path) => stand.ask(1, path)));
    expect(found.filter(({ hit, old }) => hit && old)).toHaveLength(PATHS.length);
    await stand.loaded(PATHS, sleep(500));
    for (const path of PATHS) await stand.purgeSoon(1, path);
    expect(await stand.countHits(0, PATHS)).toBe(0);
    await stand.fill(PATHS);
    for (const tag of ['#0', '#1', '#2']) await stand.purgeSoon(0, tag);
    expect(await stand.countHits(1, PATHS)).toBe(0);
    expect(stand.wrong).toEqual([]);
  });
});

describe('a purge of everything', () => {
  const [, redis] = NODES;

  test.each<[string, () => RedisOption | Promise<RedisOption>]>([
    ['one master', () => ({ cluster: cluster.nodes.slice(0, 1) })],
    ['a replica', async () => ({ cluster: (await cluster.replicasOf(0)).map(({ url }) => url) })],
    ['a client that is not connected yet', () => clusterWith({ lazyConnect: true })],
  ])('is complete as the first thing that a process does, which knows %s', async (_name, given) => {
    const stand = await standOf(redis);
    await stand.fill(PATHS);
    const late = await stand.add({ redis: await given() });
    await stand.purgeSoon(late, 'all');
    expect(await stand.countHits(0, PATHS)).toBe(0);
    expect(stand.wrong).toEqual([]);
  });

  test('is complete at a process that has not heard of a new master', async () => {
    const stand = await standOf(redis, redis);
    await stand.fill(PATHS);
    const [spare] = (await cluster.spares()) as [RedisProcess];
    const [slot] = (await slotsOf(stand)) as [number];
    const home = await cluster.masterOf(slot);
    closing.push(() => cluster.moveSlot(slot, home));
    await cluster.moveSlot(slot, spare);
    await stand.countHits(0, PATHS);
    await stand.purgeSoon(1, 'all');
    expect(await stand.countHits(0, PATHS)).toBe(0);
    expect(stand.wrong).toEqual([]);
  });

  test('is complete at a process that has not heard of masters that became replicas', async () => {
    const stand = await standOf(redis, redis);
    await stand.fill(PATHS);
    const [slot] = (await slotsOf(stand)) as [number];
    await cluster.switchMaster(slot);
    await stand.countHits(0, PATHS);
    await stand.purgeSoon(1, 'all');
    expect(await stand.countHits(0, PATHS)).toBe(0);
    expect(stand.wrong).toEqual([]);
  });

  test('is complete at a process that has not heard of a failover', async () => {
    const stand = await standOf(redis, redis);
    await stand.fill(PATHS);
    const [slot] = (await slotsOf(stand)) as [number];
    await cluster.replicated();
    await cluster.killMaster(slot);
    await stand.soon(async () => (await stand.countHits(0, PATHS)) === PATHS.length, 'all are hits');
    await stand.purgeSoon(1, 'all');
    expect(await stand.countHits(0, PATHS)).toBe(0);
    expect(stand.wrong).toEqual([]);
  });

  test('is complete while slots move from masters that it has not walked to those that it has', async () => {
    const stand = await standOf(redis, redis);
    await weighDown(stand.prefix, sized(10_000, 20_000));
    const startedAt = performance.now();
    await stand.purgeSoon(1, 'all');
    const walk = performance.now() - startedAt;
    for (let round = 0; round < sized(2, 5); round++) {
      await stand.fill(PATHS);
      const held = await cluster.keys(stand.prefix);
      const masters = [...new Set(held.map(({ master }) => master))];
      // From each master to the next, or from each to the one before, at whatever moment of the walk.
      const move = async (at: RedisProcess, nth: number): Promise<void> => {
        const slots = [...new Set(held.filter(({ master }) => master === at).map(({ slot }) => slot))];
        await sleep(walk * Math.random());
        await cluster.moveSlot(
          slots[nth] as number,
          await anotherMaster(slots[nth] as number, 1 + (round % 2)),
        );
      };
      const moves = Promise.all(masters.flatMap((master) => [move(master, 0), move(master, 1)]));
      const confirmed = await stand.purge(1, 'all');
      // One that is confirmed holds at once; another is promised nothing until it is asked again.
      if (confirmed) await stand.countHits(0, PATHS);
      await moves;
      if (!confirmed) await stand.purgeSoon(1, 'all');
      await stand.countHits(0, PATHS);
    }
    expect(stand.wrong).toEqual([]);
  });

  test('is confirmed while a slot that holds nothing of it stands between two masters', async () => {
    const stand = await standOf(redis, redis);
    await stand.fill(PATHS);
    const taken = await slotsOf(stand);
    const slot = Array.from({ length: 100 }, (_, i) => i).find((slot) => !taken.includes(slot)) as number;
    const move = await cluster.beginMove(slot, await anotherMaster(slot));
    closing.push(move.end);
    await stand.purgeSoon(1, 'all');
    expect(await stand.countHits(0, PATHS)).toBe(0);
    expect(stand.wrong).toEqual([]);
  });

  test('is complete where a slot stands between two masters, if it is confirmed then, and confirmed after', async () => {
    const stand = await standOf(redis, redis);
    await stand.fill(PATHS);
    const [slot] = (await slotsOf(stand)) as [number];
    const move = await cluster.beginMove(slot, await anotherMaster(slot));
    closing.push(move.end);
    for (const key of await move.keys()) await move.take(key);
    if (await stand.purge(1, 'all')) await stand.countHits(0, PATHS);
    await move.end();
    await stand.countHits(0, PATHS);
    await stand.purgeSoon(1, 'all');
    await stand.countHits(0, PATHS);
    expect(stand.wrong).toEqual([]);
  });
});

describe('a purge', () => {
  test.each([
    ['a key', '/key/vary-1'],
    ['a tag', '#1'],
    ['everything', 'all'],
  ])('of %s leaves no part of it behind where a slot is half moved', async (_name, what) => {
    // Redis refuses what needs keys of both sides for as long as that lasts; no need to wait for it long.
    const redis = (): RedisOption => clusterWith({ retryDelayOnTryAgain: 5 });
    const stand = await standOf(redis, redis);
    const path = '/key/vary-1';
    const languages = ['de', 'en', 'fr'];
    const askEach = async (): Promise<void> => {
      for (const language of languages) await stand.ask(0, path, { language });
    };
    // Each part is left alone, or moved alone; in the long run both.
    const times = sized(1, 2);
    let parts = 1;
    for (let i = 0; i < times * parts; i++) {
      for (const language of ['de', 'en']) await stand.untilHit(1, path, { language });
      stand.holds = true;
      const filling = stand.ask(0, path, { language: 'fr' });
      await stand.soon(() => stand.running.length === 1, 'the fill is under way');
      stand.holds = false;
      const keys = (await cluster.keys(stand.prefix)).sort((a, b) => (a.key < b.key ? -1 : 1));
      parts = keys.length;
      const chosen = keys[Math.floor(i / times) % parts] as HeldKey;
      const move = await cluster.beginMove(chosen.slot, await anotherMaster(chosen.slot));
      // Each of the keys by itself on either side.
      for (const { key, slot } of keys) {
        if (slot === chosen.slot && (key === chosen.key) === (i % 2 === 0)) await move.take(key);
      }
      await stand.purge(1, what);
      stand.running.pop()?.finish();
      await filling;
      await askEach();
      await move.end();
      await askEach();
      await stand.purgeSoon(1, what);
    }
    expect(stand.wrong).toEqual([]);
  });
});

test('a lease outlives the master: one of a dead process by its five seconds at most, a purged one not at all', async () => {
  const [, redis] = NODES;
  const stand = await standOf(redis, redis);
  await stand.expectLeasesToEnd(async () => {
    const [slot] = (await slotsOf(stand)) as [number];
    await cluster.replicated();
    await cluster.killMaster(slot);
  });
  expect(stand.wrong).toEqual([]);
});

describe('what is kept near', () => {
  const near = Array.from({ length: 12 }, (_, i) => `/${i}`);

  /** Every path, near at both processes. */
  async function nearEverywhere(origin: Origin): Promise<[Process, Process]> {
    const processes = await Promise.all(
      [0, 1].map(() => startProcess(origin, { redis: { cluster: cluster.nodes }, prefix: PREFIX })),
    );
    for (const process of processes) closing.push(() => process.close());
    for (const process of processes) for (const path of near) await brought(process, path);
    return processes as [Process, Process];
  }

  async function changed(origin: Origin, by: Process, others: Process[]): Promise<void> {
    for (const path of near) origin.change(path);
    for (const path of near) await purged(by, path);
    for (const path of near) expect((await by.get(path)).version).toBe(origin.version(path));
    for (const other of others) for (const path of near) await untilCurrent(other, origin, path);
  }

  test('goes when it changes, on whatever master, and when its slot has moved', async () => {
    const origin = new Origin();
    const [a, b] = await nearEverywhere(origin);
    await changed(origin, b, [a]);
    for (const process of [a, b]) for (const path of near) await brought(process, path);
    const slots = new Set((await cluster.keys(PREFIX)).map(({ slot }) => slot));
    for (const slot of slots) await cluster.moveSlot(slot, await anotherMaster(slot));
    await changed(origin, b, [a]);
    for (const process of [a, b]) for (const path of near) await brought(process, path);
  });

  test('goes when its master has died', async () => {
    const origin = new Origin();
    const [a, b] = await nearEverywhere(origin);
    const [{ slot }] = (await cluster.keys(PREFIX)) as [HeldKey];
    await cluster.replicated();
    await cluster.killMaster(slot);
    await changed(origin, b, [a]);
    for (const process of [a, b]) for (const path of near) await brought(process, path);
  });
});

/** Gives every master as many foreign keys, for a walk over all keys to take a while, until the test ends. */
async function weighDown(name: string, count: number): Promise<void> {
  const client = new Cluster(cluster.nodes);
  const tags = new Map<RedisProcess, string>();
  for (let i = 0; tags.size < 3; i++) {
    const tag = `{${i}}`;
    tags.set(await cluster.masterOf(await client.cluster('KEYSLOT', tag)), tag);
  }
  const onEach = async (script: string): Promise<void> => {
    for (const tag of tags.values()) await client.eval(script, 1, `foreign-${name}${tag}`, count);
  };
  closing.push(async () => {
    await onEach("for i = 1, ARGV[1] do redis.call('DEL', KEYS[1] .. i) end");
    client.disconnect();
  });
  await onEach("for i = 1, ARGV[1] do redis.call('SET', KEYS[1] .. i, 1) end");
}
