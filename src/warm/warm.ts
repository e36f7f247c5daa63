import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { OptionError } from '../errors.ts';
import { callable, objectOf, optional, timeout, wholeNumberFrom } from '../options/parsers.ts';
import type { Duration } from '../options/units.ts';
import { type Ask, inProcess, nameOf, overHttp, reasonOf, requestOf } from './client.ts';

/** Warming up: many URLs are asked for, a few at a time, so that the cache has what they answer before clients come. */

/**
 * An absolute `http:` or `https:` URL; or one and the header fields to ask with, such as those the answer varies by. In
 * process, `Host` may be among them.
 */
export type WarmTarget =
  | string
  | URL
  | { readonly url: string | URL; readonly headers?: Readonly<Record<string, string>> };

/** How far a warm-up has come. */
export interface WarmProgress {
  /** How many were answered well so far, and how many were not. */
  readonly done: number;
  readonly failed: number;
  /** How many there are, where the targets are an array. */
  readonly total: number | undefined;
  /** The one asked for last. */
  readonly url: string;
}

/** What became of a warm-up. */
export interface WarmResult {
  /** How many were answered with a status below 400. */
  readonly done: number;
  /** How many were answered with another, or not in time, or not at all; or were no request. */
  readonly failed: number;
  /** The first 100 of those. */
  readonly failures: readonly { readonly url: string; readonly reason: string }[];
}

/** Options of `cache.warm`. */
export interface WarmOptions {
  /**
   * The app that gets the requests, in this process and without a port: an Express or Connect app, a request listener, or
   * an `http` or `https` server. @default none: the requests are sent over HTTP
   */
  readonly app?: ((req: IncomingMessage, res: ServerResponse) => unknown) | Server | HttpsServer;
  /** The most requests at a time. @default 8 */
  readonly concurrency?: number;
  /** How long each request may take: from 1 millisecond to 1 hour. @default '30s' */
  readonly timeout?: Duration;
  /** Called after each request. If it returns a promise, the warm-up waits for it. @default none */
  readonly onProgress?: (progress: WarmProgress) => unknown;
  /** Stops the warm-up: requests in progress are aborted, and it rejects with the signal's reason. @default none */
  readonly signal?: AbortSignal;
}

const parseOptions = objectOf({
  app: { default: undefined, parse: (_option, app): Ask => (app === undefined ? overHttp : inProcess(app)) },
  concurrency: { default: 8, parse: wholeNumberFrom(1) },
  timeout: { default: '30s', parse: timeout },
  onProgress: { default: undefined, parse: optional(callable<NonNullable<WarmOptions['onProgress']>>) },
  signal: { default: undefined, parse: optional(parseSignal) },
});

function parseSignal(option: string, signal: unknown): AbortSignal {
  if (typeof (signal as Partial<AbortSignal> | null)?.addEventListener === 'function')
    return signal as AbortSignal;
  throw new OptionError(option, signal, 'an AbortSignal');
}

interface Plan {
  readonly ask: Ask;
  readonly concurrency: number;
  /** In milliseconds. */
  readonly timeout: number;
  readonly onProgress: WarmOptions['onProgress'];
  readonly total: number | undefined;
}

type Targets = Iterable<unknown> | AsyncIterable<unknown>;

const FAILURES = 100;

/**
 * Asks for each target, and goes on with the next where one fails.
 * @param ended ends it early, and it resolves with what was done by then.
 * @throws {OptionError} for a bad option, {TypeError} for targets that are no list. What the list throws is thrown once
 * the requests under way have ended, what `onProgress` throws once they have been aborted.
 */
export async function warm(
  targets: Targets,
  options: WarmOptions = {},
  ended?: AbortSignal,
): Promise<WarmResult> {
  const { app: ask, signal, ...limits } = parseOptions('warm', options);
  const iterator = iteratorOf(targets);

  const total = Array.isArray(targets) ? targets.length : undefined;
  const warmUp = new WarmUp({ ask, total, ...limits });
  const stop = (): void => warmUp.stop(() => Promise.reject(signal?.reason));
  const end = (): void => warmUp.stop(() => Promise.resolve());
  signal?.addEventListener('abort', stop);
  ended?.addEventListener('abort', end);
  if (signal?.aborted) stop();
  if (ended?.aborted) end();
  try {
    return await warmUp.run(iterator);
  } finally {
    signal?.removeEventListener('abort', stop);
    ended?.removeEventListener('abort', end);
  }
}

