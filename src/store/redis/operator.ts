import type { Cluster, Redis } from 'ioredis';
import type { RedisClient, RedisOption } from '../../options/redis.ts';
import { create } from './connect.ts';
import { mastersOf } from './scan.ts';

/** A connection for whoever operates Redis by hand: it says why it cannot be reached, and what its servers say of themselves. */
export class Operator {
  readonly client: RedisClient;
  readonly #own: Redis | Cluster;
  #error: Error | undefined;

  /** @throws {OptionError} */
  constructor(redis: Exclude<RedisOption, RedisClient>) {
    this.#own = create(redis);
    this.client = this.#own as unknown as RedisClient;
    this.#own.on('error', (error: Error) => {
      this.#error = error;
    });
  }

  /** Resolves when it answers. @throws why it does not, within so many milliseconds. */
  async reach(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const failed = new Promise<never>((_resolve, reject) => {
      this.#own.once('error', reject);
      timer = setTimeout(() => reject(new Error(`no reply within ${ms / 1000} s`)), ms);
    });
    try {
      await Promise.race([this.#own.ping(), failed]);
    } catch (error) {
      throw new Error(causeOf(error as Error, this.#error));
    } finally {
      clearTimeout(timer);
      failed.catch(() => {});
    }
  }

  /** What each master answers to INFO, name by name. */
  async infos(): Promise<Record<string, string>[]> {
    const masters = await mastersOf(this.client);
    return Promise.all(masters.map(async (node) => parsed(String(await node.call('INFO')))));
  }

  /** How many keys there are. */
  async size(): Promise<number> {
    const masters = await mastersOf(this.client);
    const sizes = await Promise.all(masters.map((node) => node.call('DBSIZE')));
    return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
  }

  /** How long each of some pings takes, in milliseconds, to every master in turn. */
  async pings(count: number): Promise<number[]> {
    const times: number[] = [];
    for (const node of await mastersOf(this.client)) {
      for (let i = 0; i < count; i++) {
        const since = performance.now();
        await node.call('PING');
        times.push(performance.now() - since);
      }
    }
    return times;
  }

  close(): void {
    this.#own.disconnect();
  }
}

/** Of a Cluster only what its last node said tells anything, and of several addresses only the code. */
function causeOf(error: Error, last: Error | undefined): string {
  const { lastNodeError } = error as { lastNodeError?: Error };
  const told = lastNodeError ?? last ?? error;
  return told.message || String((told as { code?: unknown }).code ?? 'no answer');
}

function parsed(info: string): Record<string, string> {
  return Object.fromEntries([...info.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name, value]) => [name, value]));
}
