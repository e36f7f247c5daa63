import { afterAll, beforeAll } from '@jest/globals';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { CLIENTS, CLUSTERS, OTHER_CLIENTS } from '../support/clients.ts';
import { sharedCluster } from '../support/cluster.ts';
import type { RedisProcess } from '../support/redis.ts';
import { startRedis } from '../support/redis.ts';
import { clientOf, clusterOf, stagingStoreOf, storeOf, storeOver } from '../support/store.ts';
import { contract } from './support/contract.ts';

let redis: RedisProcess;
let cluster: Pick<RedisProcess, 'url'>;
beforeAll(async () => {
  redis = await startRedis();
  const [url] = (await sharedCluster()) as [string];
  cluster = { url };
});
afterAll(() => redis.stop());

contract('the in-process store', () => memoryStore(Date.now));
for (const [name, client] of Object.entries({ ...CLIENTS, ...OTHER_CLIENTS })) {
  contract(`Redis through ${name}`, async () => storeOver(await client(redis.url), `${name}:`));
}
for (const [name, client] of Object.entries(CLUSTERS)) {
  contract(`a Cluster through ${name}`, async () => storeOver(await client([cluster.url]), `${name}:`));
}
contract('Redis through a client with a keyPrefix', () => {
  return storeOf(clientOf(redis, { keyPrefix: 'app[1]*?:' }), 'c:');
});
contract('Redis under a prefix of odd characters', () =>
  storeOf(clientOf(redis), 'a-z!$&()+,./;<=>@_`|~#"%\':'),
);
contract('Redis through a client that batches commands', () => {
  return storeOf(clientOf(redis, { enableAutoPipelining: true }), 'd:');
});
contract('Redis through a client that gives numbers as text', () => {
  return storeOf(clientOf(redis, { stringNumbers: true }), 'e:');
});
contract('a Cluster through a client with a keyPrefix', () => storeOf(clusterOf(cluster, 'app:'), 'f:'));

contract('Redis, values staged', () => stagingStoreOf(clientOf(redis, { keyPrefix: 'app:' }), 'g:'));
contract('Redis, values staged, through a client that batches commands', () => {
  return stagingStoreOf(clientOf(redis, { enableAutoPipelining: true }), 'h:', 10_000);
});
contract('a Cluster, values staged', () => stagingStoreOf(clusterOf(cluster), 'i:'));
