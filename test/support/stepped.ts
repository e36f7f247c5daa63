import type { RedisClient } from '../../src/index.ts';
import { sized } from './long.ts';

/** A client whose commands wait until they are let go on, one by one: it makes every order of commands happen. */
export class Stepped {
  readonly client: RedisClient;
  readonly #waiting: (() => Promise<unknown>)[] = [];

  constructor(client: object) {
    this.client = new Proxy(client as RedisClient, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function' || !COMMANDS.has(String(name))) return member;
        return (...args: unknown[]) =>
          new Promise((resolve, reject) => {
            this.#waiting.push(async () => {
              await Reflect.apply(member, target, args).then(resolve, reject);
            });
          });
      },
    });
  }

  /** Lets one command go on, and waits for its answer; false when there is none. */
  async step(): Promise<boolean> {
    // What the answer before leads to comes first.
    await new Promise(setImmediate);
    const next = this.#waiting.shift();
    await next?.();
    await new Promise(setImmediate);
    return next !== undefined;
  }
}

const COMMANDS = new Set(['get', 'hgetBuffer', 'hmgetBuffer', 'evalsha', 'eval', 'call', 'unlink', 'ping']);

/** Works of several clients, a command at a time in this order, then each to its end; what `after` each command. */
export async function interleaved(
  actors: readonly Stepped[],
  order: Iterable<number>,
  after: () => Promise<void> = async () => {},
): Promise<void> {
  for (const i of order) if (await actors[i]?.step()) await after();
  for (let more = true; more; ) {
    more = false;
    for (const actor of actors) {
      if (!(await actor.step())) continue;
      more = true;
      await after();
    }
  }
}

/**
 * Every order in which two works of `a` and `b` commands can take turns: 0 is the first one's turn, 1 the other's.
 * `npm test` takes some of each kind.
 */
export function* orders(a: number, b: number): Generator<number[]> {
  let i = 0;
  for (const order of everyOrder(a, b)) if (i++ % sized(5, 1) === 0) yield order;
}

function* everyOrder(a: number, b: number): Generator<number[]> {
  if (a === 0 && b === 0) yield [];
  if (a > 0) for (const rest of everyOrder(a - 1, b)) yield [0, ...rest];
  if (b > 0) for (const rest of everyOrder(a, b - 1)) yield [1, ...rest];
}
