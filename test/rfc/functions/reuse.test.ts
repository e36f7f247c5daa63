import { describe, expect, test } from '@jest/globals';
import { parseCacheControl } from '../../../src/http/cache-control.ts';
import {
  type Ageing,
  isEarly,
  isFresh,
  mayServeOnError,
  type Reuse,
  reuse,
} from '../../../src/http/reuse.ts';

const S = 1000;
const NOW = 1_700_000_000_000;

/** A response that is so many seconds old and has a lifetime of so many. */
const stored = (age: number, lifetime: number, rules: Partial<Ageing> = {}): Ageing => ({
  bornAt: NOW - age * S,
  lifetime: lifetime * S,
  validateAlways: false,
  neverStale: false,
  staleIfError: 0,
  staleWhileRevalidate: 0,
  ...rules,
});
const directives = (request: string | undefined) =>
  request === undefined ? undefined : parseCacheControl(request);
const ask = (
  age: number,
  lifetime: number,
  request?: string,
  rules?: Partial<Ageing>,
  canRefresh = true,
): Reuse => reuse(stored(age, lifetime, rules), directives(request), NOW, canRefresh);
/** `send`, or why it must be validated. */
const decision = (decided: Reuse): string => (decided.kind === 'send' ? 'send' : decided.fwd);

describe('RFC 9111 4.2, "response_is_fresh = (freshness_lifetime > current_age)"', () => {
  test.each<[number, number, string]>([
    [0, 60, 'send'],
    [59.999, 60, 'send'],
    [60, 60, 'stale'],
    [61, 60, 'stale'],
    [0, 0, 'stale'],
    [0, -1, 'stale'],
  ])('age %d, lifetime %d: %s', (age, lifetime, expected) => {
    const decided = ask(age, lifetime, '');
    expect(decision(decided)).toBe(expected);
    expect(decided.ttl).toBe(Math.round((lifetime - age) * S));
  });

  test('a fresh response is sent with its age and the rest of its lifetime', () => {
    expect(ask(20, 60)).toEqual({ kind: 'send', age: 20 * S, ttl: 40 * S, refresh: false });
    expect(ask(80, 60)).toEqual({ kind: 'validate', fwd: 'stale', age: 80 * S, ttl: -20 * S });
    expect(ask(20, 60, 'no-cache')).toEqual({ kind: 'validate', fwd: 'request', age: 20 * S, ttl: 40 * S });
  });

  test('the age is 0 for a birth within the difference that clocks may have, and unknown for a later one', () => {
    expect(ask(-5, 60)).toEqual({ kind: 'send', age: 0, ttl: 60 * S, refresh: false });
    expect(ask(-5.001, 60)).toMatchObject({ kind: 'validate', fwd: 'stale', age: 0 });
    expect(isFresh(stored(0, 60), -5001)).toBe(false);
  });
});

describe('RFC 9111 5.2.1, "Request Directives"', () => {
  test.each<[string, string, number, string]>([
    ['no directives', '', 20, 'send'],
    ['5.2.1.1 max-age not reached', 'max-age=21', 20, 'send'],
    ['5.2.1.1 max-age "less than or equal to"', 'max-age=20', 20, 'send'],
    ['5.2.1.1 max-age passed', 'max-age=19', 20, 'request'],
    ['5.2.1.1 max-age passed by a fraction', 'max-age=20', 20.001, 'request'],
    ['5.2.1.1 max-age of 0', 'max-age=0', 20, 'request'],
    ['5.2.1.1 max-age of 0 for an age of 0', 'max-age=0', 0, 'send'],
    ['5.2.1.1 max-age that is invalid', 'max-age=x', 20, 'request'],
    ['5.2.1.1 the strictest max-age', 'max-age=60, max-age=5', 20, 'request'],
    ['5.2.1.2 max-stale for a fresh response', 'max-stale=60', 20, 'send'],
    ['5.2.1.3 min-fresh kept', 'min-fresh=39', 20, 'send'],
    ['5.2.1.3 min-fresh "no less than"', 'min-fresh=40', 20, 'send'],
    ['5.2.1.3 min-fresh not kept', 'min-fresh=41', 20, 'request'],
    ['5.2.1.3 min-fresh of 0', 'min-fresh=0', 20, 'send'],
    ['5.2.1.4 no-cache', 'no-cache', 20, 'request'],
    ['5.2.1.4 no-cache in any case', 'No-Cache', 20, 'request'],
    ['5.2.1.5 no-store', 'no-store', 20, 'send'],
    ['5.2.1.6 no-transform', 'no-transform', 20, 'send'],
    ['5.2.1.7 only-if-cached', 'only-if-cached', 20, 'send'],
    ['5.2.3 unknown directives', 'x=y, private, s-maxage=0', 20, 'send'],
    ['several directives, one not met', 'max-age=60, min-fresh=41', 20, 'request'],
  ])('a request with %s: %j at an age of %d s, %s', (_section, request, age, expected) => {
    expect(decision(ask(age, 60, request))).toBe(expected);
  });

  test('a stale response is validated because it is stale, whatever the request directives', () => {
    expect(ask(80, 60, 'no-cache')).toMatchObject({ kind: 'validate', fwd: 'stale' });
  });

  test('request directives have no effect when they are ignored', () => {
    expect(ask(20, 60)).toMatchObject({ kind: 'send' });
  });
});

