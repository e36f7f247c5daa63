import { describe, expect, test } from '@jest/globals';
import { cacheStatus } from '../../src/http/cache-status.ts';
import type { ForwardReason, Outcome } from '../../src/types.ts';

describe('RFC 9211 2, "The Cache-Status HTTP Response Header Field"', () => {
  test.each<[string, Outcome, string]>([
    ['2.1 hit', { kind: 'hit' }, 'hit'],
    ['2.4 ttl', { kind: 'hit', ttl: 376 }, 'hit; ttl=376'],
    ['2.4 ttl of 0', { kind: 'hit', ttl: 0 }, 'hit; ttl=0'],
    ['2.4 "may be negative"', { kind: 'hit', ttl: -412 }, 'hit; ttl=-412'],
    ['2.2 fwd', { kind: 'forward', fwd: 'uri-miss' }, 'fwd=uri-miss'],
    ['2.3 fwd-status', { kind: 'forward', fwd: 'stale', fwdStatus: 304 }, 'fwd=stale; fwd-status=304'],
    ['2.5 stored', { kind: 'forward', fwd: 'uri-miss', stored: true }, 'fwd=uri-miss; stored'],
    ['2.5 not stored', { kind: 'forward', fwd: 'uri-miss', stored: false }, 'fwd=uri-miss'],
    ['2.6 collapsed', { kind: 'forward', fwd: 'uri-miss', collapsed: true }, 'fwd=uri-miss; collapsed'],
    ['2.6 not collapsed', { kind: 'forward', fwd: 'uri-miss', collapsed: false }, 'fwd=uri-miss'],
    ['2.8 detail', { kind: 'forward', fwd: 'bypass', detail: 'timeout' }, 'fwd=bypass; detail=timeout'],
    [
      '504',
      { kind: 'unsatisfied', fwd: 'stale', detail: 'only-if-cached' },
      'fwd=stale; detail=only-if-cached',
    ],
    [
      'all at once',
      {
        kind: 'forward',
        fwd: 'vary-miss',
        fwdStatus: 200,
        ttl: 60,
        stored: true,
        collapsed: true,
        detail: 'a',
      },
      'fwd=vary-miss; fwd-status=200; ttl=60; stored; collapsed; detail=a',
    ],
  ])('%s', (_section, outcome, expected) => {
    expect(cacheStatus('rrc', outcome)).toBe(`rrc; ${expected}`);
  });

  test.each<ForwardReason>(['bypass', 'method', 'uri-miss', 'vary-miss', 'request', 'stale', 'partial'])(
    '2.2: %s is a reason to forward',
    (fwd) => {
      expect(cacheStatus('rrc', { kind: 'forward', fwd })).toBe(`rrc; fwd=${fwd}`);
    },
  );

  test.each(['OOM', 'set-cookie', 'fill-under-way', 'ECONNREFUSED'])(
    '2.8: the detail %s is a token',
    (detail) => {
      expect(cacheStatus('rrc', { kind: 'hit', detail })).toBe(`rrc; hit; detail=${detail}`);
    },
  );
});
