import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Stand } from '../coherence/support/stand.ts';
import { brought, Origin, type Process, startProcess, untilCurrent, urlOf } from '../near/support/stage.ts';
import { contract } from '../stores/support/contract.ts';
import { CLIENTS, CLUSTERS, SENTINELS, type UsersClient } from '../support/clients.ts';
import { type ShardedCluster, startShardedCluster } from '../support/cluster.ts';
import { obtainServer, SERVERS } from '../support/other-servers.cjs';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { startSentinels } from '../support/sentinel.ts';
import { storeOver } from '../support/store.ts';

/*
 * Redis 8 and Valkey 8, with each library: the contract of a store, near, a Cluster, and Sentinels. All other tests run on the
 * machine's own server; `npm run servers` runs those of the store on these, too. Where a server cannot be had, a test says why.
 */

jest.setTimeout(180_000);

const NEAR = ['ioredis 6', 'iovalkey', 'node-redis 6', 'node-redis 5'];
const PATHS = Array.from(
  { length: 24 },
  (_, i) => `/${i % 2 === 0 ? 'url' : 'key'}/${i % 3 === 0 ? 'vary-' : ''}${i}`,
);

/** The path of the program, or why there is none. */
function obtain(name: string): string | Error {
  try {
    return obtainServer(name);
  } catch (error) {
    return error as Error;
  }
}

describe.each(SERVERS)('%s', (name) => {
  const server = obtain(name);
  if (server instanceof Error) {
    test.skip(`cannot be had: ${server.message}`, () => {});
    return;
  }
  const before = process.env.REDIS_SERVER;
  const ends: (() => unknown)[] = [];
  let redis: RedisProcess;
  beforeAll(async () => {
    process.env.REDIS_SERVER = server;
    redis = await startRedis();
  });
  afterAll(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await redis.stop();
    if (before === undefined) delete process.env.REDIS_SERVER;
    else process.env.REDIS_SERVER = before;
  });

  async function optionOf(
    made: UsersClient | Promise<UsersClient> | undefined,
  ): Promise<UsersClient['option']> {
    const { option, end } = (await made) as UsersClient;
    ends.push(end);
    return option;
  }

  test('the server under test has the version that its name says', async () => {
    const info = String(await redis.cli('INFO', 'server'));
    const [product, major] = name.split(' ') as [string, string];
    expect(info).toMatch(
      new RegExp(`^${product === 'Valkey' ? 'valkey' : 'redis'}_version:${major}\\.`, 'm'),
    );
  });

  for (const [library, make] of Object.entries(CLIENTS)) {
    contract(`through ${library}`, async () => storeOver(await make(redis.url), `${library}:`));
  }

  test.each(NEAR)('what another process has purged is not near through %s', async (library) => {
    const origin = new Origin();
    const fleet = await Promise.all(
      [0, 1].map(async () => {
        const option = await optionOf(CLIENTS[library]?.(redis.url));
        return startProcess(origin, { redis: option, prefix: `near-${library.replace(' ', '-')}:` });
      }),
    );
    for (const process of fleet) ends.push(() => process.close());
    const [a, b] = fleet as [Process, Process];
    for (let i = 0; i < 3; i++) {
      await brought(a, '/1');
      origin.change('/1');
      await b.cache.purge({ url: urlOf('/1') });
      await untilCurrent(a, origin, '/1');
    }
  });

  describe('as a Cluster', () => {
    let cluster: ShardedCluster;
    beforeAll(async () => {
      cluster = await startShardedCluster({ replicas: 0 });
    });
    afterAll(() => cluster.stop());

    test.each(Object.keys(CLUSTERS))('is filled once and purged through %s', async (library) => {
      const options = await Promise.all(
        [0, 1].map(async () => ({
          redis: await optionOf(CLUSTERS[library]?.(cluster.nodes)),
          timeout: '10s' as const,
        })),
      );
      const stand = await Stand.start(options);
      try {
        await Promise.all(PATHS.flatMap((path) => [0, 0, 1, 1].map((process) => stand.ask(process, path))));
        expect(stand.runs).toBe(PATHS.length);
        for (const what of ['#1', '/url/2*', 'all']) {
          await stand.fill(PATHS);
          await stand.purgeSoon(0, what);
        }
        expect(await stand.countHits(1, PATHS)).toBe(0);
        expect(stand.wrong).toEqual([]);
      } finally {
        await stand.close();
      }
    });
  });

  test.each(['ioredis 6', 'node-redis 6'])(
    'behind Sentinels is followed by %s to the next master',
    async (library) => {
      const sentinels = await startSentinels();
      ends.push(() => sentinels.stop());
      const make = SENTINELS[library];
      const options = await Promise.all(
        [0, 1].map(async () => ({
          redis: await optionOf(make?.(sentinels.options)),
          timeout: '1s' as const,
        })),
      );
      const stand = await Stand.start(options);
      try {
        await stand.fill(PATHS);
        await stand.purgeSoon(0, 'all');
        await sentinels.failover();
        await stand.purgeSoon(1, 'all');
        await stand.fill(PATHS);
        expect(await stand.countHits(1, PATHS)).toBe(PATHS.length);
        await stand.purgeSoon(0, 'all');
        expect(await stand.countHits(1, PATHS)).toBe(0);
        expect(stand.wrong).toEqual([]);
      } finally {
        await stand.close();
      }
    },
  );
});
