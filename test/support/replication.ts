import type { RedisProcess } from './redis.ts';
import { until } from './until.ts';

/* What Cluster and Sentinel have in common: masters and their replicas. */

/** For what servers tell each other, in milliseconds. */
const PATIENCE = 20_000;

/** What a server says of its replication: `role`, `master_link_status`, ... */
export async function replicationOf(server: RedisProcess): Promise<Map<string, string>> {
  const info = String(await server.call('INFO', 'replication'));
  return new Map(info.split('\r\n').map((line) => line.split(':', 2) as [string, string]));
}

/**
 * Waits until each replica among the servers has all that its master, also among them, has been told so far. Nothing
 * else outlives a master for certain: a test that kills one without this would test luck.
 */
export async function replicated(servers: readonly RedisProcess[]): Promise<void> {
  const offsets = new Map<string, number>();
  for (const server of servers) {
    const replication = await replicationOf(server);
    offsets.set(`${server.port}`, Number(replication.get('master_repl_offset')));
  }
  const caughtUp = async (server: RedisProcess): Promise<boolean> => {
    const replication = await replicationOf(server);
    if (replication.get('role') === 'master') return true;
    if (replication.get('master_link_status') !== 'up') return false;
    const offset = offsets.get(replication.get('master_port') as string) ?? 0;
    return Number(replication.get('slave_repl_offset')) >= offset;
  };
  await Promise.all(servers.map((server) => untilAgreed(() => caughtUp(server))));
}

/** As `until`, for what servers have to tell each other first. */
export function untilAgreed(probe: () => Promise<boolean>): Promise<void> {
  return until(probe, PATIENCE);
}
