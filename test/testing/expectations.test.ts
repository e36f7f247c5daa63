import { AssertionError } from 'node:assert';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { ArgumentError } from '../../src/index.ts';
import {
  type CacheName,
  type CacheStatus,
  cacheStatus,
  expectCollapsed,
  expectForwarded,
  expectHit,
  expectMiss,
  expectNotStored,
  expectStale,
  expectStored,
  testCache,
} from '../../src/testing/index.ts';

type Expectation = (response: { headers: unknown }, ...args: never[]) => CacheStatus;

const member = (words: string): { headers: unknown } => ({
  headers: { 'cache-status': `redis-response-cache; ${words}` },
});

/** The error of an expectation; `undefined` where it is met. */
function errorOf(run: () => unknown): Error | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

describe('an expectation is met by', () => {
  const HIT = 'hit; ttl=41';
  const NEAR = 'hit; ttl=41; detail=near';
  const STALE = 'hit; ttl=-10; detail=stale-while-revalidate';
  const AT_THE_END = 'hit; ttl=0; detail=stale-while-revalidate';
  const ON_ERROR = 'fwd=stale; fwd-status=503; detail=stale-if-error';
  const STORED = 'fwd=uri-miss; stored';
  const CONFIRMED = 'fwd=stale; fwd-status=304; stored';
  const OF_UNKNOWN_LENGTH = 'fwd=uri-miss';
  const PRIVATE = 'fwd=uri-miss; detail=private';
  const OF_A_CALLER = 'fwd=vary-miss; detail="depends-on-credentials: req.user"';
  const SHARED = 'fwd=uri-miss; collapsed';
  const TIMEOUT = 'fwd=bypass; detail=timeout';
  const FULL = 'fwd=uri-miss; detail=OOM';
  const POST = 'fwd=method';
  const NO_RESPONSE = 'detail=only-if-cached';
  const ALL = [
    ...[
      HIT,
      NEAR,
      STALE,
      AT_THE_END,
      ON_ERROR,
      STORED,
      CONFIRMED,
      OF_UNKNOWN_LENGTH,
      PRIVATE,
      OF_A_CALLER,
      SHARED,
    ],
    ...[TIMEOUT, FULL, POST, NO_RESPONSE],
  ];

  test.each<[string, Expectation, string[]]>([
    ['expectHit', expectHit, [HIT, NEAR]],
    ['expectStale', expectStale, [STALE, AT_THE_END, ON_ERROR]],
    ['expectMiss', expectMiss, [STORED, CONFIRMED, OF_UNKNOWN_LENGTH, PRIVATE, OF_A_CALLER, FULL]],
    ['expectStored', expectStored, [STORED, CONFIRMED]],
    ['expectNotStored', expectNotStored, [PRIVATE, OF_A_CALLER, TIMEOUT, FULL, POST]],
    [
      'expectForwarded',
      expectForwarded,
      [STORED, CONFIRMED, OF_UNKNOWN_LENGTH, PRIVATE, OF_A_CALLER, TIMEOUT, FULL, POST],
    ],
    ['expectCollapsed', expectCollapsed, [SHARED]],
  ])('%s', (_, expectation, met) => {
    expect(ALL.filter((words) => !errorOf(() => expectation(member(words))))).toEqual(met);
  });

  test.each<[Expectation, string, string, boolean]>([
    [expectNotStored, PRIVATE, 'private', true],
    [expectNotStored, PRIVATE, 'no-store', false],
    [expectNotStored, OF_A_CALLER, 'depends-on-credentials', true],
    [expectNotStored, OF_A_CALLER, 'depends-on-credentials: req.user', true],
    [expectNotStored, OF_A_CALLER, 'depends-on-credentials: req.session', false],
    [expectNotStored, FULL, 'OOM', true],
    [expectForwarded, TIMEOUT, 'timeout', true],
    [expectForwarded, TIMEOUT, 'bypass', true],
    [expectForwarded, TIMEOUT, 'method', false],
    [expectForwarded, POST, 'method', true],
    [expectStale, STALE, 'stale-while-revalidate', true],
    [expectStale, STALE, 'stale-if-error', false],
  ])('%p of %j with the reason %j: %j', (expectation, words, reason, isMet) => {
    expect(errorOf(() => expectation(member(words), reason as never)) === undefined).toBe(isMet);
  });
});

