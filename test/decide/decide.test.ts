import { describe, expect, test } from '@jest/globals';
import type { StoredResponse } from '../../src/codec/stored-response.ts';
import { parseCacheControl } from '../../src/http/cache-control.ts';
import { type Decision, decide, outcomeOf, type RequestFacts } from '../../src/lifecycle/decide.ts';
import { cacheStatus } from '../../src/observe/cache-status.ts';
import type { Standing } from '../../src/sharing/audience.ts';

/* The decision of the cache, row by row: no sockets, no store, no clock but the one that is passed. */

const SECOND = 1000;
const NOW = 1_700_000_000_000;

/** A stored 200 of a minute's lifetime, made ten seconds ago. */
const FRESH: StoredResponse = {
  key: 'GET http://a.example/',
  variant: '["",[],[]]',
  status: 200,
  message: '',
  headers: ['Content-Type', 'text/plain', 'ETag', '"a"', 'Content-Length', '20'],
  removedFields: [],
  bornAt: NOW - 10 * SECOND,
  lifetime: 60 * SECOND,
  validateAlways: false,
  neverStale: false,
  staleIfError: 0,
  staleWhileRevalidate: 0,
  originMs: 500,
  tags: [],
  locals: null,
  cacheLevel: 1,
  selectors: [],
  audience: undefined,
  encodings: undefined,
  body: Buffer.from('01234567890123456789'),
  purged: false,
};
const STALE: StoredResponse = { ...FRESH, lifetime: 5 * SECOND };
const PART: StoredResponse = {
  ...FRESH,
  status: 206,
  headers: ['ETag', '"a"', 'Content-Length', '5', 'Content-Range', 'bytes 0-4/20'],
  body: Buffer.from('01234'),
};

interface Row {
  /** Request header fields. */
  headers?: Record<string, string>;
  method?: string;
  stored?: StoredResponse;
  /** Whether responses are stored for other values of the fields in `Vary`. */
  otherVariants?: boolean;
  near?: boolean;
  canRefresh?: boolean;
  earlyRefresh?: boolean;
  random?: number;
  /** Whether the stored response may be given to the request; `same` unless said. */
  standing?: Standing;
  /** Whether it has no credentials. */
  isStranger?: boolean;
  /** The `directives` option ignores what the client asks. */
  ignoresClient?: boolean;
}

function decideRow(row: Row): Decision {
  const headers = row.headers ?? {};
  const request: RequestFacts = {
    method: row.method ?? 'GET',
    headers,
    directives: row.ignoresClient ? undefined : parseCacheControl(headers['cache-control']),
    standing: () => row.standing ?? 'same',
    isStranger: row.isStranger ?? false,
    canRefresh: () => row.canRefresh ?? false,
  };
  const found = { stored: row.stored, otherVariants: row.otherVariants ?? false, near: row.near ?? false };
  return decide(request, found, { earlyRefresh: row.earlyRefresh ?? false }, NOW, () => row.random ?? 0.5);
}

const cacheControl = (value: string): Record<string, string> => ({ 'cache-control': value });

