import type { Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { ArgumentError, show } from '../errors.ts';
import { BoundedCounter } from '../observe/bounded-counter.ts';
import { abortSignal, callable, objectOf, optional, timeout, wholeNumberFrom } from '../options/parsers.ts';
import type { AppListener } from '../options/request.ts';
import type { Duration } from '../options/units.ts';
import {
  errorMessage,
  inProcessSender,
  parseTarget,
  type SendRequest,
  sendOverHttp,
  targetName,
} from './client.ts';
import { notStoredReason } from './not-stored.ts';

/**
 * One request of a warm-up: an absolute `http:` or `https:` URL, or a URL with request header fields, such as those
 * that the response varies on. In process, the fields may include `Host`.
 */
export type WarmTarget =
  | string
  | URL
  | { readonly url: string | URL; readonly headers?: Readonly<Record<string, string>> | undefined };

/** The state of a warm-up after a request. */
export interface WarmProgress {
  /** Requests so far with a status below 400. */
  readonly done: number;
  /** Requests so far with a status of 400 or above, or without a response in time. */
  readonly failed: number;
  /** The number of targets, if they are an array. */
  readonly total: number | undefined;
  /** The URL of this request. */
  readonly url: string;
}

/** The result of a warm-up. */
export interface WarmResult {
  /** Requests with a status below 400. */
  readonly done: number;
  /** Requests with a status of 400 or above, requests without a response in time, and invalid targets. */
  readonly failed: number;
  /** The first 100 failures. */
  readonly failures: readonly { readonly url: string; readonly reason: string }[];
  /**
   * How many of the responses in `done` are not stored, by the reason that `Cache-Status` gives: `{ 'set-cookie': 2 }`. The
   * reason `no Cache-Status` means that no cache has seen the request. A response without `Content-Length` does not say
   * whether it is stored, and is not counted.
   */
  readonly notStored: Readonly<Record<string, number>>;
}

/** The options of `cache.warm`. */
export interface WarmOptions {
  /**
   * Sends the requests to this app in this process, without a port: an Express or Connect app, a request listener, or an
   * `http` or `https` server. @default none: the requests are sent over HTTP
   */
  readonly app?: AppListener | Server | HttpsServer | undefined;
  /** Requests at the same time. @default 8 */
  readonly concurrency?: number | undefined;
  /** The deadline for one response: from 1 millisecond to 1 hour. @default '30s' */
  readonly timeout?: Duration | undefined;
  /**
   * Called after each request. The warm-up waits for the promise that it returns. An error ends the warm-up, which
   * rejects with it. @default none
   */
  readonly onProgress?: ((progress: WarmProgress) => unknown) | undefined;
  /** Aborts the requests in progress; the warm-up rejects with the signal's reason. @default none */
  readonly signal?: AbortSignal | undefined;
}

const parseOptions = objectOf({
  app: {
    default: undefined,
    parse: (_option, app): SendRequest => (app === undefined ? sendOverHttp : inProcessSender(app)),
  },
  concurrency: { default: 8, parse: wholeNumberFrom(1) },
  timeout: { default: '30s', parse: timeout },
  onProgress: { default: undefined, parse: optional(callable<NonNullable<WarmOptions['onProgress']>>) },
  signal: { default: undefined, parse: optional(abortSignal) },
});

interface Plan {
  readonly send: SendRequest;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly onProgress: WarmOptions['onProgress'];
  readonly total: number | undefined;
}

type Targets = Iterable<unknown> | AsyncIterable<unknown>;

const MAX_FAILURES = 100;
const MAX_REASONS = 100;

/**
 * Sends a GET request to each target, so that the cache stores the responses. A failure does not stop the others.
 * @param closing ends the warm-up early: it resolves with the counts so far.
 * @throws {OptionError} for a bad option. @throws {ArgumentError} for targets that are not a list.
 * An error of the list is thrown after the requests in progress have ended, an error of `onProgress` after they have
 * been aborted.
 */
export async function warm(
  targets: Targets,
  options: WarmOptions = {},
  closing?: AbortSignal,
): Promise<WarmResult> {
  const { app: send, timeout: timeoutMs, signal, ...rest } = parseOptions('warm', options);
  const total = Array.isArray(targets) ? targets.length : undefined;
  const iterator = iteratorOf(targets);
  const warmUp = new WarmUp({ send, timeoutMs, total, ...rest });
  const abort = (): void => warmUp.stop(() => Promise.reject(signal?.reason));
  const end = (): void => warmUp.stop(() => Promise.resolve());
  signal?.addEventListener('abort', abort);
  closing?.addEventListener('abort', end);
  if (signal?.aborted) abort();
  if (closing?.aborted) end();
  try {
    return await warmUp.run(iterator);
  } finally {
    signal?.removeEventListener('abort', abort);
    closing?.removeEventListener('abort', end);
  }
}

/** A target whose request is in progress. */
interface Task {
  /** Ends the wait of this task: for the response, or for `onProgress`. */
  cancel: () => void;
}

/** One warm-up in progress. */
class WarmUp {
  readonly #plan: Plan;
  readonly #tasks = new Map<Task, Promise<void>>();
  readonly #failures: { url: string; reason: string }[] = [];
  /** The words come from any server. */
  readonly #notStored = new BoundedCounter(MAX_REASONS);
  #done = 0;
  #failed = 0;
  /** Set by `stop`: whether the warm-up resolves or rejects. */
  #stopped: (() => Promise<void>) | undefined;
  /** Called when a task ends. */
  #onTaskEnd: () => void = () => {};
  /** Called by `stop`. */
  #onStop: () => void = () => {};

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  stop(end: () => Promise<void>): void {
    this.#stopped ??= end;
    for (const task of this.#tasks.keys()) task.cancel();
    this.#onStop();
  }

  async run(iterator: AnyIterator): Promise<WarmResult> {
    try {
      await this.#startTasks(iterator);
    } finally {
      await Promise.all(this.#tasks.values());
    }
    await this.#stopped?.();
    return {
      done: this.#done,
      failed: this.#failed,
      failures: this.#failures,
      notStored: this.#notStored.snapshot(),
    };
  }

  /** Reads the next target only when a request for it may start. */
  async #startTasks(iterator: AnyIterator): Promise<void> {
    while (!this.#stopped) {
      if (this.#tasks.size >= this.#plan.concurrency) {
        await new Promise<void>((resolve) => {
          this.#onTaskEnd = resolve;
        });
        continue;
      }
      const next = await new Promise<IteratorResult<unknown> | undefined>((resolve, reject) => {
        this.#onStop = () => resolve(undefined);
        Promise.resolve(iterator.next()).then(resolve, reject);
      });
      if (!next) {
        // A generator returns only after the `next` in progress, which may never end, so the return is not awaited.
        void closeIterator(iterator);
        return;
      }
      if (next.done) return;
      this.#startTask(await next.value);
    }
    await closeIterator(iterator);
  }

  #startTask(target: unknown): void {
    if (this.#stopped) return;
    const task: Task = { cancel: () => {} };
    const ending = this.#runTask(target, task).finally(() => {
      this.#tasks.delete(task);
      this.#onTaskEnd();
    });
    this.#tasks.set(task, ending);
  }

  /** Never rejects. A request that `stop` aborts counts as neither done nor failed. */
  async #runTask(target: unknown, task: Task): Promise<void> {
    const { send, timeoutMs } = this.#plan;
    const controller = new AbortController();
    const { signal } = controller;
    task.cancel = () => controller.abort();
    let reason: string | undefined;
    let notStored: string | undefined;
    const timer = setTimeout(() => {
      reason = `timed out after ${timeoutMs / 1000} s`;
      controller.abort();
    }, timeoutMs);
    try {
      const { status, cacheStatus } = await send(parseTarget(target), signal);
      if (status >= 400) reason = `status ${status}`;
      else notStored = notStoredReason(cacheStatus);
    } catch (error) {
      if (!signal.aborted) reason = errorMessage(error);
    }
    clearTimeout(timer);
    if (this.#stopped && signal.aborted) return;

    const url = targetName(target);
    if (reason === undefined) this.#countDone(notStored);
    else if (++this.#failed <= MAX_FAILURES) this.#failures.push({ url, reason });
    await this.#reportProgress(url, task);
  }

  #countDone(notStored: string | undefined): void {
    this.#done++;
    if (notStored !== undefined) this.#notStored.add(notStored);
  }

  async #reportProgress(url: string, task: Task): Promise<void> {
    const { onProgress, total } = this.#plan;
    try {
      const reported = onProgress?.({ done: this.#done, failed: this.#failed, total, url });
      // `onProgress` may await `cache.close()`, which waits for this warm-up: `stop` must end this wait.
      const cancelled = new Promise<void>((resolve) => {
        task.cancel = resolve;
        if (this.#stopped) resolve();
      });
      await Promise.race([reported, cancelled]);
    } catch (error) {
      this.stop(() => Promise.reject(error));
    }
  }
}

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** @throws {ArgumentError} for what is not a list. A string is refused too: it would be a list of its characters. */
function iteratorOf(targets: Targets): AnyIterator {
  if (typeof targets === 'object' && targets !== null) {
    if (Symbol.asyncIterator in targets) return targets[Symbol.asyncIterator]();
    if (Symbol.iterator in targets) return targets[Symbol.iterator]();
  }
  throw new ArgumentError(
    `warm() needs a list of URLs (an array, a generator, or the result of fromSitemap), not ${show(targets)}.`,
  );
}

async function closeIterator(iterator: AnyIterator): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // The caller gets the first error or the signal's reason instead.
  }
}
