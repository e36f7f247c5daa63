import { isAway, toFault } from '../fault.ts';
import type { Client, Server } from './client.ts';

/** Policies that evict nothing, or evict what expires last as the last: an index expires after what it lists. */
const SAFE_POLICIES: ReadonlySet<string> = new Set(['noeviction', 'volatile-ttl']);

/**
 * Whether the index of a tag may have been evicted while the responses that it lists were not: a server has evicted keys
 * since it started, by a policy that chooses them by use or at random. A server that does not tell counts as one that has.
 */
export async function mayHaveEvictedIndexes(client: Client): Promise<boolean> {
  const infos = await Promise.all((await client.servers()).map(infoOf));
  return infos.some((info) => {
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    const evicted = Number(/^evicted_keys:(\d+)/m.exec(info)?.[1]);
    if (policy !== undefined && SAFE_POLICIES.has(policy)) return false;
    return policy === undefined || evicted !== 0;
  });
}

async function infoOf(server: Server): Promise<string> {
  const sections = ['memory', 'stats'].map((name) => server.call('INFO', name));
  try {
    return (await Promise.all(sections)).join('\n');
  } catch (error) {
    if (isAway(toFault(error))) throw error;
    return '';
  }
}
