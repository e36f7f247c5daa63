import { randomUUID } from 'node:crypto';
import { isOfTwoSlots, isWrongType, MalformedReply } from '../fault.ts';
import type { Client } from './client.ts';
import { purgeLogKey, tagKey } from './keys.ts';
import { ADD_TO_TAG, BEGIN_TAG_PURGE, CHECK_LOG, END_TAG_PURGE, LOG_PURGE, READ_LOG } from './lua/tags.ts';
import { listIn, type Scripts, script } from './scripts.ts';

const readLog = script(READ_LOG);
const checkLog = script(CHECK_LOG);
const logPurge = script(LOG_PURGE);
const addToTag = script(ADD_TO_TAG);
const beginTagPurge = script(BEGIN_TAG_PURGE);
const endTagPurge = script(END_TAG_PURGE);

/**
 * An index keeps an id for this many milliseconds longer than its response. The id is added before the commit, and the lease
 * is not renewed after that: the commit takes effect before the lease (at most 30 s) expires, or never.
 */
const SLACK_MS = 60_000;
/** How many ids are read at once. */
const BATCH = 500;

/** The indexes of tags, which say what ids have responses under a tag, and the log of purges by tag. */
export class TagIndex {
  readonly #client: Client;
  readonly #scripts: Scripts;
  readonly #prefix: string;
  /** The key of the purge log. */
  readonly logKey: string;
  /** Whether the purge log is in another slot than the leases, so that no script can read it with them. */
  isLogApart: boolean;

  constructor(client: Client, scripts: Scripts, prefix: string) {
    this.#client = client;
    this.#scripts = scripts;
    this.#prefix = prefix;
    this.logKey = purgeLogKey(prefix);
    this.isLogApart = client.isCluster;
  }

  /** Whether a script has failed because the purge log is in another slot. It has changed nothing, and is sent without the log. */
  isApartBy(error: unknown): boolean {
    // The client does not know that its server is a node of a Cluster.
    if (this.isLogApart || !isOfTwoSlots(error)) return false;
    this.isLogApart = true;
    return true;
  }

  /** The state of the purge log, for a lease. @param token unique; it names the log if that was lost. */
  async readLog(token: string): Promise<string> {
    const state = await this.#scripts.run(readLog, [this.logKey], token);
    if (typeof state !== 'string') throw new MalformedReply('a script', state);
    return state;
  }

  /** Whether one of the tags may have been purged since a lease noted the state of the purge log. */
  async isPurged(noted: string, tags: readonly string[]): Promise<boolean> {
    return (await this.#scripts.runForNumber(checkLog, [this.logKey], noted, ...tags)) !== 0;
  }

  /** Adds an id to some tags, before its response is stored. */
  async add(id: string, tags: readonly string[], ttlMs: number): Promise<void> {
    await Promise.all(
      tags.map((name) =>
        this.#scripts.runForNumber(addToTag, [tagKey(this.#prefix, name)], id, ttlMs + SLACK_MS),
      ),
    );
  }

  /**
   * Begins a purge and gives the ids under the tag, in steps. The caller purges the ids of a step before the next step. The
   * log is written first: a fill that adds its id to the index too late for this purge reads the log after it.
   */
  async *purge(name: string, isSoft: boolean): AsyncGenerator<string[], void> {
    const key = tagKey(this.#prefix, name);
    const own = randomUUID();
    await this.#scripts.runForNumber(logPurge, [this.logKey], name, own);
    const keys = [key, `${key}|purges`, `${key}|${own}`];
    let unfinished = await this.#scripts.runForList(beginTagPurge, keys, own, isSoft ? 1 : 0);
    if (isSoft) {
      yield* this.#members(key);
      // Meanwhile another purge may have set ids aside that this one has not met.
      unfinished = listIn('ZRANGE', await this.#client.command('zrange', `${key}|purges`, 0, -1));
    }
    for (const purge of unfinished) {
      yield* this.#members(`${key}|${purge}`);
      if (!isSoft) {
        await this.#scripts.runForNumber(endTagPurge, [`${key}|purges`, `${key}|${purge}`], String(purge));
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
    try {
      const reply = await this.#client.command('zscan', key, cursor, 'COUNT', count);
      const [next, membersAndScores] = listIn('ZSCAN', reply);
      const members = listIn('ZSCAN', membersAndScores) as string[];
      return { next: String(next), ids: members.filter((_, i) => i % 2 === 0) };
    } catch (error) {
      // A key of another type lists nothing. The next response under the tag overwrites it.
      if (!isWrongType(error)) throw error;
      return { next: '0', ids: [] };
    }
  }
}
