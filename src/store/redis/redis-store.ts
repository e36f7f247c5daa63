import { softPurgeMark } from '../../codec/format.ts';
import type { RedisClient } from '../../options/redis.ts';
import { isHalfMoved, isOfTwoSlots } from '../fault.ts';
import type { Acquired, Claim, Commit, Place, PurgeMode, ReachableStore } from '../store.ts';
import { mayHaveEvictedIndexes } from './eviction.ts';
import { baseKey, entriesKeys, isReadable, leasesKey, stampKey } from './keys.ts';
import { type Subscriber, Wake } from './lease-channel.ts';
import { ACQUIRE, acquired, HELD, RELEASE, RENEW } from './lua/lease-scripts.ts';
import { COMMIT, DISCARD, EVICT, PURGE, PUT } from './lua/response-scripts.ts';
import { readFrom } from './read.ts';
import { RedisEntries } from './redis-entries.ts';
import { keyPrefixOf, walk } from './scan.ts';
import { Scripts, script } from './scripts.ts';
import { RedisIndex } from './tag-index.ts';
import { Turn } from './write-batch.ts';

const acquire = script(ACQUIRE);
const held = script(HELD);
const renew = script(RENEW);
const release = script(RELEASE);
const commit = script(COMMIT);
const put = script(PUT);
const discard = script(DISCARD);
const purge = script(PURGE);
const evict = script(EVICT);

/** The verbs over ioredis. It issues commands and nothing else: how long they may take is the guard's business. */
export class RedisStore implements ReachableStore {
  readonly entries: RedisEntries;
  readonly #client: RedisClient;
  readonly #turn: Turn;
  readonly #scripts: Scripts;
  readonly #prefix: string;
  readonly #index: RedisIndex;
  readonly #maxEntries: number | undefined;
  readonly #close: () => Promise<void>;
  readonly #wake: Wake;
  /** Whether the stamp of purges by tag is in another slot than the leases, so that it takes a command of its own. */
  #stampsApart: boolean;

