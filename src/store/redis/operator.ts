import type { RedisOption } from '../../options/redis.ts';
import type { UsersClient } from './clients/index.ts';
import { keyCount } from './cluster.ts';
import { prefixIn } from './keys.ts';
import { type OwnClient, ownClient } from './own-client.ts';
import { listIn } from './scripts.ts';

/** How many keys of each master a search for prefixes looks at: some 10 ms of Redis. */
const PREFIX_STEPS = 10;
const PREFIX_STEP = 1000;

/** A connection for the command: it tells why Redis cannot be reached, and what its servers say about themselves. */
export class Operator {
  readonly #own: OwnClient;
  #error: Error | undefined;
  #failed: (error: Error) => void = () => {};

  /** @throws {OptionError} */
  constructor(redis: Exclude<RedisOption, UsersClient>) {
    this.#own = ownClient(redis);
    this.#own.onError((error) => {
      this.#error = error;
      this.#failed(error);
    });
  }

  /** The client that was made, which the cache of the command shares. */
  get client(): UsersClient {
    return this.#own.made;
  }

  /** Resolves when Redis replies. @throws with the reason if it does not reply within `ms` milliseconds. */
  async reach(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const failed = new Promise<never>((_resolve, reject) => {
      this.#failed = reject;
      timer = setTimeout(() => reject(new Error(`no reply within ${ms / 1000} s`)), ms);
    });
    try {
      await Promise.race([this.#own.client.ping(), failed]);
    } catch (error) {
      throw new Error(causeOf(error as Error, this.#error));
    } finally {
      clearTimeout(timer);
      failed.catch(() => {});
    }
  }

  /** The fields of INFO of each master. */
  async infos(): Promise<Record<string, string>[]> {
    const servers = await this.#own.client.servers();
    return Promise.all(servers.map(async (server) => parsed(String(await server.call('INFO')))));
  }

  /** How many keys all masters have. */
  size(): Promise<number> {
    return keyCount(this.#own.client);
  }

  /**
   * The prefixes under which responses or values are stored, the one with the most first. A bounded scan finds them, so a
   * prefix with few keys among very many others may be missing.
   */
  async prefixes(): Promise<string[]> {
    const counts = new Map<string, number>();
    for (const server of await this.#own.client.servers()) {
      let cursor = '0';
      for (let step = 0; step < PREFIX_STEPS && (step === 0 || cursor !== '0'); step++) {
        const reply = await server.call('SCAN', cursor, 'MATCH', '*{*}', 'COUNT', PREFIX_STEP);
        const [next, keys] = listIn('SCAN', reply);
        cursor = String(next);
        for (const key of listIn('SCAN', keys)) {
          const prefix = prefixIn(String(key));
          if (prefix !== undefined) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
        }
      }
    }
    return [...counts].sort(([, a], [, b]) => b - a).map(([prefix]) => prefix);
  }

  /** The durations of `count` pings to each master, in milliseconds. */
  async pings(count: number): Promise<number[]> {
    const times: number[] = [];
    for (const server of await this.#own.client.servers()) {
      for (let i = 0; i < count; i++) {
        const since = performance.now();
        await server.call('PING');
        times.push(performance.now() - since);
      }
    }
    return times;
  }

  close(): void {
    this.#own.close();
  }
}

/** The error that tells most: of a Cluster that of its last node; of several addresses there is only a code. */
function causeOf(error: Error, last: Error | undefined): string {
  const { lastNodeError } = error as { lastNodeError?: Error };
  const cause = lastNodeError ?? last ?? error;
  return cause.message || String((cause as { code?: unknown }).code ?? 'no reply');
}

function parsed(info: string): Record<string, string> {
  return Object.fromEntries([...info.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name, value]) => [name, value]));
}
