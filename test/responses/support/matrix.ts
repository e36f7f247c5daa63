import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect } from '@jest/globals';
import type { Request, Response } from 'express';
import type { CacheMiddleware, CacheOptions, PolicyOptions } from '../../../src/index.ts';
import type { Framework, Layer } from '../../support/app.ts';
import { type Answer, type Asked, askOnce, type Line } from '../../support/client.ts';
import { redisBacked, type Stage, stage } from './stage.ts';

/** One way of answering, and what is to become of it. */
export interface Case {
  /** Completes "a response made by ...". */
  readonly name: string;
  /** @param note writes down what the handler was told: return values, callbacks, errors. */
  handler(req: Request, res: Response, note: Note): unknown;
  readonly options?: PolicyOptions;
  /** What each of the requests asks for. */
  readonly asked?: Asked;
  /** Needs a framework that adds no fields of its own. */
  readonly bare?: boolean;
  /** Lower-case names of fields that belong to one connection, so that a hit has none. */
  readonly dropped?: readonly string[];
  /** In front of the cache. */
  readonly outside?: readonly Layer[];
  /** Behind the cache. */
  readonly inside?: readonly Layer[];
}

type Note = (...values: unknown[]) => void;

let cache: CacheMiddleware;
beforeEach(() => {
  cache = redisBacked();
});
afterEach(() => cache.close());

/** The cache of the running test, with other options where they are given. */
export function cacheWith(options?: CacheOptions): CacheMiddleware {
  if (options) cache = redisBacked(options);
  return cache;
}

/** The app without the cache and with it, what each answers first, and what their handlers noted. */
export async function firstAnswers(
  framework: Framework,
  one: Case,
): Promise<{ reference: Answer; miss: Answer; cached: Stage }> {
  const expected: unknown[] = [];
  const noted: unknown[] = [];
  const bare = await stageOf(framework, one, [], expected);
  const cached = await stageOf(framework, one, [cacheWith(one.options)], noted);
  const reference = await askOnce(bare.port, one.asked);
  const miss = await askOnce(cached.port, one.asked);
  expectSame(miss, reference);
  expect(miss.header('cache-status')).toMatch(/fwd=/);
  await Promise.all([bare.closed(), cached.closed(), cache.idle()]);
  // A file that was piped is closed in its own time, and a pipeline waits for that.
  for (let i = 0; noted.length !== expected.length && i < 500; i++) await sleep(10);
  expect(noted).toEqual(expected);
  expect(cached.runs()).toBe(1);
  return { reference, miss, cached };
}

function stageOf(framework: Framework, one: Case, caches: Layer[], notes: unknown[]): Promise<Stage> {
  const layers = [...(one.outside ?? []), ...caches, ...(one.inside ?? [])];
  const note: Note = (...values) => notes.push(values);
  return stage(framework, layers, (req, res) => one.handler(req, res, note), one.bare);
}

/** The response passes unharmed, and then is replayed as it was. */
export async function expectReplayed(framework: Framework, one: Case): Promise<void> {
  const { reference, cached } = await firstAnswers(framework, one);
  const hit = await askOnce(cached.port, one.asked);
  expectHit(hit);
  expect(cached.runs()).toBe(1);
  expectSame(hit, unframed(reference, one.dropped));
  expect(hit.complete).toBe(true);
  expect(hit.rest).toHaveLength(0);
}

/** The response passes unharmed, and the next request runs the handler again. */
export async function expectPassed(framework: Framework, one: Case): Promise<void> {
  const { reference, cached } = await firstAnswers(framework, one);
  const again = await askOnce(cached.port, one.asked);
  expectSame(again, reference);
  expect(again.header('age')).toBeUndefined();
  expect(again.header('cache-status')).not.toMatch(/hit/);
  expect(cached.runs()).toBe(2);
}

export function expectHit(answer: Answer): void {
  expect(answer.header('cache-status')).toMatch(/^redis-response-cache; hit; ttl=\d+$/);
  expect(answer.header('age')).toMatch(/^\d+$/);
}

export function expectSame(answer: Answer, expected: Answer): void {
  const facts = ({ status, message, lines, trailers, complete, interim }: Answer): object => ({
    status,
    message,
    lines: comparable(lines),
    trailers,
    complete,
    interim,
  });
  expect(facts(answer)).toEqual(facts(expected));
  expect(answer.header('date') === undefined).toBe(expected.header('date') === undefined);
  expect(answer.rest).toHaveLength(expected.rest.length);
  // Not by toEqual, which would take minutes to print how megabytes differ.
  expect(answer.bytes.length).toBe(expected.bytes.length);
  expect(answer.bytes.equals(expected.bytes)).toBe(true);
}

/** As it is when the whole is known beforehand: a length in place of chunks, and nothing of the connection. */
function unframed(answer: Answer, dropped: readonly string[] = []): Answer {
  const gone = new Set(['transfer-encoding', ...dropped]);
  const kept = answer.lines.filter(([name]) => !gone.has(name.toLowerCase()));
  const lines = kept.map(([name, value]): Line => [name, name === 'Connection' ? 'close' : value]);
  if (answer.status !== 204 && answer.header('content-length') === undefined)
    lines.push(['Content-Length', String(answer.body.length)]);
  return { ...answer, lines, trailers: [], interim: [] };
}

const OWN = new Set(['date', 'age', 'cache-status']);

/** All lines but those of this moment, sorted by field; lines of one field keep their order. */
function comparable(lines: readonly Line[]): Line[] {
  const kept = lines.filter(([name]) => !OWN.has(name.toLowerCase()));
  return kept.sort(([a], [b]) =>
    a.toLowerCase() < b.toLowerCase() ? -1 : a.toLowerCase() > b.toLowerCase() ? 1 : 0,
  );
}
