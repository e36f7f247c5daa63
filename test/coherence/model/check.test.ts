import { describe, expect, test } from '@jest/globals';
import { violations } from './check.ts';
import { bodyOf, type History, type Purge, type Request, type Resource, type Run } from './history.ts';
import { scheduleOf } from './schedule.ts';

/* Histories made by hand, each with one thing wrong: a checker that is content with all would prove nothing. */

const BOUND = 1000;
const RESOURCE: Resource = {
  name: 'url-0',
  by: 'url',
  varies: true,
  script: [{ kind: 'stores', ms: 1, size: 10, tags: ['red'] }],
};

function run(id: number, over: Partial<Run> = {}): Run {
  const of = { request: id, method: 'GET', resource: 0, language: 'de', version: 0 } as const;
  return { id, beganAt: 1, ...of, kind: 'stores', ms: 1, size: 10, tags: ['red'], ...over };
}

function request(id: number, from: Run | undefined, over: Partial<Request> = {}): Request {
  const asked = { id, method: 'GET', worker: 0, resource: 0, language: 'de', hungUp: false } as const;
  const answer = from && { status: 200, body: bodyOf(from), cacheStatus: 'rrc; hit', run: from.id };
  return { ...asked, sentAt: 0, settledAt: 2, ms: 5, ...(answer && { answer }), ...over };
}

function purge(over: Partial<Purge> = {}): Purge {
  const of = { worker: 0, target: { by: 'address', resource: 0 }, soft: false } as const;
  return { ...of, versions: [1, 1], calledAt: 3, settledAt: 4, confirmed: true, ms: 5, ...over };
}

function rules(over: Partial<History>): string[] {
  const nothing = { seed: 0, weather: 'calm', requests: [], runs: [], purges: [], ends: [] } as const;
  const history = { ...nothing, resources: [RESOURCE, { ...RESOURCE, name: 'url-1' }], ...over } as History;
  return violations(history, BOUND).map(({ rule }) => rule);
}

const first = run(0);
const own = request(0, first);
/** Answered, long after, by what the first run had made. */
const later = (over: Partial<Request> = {}): Request =>
  request(1, first, { sentAt: 5, settledAt: 6, ...over });

describe('an answer', () => {
  test('of what a run has made is in order, whoever asked for it', () => {
    expect(rules({ runs: [first], requests: [own, later()] })).toEqual([]);
  });

  test.each([
    ['truncated', bodyOf(first).slice(0, -1)],
    ['mixed', bodyOf(first).replace('0.0.', '0.1.')],
    ["of no run's", bodyOf(run(7))],
    ['empty', ''],
  ])('that is %s', (_name, body) => {
    const answer = { status: 200, body, cacheStatus: '', run: 0 };
    expect(rules({ runs: [first], requests: [own, later({ answer })] })).toEqual(['whole']);
  });

  test('for another resource, or another language', () => {
    expect(rules({ runs: [first], requests: [own, later({ resource: 1 })] })).toEqual(['right']);
    expect(rules({ runs: [first], requests: [own, later({ language: 'en' })] })).toEqual(['right']);
    const resources = [{ ...RESOURCE, varies: false }];
    expect(rules({ resources, runs: [first], requests: [own, later({ language: 'en' })] })).toEqual([]);
  });

  test.each(['private', 'cookie', 'error'] as const)('that is not for everyone: %s', (kind) => {
    const runs = [run(0, { kind })];
    expect(rules({ runs, requests: [own] })).toEqual([]);
    expect(rules({ runs, requests: [own, later()] })).toEqual(['shared']);
  });

  test('that is late, or never comes, or breaks off', () => {
    expect(rules({ runs: [first], requests: [request(0, first, { ms: BOUND + 1 })] })).toEqual(['answered']);
    const { settledAt: _settledAt, ms: _ms, ...never } = request(0, undefined);
    expect(rules({ requests: [never] })).toEqual(['answered']);
    expect(rules({ requests: [{ ...never, hungUp: true }] })).toEqual([]);
    const broken = request(0, undefined);
    expect(rules({ requests: [broken] })).toEqual(['answered']);
    expect(rules({ requests: [broken], runs: [run(0, { kind: 'breaks' })] })).toEqual([]);
    expect(rules({ requests: [broken], ends: [{ worker: 0, at: 1 }] })).toEqual([]);
    expect(rules({ requests: [broken], ends: [{ worker: 1, at: 1 }] })).toEqual(['answered']);
  });

  test('to a HEAD is from the run that its head names', () => {
    const answer = { status: 200, body: '', cacheStatus: '', run: 0 };
    expect(rules({ runs: [first], requests: [own, later({ method: 'HEAD', answer })] })).toEqual([]);
    const unknown = { ...answer, run: 5 };
    expect(rules({ runs: [first], requests: [own, later({ method: 'HEAD', answer: unknown })] })).toEqual([
      'whole',
    ]);
  });
});

