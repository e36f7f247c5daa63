import { describe, expect, test } from '@jest/globals';
import type { CacheOutcome, RequestEvent } from '../../src/observe/outcome.ts';
import { type ReportedRequest, Reporter } from '../../src/observe/reporter.ts';

function request(overrides: Partial<ReportedRequest> = {}): ReportedRequest {
  return {
    method: 'GET',
    path: '/',
    key: 'GET http://a.example/',
    status: 200,
    startedAt: performance.now(),
    startsMs: { lookup: 1 },
    durationsMs: { lookup: 2 },
    bytes: 10,
    savedMs: 500,
    inItsContext: (run) => run(),
    ...overrides,
  };
}

const HIT: CacheOutcome = { kind: 'hit', ttlMs: 41_000 };
const REFUSED: CacheOutcome = { kind: 'forward', fwd: 'uri-miss', stored: false, detail: 'private' };

const OF_SHOP = { name: 'shop', showKey: false, store: 'memory', warnings: new Set<never>() } as const;

describe('Reporter.request', () => {
  test('counts the request and emits its event, in the context of the request', () => {
    const reporter = new Reporter({ ...OF_SHOP, clock: () => 0 });
    const events: RequestEvent[] = [];
    const contexts: string[] = [];
    let context = 'outside';
    reporter.on('request', (event) => {
      events.push(event);
      contexts.push(context);
    });
    reporter.request(
      HIT,
      request({
        inItsContext(run) {
          context = 'inside';
          run();
          context = 'outside';
        },
      }),
    );
    expect(contexts).toEqual(['inside']);
    expect(events).toEqual([
      {
        ...{
          kind: 'hit',
          ttlMs: 41_000,
          result: 'hit',
          method: 'GET',
          path: '/',
          key: 'GET http://a.example/',
        },
        ...{ status: 200, bytes: 10, savedMs: 500, startedAt: expect.any(Number), startsMs: { lookup: 1 } },
        durationsMs: { lookup: 2, total: expect.any(Number) },
      },
    ]);
    expect(Math.abs(events[0]!.startedAt - Date.now())).toBeLessThan(1000);
    expect(reporter.stats()).toMatchObject({ cache: 'shop', requests: { hit: 1 }, bytes: 10, savedMs: 500 });
  });

  test('only counts when nobody listens: it neither reads the status nor enters the context', () => {
    const reporter = new Reporter({ ...OF_SHOP, clock: () => 0 });
    const silent = request({
      inItsContext: () => {
        throw new Error('entered');
      },
    });
    Object.defineProperty(silent, 'status', {
      get: () => {
        throw new Error('read');
      },
    });
    expect(reporter.isListening).toBe(false);
    reporter.request(HIT, silent);
    expect(reporter.stats().requests.hit).toBe(1);
    const listener = (): void => {};
    reporter.on('request', listener);
    expect(reporter.isListening).toBe(true);
    reporter.off('request', listener);
    expect(reporter.isListening).toBe(false);
  });

  test('saves no time where the app was called, even if a stored response was sent', () => {
    const reporter = new Reporter({ ...OF_SHOP, clock: () => 0 });
    reporter.request({ kind: 'forward', fwd: 'stale', fwdStatus: 304 }, request());
    reporter.request({ kind: 'forward', fwd: 'uri-miss', collapsed: true }, request());
    expect(reporter.stats().savedMs).toBe(500);
  });

  test('count and emit are its two halves', () => {
    const reporter = new Reporter({ ...OF_SHOP, clock: () => 0 });
    const results: string[] = [];
    reporter.on('request', ({ result }) => results.push(result));
    reporter.count(HIT, request());
    expect([reporter.stats().requests.hit, results]).toEqual([1, []]);
    reporter.emit(HIT, request());
    expect([reporter.stats().requests.hit, results]).toEqual([1, ['hit']]);
  });
});

describe('Reporter.refusalOf', () => {
  test('says why the last response for a key was not stored, and when by the clock of the cache', () => {
    let now = 1000;
    const reporter = new Reporter({ ...OF_SHOP, clock: () => now });
    reporter.request({ ...REFUSED, detail: 'no-store' }, request());
    now = 2000;
    reporter.request(REFUSED, request());
    reporter.request(HIT, request({ key: 'GET http://b.example/' }));
    reporter.request({ kind: 'forward', fwd: 'bypass', detail: 'timeout' }, request({ key: 'c' }));
    reporter.request(
      { kind: 'forward', fwd: 'vary-miss', stored: false, detail: 'verifying' },
      request({ key: 'd' }),
    );
    expect(reporter.refusalOf('GET http://a.example/')).toEqual({ detail: 'private', at: 2000 });
    expect(reporter.refusalOf('GET http://b.example/')).toBeUndefined();
    expect(reporter.refusalOf('c')).toBeUndefined();
    expect(reporter.refusalOf('d')).toBeUndefined();
  });

  test('remembers 1000 keys, and fewer if they are long', () => {
    const reporter = new Reporter({ ...OF_SHOP, clock: () => 0 });
    const remembered = (keys: readonly string[]): number =>
      keys.filter((key) => reporter.refusalOf(key) !== undefined).length;
    const short = Array.from({ length: 1100 }, (_, i) => `GET http://a.example/${i}`);
    for (const key of short) reporter.request(REFUSED, request({ key }));
    expect(remembered(short)).toBe(1000);
    const long = Array.from({ length: 200 }, (_, i) => `${i} ${'x'.repeat(10_000)}`);
    for (const key of long) reporter.request(REFUSED, request({ key }));
    expect(remembered(long)).toBe(99);
    const huge = 'x'.repeat(2_000_000);
    reporter.request(REFUSED, request({ key: huge }));
    expect(remembered([huge])).toBe(0);
    expect(remembered(long)).toBe(99);
  });
});

describe('Reporter', () => {
  test('counts faults, purges and refreshes, and emits their events', () => {
    const reporter = new Reporter({ ...OF_SHOP, clock: () => 0 });
    const events: unknown[] = [];
    for (const name of ['fault', 'guard', 'store', 'purge', 'refresh'] as const) {
      reporter.on(name, (event: unknown) => events.push([name, event]));
    }
    const fault = { step: 'lookup', code: 'timeout', message: 'no reply' } as const;
    const guard = {
      read: ['req.user'],
      key: 'k',
      detail: 'depends-on-credentials',
      advice: 'vary.caller',
    } as const;
    const store = { key: 'k', bytes: 1, expiresInMs: 1000, tags: [], durationMs: 1 };
    const purge = { by: 'call', target: 'all', soft: false, purged: 2, durationMs: 1 } as const;
    const failed = { ...purge, purged: undefined };
    const refresh = { key: 'k', result: 'stored', durationMs: 1 } as const;
    reporter.fault(fault);
    reporter.guard(guard);
    reporter.store(store);
    reporter.purge(purge);
    reporter.purge(failed);
    reporter.refresh(refresh);
    reporter.refused('depends-on-credentials: req.user');
    reporter.refused('depends-on-credentials');
    reporter.refused('varies: req.session');
    expect(events).toEqual([
      ['fault', fault],
      ['guard', guard],
      ['store', store],
      ['purge', purge],
      ['purge', failed],
      ['refresh', refresh],
    ]);
    expect(reporter.stats()).toMatchObject({
      faults: { lookup: { timeout: 1 } },
      purges: { confirmed: 1, failed: 1, responses: 2 },
      refreshes: { stored: 1 },
      refused: { 'depends-on-credentials': 2, varies: 1 },
    });
  });
});
