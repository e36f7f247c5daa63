import type { IncomingMessage, ServerResponse } from 'node:http';
import { isNativeError } from 'node:util/types';
import type { CacheDetail } from '../observe/outcome.ts';
import { flawOf, isPlainJson, kindOf, PLAIN_JSON } from './plain-json.ts';
import type { Dynamic } from './policy.ts';

/**
 * Functions among the options. The cache calls each through what `userFunction` returns: it names the option in what the
 * function throws, and checks what the function returns.
 */

/** How long the promise of such a function may take, in milliseconds. A request that waits for it is answered by the app. */
const MAX_PROMISE_MS = 5000;

/** A function among the options threw or rejected, gave no result in time, or returned a value of another type. */
export class OptionFailure extends Error {
  override readonly name = 'OptionFailure';
  readonly option: string;
  /** The word in `Cache-Status`. It names the option; the message may quote anything, and stays out of responses. */
  readonly detail: CacheDetail;

  constructor(option: string, detail: CacheDetail, problem: string) {
    super(`Option "${option}" ${problem}`);
    this.option = option;
    this.detail = detail;
  }
}

/** What a function among the options returns. */
interface Returned {
  readonly accepts: (value: unknown) => boolean;
  /** For messages. */
  readonly accepted: string;
  /** What is wrong with a value, for messages. @default its kind */
  readonly shows?: (value: unknown) => string;
}

export const BOOLEAN: Returned = {
  accepts: (value) => typeof value === 'boolean',
  accepted: 'true or false',
};

/** A part of a key. */
export const KEY_PART: Returned = { accepts: isPlainJson, accepted: PLAIN_JSON, shows: flawOf };

type Callable = (req: IncomingMessage, res: ServerResponse) => unknown;

/**
 * Makes the functions by which the cache calls a user's. They throw, or reject with, an `OptionFailure` and nothing else.
 * The same function of the user's has the same one here, so that two policies with it are known to have the same.
 * @param detail the word in `Cache-Status` for a function that throws.
 * @param wrong the word for one that returns a value of another type.
 */
export function userFunction<T>(
  option: string,
  detail: CacheDetail,
  { accepts, accepted, shows = kindOf }: Returned,
  wrong: CacheDetail = detail,
): (run: unknown) => Dynamic<T> {
  const made = new WeakMap<object, Dynamic<T>>();
  const failed = (error: unknown): never => {
    throw error instanceof OptionFailure
      ? error
      : new OptionFailure(option, detail, `threw ${textOf(error)}`);
  };
  const late = (): OptionFailure =>
    new OptionFailure(
      option,
      detail,
      `returned a promise that has not settled within ${MAX_PROMISE_MS / 1000} seconds.`,
    );
  const checked = (value: unknown): T => {
    if (accepts(value)) return value as T;
    throw new OptionFailure(option, wrong, `returned ${shows(value)}, but must return ${accepted}.`);
  };
  return (run) => {
    const known = made.get(run as Callable);
    if (known) return known;
    const called: Dynamic<T> = (req, res) => {
      let value: unknown;
      try {
        value = (run as Callable)(req, res);
        if (!isPromise(value)) return checked(value);
      } catch (error) {
        return failed(error);
      }
      const settled = inTime(value, late).then(checked, failed);
      // The caller may have failed before it waits for this.
      settled.catch(() => {});
      return settled;
    };
    made.set(run as Callable, called);
    return called;
  };
}

/** The promise, which rejects with `late()` where it takes too long. */
function inTime(promise: PromiseLike<unknown>, late: () => Error): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), MAX_PROMISE_MS).unref();
    Promise.resolve(promise)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
}

/** What was thrown: its kind and, after a colon, what it says, which `withoutQuotes` in observe/events.ts takes away. */
function textOf(error: unknown): string {
  if (isNativeError(error) || error instanceof Error) {
    const { name, message } = error;
    return `${/^\w+$/.test(name) ? name : 'Error'}: ${message}`;
  }
  return `${kindOf(error)}${typeof error === 'string' ? `: ${error}` : ''}`;
}