describe('RFC 9111 5.2.1.2, "max-stale"', () => {
  test.each<[string, string, number, string]>([
    [
      '"has exceeded its freshness lifetime by no more than the specified number"',
      'max-stale=21',
      80,
      'send',
    ],
    ['by exactly that number', 'max-stale=20', 80, 'send'],
    ['by a fraction more', 'max-stale=20', 80.001, 'stale'],
    ['0 accepts a response that has just become stale', 'max-stale=0', 60, 'send'],
    ['0 does not accept an older one', 'max-stale=0', 61, 'stale'],
    ['"no value ... a stale response of any age"', 'max-stale', 1e9, 'send'],
    ['in another case', 'Max-Stale', 1e9, 'send'],
    ['an invalid value accepts nothing', 'max-stale=x', 61, 'stale'],
    ['an empty value accepts nothing', 'max-stale=""', 61, 'stale'],
    ['of two values the smaller counts', 'max-stale=60, max-stale=5', 80, 'stale'],
    ['another directive still counts: no-cache', 'max-stale, no-cache', 80, 'request'],
    ['another directive still counts: max-age', 'max-stale, max-age=70', 80, 'request'],
    ['another directive still counts: min-fresh', 'max-stale, min-fresh=0', 80, 'request'],
  ])('max-stale, %s: %j at an age of %d s, %s', (_rule, request, age, expected) => {
    expect(decision(ask(age, 60, request))).toBe(expected);
  });

  test('a response sent stale has a negative ttl', () => {
    expect(ask(80, 60, 'max-stale')).toEqual({ kind: 'send', age: 80 * S, ttl: -20 * S, refresh: false });
  });

  test('max-stale has no effect when request directives are ignored', () => {
    expect(decision(ask(80, 60))).toBe('stale');
  });
});

describe('RFC 9111 5.2.2, "Response Directives" that limit reuse', () => {
  test.each(['', 'max-stale', 'max-age=60'])(
    '5.2.2.4: "MUST NOT be used to satisfy any other request without forwarding it for validation", under %j',
    (request) => {
      expect(decision(ask(0, 60, request, { validateAlways: true }))).toBe('stale');
      expect(decision(ask(80, 60, request, { validateAlways: true }))).toBe('stale');
    },
  );

  test.each(['', 'max-stale', 'max-stale=60'])(
    '5.2.2.2: "once the response has become stale ... MUST NOT be reused", under %j',
    (request) => {
      expect(decision(ask(60, 60, request, { neverStale: true }))).toBe('stale');
    },
  );

  test('5.2.2.2: a fresh response with must-revalidate is reused', () => {
    expect(decision(ask(59, 60, '', { neverStale: true }))).toBe('send');
  });
});

describe('a response is fresh without regard to the request', () => {
  test.each<[string, Ageing, boolean]>([
    ['fresh', stored(59.999, 60), true],
    ['fresh and has must-revalidate', stored(0, 60, { neverStale: true }), true],
    ['just stale', stored(60, 60), false],
    ['stale with stale-if-error', stored(60, 60, { staleIfError: S }), false],
    ['stale from the beginning', stored(0, 0), false],
    ['fresh but has no-cache', stored(0, 60, { validateAlways: true }), false],
  ])('a response that is %s', (_what, response, expected) => {
    expect(isFresh(response, NOW)).toBe(expected);
  });
});

