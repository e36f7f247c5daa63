import { describe, expect, test } from '@jest/globals';
import { parseCacheControl } from '../../src/http/cache-control.ts';
import { reuse } from '../../src/http/reuse.ts';

const S = 1000;
const NOW = 1_700_000_000_000;

/** A response that is so many seconds old and has a lifetime of so many. */
const stored = (age: number, lifetime: number) => ({ bornAt: NOW - age * S, lifetime: lifetime * S });
const ask = (age: number, lifetime: number, request?: string) =>
  reuse(stored(age, lifetime), request === undefined ? undefined : parseCacheControl(request), NOW);

describe('RFC 9111 4.2, "response_is_fresh = (freshness_lifetime > current_age)"', () => {
  test.each<[number, number, string]>([
    [0, 60, 'fresh'],
    [59.999, 60, 'fresh'],
    [60, 60, 'stale'],
    [61, 60, 'stale'],
    [0, 0, 'stale'],
    [0, -1, 'stale'],
  ])('age %d, lifetime %d: %s', (age, lifetime, expected) => {
    const decided = ask(age, lifetime, '');
    expect(decided.kind === 'fresh' ? 'fresh' : decided.fwd).toBe(expected);
    expect(decided.ttl).toBe(Math.round((lifetime - age) * S));
  });

  test('says how old it is', () => {
    expect(ask(20, 60)).toEqual({ kind: 'fresh', age: 20 * S, ttl: 40 * S });
    expect(ask(80, 60)).toEqual({ kind: 'forward', fwd: 'stale', ttl: -20 * S });
  });

  test('a clock that stepped back makes no negative age', () => {
    expect(ask(-30, 60)).toEqual({ kind: 'fresh', age: 0, ttl: 60 * S });
  });
});

describe('RFC 9111 5.2.1, "Request Directives"', () => {
  const FRESH = 'fresh';
  const NOT = 'request';
  test.each<[string, string, number, string]>([
    ['none', '', 20, FRESH],
    ['5.2.1.1 max-age not reached', 'max-age=21', 20, FRESH],
    ['5.2.1.1 max-age "less than or equal to"', 'max-age=20', 20, FRESH],
    ['5.2.1.1 max-age passed', 'max-age=19', 20, NOT],
    ['5.2.1.1 max-age passed by a fraction', 'max-age=20', 20.001, NOT],
    ['5.2.1.1 max-age of 0', 'max-age=0', 20, NOT],
    ['5.2.1.1 max-age of 0 and no age', 'max-age=0', 0, FRESH],
    ['5.2.1.1 max-age that is invalid', 'max-age=x', 20, NOT],
    ['5.2.1.1 the strictest max-age', 'max-age=60, max-age=5', 20, NOT],
    ['5.2.1.2 max-stale of a fresh one', 'max-stale=60', 20, FRESH],
    ['5.2.1.3 min-fresh kept', 'min-fresh=39', 20, FRESH],
    ['5.2.1.3 min-fresh "no less than"', 'min-fresh=40', 20, FRESH],
    ['5.2.1.3 min-fresh not kept', 'min-fresh=41', 20, NOT],
    ['5.2.1.3 min-fresh of 0', 'min-fresh=0', 20, FRESH],
    ['5.2.1.4 no-cache', 'no-cache', 20, NOT],
    ['5.2.1.4 no-cache in any case', 'No-Cache', 20, NOT],
    ['5.2.1.5 no-store does not forbid to reuse', 'no-store', 20, FRESH],
    ['5.2.1.6 no-transform', 'no-transform', 20, FRESH],
    ['5.2.1.7 only-if-cached', 'only-if-cached', 20, FRESH],
    ['5.2.3 unknown ones', 'x=y, private, s-maxage=0', 20, FRESH],
    ['all of several', 'max-age=60, min-fresh=41', 20, NOT],
  ])('%s', (_section, request, age, expected) => {
    const decided = ask(age, 60, request);
    expect(decided.kind === 'fresh' ? FRESH : decided.fwd).toBe(expected);
  });

  test('what is stale is stale before any of them', () => {
    expect(ask(80, 60, 'no-cache')).toMatchObject({ kind: 'forward', fwd: 'stale' });
  });

  test('none counts where they are to be ignored', () => {
    expect(ask(20, 60)).toMatchObject({ kind: 'fresh' });
  });
});
