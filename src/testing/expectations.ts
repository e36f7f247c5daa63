import { AssertionError } from 'node:assert';
import { ArgumentError } from '../errors.ts';
import { suggestion } from '../known-names.ts';
import { type CacheDetail, type ForwardReason, RESULTS } from '../observe/outcome.ts';
import { type CacheReason, DETAILS, FORWARDED, wordOf } from '../observe/reasons.ts';
import { testingAdvice } from './advice.ts';
import { type AnyResponse, type CacheName, type CacheStatus, cacheStatus, fieldOf } from './cache-status.ts';

/*
 * Expectations about the response to one request. Each throws an `AssertionError` that says what the cache did, why, and
 * what to do; each fails for a response without `Cache-Status`, so that no test passes without a cache.
 */

/** A word of `detail` in `Cache-Status`, with its particulars after a colon or without. */
export type DetailWord = CacheDetail | Exclude<keyof typeof DETAILS, 'redis-error'>;

/**
 * A fresh stored response was sent; the app was not asked. A stale one is no hit here: see `expectStale`.
 * @returns what `Cache-Status` says.
 */
export function expectHit(response: AnyResponse, cache?: CacheName): CacheStatus {
  const status = received(response, cache, expectHit);
  if (status.result === 'hit') return status;
  const stale = 'Use expectStale, if a stale response is meant.';
  throw failure(
    'a hit',
    `${status.cache}; hit`,
    status,
    expectHit,
    status.result === 'stale' ? stale : undefined,
  );
}

/**
 * The app was asked, because nothing that is stored could be used: nothing was stored, it was stale, or it is another variant. The
 * app may have confirmed what is stored (304). A request that the cache did not look up is no miss: see `expectForwarded`.
 * @returns what `Cache-Status` says.
 */
export function expectMiss(response: AnyResponse, cache?: CacheName): CacheStatus {
  const status = received(response, cache, expectMiss);
  if (status.result === 'miss' || status.result === 'revalidated') return status;
  const advice = status.hit
    ? 'An earlier request has stored the response: await cache.reset() between tests, or cache.advance() past its lifetime.'
    : undefined;
  throw failure('a miss', `${status.cache}; fwd=uri-miss`, status, expectMiss, advice);
}

/**
 * The app answered, and its response is being stored. Whether that succeeds is known after `await cache.idle()`: ask again, and
 * `expectHit`.
 * @returns what `Cache-Status` says.
 */
export function expectStored(response: AnyResponse, cache?: CacheName): CacheStatus {
  const status = received(response, cache, expectStored);
  if (status.stored) return status;
  const advice = isOpen(status) ? OPEN : undefined;
  throw failure(
    'a response that is stored',
    `${status.cache}; fwd=uri-miss; stored`,
    status,
    expectStored,
    advice,
  );
}

/**
 * The app answered, and its response is not stored.
 * @param reason the word of `detail` that says why: `'set-cookie'`, `'private'`. By default any.
 * @returns what `Cache-Status` says.
 */
export function expectNotStored(response: AnyResponse, reason?: DetailWord, cache?: CacheName): CacheStatus {
  assertWord(reason, DETAILS);
  const status = received(response, cache, expectNotStored);
  const isForwarded = status.result === 'miss' || status.result === 'bypass';
  if (isForwarded && !status.stored && !isOpen(status) && hasWord(status, reason)) return status;
  const what = `a response that is not stored${reason === undefined ? '' : ` (${reason})`}`;
  const expected = `${status.cache}; fwd=${status.fwd ?? 'uri-miss'}${reason === undefined ? '' : `; detail=${reason}`}`;
  throw failure(what, expected, status, expectNotStored, isOpen(status) ? OPEN : '');
}

/**
 * A stale stored response was sent, because it may be: while the cache refreshes it, or because the app failed.
 * @param reason the word of `detail`: `'stale-while-revalidate'`, `'stale-if-error'`. By default any.
 * @returns what `Cache-Status` says.
 */
export function expectStale(response: AnyResponse, reason?: DetailWord, cache?: CacheName): CacheStatus {
  assertWord(reason, DETAILS);
  const status = received(response, cache, expectStale);
  if (status.result === 'stale' && hasWord(status, reason)) return status;
  const what = `a stale response${reason === undefined ? '' : ` (${reason})`}`;
  const advice =
    status.result === 'hit'
      ? 'The stored response is fresh: move the clock past its lifetime by cache.advance().'
      : 'A stale response is sent with the options staleWhileRevalidate and staleIfError, if the response says neither must-revalidate nor s-maxage.';
  throw failure(
    what,
    `${status.cache}; hit; detail=${reason ?? 'stale-while-revalidate'}`,
    status,
    expectStale,
    advice,
  );
}

