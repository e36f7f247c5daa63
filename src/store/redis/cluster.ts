import type { RedisClient } from '../../options/redis.ts';

/** The servers behind a client: one, or the masters of a Cluster. */

/** One server. */
export interface RedisNode {
  readonly options: { readonly keyPrefix?: string; readonly host?: string; readonly port?: number };
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
}

/** The servers that have keys. @throws when a Cluster has no master that is known. */
export async function mastersOf(client: RedisClient): Promise<RedisNode[]> {
  if (!client.isCluster) return [client as unknown as RedisNode];
  const cluster = client as unknown as {
    nodes(role: 'master'): RedisNode[];
    refreshSlotsCache(done: () => void): void;
  };
  // A client that connects on first use knows no nodes before.
  if (client.status === 'wait') await client.ping();
  // A slot may have moved, or a replica may have been promoted, without this client having noticed.
  await new Promise<void>((resolve) => cluster.refreshSlotsCache(resolve));
  const nodes = cluster.nodes('master');
  if (nodes.length === 0) throw new Error("Cluster isn't ready: no master is known");
  return nodes;
}

/**
 * Which servers there are and which slots they have, as they say themselves; `undefined` while that is inconsistent. A
 * walk was complete if the layout is the same before and after it.
 */
export async function layoutOf(
  client: RedisClient,
  nodes: readonly RedisNode[],
): Promise<string | undefined> {
  if (!client.isCluster) return runIdOf(client as unknown as RedisNode);
  const lines = await Promise.all(nodes.map(ownLine));
  const slots = lines.flatMap((line) => line.slots.filter((slot) => !slot.startsWith('[')));
  if (slots.reduce((sum, range) => sum + lengthOf(range), 0) !== 16_384) return undefined;
  if (!lines.every(({ flags }) => flags.includes('master'))) return undefined;
  return lines
    .map(({ id, epoch, slots }) => `${id} ${epoch} ${slots.join(' ')}`)
    .sort()
    .join('\n');
}

/** What CLUSTER NODES says of the node itself. The epoch grows with every slot that the node takes over. */
interface OwnLine {
  readonly id: string;
  readonly flags: string;
  readonly epoch: string;
  readonly slots: readonly string[];
}

async function ownLine(node: RedisNode): Promise<OwnLine> {
  const text = String(await node.call('CLUSTER', 'NODES'));
  const line = text.split('\n').find((line) => line.includes('myself')) ?? '';
  const [id = '', , flags = '', , , , epoch = '', , ...slots] = line.split(' ');
  return { id, flags, epoch, slots };
}

function lengthOf(range: string): number {
  const [from, to = from] = range.split('-').map(Number);
  return Number(to) - Number(from) + 1;
}

/** A server that has replaced the first one has another run id, and a cursor says nothing about its keys. */
async function runIdOf(node: RedisNode): Promise<string> {
  // A user who may not ask walks without this check.
  const info = String(await node.call('INFO', 'server').catch(() => ''));
  return /run_id:(\w+)/.exec(info)?.[1] ?? '';
}

/** How many keys all masters have. */
export async function keyCount(client: RedisClient): Promise<number> {
  const masters = await mastersOf(client);
  const sizes = await Promise.all(masters.map((node) => node.call('DBSIZE')));
  return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
}