describe('an expectation reads the response of', () => {
  const text = 'redis-response-cache; hit; ttl=41';

  test.each<[string, () => unknown]>([
    ['fetch', () => new Response('', { headers: { 'Cache-Status': text } })],
    ['supertest and inject', () => ({ headers: { 'cache-status': text } })],
    ['a client that keeps the case of names', () => ({ headers: { 'Cache-Status': text } })],
    ['a client that gives lists', () => ({ headers: { 'cache-status': [text] } })],
    [
      'axios',
      () => ({ headers: Object.assign(Object.create({ get: () => text }), { 'cache-status': text }) }),
    ],
    [
      'node:http',
      () => Object.assign(new IncomingMessage(new Socket()), { headers: { 'cache-status': text } }),
    ],
  ])('%s', (_, response) => {
    expect(expectHit(response() as Response)).toEqual({
      text,
      cache: 'redis-response-cache',
      result: 'hit',
      hit: true,
      fwd: undefined,
      fwdStatus: undefined,
      ttlSeconds: 41,
      stored: false,
      collapsed: false,
      key: undefined,
      detail: undefined,
      because: [
        {
          word: 'hit',
          says: 'A stored response was sent; the request was not forwarded.',
          see: 'RFC 9211 \u00a72.1',
        },
      ],
    });
  });

  test.each<[string, unknown, string]>([
    ['a promise of a response', Promise.resolve(member('hit')), 'await it first'],
    ['nothing', undefined, 'not undefined'],
    ['null', null, 'not null'],
    ['text', 'hit', 'not "hit"'],
    ['an object without headers', {}, 'not {}'],
  ])('%s: not, and the message says what to pass', (_, response, message) => {
    const error = errorOf(() => expectHit(response as Response));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error?.message).toContain(message);
  });
});

describe('of several members of Cache-Status, an expectation reads that', () => {
  const field = (text: string): { headers: unknown } => ({ headers: { 'cache-status': text } });

  test('of the cache; of several caches of the name, that of the one nearest to the client', () => {
    expect(
      cacheStatus(field('redis-response-cache; fwd=uri-miss, redis-response-cache; hit, cdn; fwd=miss')),
    ).toMatchObject({
      text: 'redis-response-cache; hit',
      hit: true,
    });
  });

  test('of a test cache with another name, and of the name that is given', () => {
    testCache({ name: 'leads' });
    expectHit(field('leads; hit; ttl=1'));
    const named: CacheName = { name: 'cdn' };
    expectHit(field('cdn; hit; ttl=1'), named);
    expectNotStored(field('cdn; fwd=uri-miss; detail=private'), 'private', named);
    expect(cacheStatus(field('cdn; hit'))).toBeUndefined();
  });

  test('whose strings have commas and quotation marks', () => {
    const text =
      'redis-response-cache; fwd=uri-miss; key="GET http://a/?q=\\"a,b\\""; detail="varies: req.id, req.now"';
    expect(cacheStatus(field(`cdn; hit, ${text}`))).toMatchObject({
      text,
      key: 'GET http://a/?q="a,b"',
      detail: 'varies: req.id, req.now',
    });
  });

  test('of another version; a malformed field counts as none', () => {
    expect(cacheStatus(field('redis-response-cache; fwd="'))).toBeUndefined();
    expect(cacheStatus(field('redis-response-cache; fwd=cosmic; detail=rays'))).toMatchObject({
      result: 'miss',
      because: [{ word: 'rays' }],
    });
  });
});

