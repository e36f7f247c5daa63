import type { RedisClient } from '../../options/redis.ts';
import type { Lease } from '../store.ts';
import { stampKey, tagKey } from './keys.ts';
import { PURGE_TAG, PURGED, STAMP, TAG } from './lua/index-scripts.ts';
import { type Scripts, script } from './scripts.ts';

const stamp = script(STAMP);
const tag = script(TAG);
const purgeTag = script(PURGE_TAG);
const purged = script(PURGED);

/**
 * How long a tag remembers its last purge, in milliseconds. A fill that takes half as long is not stored under a tag:
 * it could not know of a purge any more.
 */
const REMEMBERED = 3_600_000;
/**
 * How much longer than a response its tags remember it. After they were told, its lease is not renewed any more, so that
 * it is stored within the length of a lease, which is half as long at most, or not at all.
 */
const SLACK = 60_000;
/** How many ids are read at once. */
const BATCH = 500;

/** Which ids are stored under a tag. */
export class RedisIndex {
  readonly #client: RedisClient;
  readonly #scripts: Scripts;
  readonly #prefix: string;

  constructor(client: RedisClient, scripts: Scripts, prefix: string) {
    this.#client = client;
    this.#scripts = scripts;
    this.#prefix = prefix;
  }

  /** The stamp of the last purge by tag that has begun. */
  async stamp(): Promise<number> {
    return Number((await this.#client.get(stampKey(this.#prefix))) ?? 0);
  }

  /** Notes where a response is about to be stored. False: a purge of one of its tags began after the fill did. */
  async tag(
    lease: Pick<Lease, 'id' | 'stamp' | 'since'>,
    tags: readonly string[],
    ttl: number,
  ): Promise<boolean> {
    const purges = await Promise.all(
      tags.map((name) => {
        const key = tagKey(this.#prefix, name);
        return this.#scripts.number(tag, [key, `${key}|purged`], lease.id, ttl + SLACK);
      }),
    );
    const remembered = performance.now() - lease.since < REMEMBERED / 2;
    return remembered && purges.every((purge) => purge <= lease.stamp);
  }

  /** Begins a purge, and gives what is stored under the tag in steps: what was given is to be purged before the next. */
  async *purgeTag(name: string, soft: boolean): AsyncGenerator<string[], void> {
    const key = tagKey(this.#prefix, name);
    const own = String(await this.#scripts.run(stamp, [stampKey(this.#prefix)], 24 * REMEMBERED));
    const keys = [key, `${key}|purged`, `${key}|purges`, `${key}|${own}`];
    let pending = (await this.#scripts.run(purgeTag, keys, own, REMEMBERED, soft ? 1 : 0)) as string[];
    if (soft) {
      yield* this.#scan(key);
      // Meanwhile another purge may have put aside what was not met yet.
      pending = (await this.#client.call('ZRANGE', `${key}|purges`, 0, -1)) as string[];
    }
    for (const stamp of pending) {
      yield* this.#scan(`${key}|${stamp}`);
      if (!soft) await this.#scripts.number(purged, [`${key}|purges`, `${key}|${stamp}`], stamp);
    }
  }

  /** One step over the ids under a tag; `next` is '0' at the end. */
  async idsOf(tag: string, cursor: string, count: number): Promise<{ next: string; ids: string[] }> {
    const answer = await this.#client.call('ZSCAN', tagKey(this.#prefix, tag), cursor, 'COUNT', count);
    const [next, pairs] = answer as [string, string[]];
    return { next: String(next), ids: pairs.filter((_, i) => i % 2 === 0) };
  }

  /** The members of a sorted set, in batches; none that is there all the while is left out. */
  async *#scan(key: string): AsyncGenerator<string[], void> {
    let cursor = '0';
    do {
      const answer = await this.#client.call('ZSCAN', key, cursor, 'COUNT', BATCH);
      const [next, pairs] = answer as [string, string[]];
      cursor = next;
      const members = pairs.filter((_, i) => i % 2 === 0);
      if (members.length > 0) yield members;
    } while (cursor !== '0');
  }
}