/** One target under way. */
interface Task {
  /** Ends what is waited for at the moment. */
  giveUp: () => void;
}

class WarmUp {
  readonly #plan: Plan;
  readonly #running = new Map<Task, Promise<void>>();
  readonly #failures: { url: string; reason: string }[] = [];
  #done = 0;
  #failed = 0;
  /** Set once it is stopped: how it ends. */
  #stopped: (() => Promise<void>) | undefined;
  /** Called when one has ended, and when there is nothing more to wait for. */
  #onRoom: () => void = () => {};
  #onStop: () => void = () => {};

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  stop(end: () => Promise<void>): void {
    this.#stopped ??= end;
    for (const task of this.#running.keys()) task.giveUp();
    this.#onStop();
  }

  async run(iterator: AnyIterator): Promise<WarmResult> {
    try {
      await this.#feed(iterator);
    } finally {
      await Promise.all(this.#running.values());
    }
    await this.#stopped?.();
    return { done: this.#done, failed: this.#failed, failures: this.#failures };
  }

  /** Reads on as soon as there is room, and never ahead. */
  async #feed(iterator: AnyIterator): Promise<void> {
    while (!this.#stopped) {
      if (this.#running.size >= this.#plan.concurrency) {
        await new Promise<void>((resolve) => {
          this.#onRoom = resolve;
        });
        continue;
      }
      const next = await new Promise<IteratorResult<unknown> | undefined>((resolve, reject) => {
        this.#onStop = () => resolve(undefined);
        Promise.resolve(iterator.next()).then(resolve, reject);
      });
      // A generator that is asked to return while it works on the next does so after that: nobody waits for it.
      if (!next) return void returned(iterator);
      if (next.done) return;
      this.#begin(await next.value);
    }
    await returned(iterator);
  }

  #begin(target: unknown): void {
    if (this.#stopped) return;
    const task: Task = { giveUp: () => {} };
    const ending = this.#one(target, task).finally(() => {
      this.#running.delete(task);
      this.#onRoom();
    });
    this.#running.set(task, ending);
  }

  /** Never rejects. What is given up when all is stopped counts as neither done nor failed. */
  async #one(target: unknown, task: Task): Promise<void> {
    const { ask, timeout, onProgress, total } = this.#plan;
    const controller = new AbortController();
    const { signal } = controller;
    task.giveUp = () => controller.abort();
    let reason: string | undefined;
    const timer = setTimeout(() => {
      reason = `timed out after ${timeout / 1000} s`;
      controller.abort();
    }, timeout);
    try {
      const status = await ask(requestOf(target), signal);
      if (status >= 400) reason = `status ${status}`;
    } catch (error) {
      if (!signal.aborted) reason = reasonOf(error);
    }
    clearTimeout(timer);
    if (this.#stopped && signal.aborted) return;

    const url = nameOf(target);
    if (reason === undefined) this.#done++;
    else if (++this.#failed <= FAILURES) this.#failures.push({ url, reason });
    try {
      const told = onProgress?.({ done: this.#done, failed: this.#failed, total, url });
      // It may wait for what stops all, such as `cache.close()`, which waits for this.
      const given = new Promise<void>((resolve) => {
        task.giveUp = resolve;
        if (this.#stopped) resolve();
      });
      await Promise.race([told, given]);
    } catch (error) {
      this.stop(() => Promise.reject(error));
    }
  }
}

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** @throws {TypeError} also for a single URL, which is a list of its characters. */
function iteratorOf(targets: Targets): AnyIterator {
  if (typeof targets === 'object' && targets !== null) {
    if (Symbol.asyncIterator in targets) return targets[Symbol.asyncIterator]();
    if (Symbol.iterator in targets) return targets[Symbol.iterator]();
  }
  throw new TypeError('warm takes a list of URLs: an array, a generator, or what fromSitemap gives');
}

async function returned(iterator: AnyIterator): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // It has been told.
  }
}
