import type { Item } from 'structured-headers';
import { ArgumentError, show } from '../errors.ts';
import { membersOf } from '../observe/cache-status.ts';
import {
  type CacheDetail,
  type CacheOutcome,
  type CacheResult,
  type ForwardReason,
  resultOf,
} from '../observe/outcome.ts';
import { type CacheReason, FORWARDED, reasonsOf } from '../observe/reasons.ts';

/**
 * A response, as any client has it: of `fetch`, supertest, `app.inject()`, `http.get`, axios, or any object with `headers`.
 */
export interface AnyResponse {
  readonly headers: unknown;
}

/** Which cache is meant. */
export interface CacheName {
  /** The option `name` of the cache. @default 'redis-response-cache', and the names of the test caches of this process */
  readonly name?: string;
}

/** What a cache's member of `Cache-Status` says (RFC 9211 §2). */
export interface CacheStatus {
  /** The member as it was received. */
  readonly text: string;
  /** The name of the cache. */
  readonly cache: string;
  /** What happened, in one word: the same as in the `request` event. */
  readonly result: CacheResult;
  readonly hit: boolean;
  /** Why the request was forwarded to the app. */
  readonly fwd: ForwardReason | undefined;
  /** The status code of the app's response, where it differs from the one sent to the client. */
  readonly fwdStatus: number | undefined;
  /** How long the stored response is fresh, in seconds; negative for a stale one. */
  readonly ttlSeconds: number | undefined;
  /** Whether the app's response is being stored. */
  readonly stored: boolean;
  /** Whether the response to another request was sent. */
  readonly collapsed: boolean;
  /** The cache key, with the option `showKey`. */
  readonly key: string | undefined;
  readonly detail: CacheDetail | undefined;
  /** The meaning of each word, the most general first. */
  readonly because: readonly CacheReason[];
}

const DEFAULT_NAME = 'redis-response-cache';
const names = new Set([DEFAULT_NAME]);

/** Responses of a test cache are known by its name. */
export function rememberName(name: string | undefined): void {
  if (name !== undefined) names.add(name);
}

/**
 * What the cache says of a response; `undefined` without a `Cache-Status` of the cache. Of several caches of that name, it is
 * the one nearest to the client.
 * @throws {ArgumentError} for a value that is no response.
 */
export function cacheStatus(response: AnyResponse, { name }: CacheName = {}): CacheStatus | undefined {
  const text = fieldOf(response);
  if (text === undefined) return undefined;
  const isMeant = ([cache]: Item): boolean =>
    name === undefined ? names.has(String(cache)) : String(cache) === name;
  const member = membersOf(text).filter(isMeant).at(-1);
  return member && toCacheStatus(member, text);
}

/** The `Cache-Status` of a response, as received. @throws {ArgumentError} */
export function fieldOf(response: unknown): string | undefined {
  const { headers, then } = (response ?? {}) as { headers?: unknown; then?: unknown };
  if (typeof then === 'function')
    throw new ArgumentError('An expectation needs a response, not a promise of one: await it first.');
  if (typeof headers !== 'object' || headers === null) {
    throw new ArgumentError(
      `An expectation needs a response with headers, as fetch, supertest, app.inject() or axios give it; not ${show(response)}.`,
    );
  }
  const value =
    'get' in headers && typeof headers.get === 'function'
      ? (headers.get('cache-status') as unknown)
      : valueIn(headers as Record<string, unknown>);
  if (value === undefined || value === null) return undefined;
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function valueIn(headers: Record<string, unknown>): unknown {
  const name = Object.keys(headers).find((one) => one.toLowerCase() === 'cache-status');
  return name === undefined ? undefined : headers[name];
}

function toCacheStatus([cache, parameters]: Item, field: string): CacheStatus {
  const text = (name: string): string | undefined => {
    const value = parameters.get(name);
    return value === undefined ? undefined : String(value);
  };
  const seconds = parameters.get('ttl');
  const ttlSeconds = typeof seconds === 'number' ? seconds : undefined;
  const fwd = text('fwd') as ForwardReason | undefined;
  const detail = text('detail') as CacheDetail | undefined;
  const fwdStatus = parameters.get('fwd-status');
  const hit = parameters.get('hit') === true;
  const collapsed = parameters.get('collapsed') === true;
  const outcome: CacheOutcome = {
    kind: hit ? 'hit' : kindOf(fwd, detail),
    collapsed,
    ...(fwd !== undefined && { fwd }),
    ...(detail !== undefined && { detail }),
    ...(ttlSeconds !== undefined && { ttlMs: ttlSeconds * 1000 }),
    ...(typeof fwdStatus === 'number' && { fwdStatus }),
  };
  const { fwd: _, ...unexplained } = outcome;
  return {
    text: memberIn(field, String(cache)),
    cache: String(cache),
    result: detail === 'stale-while-revalidate' ? 'stale' : resultOf(outcome),
    hit,
    fwd,
    fwdStatus: outcome.fwdStatus,
    ttlSeconds,
    stored: parameters.get('stored') === true,
    collapsed,
    key: text('key'),
    detail,
    because: reasonsOf(isKnown(fwd) ? outcome : unexplained),
  };
}

/** Another version of the package may have other words. */
function isKnown(fwd: ForwardReason | undefined): boolean {
  return fwd !== undefined && Object.hasOwn(FORWARDED, fwd);
}

/** A response that neither the cache nor the app made has no `fwd`. */
function kindOf(fwd: ForwardReason | undefined, detail: CacheDetail | undefined): CacheOutcome['kind'] {
  if (detail === 'only-if-cached') return 'unsatisfied';
  if (fwd !== undefined || detail === undefined) return 'forward';
  return /^invalidate/.test(detail) ? 'invalidated' : 'forward';
}

/** The last member of the field that begins with this name. A comma in a string is no end. */
function memberIn(field: string, name: string): string {
  const members = field.match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g) ?? [];
  return (
    members.map((member) => member.trim()).findLast((member) => member.split(';', 1)[0]?.trim() === name) ??
    field
  );
}
