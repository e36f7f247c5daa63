import { describe, expect, test } from '@jest/globals';
import { type Caller, castOf, credentialsOfCaller } from './callers.ts';
import { type Checked, check } from './check.ts';
import type { History, Purge, Request, Run } from './history.ts';
import { scheduleOf } from './schedule.ts';
import { contentOf, oracle, type Page, type Site, shapeOf } from './site.ts';

/* Histories made by hand, each with one thing wrong: a checker that is content with all would prove nothing. */

const PAGE: Page = {
  path: '/page-0',
  dependsOn: 'nothing',
  channel: 'user',
  language: 'locals',
  says: 'nothing',
  etag: false,
  waits: 'never',
};
const { site: ANY } = scheduleOf(1, { length: 0, near: false });
const SITE: Site = {
  ...ANY,
  placements: ['user'],
  sessionForAll: false,
  namesCaller: false,
  agree: undefined,
  ttl: 20_000,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  pages: [PAGE],
  callers: castOf('session'),
};

function indexOf(name: string): number {
  return SITE.callers.findIndex((caller) => caller.name === name);
}

function callerOf(name: string): Caller {
  return SITE.callers[indexOf(name)] as Caller;
}

/** A run for a caller, whose number is that of the request that it was for. */
function run(id: number, name: string, page = PAGE, over: Partial<Run> = {}): Run {
  const caller = callerOf(name);
  return {
    ...{ id, page: 0, method: 'GET', request: id, credentials: credentialsOfCaller(caller), caller: null },
    ...{ beganAt: 1, failed: false, version: 0, content: oracle(page, 0, caller), endedClock: 0 },
    ...over,
  };
}

function request(id: number, name: string, from: Run, over: Partial<Request> = {}): Request {
  const answer = { status: 200, body: from.content as string, cacheStatus: 'hit', run: from.id };
  const asked = { id, method: 'GET', caller: indexOf(name), page: 0, process: 0 } as const;
  return { ...asked, sentAt: 2 * id, clock: 0, settledAt: 2 * id + 1, hungUp: false, answer, ...over };
}

function checked(history: Partial<History>, page: Page = PAGE, site: Partial<Site> = {}): Checked {
  const nothing = { seed: 0, requests: [], runs: [], purges: [], faults: [] };
  return check({ ...nothing, ...history, site: { ...SITE, ...site, pages: [page] } });
}

/** What is found when one caller is given what was made for another. */
function given(name: string, made: string, page: Partial<Page> = {}, site: Partial<Site> = {}): string[] {
  const of = { ...PAGE, ...page };
  const runs = [run(0, made, of)];
  const requests = [request(0, made, runs[0] as Run), request(1, name, runs[0] as Run)];
  return checked({ runs, requests }, of, site).violations.map(({ rule }) => rule);
}

describe('what was made for a stranger', () => {
  test('is for everybody whom the app gives the same', () => {
    expect(given('anon-2', 'anon-1')).toEqual([]);
    expect(given('member-1', 'anon-1')).toEqual([]);
    expect(given('guest-1', 'anon-1', { dependsOn: 'member' })).toEqual([]);
    expect(given('member-1', 'anon-1', { dependsOn: 'member' })).toEqual(['guest']);
    expect(given('admin-1', 'anon-1', { dependsOn: 'admin' })).toEqual(['guest']);
    expect(given('member-1', 'anon-1', { dependsOn: 'admin' })).toEqual([]);
  });

  test('is not for a stranger with another language or device', () => {
    expect(given('anon-2', 'anon-1', { dependsOn: 'language' })).toEqual(['right']);
    expect(given('anon-3', 'anon-1', { dependsOn: 'device' })).toEqual(['right']);
    expect(given('anon-3', 'anon-1', { dependsOn: 'language' })).toEqual([]);
    expect(given('anon-3', 'anon-1', { dependsOn: 'nonce' })).toEqual(['right']);
  });

  test('may be for a member whom nothing tells from one that gets the same, and only for him', () => {
    const page = { ...PAGE, dependsOn: 'admin', channel: 'als' } as const;
    const runs = [run(0, 'anon-1', page), run(1, 'member-1', page)];
    const [strangers, members] = runs as [Run, Run];
    const site = { placements: ['als'] } as const;
    const asked = [
      request(0, 'anon-1', strangers),
      request(1, 'member-1', members),
      request(2, 'admin-1', strangers),
    ];
    const found = checked({ runs, requests: asked }, page, site);
    expect([found.violations, found.exceptions]).toEqual([[], 1]);
    // Nobody of his shape was given it.
    expect(given('admin-1', 'anon-1', page, site)).toEqual(['guest']);
    // Something tells them apart.
    const traced = checked({ runs, requests: asked }, page, { placements: ['als', 'user'] });
    expect(traced.violations.map(({ rule }) => rule)).toEqual(['guest']);
  });
});