/**
 * The app answered this request, whatever the reason.
 * @param reason the word of `fwd` or of `detail`: `'method'`, `'when'`, `'timeout'`. By default any.
 * @returns what `Cache-Status` says.
 */
export function expectForwarded(
  response: AnyResponse,
  reason?: ForwardReason | DetailWord,
  cache?: CacheName,
): CacheStatus {
  assertWord(reason, { ...FORWARDED, ...DETAILS });
  const status = received(response, cache, expectForwarded);
  const isForwarded = ['miss', 'bypass', 'revalidated'].includes(status.result);
  if (isForwarded && (status.fwd === reason || hasWord(status, reason))) return status;
  const what = `a response of the app${reason === undefined ? '' : ` (${reason})`}`;
  const word =
    reason === undefined || Object.hasOwn(FORWARDED, reason)
      ? `fwd=${reason ?? 'bypass'}`
      : `detail=${reason}`;
  throw failure(what, `${status.cache}; ${word}`, status, expectForwarded, isForwarded ? '' : undefined);
}

/**
 * The response to another request for the same key was sent, which came at the same time.
 * @returns what `Cache-Status` says.
 */
export function expectCollapsed(response: AnyResponse, cache?: CacheName): CacheStatus {
  const status = received(response, cache, expectCollapsed);
  if (status.result === 'collapsed') return status;
  const advice = 'Send the requests without awaiting the first one; the option collapse must not be false.';
  throw failure('a shared run', `${status.cache}; fwd=uri-miss; collapsed`, status, expectCollapsed, advice);
}

/** A response of unknown length is stored if it ends well, which its head cannot say. */
function isOpen({ result, stored, detail }: CacheStatus): boolean {
  return result === 'miss' && !stored && detail === undefined;
}

const OPEN =
  'The response has no Content-Length, so its head does not say whether it will be stored. Await cache.idle(), ask again, and use expectHit or expectMiss.';

function hasWord({ detail }: CacheStatus, reason: string | undefined): boolean {
  return reason === undefined || detail === reason || (detail !== undefined && wordOf(detail) === reason);
}

/** @throws {ArgumentError} for a word that `Cache-Status` never has. */
function assertWord(reason: string | undefined, words: object): void {
  if (reason === undefined || /^[A-Z]+$/.test(reason) || Object.hasOwn(words, wordOf(reason))) return;
  throw new ArgumentError(`Cache-Status has no word "${reason}".${suggestion(reason, Object.keys(words))}`);
}

type Expectation = (...args: never[]) => CacheStatus;

function received(
  response: AnyResponse,
  cache: CacheName | undefined,
  expectation: Expectation,
): CacheStatus {
  const status = cacheStatus(response, cache);
  if (status) return status;
  const field = fieldOf(response);
  const meant = cache?.name ?? 'redis-response-cache';
  const message =
    field === undefined
      ? [
          'The response has no Cache-Status: it did not come from behind the cache.',
          'Mount the cache in front of the route, in the app that the test asks: createApp({ cache }). The field is also missing while the option enabled is false, and after cache.close().',
        ]
      : [
          `The response has a Cache-Status of another cache: ${field}`,
          `Expected one of ${meant}. If your cache has another name, pass it: ${expectation.name}(response, { name: '...' }) (as the last argument).`,
        ];
  throw new AssertionError({
    message: `${message.join('\n\n')}\n\n${SEE}`,
    actual: field,
    expected: meant,
    operator: 'fail',
    stackStartFn: expectation,
  });
}

const SEE = 'See docs/testing.md.';

/** @param advice what to do; by default that of the words in `Cache-Status`. Empty where there is none. */
function failure(
  what: string,
  expected: string,
  status: CacheStatus,
  expectation: Expectation,
  advice: string = testingAdvice(status) ?? '',
): AssertionError {
  const lines = [
    `Expected ${what}, but ${RESULTS[status.result]}.`,
    `Cache-Status: ${status.text}`,
    status.because.map(meaning).join('\n'),
    advice,
    status.detail === undefined ? SEE : 'See docs/why-not-cached.md and docs/cache-status.md.',
  ];
  return new AssertionError({
    message: lines.filter((line) => line !== '').join('\n\n'),
    actual: status.text,
    expected,
    operator: 'fail',
    stackStartFn: expectation,
  });
}

function meaning({ word, says, see }: CacheReason): string {
  return `  ${word}: ${says}${see === undefined ? '' : ` (${see})`}`;
}
