import { isHashed } from '../ids.ts';
import type { Client, Server } from './client.ts';
import { layoutOf } from './cluster.ts';
import { parseKey } from './keys.ts';
import { listIn } from './scripts.ts';

/** How many keys one SCAN looks at. */
const BATCH = 500;
/** While slots move, a walk starts again at most this often. */
const MAX_WALKS = 10;

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
  client: Client,
  prefix: string,
  of: 'responses' | 'leases',
): AsyncGenerator<ScannedId[], void> {
  let last: string | undefined;
  let unchangedWalks = 0;
  for (let walks = 0; walks < MAX_WALKS; walks++) {
    const servers = await client.servers();
    const before = await layoutOf(client, servers);
    // The caller may have a deadline for each step.
    yield [];
    for (const server of servers) yield* scanServer(client, server, prefix, of);
    const after = await layoutOf(client, servers);
    const isUnchanged = before !== undefined && before === after;
    unchangedWalks = isUnchanged && (unchangedWalks === 0 || last === before) ? unchangedWalks + 1 : 0;
    last = after;
    // While a slot moves, its keys move in one direction. So the second of two walks finds what the first one missed.
    if (unchangedWalks > (before?.includes('[') ? 1 : 0)) return;
  }
  throw new Error('slots of the Cluster are moving');
}

async function* scanServer(
  client: Client,
  server: Server,
  prefix: string,
  of: 'responses' | 'leases',
): AsyncGenerator<ScannedId[], void> {
  let cursor = '0';
  do {
    const { next, keys } = await scanOnce(client, server, prefix, cursor, BATCH);
    cursor = next;
    const scanned = keys.map(async (key): Promise<ScannedId[]> => {
      const parsed = parseKey(prefix, key);
      if (parsed?.of !== of) return [];
      const { id } = parsed;
      if (!isHashed(id)) return [{ id, key: id }];
      const name = await client.command('hget', key, '@').catch(() => undefined);
      return [{ id, key: typeof name === 'string' ? name : undefined }];
    });
    yield (await Promise.all(scanned)).flat();
  } while (cursor !== '0');
}

/** One step over the keys of a server under the prefix; `next` is '0' at the end. */
export async function scanOnce(
  client: Client,
  server: Server,
  prefix: string,
  cursor: string,
  count: number,
): Promise<{ next: string; keys: string[] }> {
  // SCAN matches and returns whole keys.
  const { keyPrefix } = client;
  const pattern = `${escapeGlob(keyPrefix + prefix)}{*`;
  const reply = await server.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', count);
  const [next, keys] = listIn('SCAN', reply);
  const names = listIn('SCAN', keys) as string[];
  return { next: String(next), keys: names.map((key) => key.slice(keyPrefix.length)) };
}

function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\^]/g, '\\$&');
}
