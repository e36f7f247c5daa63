/* Checked by the compiler, never run: clients of every library are options as they are. */

import type { GlideClient, GlideClusterClient } from '@valkey/valkey-glide';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { redisCache } from 'redis-response-cache';
import { createClient as createClient5, createCluster as createCluster5 } from 'redis5';

declare const glide: GlideClient;
declare const glideCluster: GlideClusterClient;

redisCache({ redis: new Redis() });
redisCache({ redis: new Cluster([]) });
redisCache({ redis: new Redis5() });
redisCache({ redis: new Cluster5([]) });
redisCache({ redis: new Valkey() });
redisCache({ redis: new ValkeyCluster([]) });
redisCache({ redis: createClient() });
redisCache({ redis: createClient({ RESP: 2, keyPrefix: 'app:' }) });
redisCache({ redis: createClientPool() });
redisCache({ redis: createSentinel({ name: 'main', sentinelRootNodes: [] }) });
redisCache({ redis: createCluster({ rootNodes: [] }) });
redisCache({ redis: createClient5() });
redisCache({ redis: createCluster5({ rootNodes: [] }) });
redisCache({ redis: glide });
redisCache({ redis: glideCluster });
redisCache({ redis: 'valkeys://localhost' });
redisCache({ redis: { host: 'localhost' } });
redisCache({ redis: { cluster: ['redis://localhost'] } });
// @ts-expect-error: it is no client, and names no server.
redisCache({ redis: 5 });
// @ts-expect-error: a URL stands by itself.
redisCache({ redis: { url: 'redis://localhost' } });
