import { createHash } from 'node:crypto';
import { isNotPermitted, MalformedReply } from '../fault.ts';
import type { Argument, Client, ReplyForm } from './client.ts';

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

/** Runs scripts by their hash, or by their text where the server does not know the hash. */
export class Scripts {
  readonly #client: Client;
  /** The hashes of scripts whose text was sent: the first use of a script costs one round trip, not two. */
  readonly #sent = new Set<string>();
  /** Is told when the Redis user may not run a script, or a command in it. */
  onNotPermitted: () => void = () => {};

  constructor(client: Client) {
    this.#client = client;
  }

  run(script: Script, keys: string[], ...args: Argument[]): Promise<unknown> {
    return this.#run('texts', script, keys, args, unchanged);
  }

  /** Runs a script whose reply has buffers instead of strings. */
  runForBuffers(script: Script, keys: string[], ...args: Argument[]): Promise<unknown> {
    return this.#run('buffers', script, keys, args, unchanged);
  }

  /**
   * Runs a script whose reply is a number. Some clients are configured to return numbers as strings.
   * @throws {MalformedReply}
   */
  runForNumber(script: Script, keys: string[], ...args: Argument[]): Promise<number> {
    return this.#run('texts', script, keys, args, numberIn);
  }

  /** Runs a script whose reply is a list. @throws {MalformedReply} */
  runForList(script: Script, keys: string[], ...args: Argument[]): Promise<unknown[]> {
    return this.#run('texts', script, keys, args, listInReply);
  }

  /** Runs a short script by its text, so that it never has to be sent again behind the commands that rely on it. */
  runText({ lua }: Script, keys: string[], ...args: Argument[]): Promise<unknown> {
    this.#client.gather();
    return this.#client.eval(lua, keys, args, 'texts');
  }

  /** The only asynchronous function on the way: each more costs a miss a promise. */
  async #run<T>(
    as: ReplyForm,
    { lua, sha }: Script,
    keys: readonly string[],
    args: readonly Argument[],
    parse: (reply: unknown) => T,
  ): Promise<T> {
    const client = this.#client;
    client.gather();
    try {
      if (this.#sent.has(sha)) {
        try {
          return parse(await client.evalsha(sha, keys, args, as));
        } catch (error) {
          if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
        }
      }
      const reply = await client.eval(lua, keys, args, as);
      this.#sent.add(sha);
      return parse(reply);
    } catch (error) {
      if (isNotPermitted(error)) this.onNotPermitted();
      throw error;
    }
  }
}
