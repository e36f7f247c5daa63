import { createHash } from 'node:crypto';
import type { RedisClient } from '../../options/redis.ts';
import { isNotPermitted, MalformedReply } from '../fault.ts';
import type { WriteBatch } from './write-batch.ts';

/** A Lua script, and the hash by which a server knows it. */
interface Script {
  readonly lua: string;
  readonly sha: string;
}

export function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** The number that a script has returned. @throws {MalformedReply} */
function numberIn(reply: unknown): number {
  const number = typeof reply === 'string' && reply !== '' ? Number(reply) : reply;
  if (typeof number !== 'number' || Number.isNaN(number)) throw new MalformedReply('a script', reply);
  return number;
}

/** The list that a command has returned. @throws {MalformedReply} */
export function listIn(command: string, reply: unknown): unknown[] {
  if (!Array.isArray(reply)) throw new MalformedReply(command, reply);
  return reply;
}

const unchanged = (reply: unknown): unknown => reply;
const listInReply = (reply: unknown): unknown[] => listIn('a script', reply);

/** Every ioredis has these, but its types do not. Its `callBuffer` loses the command's name where it pipelines commands. */
interface BufferCommands {
  evalshaBuffer: RedisClient['evalsha'];
  evalBuffer: RedisClient['eval'];
}

type Arguments = [keys: number, ...keysAndArguments: (string | number | Buffer)[]];
type Evaluate = (script: string, ...args: Arguments) => Promise<unknown>;

/** Runs scripts by their hash, or by their text where the server does not know the hash. */
export class Scripts {
  readonly #client: RedisClient;
  readonly #batch: WriteBatch;
  /** The hashes of scripts whose text was sent: the first use of a script costs one round trip, not two. */
  readonly #sent = new Set<string>();
  /** Is told when the Redis user may not run a script, or a command in it. */
  onNotPermitted: () => void = () => {};

  constructor(client: RedisClient, batch: WriteBatch) {
    this.#client = client;
    this.#batch = batch;
  }

  run(script: Script, keys: string[], ...args: (string | number | Buffer)[]): Promise<unknown> {
    return this.#run(script, this.#client, 'evalsha', 'eval', [keys.length, ...keys, ...args], unchanged);
  }

  /** Runs a short script by its text, so that it never has to be sent again behind the commands that rely on it. */
  runText({ lua }: Script, keys: string[], ...args: (string | number | Buffer)[]): Promise<unknown> {
    this.#batch.open();
    return this.#client.eval(lua, keys.length, ...keys, ...args);
  }

  /** Runs a script whose reply has buffers instead of strings. */
  runForBuffers(script: Script, keys: string[], ...args: (string | number | Buffer)[]): Promise<unknown> {
    const client = this.#client as unknown as BufferCommands;
    return this.#run(
      script,
      client,
      'evalshaBuffer',
      'evalBuffer',
      [keys.length, ...keys, ...args],
      unchanged,
    );
  }

  /**
   * Runs a script whose reply is a number. Some clients are configured to return numbers as strings.
   * @throws {MalformedReply}
   */
  runForNumber(script: Script, keys: string[], ...args: (string | number | Buffer)[]): Promise<number> {
    return this.#run(script, this.#client, 'evalsha', 'eval', [keys.length, ...keys, ...args], numberIn);
  }

  /** Runs a script whose reply is a list. @throws {MalformedReply} */
  runForList(script: Script, keys: string[], ...args: (string | number | Buffer)[]): Promise<unknown[]> {
    return this.#run(script, this.#client, 'evalsha', 'eval', [keys.length, ...keys, ...args], listInReply);
  }

  /** One asynchronous function, since a miss waits for each. */
  async #run<Hash extends string, Text extends string, T>(
    { lua, sha }: Script,
    client: Record<Hash | Text, Evaluate>,
    byHash: Hash,
    byText: Text,
    args: Arguments,
    parse: (reply: unknown) => T,
  ): Promise<T> {
    this.#batch.open();
    try {
      if (this.#sent.has(sha)) {
        try {
          return parse(await client[byHash](sha, ...args));
        } catch (error) {
          if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
        }
      }
      const reply = await client[byText](lua, ...args);
      this.#sent.add(sha);
      return parse(reply);
    } catch (error) {
      if (isNotPermitted(error)) this.onNotPermitted();
      throw error;
    }
  }
}
