import type { RedisClient } from '../../options/redis.ts';
import { isReadable, parseKey } from './keys.ts';

/** How many keys one SCAN looks at. */
const BATCH = 500;
/** A walk is begun anew this often while slots move, then it is given up. */
const WALKS = 10;

/** One server, whose keys SCAN walks. */
export interface RedisNode {
  readonly options: { readonly keyPrefix?: string; readonly host?: string; readonly port?: number };
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
}

/** An id that was met, and its cache key, unless that is known to nobody any more. */
export interface Met {
  readonly id: string;
  readonly key: string | undefined;
}

/**
 * The ids that have responses, or leases, in batches, on every master. None that is there all the while is left out,
 * whatever moves meanwhile; one may be met more than once.
 * @throws when slots of a Cluster move about for too long.
 */
export async function* walk(
  client: RedisClient,
  prefix: string,
  of: 'responses' | 'leases',
): AsyncGenerator<Met[], void> {
  let last: string | undefined;
  let quiet = 0;
  for (let walks = 0; walks < WALKS; walks++) {
    const nodes = await mastersOf(client);
    const before = await layoutOf(client, nodes);
    // Whoever walks along may have a deadline for each step.
    yield [];
    for (const node of nodes) yield* scan(client, node, prefix, of);
    const after = await layoutOf(client, nodes);
    const same = before !== undefined && before === after;
    quiet = same && (quiet === 0 || last === before) ? quiet + 1 : 0;
    last = after;
    // While a slot moves its keys go one way, so the second of two walks meets what the first one missed.
    if (quiet > (before?.includes('[') ? 1 : 0)) return;
  }
  throw new Error('slots of the Cluster are moving');
}

async function* scan(
  client: RedisClient,
  node: RedisNode,
  prefix: string,
  of: 'responses' | 'leases',
): AsyncGenerator<Met[], void> {
  let cursor = '0';
  do {
    const { next, keys } = await scanOnce(client, node, prefix, cursor, BATCH);
    cursor = next;
    const met = keys.map(async (key): Promise<Met[]> => {
      const parsed = parseKey(prefix, key);
      if (parsed?.of !== of) return [];
      const { id } = parsed;
      if (isReadable(id)) return [{ id, key: id }];
      const name = await client.call('HGET', key, '@').catch(() => undefined);
      return [{ id, key: typeof name === 'string' ? name : undefined }];
    });
    yield (await Promise.all(met)).flat();
  } while (cursor !== '0');
}

/** One step over the keys of a server that are under the prefix; `next` is '0' at the end. */
export async function scanOnce(
  client: RedisClient,
  node: RedisNode,
  prefix: string,
  cursor: string,
  count: number,
): Promise<{ next: string; keys: string[] }> {
  // SCAN gives keys whole, while ioredis puts the client's own prefix in front of what it sends.
  const ahead = keyPrefixOf(client);
  const pattern = `${globEscaped(ahead + prefix)}{*`;
  const answer = await node.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', count);
  const [next, keys] = answer as [string, string[]];
  return { next: String(next), keys: keys.map((key) => key.slice(ahead.length)) };
}

export async function mastersOf(client: RedisClient): Promise<RedisNode[]> {
  if (!client.isCluster) return [client as unknown as RedisNode];
  const cluster = client as unknown as {
    nodes(role: 'master'): RedisNode[];
    refreshSlotsCache(done: () => void): void;
  };
  // One that is to connect when it is first used knows nobody before.
  if (client.status === 'wait') await client.ping();
  // A slot that has moved, or a replica that was promoted, may not have met anybody here yet.
  await new Promise<void>((resolve) => cluster.refreshSlotsCache(resolve));
  const nodes = cluster.nodes('master');
  if (nodes.length === 0) throw new Error("Cluster isn't ready: no master is known");
  return nodes;
}

/**
 * What the servers are and have, by their own word, or `undefined` while it does not add up. It stays the same over a
 * walk that met everything.
 */
async function layoutOf(client: RedisClient, nodes: readonly RedisNode[]): Promise<string | undefined> {
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

/** What a node of a Cluster says of itself. Its epoch grows with every slot that it takes over. */
interface Own {
  readonly id: string;
  readonly flags: string;
  readonly epoch: string;
  readonly slots: readonly string[];
}

async function ownLine(node: RedisNode): Promise<Own> {
  const text = String(await node.call('CLUSTER', 'NODES'));
  const line = text.split('\n').find((line) => line.includes('myself')) ?? '';
  const [id = '', , flags = '', , , , epoch = '', , ...slots] = line.split(' ');
  return { id, flags, epoch, slots };
}

function lengthOf(range: string): number {
  const [from, to = from] = range.split('-').map(Number);
  return Number(to) - Number(from) + 1;
}

/** Another server answers with another id: one that came in the place of the first, whose keys a cursor says nothing of. */
async function runIdOf(node: RedisNode): Promise<string> {
  // Who may not ask does without.
  const info = String(await node.call('INFO', 'server').catch(() => ''));
  return /run_id:(\w+)/.exec(info)?.[1] ?? '';
}

export function keyPrefixOf(client: RedisClient): string {
  return (client.options as { keyPrefix?: string }).keyPrefix ?? '';
}

function globEscaped(text: string): string {
  return text.replace(/[*?[\]\\^]/g, '\\$&');
}
