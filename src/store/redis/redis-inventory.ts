import { isWrongType } from '../fault.ts';
import { isHashed } from '../ids.ts';
import type { Inventory, ScanPosition, ScanStep, StoredValue, ValueDescription } from '../store.ts';
import { keyCount } from './cluster.ts';
import { EnvelopedValue, parseValue } from './envelope.ts';
import { mayHaveEvictedIndexes } from './eviction.ts';
import { parseKey, responsesKey } from './keys.ts';
import { DESCRIBE, TIME } from './lua/inventory.ts';
import type { RedisContext } from './redis-context.ts';
import { scanOnce, walk } from './scan.ts';
import { script } from './scripts.ts';

const describe = script(DESCRIBE);
const time = script(TIME);

/** How many bytes of stored values one script reads, so that it does not occupy Redis for long. */
const MAX_READ_BYTES = 4 * 1024 * 1024;

/** What is stored in Redis, for operators. */
export function redisInventory({ client, prefix, scripts, tagIndex }: RedisContext): Inventory {
  /** Scans one master after the other, in the order of their addresses. */
  async function scanMasters(from: ScanPosition | undefined, count: number): Promise<ScanStep> {
    const nodes = [...(await client.servers())].sort((a, b) => (a.name < b.name ? -1 : 1));
    // A master that has left meanwhile has given its keys to others.
    const at = nodes.findIndex(({ name }) => name >= (from?.node ?? ''));
    const here = nodes[at];
    if (!here) return { ids: [], scanned: 0, next: undefined };
    const cursor = from?.node === here.name ? from.cursor : '0';
    const { next, keys } = await scanOnce(client, here, prefix, cursor, count);
    const parsed = keys.map((key) => parseKey(prefix, key));
    const nextMaster = nodes[at + 1]?.name;
    return {
      ids: parsed.flatMap((found) => (found?.of === 'responses' ? found.id : [])),
      scanned: Math.max(count, keys.length),
      next: next === '0' ? startOf(nextMaster) : { node: here.name, cursor: next },
    };
  }

  async function scanTag(tag: string, from: ScanPosition | undefined, count: number): Promise<ScanStep> {
    const { ids, next } = await tagIndex.scan(tag, from?.cursor ?? '0', count);
    return { ids, scanned: ids.length, next: next === '0' ? undefined : { node: '', cursor: next } };
  }

  async function describeId(id: string, whole: boolean): Promise<ValueDescription[]> {
    const found: ValueDescription[] = [];
    for (let hasMore = true; hasMore; ) {
      const leftOut = found.map(({ variant }) => variant);
      const keys = [responsesKey(prefix, id)];
      const args = [MAX_READ_BYTES, whole ? 1 : 0, ...leftOut];
      const reply = await scripts.runForBuffers(describe, keys, ...args);
      const [more, name, ...facts] = reply as [unknown, Buffer, ...unknown[]];
      const key = isHashed(id) ? name.toString() || undefined : id;
      for (let i = 0; i < facts.length; i += 4) {
        const [variant, length, begin, expiresInMs] = facts.slice(i, i + 4) as [
          Buffer,
          number,
          Buffer,
          number,
        ];
        const { value, length: headLength } = describedOf(begin);
        found.push({
          id,
          variant: String(variant),
          key,
          head: value.bytes,
          // Without the envelope.
          length: Number(length) - (begin.length - headLength),
          staleSince: value.staleSince,
          expiresInMs: Number(expiresInMs),
        });
      }
      hasMore = Number(more) === 1;
    }
    return found;
  }

  return {
    scan: (from, count, tag) => (tag === undefined ? scanMasters(from, count) : scanTag(tag, from, count)),

    async describe(ids, whole) {
      return (await Promise.all(ids.map((id) => describeId(id, whole)))).flat();
    },

    async read({ id, variant }) {
      try {
        const key = responsesKey(prefix, id);
        const fields = client.hmget(key, [variant, `!${variant}`]);
        const [[raw, record], now] = await Promise.all([fields, scripts.runForList(time, [key])]);
        const [seconds, micros] = now.map(Number) as [number, number];
        const expires = Number(/^[RM](\d+)/.exec(String(record))?.[1] ?? 0);
        const expiresInMs = Math.max(0, expires - seconds * 1000 - Math.floor(micros / 1000));
        return raw ? { ...describedOf(raw), expiresInMs } : undefined;
      } catch (error) {
        if (!isWrongType(error)) throw error;
        return { ...describedOf(NOTHING), expiresInMs: 0 };
      }
    },

    count: () => keyCount(client),

    async *ids() {
      for await (const scanned of walk(client, prefix, 'responses')) yield scanned.map(({ id }) => id);
    },

    async *keys() {
      for await (const scanned of walk(client, prefix, 'responses')) {
        yield scanned.flatMap(({ key }) => key ?? []);
      }
    },

    mayHaveLostIndexes: () => mayHaveEvictedIndexes(client),
  };
}

const NOTHING = Buffer.alloc(0);

/** A value and its length, without the envelope. What has no envelope, such as a value of version 0.1.0, is damage. */
function describedOf(raw: Buffer): { readonly value: StoredValue; readonly length: number } {
  const value = parseValue(raw) ?? new EnvelopedValue(NOTHING);
  return { value, length: value.version === '' ? raw.length : value.bytes.length };
}

/** The position at which the scan of a master begins; `undefined` after the last master. */
function startOf(node: string | undefined): ScanPosition | undefined {
  return node === undefined ? undefined : { node, cursor: '0' };
}