describe('an answer from before a purge', () => {
  const purged = (purges: Purge[], requests = [own, later()]) => rules({ runs: [first], requests, purges });

  test('is found, whatever the purge named', () => {
    expect(purged([purge()])).toEqual(['purged']);
    expect(purged([purge({ target: { by: 'tag', tag: 'red' } })])).toEqual(['purged']);
    expect(purged([purge({ target: { by: 'prefix' } })])).toEqual(['purged']);
    expect(purged([purge({ target: { by: 'all' } })])).toEqual(['purged']);
    expect(purged([purge({ soft: true })])).toEqual(['purged']);
  });

  test('is in order where the purge named something else', () => {
    expect(purged([purge({ target: { by: 'address', resource: 1 } })])).toEqual([]);
    expect(purged([purge({ target: { by: 'tag', tag: 'blue' } })])).toEqual([]);
    const resources = [{ ...RESOURCE, by: 'key' } as const];
    const purges = [purge({ target: { by: 'prefix' } })];
    expect(rules({ resources, runs: [first], requests: [own, later()], purges })).toEqual([]);
  });

  test('is in order for whoever asked before the purge had resolved, or when it was not confirmed', () => {
    expect(purged([purge({ settledAt: 7 })])).toEqual([]);
    expect(purged([purge({ confirmed: false })])).toEqual(['confirmed']);
    const { settledAt: _settledAt, ...pending } = purge({ confirmed: false });
    expect(purged([pending])).toEqual(['confirmed']);
  });

  test('is in order when the data are as they were then', () => {
    const runs = [run(0, { version: 1 })];
    const requests = [request(0, runs[0]), request(1, runs[0], { sentAt: 5, settledAt: 6 })];
    expect(rules({ runs, requests, purges: [purge()] })).toEqual([]);
  });

  test('is in order after a soft purge where stale responses may be used', () => {
    const resources = [{ ...RESOURCE, stale: 'stale-if-error=60' } as const];
    const all = { resources, runs: [first], requests: [own, later()] };
    expect(rules({ ...all, purges: [purge({ soft: true })] })).toEqual([]);
    expect(rules({ ...all, purges: [purge()] })).toEqual(['purged']);
  });

  test('is found after an unsafe request at the same process, and only there', () => {
    const put = purge({ target: { by: 'put', resource: 0 } });
    expect(purged([put])).toEqual(['purged']);
    expect(purged([put], [own, later({ worker: 1 })])).toEqual([]);
    const killed = (at: number) =>
      rules({ runs: [first], requests: [own, later()], purges: [put], ends: [{ worker: 0, at }] });
    expect([killed(2.5), killed(4.5), killed(7)]).toEqual([['purged'], [], ['purged']]);
  });
});

describe('a purge', () => {
  test('that takes too long, unless its process was killed', () => {
    expect(rules({ purges: [purge({ ms: BOUND + 1 })] })).toEqual(['answered']);
    expect(rules({ purges: [purge({ ms: BOUND + 1 })], ends: [{ worker: 0, at: 4 }] })).toEqual([]);
  });

  test('may fail in stormy weather', () => {
    expect(rules({ purges: [purge({ confirmed: false })], weather: 'stormy' })).toEqual([]);
  });
});

describe('a second run', () => {
  const second = run(1, { beganAt: 6 });
  const twice = (over: Partial<History> = {}) =>
    rules({
      runs: [first, second],
      requests: [own, request(1, second, { sentAt: 5, settledAt: 7 })],
      ...over,
    });

  test('for the same is found', () => {
    expect(twice()).toEqual(['one run']);
    expect(twice({ weather: 'stormy' })).toEqual([]);
  });

  test('is in order for another language, or after a purge', () => {
    const english = run(1, { beganAt: 6, language: 'en' });
    const requests = [own, request(1, english, { sentAt: 5, settledAt: 7, language: 'en' })];
    expect(twice({ runs: [first, english], requests })).toEqual([]);
    const fresh = run(1, { beganAt: 6, version: 1 });
    const after = [own, request(1, fresh, { sentAt: 5, settledAt: 7 })];
    expect(twice({ runs: [first, fresh], requests: after, purges: [purge()] })).toEqual([]);
  });

  test('is in order where some runs have nothing to store, or a client has gone away', () => {
    const script = [...RESOURCE.script, { kind: 'private', ms: 1, size: 1, tags: [] } as const];
    expect(twice({ resources: [{ ...RESOURCE, script }] })).toEqual([]);
    const gone = request(2, undefined, { hungUp: true });
    const requests = [own, request(1, second, { sentAt: 5, settledAt: 7 }), gone];
    expect(twice({ requests })).toEqual([]);
  });
});

test('a seed gives the same schedule every time, and another gives another', () => {
  expect(scheduleOf(7, 'stormy')).toEqual(scheduleOf(7, 'stormy'));
  expect(scheduleOf(7, 'stormy')).not.toEqual(scheduleOf(8, 'stormy'));
});
