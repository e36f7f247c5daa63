import type { RedisClient } from '../../options/redis.ts';
import type { Lease } from '../store.ts';
import { stampKey, tagKey } from './keys.ts';
import { ADD_TO_TAG, BEGIN_TAG_PURGE, END_TAG_PURGE, NEXT_STAMP } from './lua/tags.ts';
import { type Scripts, script } from './scripts.ts';

const nextStamp = script(NEXT_STAMP);
const addToTag = script(ADD_TO_TAG);
const beginTagPurge = script(BEGIN_TAG_PURGE);
const endTagPurge = script(END_TAG_PURGE);

/**
 * For this many milliseconds a tag remembers its last purge. The response of a fill that took half as long is not stored
 * under a tag, because the purge might be forgotten by then.
 */
const PURGE_MEMORY_MS = 3_600_000;
/**
 * An index keeps an id for this many milliseconds longer than its response. The id is added before the commit, and the lease
 * is not renewed after that: the commit takes effect before the lease (at most 30 s) expires, or never.
 */
const SLACK_MS = 60_000;
/** How many ids are read at once. */
const BATCH = 500;

/** The indexes of tags: which ids have responses under a tag. */
export class TagIndex {
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

  /** Adds the id of a lease to some tags before its commit. False: a purge of one of them began after the fill did. */
  async add(
    lease: Pick<Lease, 'id' | 'stamp' | 'startedAt'>,
    tags: readonly string[],
    ttlMs: number,
  ): Promise<boolean> {
    const purges = await Promise.all(
      tags.map((name) => {
        const key = tagKey(this.#prefix, name);
        return this.#scripts.runForNumber(addToTag, [key, `${key}|purged`], lease.id, ttlMs + SLACK_MS);
      }),
    );
    const isRemembered = performance.now() - lease.startedAt < PURGE_MEMORY_MS / 2;
    return isRemembered && purges.every((purge) => purge <= lease.stamp);
  }

  /** Begins a purge and gives the ids under the tag, in steps. The caller purges the ids of a step before the next step. */
  async *purge(name: string, isSoft: boolean): AsyncGenerator<string[], void> {
    const key = tagKey(this.#prefix, name);
    const own = String(await this.#scripts.run(nextStamp, [stampKey(this.#prefix)], 24 * PURGE_MEMORY_MS));
    const keys = [key, `${key}|purged`, `${key}|purges`, `${key}|${own}`];
    let unfinished = (await this.#scripts.run(
      beginTagPurge,
      keys,
      own,
      PURGE_MEMORY_MS,
      isSoft ? 1 : 0,
    )) as string[];
    if (isSoft) {
      yield* this.#members(key);
      // Meanwhile another purge may have set ids aside that this one has not met.
      unfinished = (await this.#client.call('ZRANGE', `${key}|purges`, 0, -1)) as string[];
    }
    for (const stamp of unfinished) {
      yield* this.#members(`${key}|${stamp}`);
      if (!isSoft) {
        await this.#scripts.runForNumber(endTagPurge, [`${key}|purges`, `${key}|${stamp}`], stamp);
      }
    }
  }

  /** One step over the ids under a tag; `next` is '0' at the end. */
  async scan(tag: string, cursor: string, count: number): Promise<{ next: string; ids: string[] }> {
    return this.#scanOnce(tagKey(this.#prefix, tag), cursor, count);
  }

  /** The members of a sorted set, in batches. A member that is there all the while is not left out. */
  async *#members(key: string): AsyncGenerator<string[], void> {
    let cursor = '0';
    do {
      const { next, ids } = await this.#scanOnce(key, cursor, BATCH);
      cursor = next;
      if (ids.length > 0) yield ids;
    } while (cursor !== '0');
  }

  async #scanOnce(key: string, cursor: string, count: number): Promise<{ next: string; ids: string[] }> {
    const reply = await this.#client.call('ZSCAN', key, cursor, 'COUNT', count);
    const [next, membersAndScores] = reply as [string, string[]];
    return { next: String(next), ids: membersAndScores.filter((_, i) => i % 2 === 0) };
  }
}