/** What `Cache-Status` says of each decision before the app answers. */
const TABLE: [title: string, row: Row, says: string][] = [
  // Nothing is stored.
  ['nothing stored: fill', {}, 'fwd=uri-miss'],
  ['other variants stored: fill', { otherVariants: true }, 'fwd=vary-miss'],
  ['nothing stored, HEAD: forward', { method: 'HEAD' }, 'fwd=uri-miss; detail=head'],
  [
    'nothing stored, only-if-cached: 504',
    { headers: cacheControl('only-if-cached') },
    'fwd=uri-miss; detail=only-if-cached',
  ],
  [
    'nothing stored, only-if-cached, client ignored: fill',
    { headers: cacheControl('only-if-cached'), ignoresClient: true },
    'fwd=uri-miss',
  ],
  // Fresh.
  ['fresh: serve', { stored: FRESH }, 'hit; ttl=50'],
  ['fresh, HEAD: serve', { stored: FRESH, method: 'HEAD' }, 'hit; ttl=50'],
  ['fresh in the near cache: serve', { stored: FRESH, near: true }, 'hit; ttl=50; detail=near'],
  ['fresh, no-cache: validate', { stored: FRESH, headers: cacheControl('no-cache') }, 'fwd=request'],
  [
    'fresh, no-cache, client ignored: serve',
    { stored: FRESH, headers: cacheControl('no-cache'), ignoresClient: true },
    'hit; ttl=50',
  ],
  [
    'fresh, max-age below its age: validate',
    { stored: FRESH, headers: cacheControl('max-age=9') },
    'fwd=request',
  ],
  ['fresh, max-age of its age: serve', { stored: FRESH, headers: cacheControl('max-age=10') }, 'hit; ttl=50'],
  [
    'fresh, min-fresh above its ttl: validate',
    { stored: FRESH, headers: cacheControl('min-fresh=51') },
    'fwd=request',
  ],
  [
    'fresh, min-fresh of its ttl: serve',
    { stored: FRESH, headers: cacheControl('min-fresh=50') },
    'hit; ttl=50',
  ],
  ['fresh, only-if-cached: serve', { stored: FRESH, headers: cacheControl('only-if-cached') }, 'hit; ttl=50'],
  [
    'fresh, no-cache and only-if-cached: 504',
    { stored: FRESH, headers: cacheControl('no-cache, only-if-cached') },
    'fwd=request; detail=only-if-cached',
  ],
  [
    'fresh by its lifetime, but no-cache: validate',
    { stored: { ...FRESH, validateAlways: true } },
    'fwd=stale',
  ],
  [
    'fresh by its lifetime, purged softly: validate',
    { stored: { ...FRESH, purged: true, lifetime: 9 * SECOND } },
    'fwd=stale',
  ],
  ['purged softly a moment ago: validate', { stored: { ...FRESH, purged: true } }, 'fwd=stale'],
  // Stale.
  ['stale: validate', { stored: STALE }, 'fwd=stale'],
  ['stale exactly at the end of its lifetime', { stored: { ...FRESH, lifetime: 10 * SECOND } }, 'fwd=stale'],
  ['stale, HEAD: forward', { stored: STALE, method: 'HEAD' }, 'fwd=stale; detail=head'],
  [
    'stale, only-if-cached: 504',
    { stored: STALE, headers: cacheControl('only-if-cached') },
    'fwd=stale; detail=only-if-cached',
  ],
  ['stale, max-stale: serve', { stored: STALE, headers: cacheControl('max-stale') }, 'hit; ttl=-5'],
  [
    'stale, max-stale of its staleness: serve',
    { stored: STALE, headers: cacheControl('max-stale=5') },
    'hit; ttl=-5',
  ],
  ['stale, max-stale below: validate', { stored: STALE, headers: cacheControl('max-stale=4') }, 'fwd=stale'],
  [
    'stale, must-revalidate, max-stale: validate',
    { stored: { ...STALE, neverStale: true }, headers: cacheControl('max-stale') },
    'fwd=stale',
  ],
  // Stale while revalidate.
  [
    'stale within its window, refreshable: serve and refresh',
    { stored: { ...STALE, staleWhileRevalidate: 6 * SECOND }, canRefresh: true },
    'hit; ttl=-5; detail=stale-while-revalidate',
  ],
  [
    'stale within its window in the near cache: the reason is the window',
    { stored: { ...STALE, staleWhileRevalidate: 6 * SECOND }, canRefresh: true, near: true },
    'hit; ttl=-5; detail=stale-while-revalidate',
  ],
  [
    'stale within its window, not refreshable: validate',
    { stored: { ...STALE, staleWhileRevalidate: 6 * SECOND } },
    'fwd=stale',
  ],
  [
    'stale past its window: validate',
    { stored: { ...STALE, staleWhileRevalidate: 5 * SECOND }, canRefresh: true },
    'fwd=stale',
  ],
  [
    'stale within its window, must-revalidate: validate',
    { stored: { ...STALE, staleWhileRevalidate: 6 * SECOND, neverStale: true }, canRefresh: true },
    'fwd=stale',
  ],
  [
    'stale within its window, but the client wants less age: validate',
    {
      stored: { ...STALE, staleWhileRevalidate: 6 * SECOND },
      canRefresh: true,
      headers: cacheControl('max-age=3'),
    },
    'fwd=request',
  ],
  // Parts.
  ['a stored part, the whole requested: fill', { stored: PART }, 'fwd=partial'],
  [
    'a stored part, its range requested: serve',
    { stored: PART, headers: { range: 'bytes=0-4' } },
    'hit; ttl=50',
  ],
  ['a stored part, a range within: serve', { stored: PART, headers: { range: 'bytes=1-2' } }, 'hit; ttl=50'],
  ['a stored part, a range beyond: fill', { stored: PART, headers: { range: 'bytes=3-5' } }, 'fwd=partial'],
  ['a stored part, two ranges: fill', { stored: PART, headers: { range: 'bytes=0-1,3-4' } }, 'fwd=partial'],
  ['a stored part, HEAD: forward', { stored: PART, method: 'HEAD' }, 'fwd=partial; detail=head'],
  [
    'a stored part, If-Range of another version: fill',
    { stored: PART, headers: { range: 'bytes=0-4', 'if-range': '"b"' } },
    'fwd=partial',
  ],
  [
    'a stored whole, a range requested: serve',
    { stored: FRESH, headers: { range: 'bytes=0-4' } },
    'hit; ttl=50',
  ],
  // A stored response that was made for a request without credentials, and a request of another shape than was seen.
  ['fresh, unseen: compare', { stored: FRESH, standing: 'unseen' }, 'fwd=vary-miss; detail=verifying'],
  [
    'fresh in the near cache, unseen: compare',
    { stored: FRESH, near: true, standing: 'unseen' },
    'fwd=vary-miss; detail=verifying',
  ],
  [
    'fresh, unseen, HEAD: forward',
    { stored: FRESH, method: 'HEAD', standing: 'unseen' },
    'fwd=vary-miss; detail=head',
  ],
  [
    'fresh, unseen, only-if-cached: 504',
    { stored: FRESH, headers: cacheControl('only-if-cached'), standing: 'unseen' },
    'fwd=vary-miss; detail=only-if-cached',
  ],
  [
    'fresh, unseen, no-cache: fill',
    { stored: FRESH, headers: cacheControl('no-cache'), standing: 'unseen' },
    'fwd=vary-miss',
  ],
  ['stale, unseen: fill', { stored: STALE, standing: 'unseen' }, 'fwd=vary-miss'],
  [
    'stale within its window, refreshable, unseen: fill',
    { stored: { ...STALE, staleWhileRevalidate: 6 * SECOND }, canRefresh: true, standing: 'unseen' },
    'fwd=vary-miss',
  ],
  [
    'stale, max-stale, unseen: compare',
    { stored: STALE, headers: cacheControl('max-stale'), standing: 'unseen' },
    'fwd=vary-miss; detail=verifying',
  ],
  ['a stored part, the whole requested, unseen: fill', { stored: PART, standing: 'unseen' }, 'fwd=partial'],
  // A shape that got another answer.
  [
    'fresh, different: forward',
    { stored: FRESH, standing: 'different' },
    'fwd=vary-miss; detail=depends-on-credentials',
  ],
  [
    'fresh, different, of a stranger: forward',
    { stored: FRESH, standing: 'different', isStranger: true },
    'fwd=vary-miss; detail=varies',
  ],
  [
    'stale, different: forward',
    { stored: STALE, standing: 'different' },
    'fwd=vary-miss; detail=depends-on-credentials',
  ],
  [
    'stale within its window, refreshable, different: forward',
    { stored: { ...STALE, staleWhileRevalidate: 6 * SECOND }, canRefresh: true, standing: 'different' },
    'fwd=vary-miss; detail=depends-on-credentials',
  ],
  [
    'fresh, different, HEAD: forward',
    { stored: FRESH, method: 'HEAD', standing: 'different' },
    'fwd=vary-miss; detail=depends-on-credentials',
  ],
  [
    'fresh, different, only-if-cached: 504',
    { stored: FRESH, headers: cacheControl('only-if-cached'), standing: 'different' },
    'fwd=vary-miss; detail=only-if-cached',
  ],
  // Conditions change the form of the answer, not the decision.
  ['fresh, If-None-Match: serve', { stored: FRESH, headers: { 'if-none-match': '"a"' } }, 'hit; ttl=50'],
  ['stale, If-None-Match: validate', { stored: STALE, headers: { 'if-none-match': '"a"' } }, 'fwd=stale'],
];