describe('RFC 5861 4, "The stale-if-error Cache-Control Extension"', () => {
  const standsIn = (status: number, age: number, rules: Partial<Ageing>, request?: string): boolean =>
    mayServeOnError(status, stored(age, 60, rules), directives(request), NOW);
  const MINUTE = { staleIfError: 60 * S };

  test.each([500, 502, 503, 504])('a stale response may replace a %d', (status) => {
    expect(standsIn(status, 80, MINUTE)).toBe(true);
  });

  test.each([200, 304, 400, 404, 408, 429, 499, 501, 505, 507, 599])(
    'a stale response may not replace a %d',
    (status) => {
      expect(standsIn(status, 80, MINUTE)).toBe(false);
    },
  );

  test.each<[number, boolean]>([
    [60, true],
    [119.999, true],
    [120, false],
    [1e6, false],
  ])(
    'the stored directive allows it "up to the indicated number of seconds stale": at an age of %d s, %j',
    (age, expected) => {
      expect(standsIn(503, age, MINUTE)).toBe(expected);
    },
  );

  test('without the directive a stale response replaces no error', () => {
    expect(standsIn(503, 61, {})).toBe(false);
    expect(standsIn(503, 61, {}, 'max-age=0')).toBe(false);
  });

  test.each<[string, number, boolean]>([
    ['stale-if-error=30', 89, true],
    ['stale-if-error=30', 90, false],
    ['stale-if-error=x', 61, false],
    ['stale-if-error', 61, false],
    ['stale-if-error=5, stale-if-error=60', 70, false],
  ])('the request directive %j allows it at an age of %d s: %j', (request, age, expected) => {
    expect(standsIn(503, age, {}, request)).toBe(expected);
  });

  test('the longer window of request and response counts', () => {
    expect(standsIn(503, 100, MINUTE, 'stale-if-error=5')).toBe(true);
    expect(standsIn(503, 100, { staleIfError: 5 * S }, 'stale-if-error=60')).toBe(true);
  });

  test.each(['neverStale', 'validateAlways'] as const)('a response with %s replaces no error', (rule) => {
    expect(standsIn(503, 80, { ...MINUTE, [rule]: true }, 'stale-if-error=60')).toBe(false);
    expect(standsIn(503, 20, { ...MINUTE, [rule]: true })).toBe(false);
  });
});

describe('RFC 5861 3, "stale-while-revalidate"', () => {
  const window = { staleWhileRevalidate: 30 * S };
  test.each<[number, string | undefined, Partial<Ageing>, string]>([
    [59, undefined, {}, 'send'],
    [60, undefined, {}, 'refresh'],
    [89.999, undefined, {}, 'refresh'],
    [90, undefined, {}, 'stale'],
    [1000, undefined, {}, 'stale'],
    [60, undefined, { neverStale: true }, 'stale'],
    [60, undefined, { validateAlways: true }, 'stale'],
    [60, 'no-cache', {}, 'request'],
    [60, 'max-age=59', {}, 'request'],
    [60, 'max-age=100', {}, 'refresh'],
    [60, 'min-fresh=0', {}, 'refresh'],
    [61, 'min-fresh=0', {}, 'request'],
    [80, 'max-stale=1', {}, 'refresh'],
    [1000, 'max-stale', {}, 'send'],
    [10, undefined, { lifetime: 5 * S, purged: true }, 'refresh'],
    [10, undefined, { lifetime: 60 * S, purged: true }, 'refresh'],
    [40, undefined, { lifetime: 5 * S, purged: true }, 'stale'],
  ])(
    'a response of age %d s and lifetime 60 s, request %s, rules %j: %s',
    (age, request, rules, expected) => {
      const reused = ask(age, 60, request, { ...window, ...rules });
      expect(reused.kind === 'send' && reused.refresh ? 'refresh' : decision(reused)).toBe(expected);
    },
  );

  test('a stale response is validated when no refresh is possible', () => {
    expect(decision(ask(70, 60, undefined, window, false))).toBe('stale');
  });
});

describe('early refresh', () => {
  const made = { ...stored(0, 60), originMs: 2000 };

  test('is likelier towards the end of the lifetime, and certain at its end', () => {
    const chance = (ttl: number): number => {
      let count = 0;
      for (let i = 1; i < 10_000; i++) if (isEarly(made, ttl, i / 10_000)) count++;
      return count / 10_000;
    };
    // e^(-ttl / originMs)
    expect(chance(2000)).toBeCloseTo(Math.exp(-1), 2);
    expect(chance(8000)).toBeCloseTo(Math.exp(-4), 2);
    expect(chance(0)).toBeCloseTo(1, 2);
  });

  test('never happens in the first half of the lifetime', () => {
    expect(isEarly(made, 30_001, 1e-9)).toBe(false);
    expect(isEarly(made, 30_000, 1e-9)).toBe(true);
  });

  test('begins earlier for a response that took longer, and never for one that took no time', () => {
    expect(isEarly(made, 3000, 0.5)).toBe(false);
    expect(isEarly({ ...made, originMs: 6000 }, 3000, 0.5)).toBe(true);
    expect(isEarly({ ...made, originMs: 0 }, 1, 0.0001)).toBe(false);
  });
});
