import { createHash } from 'node:crypto';
import type { RedisClient } from '../types.ts';
import { baseKey, indexKey, isLeases, leasesKey, variantKey } from './keys.ts';
import { ACQUIRE, COMMIT, HELD, PURGE, RELEASE, RENEW } from './scripts.ts';
import type { Acquired, Commit, Lease, Place, ReachableStore } from './store.ts';
import { type Subscriber, Wake } from './wake.ts';

/** How many keys one SCAN looks at, and one UNLINK takes. */
const BATCH = 500;

/** One server, whose keys SCAN walks. */
interface RedisNode {
  readonly options: { readonly keyPrefix?: string };
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
}

interface Script {
  readonly lua: string;
  readonly sha: string;
}

const script = (lua: string): Script => ({ lua, sha: createHash('sha1').update(lua).digest('hex') });
const acquire: Script = script(ACQUIRE);
const held: Script = script(HELD);
const renew: Script = script(RENEW);
const release: Script = script(RELEASE);
const commit: Script = script(COMMIT);
const purge: Script = script(PURGE);

const ACQUIRED = { 0: 'held', 1: 'leader', 2: 'changed', 3: 'futile', 4: 'alone' } as const;

/** The verbs over ioredis. It issues commands and nothing else: how long they may take is the guard's business. */
export class RedisStore implements ReachableStore {
  readonly #client: RedisClient;
  /** Hashes of the scripts whose text a server has been given: the first use costs one round trip, not two. */
  readonly #sent = new Set<string>();
  readonly #prefix: string;
  readonly #close: () => Promise<void>;
  readonly #wake: Wake;

  /** @param close closes the connection, where it is not the user's own. */
  constructor(client: RedisClient, prefix: string, close: () => Promise<void>) {
    this.#client = client;
    this.#prefix = prefix;
    this.#close = close;
    this.#wake = new Wake(() => subscriberOf(client));
  }

  /** Whether a command sent now would leave now, rather than wait for a connection that was lost. */
  get reachable(): boolean {
    const { status } = this.#client;
    return status === 'ready' || status === 'connecting' || status === 'connect' || status === 'wait';
  }

