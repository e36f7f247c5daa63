import type { RedisClient } from '../../options/redis.ts';
import type { Listed, Place, Position, Replacement, StoredEntries, Survey } from '../store.ts';
import { baseKey, isReadable, parseKey } from './keys.ts';
import { DESCRIBE, REPLACE } from './lua/entry-scripts.ts';
import { mastersOf, type RedisNode, scanOnce } from './scan.ts';
import { type Scripts, script } from './scripts.ts';
import type { RedisIndex } from './tag-index.ts';

const describe = script(DESCRIBE);
const replace = script(REPLACE);

/** How many bytes of stored values one script reads, so that Redis is soon free for others. */
const READ_AT_ONCE = 4 * 1024 * 1024;

/** The verbs of whoever looks after what is stored, over ioredis. */
export class RedisEntries implements StoredEntries {
  readonly #client: RedisClient;
  readonly #scripts: Scripts;
  readonly #index: RedisIndex;
  readonly #prefix: string;
  readonly #keys: (id: string) => string[];

  /** @param keys what a script that changes what is stored for an id is given. */
  constructor(
    client: RedisClient,
    scripts: Scripts,
    index: RedisIndex,
    prefix: string,
    keys: (id: string) => string[],
  ) {
    this.#client = client;
    this.#scripts = scripts;
    this.#index = index;
    this.#prefix = prefix;
    this.#keys = keys;
  }

  survey(from: Position | undefined, count: number, tag: string | undefined): Promise<Survey> {
    return tag === undefined ? this.#scan(from, count) : this.#scanTag(tag, from, count);
  }

  async describe(ids: readonly string[], whole: boolean): Promise<Listed[]> {
    return (await Promise.all(ids.map((id) => this.#describe(id, whole)))).flat();
  }

  async extent(): Promise<number> {
    const nodes = await mastersOf(this.#client);
    const sizes = await Promise.all(nodes.map((node) => node.call('DBSIZE')));
    return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
  }

  async read({ id, variant }: Place): Promise<{ bytes: Buffer; expiresIn: number } | undefined> {
    const base = baseKey(this.#prefix, id);
    try {
      const fields = this.#client.hmgetBuffer(base, variant, `!${variant}`);
      const [[bytes, meta], time] = await Promise.all([fields, this.#client.call('TIME')]);
      const [seconds, micros] = (time as unknown[]).map(Number) as [number, number];
      const expires = Number(/^[rm](\d+)/.exec(String(meta))?.[1] ?? 0);
      const expiresIn = Math.max(0, expires - seconds * 1000 - Math.floor(micros / 1000));
      return bytes ? { bytes, expiresIn } : undefined;
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('WRONGTYPE'))) throw error;
      return { bytes: Buffer.alloc(0), expiresIn: 0 };
    }
  }

  /**
   * First its tags are told how long it will be there. A purge that comes between has deleted what was seen, or marked
   * it, and then nothing is replaced.
   */
  async replace({ id, variant, seen, bytes, tags, ttl }: Replacement): Promise<boolean> {
    const since = performance.now();
    if (tags.length > 0) await this.#index.tag({ id, stamp: 0, since }, tags, ttl);
    return (await this.#scripts.number(replace, this.#keys(id), variant, seen, bytes, ttl)) === 1;
  }

  /** One master after the other, in the order of their addresses. */
  async #scan(from: Position | undefined, count: number): Promise<Survey> {
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

  async #scanTag(tag: string, from: Position | undefined, count: number): Promise<Survey> {
    const { ids, next } = await this.#index.idsOf(tag, from?.cursor ?? '0', count);
    return { ids, scanned: ids.length, next: next === '0' ? undefined : { node: '', cursor: next } };
  }

  #nameOf({ options: { host, port } }: RedisNode): string {
    return this.#client.isCluster ? `${host}:${port}` : '';
  }

  async #describe(id: string, whole: boolean): Promise<Listed[]> {
    const found: Listed[] = [];
    for (let more = true; more; ) {
      const passed = found.map(({ variant }) => variant);
      const keys = [baseKey(this.#prefix, id)];
      const brought = whole ? 1 : 0;
      const answer = await this.#scripts.buffers(describe, keys, READ_AT_ONCE, brought, ...passed);
      const [rest, name, ...facts] = answer as [unknown, Buffer, ...unknown[]];
      const key = isReadable(id) ? id : name.toString() || undefined;
      for (let i = 0; i < facts.length; i += 4) {
        const [variant, length, begin, expiresIn] = facts.slice(i, i + 4);
        const place = { id, variant: String(variant) };
        found.push({
          ...place,
          key,
          begin: begin as Buffer,
          length: Number(length),
          expiresIn: Number(expiresIn),
        });
      }
      more = Number(rest) === 1;
    }
    return found;
  }
}