  /** @param close closes the connection, where it is not the user's own. */
  constructor(
    client: RedisClient,
    prefix: string,
    maxEntries: number | undefined,
    close: () => Promise<void>,
  ) {
    this.#client = client;
    this.#turn = new Turn(client);
    this.#scripts = new Scripts(client, this.#turn);
    this.#prefix = prefix;
    this.#index = new RedisIndex(client, this.#scripts, prefix);
    this.#maxEntries = maxEntries;
    this.#stampsApart = client.isCluster === true;
    this.#close = close;
    const at = { keys: (id: string) => this.#listedKeys(id), elsewhere: this.#listsElsewhere };
    this.entries = new RedisEntries(client, this.#scripts, this.#index, prefix, at);
    this.#wake = new Wake(() => subscriberOf(client));
  }

  /** Whether a command sent now would leave now, rather than wait for a connection that was lost. */
  get reachable(): boolean {
    const { status } = this.#client;
    return status === 'ready' || status === 'connecting' || status === 'connect' || status === 'wait';
  }

  get(id: string, variants: readonly string[]): Promise<(Buffer | undefined)[]> {
    this.#turn.gather();
    return readFrom(this.#client, baseKey(this.#prefix, id), variants, (error: unknown) => {
      if (!(error instanceof Error && error.message.startsWith('WRONGTYPE'))) throw error;
      return variants.map(() => Buffer.alloc(0));
    });
  }

  near(): undefined {}

  async acquire({ id, variant, token, key }: Claim, seen: Buffer, ttl: number): Promise<Acquired> {
    // Without bytes among them, arguments are written as one text.
    const args = [variant, token, ttl, seen.length === 0 ? '' : seen, nameOf(id, key)];
    if (!this.#stampsApart) {
      try {
        const keys = [...this.#keys(id), stampKey(this.#prefix)];
        return acquired(await this.#scripts.run(acquire, keys, ...args));
      } catch (error) {
        // Behind a client that knows nothing of it, there is a Cluster.
        if (!isOfTwoSlots(error)) throw error;
        this.#stampsApart = true;
      }
    }
    const [answer, stamp] = await Promise.all([
      this.#scripts.run(acquire, this.#keys(id), ...args),
      this.#index.stamp(),
    ]);
    return { ...acquired(answer), stamp };
  }

  async renew({ id, variant, token }: Claim, ttl: number): Promise<boolean> {
    const keys = [leasesKey(this.#prefix, id)];
    return (await this.#scripts.number(renew, keys, variant, token, ttl)) === 1;
  }

  wait({ id, variant }: Place, ms: number): Promise<void> {
    const key = leasesKey(this.#prefix, id);
    // What a script publishes on has the client's own prefix in front, as its keys have.
    const channel = `${keyPrefixOf(this.#client)}${key}`;
    return this.#wake.wait(channel, ms, async () => (await this.#scripts.number(held, [key], variant)) === 0);
  }

  async release({ id, variant, token }: Claim, futile: number): Promise<void> {
    await this.#scripts.number(release, [leasesKey(this.#prefix, id)], variant, token, futile);
  }

  /**
   * First its tags are told where it will be, then what has to make room for it goes, then it is stored: whichever
   * way a purge comes between, it finds the response or revokes the lease.
   */
  async commit({ lease, slot, variant, names, tags, bytes, ttl }: Commit): Promise<boolean> {
    const { id, token, key } = lease;
    if (tags.length > 0 && !(await this.#index.tag(lease, tags, ttl))) return false;
    const order = await this.#makeRoom(id, ttl, slot, variant);
    const where = [names.join(','), slot, variant, nameOf(id, key), order, this.#maxEntries ?? 0];
    const args = [lease.variant, token, bytes, ttl, ...where];
    const stored = (await this.#scripts.number(commit, this.#listedKeys(id), ...args)) === 1;
    if (!stored && order !== NO_ORDER) await this.#index.leave([order]);
    return stored;
  }

  async put({ id, key, bytes, ttl }: { id: string; key: string; bytes: Buffer; ttl: number }): Promise<void> {
    await this.#scripts.number(put, this.#listedKeys(id), bytes, ttl, nameOf(id, key));
  }

  async discard({ id, variant }: Place): Promise<void> {
    await this.#scripts.number(discard, this.#listedKeys(id), variant);
  }

  async purge(id: string, mode: PurgeMode = 'delete', except?: Claim): Promise<number> {
    const mark = mode === 'delete' ? '' : softPurgeMark(mode.staleSince);
    const kept = except ? [except.variant, except.token] : ['', ''];
    let orders: string[];
    try {
      orders = (await this.#scripts.run(purge, this.#listedKeys(id), mark, ...kept)) as string[];
    } catch (error) {
      if (mode !== 'delete' || !isHalfMoved(error)) throw error;
      return this.#purgeHalfMoved(id);
    }
    if (mode === 'delete' && this.#listsElsewhere && orders.length > 0) {
      await this.#index.leave(orders);
    }
    return orders.length;
  }

  async *purgeTag(tag: string, mode: PurgeMode = 'delete'): AsyncGenerator<number, void> {
    for await (const ids of this.#index.purgeTag(tag, mode !== 'delete'))
      yield await this.#purgeEach(ids, mode);
  }

  mayHaveLostIndexes(): Promise<boolean> {
    return mayHaveEvictedIndexes(this.#client);
  }

  async *purgeMatching(
    matches: (key: string) => boolean,
    mode: PurgeMode = 'delete',
  ): AsyncGenerator<number, void> {
    for await (const found of walk(this.#client, this.#prefix, 'leases')) {
      const ids = found.filter(({ key }) => key === undefined || matches(key)).map(({ id }) => id);
      await Promise.all(ids.map((id) => this.#client.unlink(leasesKey(this.#prefix, id))));
      yield 0;
    }
    for await (const found of walk(this.#client, this.#prefix, 'responses')) {
      const ids = found.filter(({ key }) => key === undefined || matches(key)).map(({ id }) => id);
      yield await this.#purgeEach(ids, mode);
    }
  }

  async *ids(): AsyncGenerator<string[], void> {
    for await (const found of walk(this.#client, this.#prefix, 'responses')) yield found.map(({ id }) => id);
  }

  async *keys(): AsyncGenerator<string[], void> {
    for await (const found of walk(this.#client, this.#prefix, 'responses')) {
      yield found.flatMap(({ key }) => key ?? []);
    }
  }

  async ping(): Promise<void> {
    await this.#client.ping();
  }

  close(): Promise<void> {
    this.#wake.close();
    return this.#close();
  }

  get #listsElsewhere(): boolean {
    return this.#maxEntries !== undefined && this.#client.isCluster === true;
  }

  /** With `maxEntries` the keys of the order of storing too, where the same script may touch them. */
  #listedKeys(id: string): string[] {
    const here = this.#maxEntries !== undefined && !this.#listsElsewhere;
    return here ? [...this.#keys(id), ...entriesKeys(this.#prefix)] : this.#keys(id);
  }

  #keys(id: string): string[] {
    return [leasesKey(this.#prefix, id), baseKey(this.#prefix, id)];
  }

  /**
   * While a Cluster moves the slot, what is there of it can be at two masters, where no script may touch it: one key
   * after the other, so that what was about to be stored is revoked before what is stored goes.
   */
  async #purgeHalfMoved(id: string): Promise<number> {
    const [leases, base] = this.#keys(id) as [string, string];
    await this.#client.unlink(leases);
    return this.#client.unlink(base);
  }

  async #purgeEach(ids: readonly string[], mode: PurgeMode): Promise<number> {
    const counts = await Promise.all(ids.map((id) => this.purge(id, mode)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * With `maxEntries` on a Cluster, where the order of storing is in another slot: takes the next place in it, and has
   * what is one too many go.
   */
  async #makeRoom(id: string, ttl: number, ...variants: string[]): Promise<string> {
    if (this.#maxEntries === undefined || !this.#listsElsewhere) return NO_ORDER;
    const { order, oldest } = await this.#index.enter([id, ...variants], ttl, this.#maxEntries);
    if (oldest.length === 0) return order;
    await Promise.all(
      oldest.map(({ id, variants, order }) =>
        this.#scripts.number(evict, this.#keys(id), order, ...variants),
      ),
    );
    await this.#index.gone(oldest);
    return order;
  }
}

/** The place in the order of storing of what is not bounded. */
const NO_ORDER = '0';

/** What scripts keep so that a key can be told from its hash. */
function nameOf(id: string, key: string): string {
  return isReadable(id) ? '' : key;
}

/** A connection of our own beside the client's: one that listens can do nothing else. */
function subscriberOf(client: RedisClient): Subscriber {
  const { duplicate } = client as unknown as { duplicate(...args: unknown[]): Subscriber };
  const options = { maxRetriesPerRequest: null, enableOfflineQueue: true, socketTimeout: undefined };
  return client.isCluster ? duplicate.call(client) : duplicate.call(client, options);
}