  async get(id: string, variants: readonly string[]): Promise<(Buffer | undefined)[]> {
    const base = baseKey(this.#prefix, id);
    if (variants.length === 1) {
      const key = variantKey(base, variants[0] as string);
      return [(await this.#client.getBuffer(key).catch(emptyIfWrongType)) ?? undefined];
    }
    const found = await this.#client.mgetBuffer(...variants.map((variant) => variantKey(base, variant)));
    return found.map((bytes) => bytes ?? undefined);
  }

  async acquire(lease: Lease, seen: Buffer, ttl: number): Promise<Acquired> {
    const base = baseKey(this.#prefix, lease.id);
    const keys = [leasesKey(base), variantKey(base, lease.variant)];
    const answer = await this.#run(acquire, keys, lease.variant, lease.token, ttl, seen);
    return ACQUIRED[answer as keyof typeof ACQUIRED];
  }

  async renew(lease: Lease, ttl: number): Promise<boolean> {
    const keys = [leasesKey(baseKey(this.#prefix, lease.id))];
    return (await this.#run(renew, keys, lease.variant, lease.token, ttl)) === 1;
  }

  wait({ id, variant }: Place, ms: number): Promise<void> {
    const key = leasesKey(baseKey(this.#prefix, id));
    // What a script publishes on has the client's own prefix in front, as its keys have.
    const channel = `${keyPrefixOf(this.#client)}${key}`;
    return this.#wake.wait(channel, ms, async () => (await this.#run(held, [key], variant)) === 0);
  }

  async release({ id, variant, token }: Lease, futile: number): Promise<void> {
    await this.#run(release, [leasesKey(baseKey(this.#prefix, id))], variant, token, futile);
  }

  async commit({ lease, slot, variant, names, bytes, ttl }: Commit): Promise<boolean> {
    const base = baseKey(this.#prefix, lease.id);
    const keys = [leasesKey(base), indexKey(base), variantKey(base, slot), variantKey(base, variant), base];
    const args = [lease.variant, lease.token, bytes, ttl, names.join(','), slot, variant];
    return (await this.#run(commit, keys, ...args)) === 1;
  }

  async discard({ id, variant }: Place): Promise<void> {
    await this.#client.unlink(variantKey(baseKey(this.#prefix, id), variant));
  }

  async purge(id: string): Promise<number> {
    const base = baseKey(this.#prefix, id);
    return this.#run(purge, [leasesKey(base), indexKey(base), base]);
  }

  async *purgeAll(): AsyncGenerator<number, void> {
    for await (const { node, keys } of this.#scan()) {
      await unlink(node, keys.filter(isLeases));
      yield 0;
    }
    for await (const { node, keys } of this.#scan()) {
      yield await unlink(node, keys);
    }
  }

  async ping(): Promise<void> {
    await this.#client.ping();
  }

  close(): Promise<void> {
    this.#wake.close();
    return this.#close();
  }

  /**
   * Runs a script by its hash, or by its text where the server doesn't know it (yet, or no longer). Its answer is a
   * number, which some clients are set to give as text.
   */
  async #run({ lua, sha }: Script, keys: string[], ...args: (string | number | Buffer)[]): Promise<number> {
    if (this.#sent.has(sha)) {
      try {
        return Number(await this.#client.evalsha(sha, keys.length, ...keys, ...args));
      } catch (error) {
        if (!isReply(error, 'NOSCRIPT')) throw error;
      }
    }
    const answer = Number(await this.#client.eval(lua, keys.length, ...keys, ...args));
    this.#sent.add(sha);
    return answer;
  }

  /** The keys under the prefix in batches, on every master, with the client's own `keyPrefix` in front. */
  async *#scan(): AsyncGenerator<{ node: RedisNode; keys: string[] }> {
    const nodes = mastersOf(this.#client);
    const pattern = `${globEscaped(keyPrefixOf(this.#client) + this.#prefix)}{*`;
    for (const node of nodes) {
      let cursor = '0';
      do {
        const [next, keys] = (await node.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', BATCH)) as [
          string,
          string[],
        ];
        cursor = next;
        if (keys.length > 0) yield { node, keys };
      } while (cursor !== '0');
    }
  }
}

function mastersOf(client: RedisClient): RedisNode[] {
  const cluster = client as unknown as { nodes?(role: 'master'): RedisNode[] };
  return cluster.nodes?.('master') ?? [client as unknown as RedisNode];
}

/**
 * Deletes keys of one node, key by key, sent together: on a Cluster they are of many slots. SCAN gives keys whole,
 * while ioredis prefixes what it sends. Returns how many were stored responses, by their first byte.
 */
async function unlink(node: RedisNode, keys: readonly string[]): Promise<number> {
  const prefixed = node.options.keyPrefix?.length ?? 0;
  const responses = await Promise.all(
    keys.map(async (whole) => {
      const key = whole.slice(prefixed);
      const first = node.call('GETRANGE', key, 0, 0).catch(() => '');
      const deleted = node.call('UNLINK', key);
      return (await first) === '\x01' && Number(await deleted) === 1;
    }),
  );
  return responses.filter(Boolean).length;
}

/** A connection of our own beside the client's: one that listens can do nothing else. */
function subscriberOf(client: RedisClient): Subscriber {
  const { duplicate } = client as unknown as { duplicate(...args: unknown[]): Subscriber };
  const options = { maxRetriesPerRequest: null, enableOfflineQueue: true, socketTimeout: undefined };
  return client.isCluster ? duplicate.call(client) : duplicate.call(client, options);
}

function keyPrefixOf(client: RedisClient): string {
  return (client.options as { keyPrefix?: string }).keyPrefix ?? '';
}

function globEscaped(text: string): string {
  return text.replace(/[*?[\]\\^]/g, '\\$&');
}

function isReply(error: unknown, code: string): boolean {
  return error instanceof Error && error.message.startsWith(code);
}

function emptyIfWrongType(error: unknown): Buffer {
  if (isReply(error, 'WRONGTYPE')) return Buffer.alloc(0);
  throw error;
}
