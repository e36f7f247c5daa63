import type { RedisClient } from '../../options/redis.ts';
import type {
  Place,
  Replacement,
  ScanPosition,
  ScanStep,
  StoredEntries,
  ValueDescription,
} from '../store.ts';
import { baseKey, isReadable, parseKey } from './keys.ts';
import { DESCRIBE, REPLACE } from './lua/entry-scripts.ts';
import { mastersOf, type RedisNode, scanOnce } from './scan.ts';
import { type Scripts, script } from './scripts.ts';
import type { RedisIndex } from './tag-index.ts';

const describe = script(DESCRIBE);
const replace = script(REPLACE);

/** How many bytes of stored values one script reads, so that Redis is soon free for others. */
const READ_AT_ONCE = 4 * 1024 * 1024;

/** Where the order of storing is kept, for `maxEntries`. */
interface Order {
  /** What a script about an id is given. */
  keys(id: string): string[];
  /** Whether it is in another slot than the ids. */
  readonly elsewhere: boolean;
}

/** The verbs of whoever looks after what is stored, over ioredis. */
export class RedisEntries implements StoredEntries {
  readonly #client: RedisClient;
  readonly #scripts: Scripts;
  readonly #index: RedisIndex;
  readonly #prefix: string;
  readonly #order: Order;

  constructor(client: RedisClient, scripts: Scripts, index: RedisIndex, prefix: string, order: Order) {
    this.#client = client;
    this.#scripts = scripts;
    this.#index = index;
    this.#prefix = prefix;
    this.#order = order;
  }

  scan(from: ScanPosition | undefined, count: number, tag: string | undefined): Promise<ScanStep> {
    return tag === undefined ? this.#scan(from, count) : this.#scanTag(tag, from, count);
  }

  async describe(ids: readonly string[], whole: boolean): Promise<ValueDescription[]> {
    return (await Promise.all(ids.map((id) => this.#describe(id, whole)))).flat();
  }

  async count(): Promise<number> {
    const nodes = await mastersOf(this.#client);
    const sizes = await Promise.all(nodes.map((node) => node.call('DBSIZE')));
    return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
  }

  async read({ id, variant }: Place): Promise<{ bytes: Buffer; expiresInMs: number } | undefined> {
    const base = baseKey(this.#prefix, id);
    try {
      const fields = this.#client.hmgetBuffer(base, variant, `!${variant}`);
      const [[bytes, meta], time] = await Promise.all([fields, this.#client.call('TIME')]);
      const [seconds, micros] = (time as unknown[]).map(Number) as [number, number];
      const expires = Number(/^[rm](\d+)/.exec(String(meta))?.[1] ?? 0);
      const expiresInMs = Math.max(0, expires - seconds * 1000 - Math.floor(micros / 1000));
      return bytes ? { bytes, expiresInMs } : undefined;
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('WRONGTYPE'))) throw error;
      return { bytes: Buffer.alloc(0), expiresInMs: 0 };
    }
  }

  /**
   * First its tags are told how long it will be there. A purge that comes between has deleted what was seen, or marked
   * it, and then nothing is replaced.
   */
  async replace({ id, variant, version, bytes, tags, ttl }: Replacement): Promise<boolean> {
    const since = performance.now();
    if (tags.length > 0) await this.#index.tag({ id, stamp: 0, since }, tags, ttl);
    const order = await this.#scripts.run(replace, this.#order.keys(id), variant, version, bytes, ttl);
    if (order === null) return false;
    if (this.#order.elsewhere) await this.#index.prolong(String(order), ttl);
    return true;
  }

  /** One master after the other, in the order of their addresses. */
  async #scan(from: ScanPosition | undefined, count: number): Promise<ScanStep> {
    const masters = await mastersOf(this.#client);
    const nodes = masters.map((node) => ({ node, name: this.#nameOf(node) }));
    nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
    // One that is gone meanwhile has given its keys to others.
    const at = nodes.findIndex(({ name }) => name >= (from?.node ?? ''));
    const here = nodes[at];
    if (!here) return { ids: [], scanned: 0, next: undefined };
    const cursor = from?.node === here.name ? from.cursor : '0';
    const { next, keys } = await scanOnce(this.#client, here.node, this.#prefix, cursor, count);
    const parsed = keys.map((key) => parseKey(this.#prefix, key));
    const ids = parsed.flatMap((found) => (found?.of === 'responses' ? found.id : []));
    const following = nodes[at + 1]?.name;
    const onward = following === undefined ? undefined : { node: following, cursor: '0' };
    return {
      ids,
      scanned: Math.max(count, keys.length),
      next: next === '0' ? onward : { node: here.name, cursor: next },
    };
  }

  async #scanTag(tag: string, from: ScanPosition | undefined, count: number): Promise<ScanStep> {
    const { ids, next } = await this.#index.idsOf(tag, from?.cursor ?? '0', count);
    return { ids, scanned: ids.length, next: next === '0' ? undefined : { node: '', cursor: next } };
  }

  #nameOf({ options: { host, port } }: RedisNode): string {
    return this.#client.isCluster ? `${host}:${port}` : '';
  }

  async #describe(id: string, whole: boolean): Promise<ValueDescription[]> {
    const found: ValueDescription[] = [];
    for (let more = true; more; ) {
      const passed = found.map(({ variant }) => variant);
      const keys = [baseKey(this.#prefix, id)];
      const brought = whole ? 1 : 0;
      const answer = await this.#scripts.buffers(describe, keys, READ_AT_ONCE, brought, ...passed);
      const [rest, name, ...facts] = answer as [unknown, Buffer, ...unknown[]];
      const key = isReadable(id) ? id : name.toString() || undefined;
      for (let i = 0; i < facts.length; i += 4) {
        const [variant, length, head, expiresInMs] = facts.slice(i, i + 4);
        const place = { id, variant: String(variant) };
        found.push({
          ...place,
          key,
          head: head as Buffer,
          length: Number(length),
          expiresInMs: Number(expiresInMs),
        });
      }
      more = Number(rest) === 1;
    }
    return found;
  }
}
