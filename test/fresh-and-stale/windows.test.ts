import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { Exchange } from '../../src/exchange/exchange.ts';
import type { Ageing } from '../../src/http/reuse.ts';
import type { CacheContext } from '../../src/lifecycle/context.ts';
import type { FillState } from '../../src/lifecycle/fill-state.ts';
import { NestedCaches } from '../../src/lifecycle/nested.ts';
import { evaluate, sharingOf } from '../../src/lifecycle/storability.ts';
import { Transaction } from '../../src/lifecycle/transaction.ts';
import { parsePolicy } from '../../src/options/parse.ts';
import type { PolicyOptions } from '../../src/options/types.ts';
import { Constants } from '../../src/sharing/constants.ts';
import { ReadWatch } from '../../src/sharing/reads.ts';

/* How a response ages past its lifetime: what it states, and what the options say where it states nothing. */

const OPTIONS: PolicyOptions = { ttl: '1m', staleWhileRevalidate: '10s', staleIfError: '20s' };
const NOW = 1_700_000_000_000;

async function aged(
  headers: Record<string, string>,
  options: PolicyOptions = OPTIONS,
  status = 200,
): Promise<Ageing | string> {
  const req = new IncomingMessage(new Socket());
  const exchange = new Exchange(req, new ServerResponse(req), () => {});
  const policy = parsePolicy(options);
  const context = {
    refreshes: { of: () => undefined },
    nested: new NestedCaches(performance),
  } as unknown as CacheContext;
  const fill: FillState = {
    transaction: new Transaction(exchange, policy, context),
    identity: {
      key: 'k',
      policy,
      id: 'k',
      declared: '',
      declaredVariant: '',
      place: 'k\n',
      coversCaller: false,
    },
    requestedAt: NOW,
    headBefore: [],
    reads: new ReadWatch(new Constants()),
    policy,
    refusal: undefined,
    lease: undefined,
    sharing: undefined,
    hitForMissMs: 0,
    limitWait() {},
  };
  const head = { status, headers, dated: headers, length: 5, receivedAt: NOW };
  const storability = await evaluate(fill, head, sharingOf(fill, head));
  return storability.reason ?? storability.ageing;
}

const windows = (staleWhileRevalidate: number, staleIfError: number): object => ({
  staleWhileRevalidate: staleWhileRevalidate * 1000,
  staleIfError: staleIfError * 1000,
});