describe('the error of an expectation', () => {
  test('says what was received, what it means, and what to do', () => {
    const error = errorOf(() => expectHit(member('fwd=uri-miss; detail=set-cookie'))) as AssertionError;
    expect(error).toBeInstanceOf(AssertionError);
    expect(
      error.message,
    ).toBe(`Expected a hit, but the app answered, because no stored response could be used.

Cache-Status: redis-response-cache; fwd=uri-miss; detail=set-cookie

  uri-miss: No response is stored for the cache key. (RFC 9211 \u00a72.2)
  set-cookie: The response sets a cookie, which is for one client, and \`setCookie\` is \`'refuse'\`. (RFC 9111 \u00a77.3)

Set the cookie in middleware in front of the cache; or write setCookie: 'strip', if the page works without it.

See docs/why-not-cached.md and docs/cache-status.md.`);
    expect(error.actual).toBe('redis-response-cache; fwd=uri-miss; detail=set-cookie');
    expect(error.expected).toBe('redis-response-cache; hit');
    // The first line of the stack is the test's own.
    expect(error.stack).not.toContain('testing/expectations.ts');
  });

  test.each<[Expectation, string, RegExp, RegExp]>([
    [
      expectHit,
      'fwd=uri-miss; stored',
      /^Expected a hit, but the app answered, because/,
      /cache\.idle\(\) awaited\?/,
    ],
    [expectHit, 'hit; ttl=-1', /but a stale stored response was sent/, /Use expectStale/],
    [expectHit, 'fwd=bypass; detail=timeout', /cache did not look for/, /call its end\(\)/],
    [
      expectHit,
      'fwd=uri-miss; detail=verifying',
      /for its caller alone/,
      /Await cache\.idle\(\) and ask again/,
    ],
    [
      expectHit,
      'fwd=uri-miss; detail="depends-on-credentials: req.user"',
      /depends-on-credentials: req\.user:/,
      /vary: \{ caller:/,
    ],
    [expectHit, 'fwd=method', /not one of `methods`/, /Only GET and HEAD/],
    [
      expectMiss,
      'hit; ttl=41',
      /^Expected a miss, but a fresh stored response/,
      /cache\.reset\(\) between tests/,
    ],
    [
      expectMiss,
      'fwd=uri-miss; collapsed',
      /but the response to another request for the same key was sent/,
      /See docs/,
    ],
    [expectStored, 'fwd=uri-miss', /^Expected a response that is stored/, /no Content-Length/],
    [expectStored, 'fwd=uri-miss; detail=no-store', /but the app answered/, /The app says no-store/],
    [
      expectNotStored,
      'fwd=uri-miss; stored',
      /^Expected a response that is not stored, but/,
      /See docs\/testing\.md/,
    ],
    [expectNotStored, 'fwd=uri-miss', /^Expected a response that is not stored/, /no Content-Length/],
    [expectStale, 'hit; ttl=41', /^Expected a stale response, but a fresh stored/, /cache\.advance\(\)/],
    [expectStale, 'fwd=stale; stored', /but the app answered/, /staleWhileRevalidate and staleIfError/],
    [expectForwarded, 'hit; ttl=41', /^Expected a response of the app, but/, /See docs/],
    [expectCollapsed, 'fwd=uri-miss; stored', /^Expected a shared run, but/, /without awaiting the first/],
    [expectHit, 'detail=only-if-cached', /but the cache answered with 504/, /See docs/],
  ])('%p of %j says why and what to do', (expectation, words, why, advice) => {
    const error = errorOf(() => expectation(member(words)));
    expect(error).toBeInstanceOf(AssertionError);
    expect(error?.message).toContain(`Cache-Status: redis-response-cache; ${words}`);
    expect(error?.message).toMatch(why);
    expect(error?.message).toMatch(advice);
  });

  test.each<[Expectation]>([
    [expectHit],
    [expectMiss],
    [expectStored],
    [expectNotStored],
    [expectStale],
    [expectForwarded],
    [expectCollapsed],
  ])('%p says that a response without Cache-Status did not come through the cache', (expectation) => {
    const error = errorOf(() => expectation({ headers: {} }));
    expect(error).toBeInstanceOf(AssertionError);
    expect(error?.message).toMatch(
      /^The response has no Cache-Status: it did not come from behind the cache\./,
    );
    expect(error?.message).toContain('createApp({ cache })');
  });

  test('says that the Cache-Status is that of another cache', () => {
    const error = errorOf(() => expectHit({ headers: { 'cache-status': 'cdn; hit' } }));
    expect(error?.message).toContain('of another cache: cdn; hit');
    expect(error?.message).toContain('redis-response-cache');
  });

  test('says that a reason is misspelt', () => {
    const error = errorOf(() =>
      expectNotStored(member('fwd=uri-miss; detail=no-store'), 'no-stroe' as never),
    );
    expect(error?.message).toBe('Cache-Status has no word "no-stroe". Did you mean "no-store"?');
    expect(errorOf(() => expectForwarded(member('fwd=method'), 'methods' as never))).toBeInstanceOf(
      ArgumentError,
    );
  });
});
