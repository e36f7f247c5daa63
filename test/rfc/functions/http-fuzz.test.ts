import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { members, parseCacheControl, requestDirectives } from '../../../src/http/cache-control.ts';
import { notModified } from '../../../src/http/conditional.ts';
import { parseHttpDate } from '../../../src/http/date.ts';
import { bornAt, heuristicLifetime, type Stated, statedLifetime } from '../../../src/http/freshness.ts';
import { storedFields } from '../../../src/http/headers.ts';
import { alsoInvalidated } from '../../../src/http/invalidation.ts';
import { ifRangeHolds, parseContentRange, rangesOf } from '../../../src/http/range.ts';
import { refusal, withheld } from '../../../src/http/storable.ts';
import { targetedDirectives } from '../../../src/http/targeted.ts';
import { type Fields, nominated, selector } from '../../../src/http/vary.ts';
import { sized } from '../../support/long.ts';

/* Whatever a field holds, nothing throws and nothing takes more than linear time. */

const NOW = Date.UTC(2026, 0, 15);

const statedBy = (headers: Fields, control: string): Stated => ({
  headers,
  dated: headers,
  directives: parseCacheControl(control),
  targeted: false,
  receivedAt: NOW,
});

/** Everything that reads a field value that a stranger may have written. */
const READERS: Record<string, (text: string) => unknown> = {
  members,
  parseCacheControl: (text) => parseCacheControl(text).seconds('max-age'),
  nominated,
  selector: (text) => ['accept', 'accept-encoding', 'cookie'].map((name) => selector(name, { [name]: text })),
  requestDirectives: (text) => requestDirectives({ pragma: text }),
  'field names': (text) => withheld(parseCacheControl(`private="${text}", no-cache=${text}`), 'refuse'),
  targeted: (text) => targetedDirectives({ 'cdn-cache-control': text }, ['cdn-cache-control'])?.seconds('a'),
  Location: (text) => {
    const headers = { location: text, 'content-location': text };
    return alsoInvalidated('http://h/', headers);
  },
  Range: (text) => [rangesOf(text, 1000), rangesOf(`bytes=${text}`, 1000)],
  'If-Range': (text) => ifRangeHolds(text, { etag: text, lastModified: text, date: text }, NOW),
  'Content-Range': (text) => [parseContentRange(text), parseContentRange(`bytes ${text}`)],
  parseHttpDate: (text) => parseHttpDate(text, NOW),
  'If-None-Match': (text) => notModified({ ifNoneMatch: text }, { etag: '"a"' }, NOW),
  'If-Modified-Since': (text) => notModified({ ifModifiedSince: text }, { lastModified: text }, NOW),
  Connection: (text) =>
    storedFields(
      [
        ['Connection', text],
        ['X-A', 'b'],
      ],
      new Map(),
      [],
    ),
  freshness: (text) => {
    const headers = { age: text, date: text, expires: text, 'last-modified': text };
    const stated = statedBy(headers, text);
    return [statedLifetime(stated), heuristicLifetime(stated), bornAt(stated, NOW)];
  },
  refusal: (text) => {
    const headers = { vary: text, 'cache-control': text };
    const directives = parseCacheControl(text);
    return refusal({
      request: { headers, directives },
      status: 200,
      headers,
      directives,
      credentialsKeyed: false,
      setCookie: 'refuse',
    });
  },
};

const pieces = fc.constantFrom(
  ...[
    'max-age',
    's-maxage',
    'private',
    'no-store',
    'no-cache',
    'public',
    'Accept',
    '*',
    'W/',
    'GMT',
    'Sun',
    'Nov',
  ],
  ...[
    '=',
    '"',
    '\\',
    ',',
    ';',
    ' ',
    '\t',
    '60',
    '-1',
    '0',
    ':',
    '\xa0',
    '\xff',
    '\0',
    '06-Nov-94',
    '08:49:37',
    ', 06 Nov 1994 ',
  ],
);
const text = fc.oneof(
  fc.array(pieces, { maxLength: 12 }).map((list) => list.join('')),
  fc.string({ unit: 'binary' }),
  fc
    .constant('Sun, 06 Nov 1994 08:49:37 GMT')
    .chain((date) =>
      fc
        .tuple(fc.nat(date.length), pieces)
        .map(([at, piece]) => date.slice(0, at) + piece + date.slice(at + piece.length)),
    ),
);

describe.each(Object.entries(READERS))('%s', (_name, read) => {
  test('never throws', () => {
    fc.assert(
      fc.property(text, (value) => {
        read(value);
      }),
      { seed: 9111, numRuns: sized(1000, 3000) },
    );
  });

  const units = [
    'a',
    ' ',
    '\t',
    ',',
    '"',
    '\\',
    '=',
    '",',
    '"\\',
    '\\"',
    'a=',
    'a="',
    'a="b",',
    ', ',
    'max-age=1,',
    '"a"',
    'W/',
    'W/"',
    '""',
    '0',
    'a b',
    '*',
    '*,',
    'Sun, ',
  ];
  test.each([...units, '"a, ', ' a', '= '])('parses 64 KB of %j in linear time', (unit) => {
    const long = unit.repeat(65_536 / unit.length);
    const startedAt = performance.now();
    for (const value of [long, `"${long}`, `${long}"`, `a=${long}\\`]) read(value);
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});

describe('dates', () => {
  test('are whole seconds or undefined', () => {
    fc.assert(
      fc.property(text, (value) => {
        const time = parseHttpDate(value, NOW);
        expect(time === undefined || (Number.isSafeInteger(time) && time % 1000 === 0)).toBe(true);
      }),
      { seed: 9111, numRuns: sized(1000, 3000) },
    );
  });
});

describe('lifetimes and ages', () => {
  test('are finite and not negative, or undefined', () => {
    fc.assert(
      fc.property(text, text, text, (control, expires, age) => {
        const headers = { 'cache-control': control, expires, age, date: age, 'last-modified': expires };
        const stated = statedBy(headers, control);
        for (const length of [statedLifetime(stated), heuristicLifetime(stated), NOW - bornAt(stated, NOW)]) {
          expect(length === undefined || (Number.isFinite(length) && length >= 0)).toBe(true);
        }
      }),
      { seed: 9111, numRuns: sized(1000, 3000) },
    );
  });
});

describe('members', () => {
  test('of a list are the list without separators and white space', () => {
    const bare = (value: string): string => value.replace(/[\s,]/g, '');
    fc.assert(
      fc.property(text, (value) => {
        expect(bare(members(value).join(''))).toBe(bare(value));
      }),
      { seed: 9111, numRuns: sized(1000, 3000) },
    );
  });
});