test.each(TABLE)('%s', (_title, row, says) => {
  expect(cacheStatus('c', outcomeOf(decideRow(row)))).toBe(`c; ${says}`);
});

test.each(TABLE)(
  'in shadow mode the app answers, and the decision is the detail: %s',
  (_title, row, says) => {
    const reason = /fwd=([\w-]+)/.exec(says)?.[1] ?? 'hit';
    expect(cacheStatus('c', outcomeOf(decideRow(row), 'shadow'))).toBe(
      `c; fwd=bypass; detail="shadow: ${reason}"`,
    );
  },
);

describe('early refresh', () => {
  const nearEnd = { ...FRESH, lifetime: 10 * SECOND + 100 };

  test('a hit near the end of its lifetime is refreshed when the draw says so', () => {
    const row = { stored: nearEnd, canRefresh: true, earlyRefresh: true };
    expect(decideRow({ ...row, random: 0.1 })).toMatchObject({ kind: 'serve', refresh: 'early' });
    expect(decideRow({ ...row, random: 0.9 })).toMatchObject({ kind: 'serve', refresh: undefined });
  });

  test('a hit is not refreshed early without the option, without a way to, or in its first half', () => {
    const row = { stored: nearEnd, canRefresh: true, earlyRefresh: true, random: 0.001 };
    expect(decideRow({ ...row, earlyRefresh: false })).toMatchObject({ refresh: undefined });
    expect(decideRow({ ...row, canRefresh: false })).toMatchObject({ refresh: undefined });
    expect(decideRow({ ...row, stored: FRESH })).toMatchObject({ refresh: undefined });
  });
});

test('a response stored in the future of this clock has the age 0', () => {
  expect(decideRow({ stored: { ...FRESH, bornAt: NOW + SECOND } })).toMatchObject({
    kind: 'serve',
    ageMs: 0,
  });
});

test.each<[string, Row]>([
  ['unseen, HEAD', { stored: FRESH, method: 'HEAD', standing: 'unseen' }],
  ['different, HEAD', { stored: FRESH, method: 'HEAD', standing: 'different' }],
  ['different', { stored: STALE, standing: 'different' }],
])('a stored response that is not for the request is not carried along: %s', (_title, row) => {
  expect(decideRow(row)).toMatchObject({ kind: 'forward', stored: undefined });
});

test('a comparison carries the stored response that it compares with', () => {
  expect(decideRow({ stored: FRESH, standing: 'unseen' })).toMatchObject({ kind: 'compare', stored: FRESH });
});

test('validation and HEAD carry the stored response, so that it can be served if the app fails', () => {
  expect(decideRow({ stored: STALE })).toMatchObject({ kind: 'validate', stored: STALE });
  expect(decideRow({ stored: STALE, method: 'HEAD' })).toMatchObject({ kind: 'forward', stored: STALE });
});