describe('the windows', () => {
  test.each<[string | undefined, object]>([
    [undefined, windows(10, 20)],
    ['max-age=60', windows(10, 20)],
    ['max-age=60, stale-while-revalidate=5', windows(5, 20)],
    ['max-age=60, stale-if-error=5', windows(10, 5)],
    ['max-age=60, stale-while-revalidate=100, stale-if-error=200', windows(100, 200)],
    ['max-age=60, stale-while-revalidate=0, stale-if-error=0', windows(0, 0)],
    ['max-age=60, stale-while-revalidate="7"', windows(7, 20)],
    ['stale-while-revalidate=5', windows(5, 20)],
  ])('of a response that says %j', async (value, expected) => {
    expect(await aged(value === undefined ? {} : { 'cache-control': value })).toMatchObject(expected);
  });

  test.each(['stale-while-revalidate', 'stale-while-revalidate=x', 'stale-while-revalidate=-1'])(
    'are none where %j states no length of time',
    async (directive) => {
      const ageing = await aged({ 'cache-control': `max-age=60, ${directive}` });
      // As every cache of RFC 9111 does with what it cannot read: the shortest.
      expect(ageing).toMatchObject({ staleWhileRevalidate: 0, staleIfError: 20_000 });
    },
  );

  test('are stated by a targeted field, where that is obeyed', async () => {
    const headers = {
      'cache-control': 'max-age=60, stale-while-revalidate=1',
      'cdn-cache-control': 'max-age=60, stale-while-revalidate=2',
    };
    expect(await aged(headers, { ...OPTIONS, targeted: ['CDN-Cache-Control'] })).toMatchObject(
      windows(2, 20),
    );
    expect(await aged(headers)).toMatchObject(windows(1, 20));
  });

  test('are what the options say where directives are overridden', async () => {
    const headers = { 'cache-control': 'max-age=1, stale-while-revalidate=1, stale-if-error=1, s-maxage=1' };
    expect(await aged(headers, { ...OPTIONS, directives: 'override' })).toMatchObject({
      ...windows(10, 20),
      lifetime: 60_000,
      neverStale: false,
    });
  });

  test('are those of the response where only the request is ignored', async () => {
    const headers = { 'cache-control': 'max-age=60, stale-while-revalidate=1' };
    expect(await aged(headers, { ...OPTIONS, directives: 'ignore' })).toMatchObject(windows(1, 20));
  });

  test.each([500, 501, 503, 599])('of a %d are none, whatever is said', async (status) => {
    const headers = { 'cache-control': 'max-age=60, stale-while-revalidate=60, stale-if-error=60' };
    expect(await aged(headers, { ...OPTIONS, statuses: [status] }, status)).toMatchObject(windows(0, 0));
    expect(await aged({}, { ...OPTIONS, statuses: [status] }, status)).toMatchObject(windows(0, 0));
  });

  test.each([203, 301, 404, 410])('of a %d are those of any response', async (status) => {
    expect(await aged({}, OPTIONS, status)).toMatchObject(windows(10, 20));
  });

  test.each(['must-revalidate', 'proxy-revalidate', 's-maxage=60'])(
    'are of no use under %s',
    async (said) => {
      const headers = { 'cache-control': `max-age=60, ${said}` };
      expect(await aged(headers)).toMatchObject({ neverStale: true });
    },
  );

  test('make a response worth storing that is stale from the start', async () => {
    const stale = { 'cache-control': 'max-age=0' };
    expect(await aged(stale)).toMatchObject({ lifetime: 0, ...windows(10, 20) });
    expect(await aged(stale, { ttl: '1m' })).toBe('not-fresh');
    expect(await aged({ 'cache-control': 'max-age=0, must-revalidate' })).toBe('not-fresh');
  });
});

describe('a ttl of 0', () => {
  const dated = {
    'last-modified': new Date(NOW - 10 * 86_400_000).toUTCString(),
    date: new Date(NOW).toUTCString(),
  };

  test.each<[NonNullable<PolicyOptions['ttl']>]>([[0], [{ 200: 0 }], [() => 0]])(
    'is a lifetime of 0, and is not estimated by Last-Modified: %p',
    async (ttl) => {
      expect(await aged(dated, { ttl })).toMatchObject({ lifetime: 0 });
      expect(await aged(dated, { ttl: false })).toMatchObject({ lifetime: 86_400_000 });
    },
  );

  test('stores a response that may be served stale', async () => {
    expect(await aged({}, { ttl: { 200: 0 }, staleWhileRevalidate: '10s' })).toMatchObject({
      lifetime: 0,
      staleWhileRevalidate: 10_000,
    });
    expect(await aged({}, { ttl: 0 })).toBe('not-fresh');
  });
});

describe('jitter', () => {
  const jittered = async (headers: Record<string, string>, jitter: number): Promise<number[]> => {
    const lifetimes: number[] = [];
    for (let i = 0; i < 200; i++) {
      const ageing = await aged(headers, { ttl: '1m', jitter });
      lifetimes.push((ageing as Ageing).lifetime);
    }
    return lifetimes;
  };

  test('shortens what the ttl option gives, by no more than it says', async () => {
    const lifetimes = await jittered({}, 0.1);
    expect(Math.max(...lifetimes)).toBeLessThanOrEqual(60_000);
    expect(Math.min(...lifetimes)).toBeGreaterThanOrEqual(54_000);
    expect(Math.max(...lifetimes) - Math.min(...lifetimes)).toBeGreaterThan(3000);
  });

  test('leaves alone what the response states', async () => {
    expect(new Set(await jittered({ 'cache-control': 'max-age=60' }, 1))).toEqual(new Set([60_000]));
  });

  test('of 0 is none', async () => {
    expect(new Set(await jittered({}, 0))).toEqual(new Set([60_000]));
  });

  test('leaves false what is false', async () => {
    expect(await aged({}, { ttl: false, jitter: 0.5 })).toBe('no-lifetime');
  });
});
