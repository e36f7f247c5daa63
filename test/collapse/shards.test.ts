import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { bare, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { CLUSTERS, type UsersClient } from '../support/clients.ts';
import { type ShardedCluster, startCluster, startShardedCluster } from '../support/cluster.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { awake, until } from '../support/until.ts';

/* On a Cluster, the message that a lease has ended stays in its shard, and is sent only where somebody waits for it. */

jest.setTimeout(60_000);

let cluster: ShardedCluster;
const ends: (() => unknown)[] = [];
beforeAll(async () => {
  cluster = await startShardedCluster({ replicas: 0 });
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
afterAll(() => cluster.stop());

/** How many messages were published on all masters, by command. */
async function published(): Promise<{ publish: number; spublish: number }> {
  const counts = { publish: 0, spublish: 0 };
  for (const master of await cluster.masters()) {
    const stats = String(await master.cli('INFO', 'commandstats'));
    for (const command of ['publish', 'spublish'] as const)
      counts[command] += Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
  }
  return counts;
}

/** In one process a request waits for the fill of another. @param after is called when it was answered. */
async function wokenThree(
  make: () => UsersClient | Promise<UsersClient>,
  after: () => Promise<void>,
): Promise<void> {
  const waiting: (() => void)[] = [];
  const prefix = uniquePrefix();
  const ports = await Promise.all(
    [0, 1].map(async () => {
      const { option, end } = await make();
      ends.push(end);
      const cache = newCache({ redis: option, prefix, timeout: '5s', collapse: { wait: '20s' } });
      return serve(bare(cache, (_req, res) => void waiting.push(() => res.end('made'))));
    }),
  );
  for (const path of ['/1', '/2', '/3']) {
    const first = ask(ports[0] as number, path);
    await until(() => waiting.length === 1);
    const second = ask(ports[1] as number, path);
    await awake(300);
    waiting.pop()?.();
    const endedAt = performance.now();
    expect((await second).body).toBe('made');
    // Without a message it would look again after half a second.
    expect(performance.now() - endedAt).toBeLessThan(400);
    await first;
    await after();
  }
}

describe.each(Object.entries(CLUSTERS))('through %s', (_name, make) => {
  test('a request that waits for another process is woken by one message in the shard', async () => {
    let { publish, spublish } = await published();
    await wokenThree(
      () => make(cluster.nodes),
      async () => expect(await published()).toEqual({ publish, spublish: ++spublish }),
    );
  });

  test('nothing is published where nobody waits', async () => {
    const { option, end } = await make(cluster.nodes);
    ends.push(end);
    const cache = newCache({ redis: option, prefix: uniquePrefix(), timeout: '5s' });
    const port = await serve(bare(cache, (_req, res) => void res.end('made')));
    const before = await published();
    for (let i = 0; i < 6; i++) await ask(port, `/${i}`);
    await cache.idle();
    await cache.purge({ all: true });
    expect(await published()).toEqual(before);
  });
});

test.each(['ioredis 6', 'node-redis 6'])(
  'through %s, servers without shard channels send it to all nodes',
  async (name) => {
    const without = ['SSUBSCRIBE', 'SPUBLISH'].flatMap((command) => ['--rename-command', command, '']);
    const old = await startCluster(...without);
    ends.push(() => old.stop());
    await wokenThree(
      () => CLUSTERS[name]?.([old.url]) as UsersClient,
      async () => {},
    );
  },
);
