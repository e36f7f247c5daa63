import { createHash } from 'node:crypto';
import type { RedisClient } from '../../options/redis.ts';
import type { Turn } from './write-batch.ts';

/** A script, and the name that a server knows it by. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

export function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** Every ioredis has them, though its types do not; its `callBuffer` loses the command's name where it batches commands. */
interface BufferCommands {
  evalshaBuffer: RedisClient['evalsha'];
  evalBuffer: RedisClient['eval'];
}

type Arguments = [keys: number, ...keysAndArguments: (string | number | Buffer)[]];
type Evaluate = (script: string, ...args: Arguments) => Promise<unknown>;

/** Runs scripts by their hash, or by their text where the server doesn't know it (yet, or no longer). */
export class Scripts {
  readonly #client: RedisClient;
  readonly #turn: Turn;
  /** Hashes of the scripts whose text a server has been given: the first use costs one round trip, not two. */
  readonly #sent = new Set<string>();

  constructor(client: RedisClient, turn: Turn) {
    this.#client = client;
    this.#turn = turn;
  }

  run(script: Script, keys: string[], ...args: (string | number | Buffer)[]): Promise<unknown> {
    return this.#run(script, this.#client, 'evalsha', 'eval', [keys.length, ...keys, ...args]);
  }

  /** The same for an answer whose texts are bytes. */
  buffers(script: Script, keys: string[], ...args: (string | number | Buffer)[]): Promise<unknown> {
    const client = this.#client as unknown as BufferCommands;
    return this.#run(script, client, 'evalshaBuffer', 'evalBuffer', [keys.length, ...keys, ...args]);
  }

  async #run<Hash extends string, Text extends string>(
    { lua, sha }: Script,
    client: Record<Hash | Text, Evaluate>,
    byHash: Hash,
    byText: Text,
    args: Arguments,
  ): Promise<unknown> {
    this.#turn.gather();
    if (this.#sent.has(sha)) {
      try {
        return await client[byHash](sha, ...args);
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      }
    }
    const answer = await client[byText](lua, ...args);
    this.#sent.add(sha);
    return answer;
  }

  /** The same for an answer that is a number, which some clients are set to give as text. */
  async number(script: Script, keys: string[], ...args: (string | number | Buffer)[]): Promise<number> {
    return Number(await this.run(script, keys, ...args));
  }
}
