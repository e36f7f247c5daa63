import type { RedisClient } from '../../options/redis.ts';
import { isHashed } from '../ids.ts';
import { keyPrefixOf, parseKey } from './keys.ts';

/** How many keys one SCAN looks at. */
const BATCH = 500;
/** While slots move, a walk starts again at most this often. */
const MAX_WALKS = 10;

/** One server, whose keys SCAN walks over. */
export interface RedisNode {
  readonly options: { readonly keyPrefix?: string; readonly host?: string; readonly port?: number };
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
}

export interface ScannedId {
  readonly id: string;
  /** The cache key; `undefined` if the id is a hash and Redis has lost the key. */
  readonly key: string | undefined;
}

/**
 * The ids that have responses, or leases, on every master, in batches. An id that has them all the while is not left
 * out, whatever moves meanwhile. An id may come more than once.
 * @throws when slots of a Cluster move for too long.
 */
export async function* walk(
  client: RedisClient,
  prefix: string,
  of: 'responses' | 'leases',
): AsyncGenerator<ScannedId[], void> {
  let last: string | undefined;
  let unchangedWalks = 0;
  for (let walks = 0; walks < MAX_WALKS; walks++) {
    const nodes = await mastersOf(client);
    const before = await layoutOf(client, nodes);
    // The caller may have a deadline for each step.
    yield [];
    for (const node of nodes) yield* scanNode(client, node, prefix, of);
    const after = await layoutOf(client, nodes);
    const isUnchanged = before !== undefined && before === after;
    unchangedWalks = isUnchanged && (unchangedWalks === 0 || last === before) ? unchangedWalks + 1 : 0;
    last = after;
    // While a slot moves, its keys move in one direction. So the second of two walks finds what the first one missed.
    if (unchangedWalks > (before?.includes('[') ? 1 : 0)) return;
  }
  throw new Error('slots of the Cluster are moving');
}

async function* scanNode(
  client: RedisClient,
  node: RedisNode,
  prefix: string,
  of: 'responses' | 'leases',
): AsyncGenerator<ScannedId[], void> {
  let cursor = '0';
  do {
    const { next, keys } = await scanOnce(client, node, prefix, cursor, BATCH);
    cursor = next;
    const scanned = keys.map(async (key): Promise<ScannedId[]> => {
      const parsed = parseKey(prefix, key);
      if (parsed?.of !== of) return [];
      const { id } = parsed;
      if (!isHashed(id)) return [{ id, key: id }];
      const name = await client.call('HGET', key, '@').catch(() => undefined);
      return [{ id, key: typeof name === 'string' ? name : undefined }];
    });
    yield (await Promise.all(scanned)).flat();
  } while (cursor !== '0');
}

/** One step over the keys of a server under the prefix; `next` is '0' at the end. */
export async function scanOnce(
  client: RedisClient,
  node: RedisNode,
  prefix: string,
  cursor: string,
  count: number,
): Promise<{ next: string; keys: string[] }> {
  // SCAN matches and returns whole keys, while ioredis adds the client's own prefix to keys that it sends.
  const keyPrefix = keyPrefixOf(client);
  const pattern = `${escapeGlob(keyPrefix + prefix)}{*`;
  const reply = await node.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', count);
  const [next, keys] = reply as [string, string[]];
  return { next: String(next), keys: keys.map((key) => key.slice(keyPrefix.length)) };
}

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

function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\^]/g, '\\$&');
}

/** How many keys all masters have. */
export async function keyCount(client: RedisClient): Promise<number> {
  const masters = await mastersOf(client);
  const sizes = await Promise.all(masters.map((node) => node.call('DBSIZE')));
  return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
}
