import { RedisMemoryServer } from 'redis-memory-server';
import { obtainRedisServer } from './redis-binary.cjs';
import { SharedServers } from './shared-servers.ts';

declare global {
  var testRedis: RedisMemoryServer | undefined;
  var testServers: SharedServers | undefined;
}

/** One redis-server for the whole run. Test files share it, each under its own prefix (`prefix.ts`). */
export default async function setup(): Promise<void> {
  const systemBinary = obtainRedisServer();
  // The workers inherit the environment: servers that a test starts itself are the same binary.
  process.env.REDIS_SERVER = systemBinary;
  globalThis.testRedis = await RedisMemoryServer.create({ autoStart: true, binary: { systemBinary } });
  const [host, port] = await Promise.all([globalThis.testRedis.getHost(), globalThis.testRedis.getPort()]);
  process.env.TEST_REDIS_URL = `redis://${host}:${port}`;
  globalThis.testServers = new SharedServers();
  process.env.TEST_SERVERS_URL = await globalThis.testServers.listen();
}