describe('what was made with credentials', () => {
  test('is for its caller alone', () => {
    expect(given('member-1', 'member-1')).toEqual([]);
    expect(given('member-2', 'member-1')).toEqual(['leak']);
    expect(given('anon-1', 'member-1')).toEqual(['leak']);
    expect(given('anon-1', 'guest-1')).toEqual(['leak']);
  });

  test('is for others where the response says so', () => {
    expect(given('anon-1', 'member-1', { says: 'public' })).toEqual([]);
    expect(given('anon-1', 'member-1', { says: 's-maxage' })).toEqual([]);
    expect(given('anon-1', 'member-1', { says: 'must-revalidate' })).toEqual(['leak']);
    const callers = castOf('bearer');
    expect(given('anon-1', 'guest-1', { says: 'must-revalidate' }, { callers })).toEqual(['leak']);
    expect(given('anon-1', 'member-1', { says: 'vary-cookie' })).toEqual(['leak']);
  });

  test('is for the same person where the key names the caller', () => {
    const runs = [run(0, 'member-1', PAGE, { caller: 'member-1' })];
    const by = (name: string): string[] => {
      const requests = [request(0, 'member-1', runs[0] as Run), request(1, name, runs[0] as Run)];
      return checked({ runs, requests }).violations.map(({ rule }) => rule);
    };
    expect(by('key-2')).toEqual([]);
    expect(by('member-2')).toEqual(['leak']);
  });

  test('is for others of its shape once as many of them as `agree` says got the same', () => {
    const runs = ['member-1', 'member-2', 'member-3'].map((name, id) => run(id, name));
    const by = (name: string, count: number): string[] => {
      const made = runs.slice(0, count);
      const requests = [request(5, name, made[0] as Run)];
      return checked({ runs: made, requests }, PAGE, { agree: 3 }).violations.map(({ rule }) => rule);
    };
    expect([by('member-4', 3), by('member-4', 2), by('anon-1', 3), by('key-1', 3)]).toEqual([
      [],
      ['leak'],
      ['leak'],
      ['leak'],
    ]);
  });
});

describe('an answer', () => {
  test.each([
    ['truncated', (text: string) => text.slice(0, -1)],
    ['empty', () => ''],
    ['of another run', () => contentOf(PAGE, 7, {} as never)],
  ])('that is %s', (_name, change) => {
    const runs = [run(0, 'anon-1')];
    const asked = request(1, 'anon-2', runs[0] as Run);
    const answer = { ...asked.answer, body: change(asked.answer?.body as string) } as Request['answer'];
    const { violations } = checked({ runs, requests: [{ ...asked, answer } as Request] });
    expect(violations.map(({ rule }) => rule)).toEqual(['whole']);
  });

  test('that never comes, or is an error that was made for another request', () => {
    const { answer: _, ...never } = request(1, 'anon-2', run(0, 'anon-1'));
    const of = (asked: Request, made: Run): string[] =>
      checked({ runs: [made], requests: [asked] }).violations.map(({ rule }) => rule);
    expect(of(never, run(0, 'anon-1'))).toEqual(['answered']);
    expect(of({ ...never, hungUp: true }, run(0, 'anon-1'))).toEqual([]);
    const failed = run(0, 'anon-1', PAGE, { failed: true });
    const error = { status: 500, body: 'failed\n', cacheStatus: '', run: 0 };
    expect(of({ ...never, answer: error }, failed)).toEqual(['answered']);
    expect(of({ ...never, id: 0, answer: error }, failed)).toEqual([]);
  });

  test('from before a purge, or too old', () => {
    const made = run(0, 'anon-1');
    const purge: Purge = {
      ...{ target: { by: 'url', page: 0 }, process: 1, soft: false },
      ...{ calledAt: 2, versions: [1], settledAt: 3 },
    };
    const of = (asked: Request, purges: Purge[], site: Partial<Site> = {}): string[] =>
      checked({ runs: [made], requests: [asked], purges }, PAGE, site).violations.map(({ rule }) => rule);
    const later = request(2, 'anon-2', made);
    expect(of(later, [purge])).toEqual(['purged']);
    expect(of(later, [{ ...purge, soft: true }])).toEqual(['purged']);
    expect(of(later, [{ ...purge, soft: true }], { staleWhileRevalidate: 1000 })).toEqual([]);
    expect(of(later, [{ ...purge, settledAt: 4 + 1 }])).toEqual([]);
    expect(of(later, [{ ...purge, target: { by: 'url', page: 1 } }])).toEqual([]);
    expect(of({ ...later, clock: 20_001 }, [])).toEqual(['fresh']);
    expect(of({ ...later, clock: 20_001 }, [], { staleWhileRevalidate: 1000 })).toEqual([]);
  });
});

test('shapes differ by names of cookies, by short values and by what is placed, and not by who is asking', () => {
  const shape = (name: string, site: Partial<Site> = {}): string =>
    shapeOf({ ...SITE, ...site }, callerOf(name));
  expect(shape('member-1')).toBe(shape('member-2'));
  expect(shape('member-1')).not.toBe(shape('guest-1'));
  expect(shape('member-1')).not.toBe(shape('admin-1'));
  expect(shape('guest-1')).not.toBe(shape('guest-4'));
  expect(shape('member-1', { placements: ['als'] })).toBe(shape('guest-1', { placements: ['als'] }));
  const callers = castOf('role-cookie');
  const [guest, member] = ['guest-1', 'member-1'].map((name) =>
    callers.find((caller) => caller.name === name),
  );
  const als = { ...SITE, placements: ['als'] } as const;
  expect(shapeOf(als, guest as Caller)).not.toBe(shapeOf(als, member as Caller));
});
