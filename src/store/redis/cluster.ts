import type { Client, Server } from './client.ts';

/**
 * Which servers there are and which slots they have, as they say themselves; `undefined` while that is inconsistent. A
 * walk was complete if the layout is the same before and after it.
 */
export async function layoutOf(client: Client, servers: readonly Server[]): Promise<string | undefined> {
  if (!client.isCluster) return (await Promise.all(servers.map(runIdOf))).join();
  const lines = await Promise.all(servers.map(ownLine));
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

async function ownLine(server: Server): Promise<OwnLine> {
  const text = String(await server.call('CLUSTER', 'NODES'));
  const line = text.split('\n').find((line) => line.includes('myself')) ?? '';
  const [id = '', , flags = '', , , , epoch = '', , ...slots] = line.split(' ');
  return { id, flags, epoch, slots };
}

function lengthOf(range: string): number {
  const [from, to = from] = range.split('-').map(Number);
  return Number(to) - Number(from) + 1;
}

/** A server that has replaced the first one has another run id, and a cursor says nothing about its keys. */
async function runIdOf(server: Server): Promise<string> {
  // A user who may not ask walks without this check.
  const info = String(await server.call('INFO', 'server').catch(() => ''));
  return /run_id:(\w+)/.exec(info)?.[1] ?? '';
}

/** How many keys all masters have. */
export async function keyCount(client: Client): Promise<number> {
  const servers = await client.servers();
  const sizes = await Promise.all(servers.map((server) => server.call('DBSIZE')));
  return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
}
