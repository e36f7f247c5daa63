import fc, { type Arbitrary } from 'fast-check';
import type { CacheOptions } from '../../../src/index.ts';
import type { Line } from '../../support/client.ts';

/* The space of requests and responses: what is right, what is nearly right, and what nobody would send. */

/** What a client asks. */
export interface Wanted {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers: readonly Line[];
  readonly body: string | undefined;
}

/** What the app answers to it. */
export interface Scripted {
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string | readonly string[]])[];
  readonly filler: string;
  /** How it is written: at once, part by part, the head first; or given up half-way. */
  readonly style: 'end' | 'parts' | 'writeHead' | 'flush' | 'late' | 'destroyed';
  /** What it says of its length beyond the truth; `undefined` when it says nothing. */
  readonly lie: number | undefined;
  /** Whether it answers 304 to a condition. */
  readonly confirms: boolean;
}

export interface Step {
  readonly wanted: Wanted;
  readonly scripted: Scripted;
  /** Milliseconds that pass before it. */
  readonly pause: number;
}

const seconds = fc.constantFrom(
  '0',
  '1',
  '60',
  '31536000',
  '99999999999999',
  '-1',
  '1.5',
  '"60"',
  '',
  'x',
  ' 5',
);
const spacing = fc.constantFrom('', '', '', ' ', '\t', '  ');

function directive(...names: string[]): Arbitrary<string> {
  const cased = fc.constantFrom(...names).chain((name) => fc.constantFrom(name, name, name.toUpperCase()));
  return fc
    .tuple(spacing, cased, fc.option(seconds, { nil: undefined }), spacing)
    .map(
      ([before, name, value, after]) => `${before}${name}${value === undefined ? '' : `=${value}`}${after}`,
    );
}

function listOf(member: Arbitrary<string>): Arbitrary<string> {
  return fc.array(member, { maxLength: 5 }).map((members) => members.join(','));
}

const text = fc.string({ unit: fc.constantFrom(...'abc,;=" \t*\\/()<>@:?[]{}\xe4\xff'), maxLength: 30 });
const tag = fc.constantFrom('"1"', '"2"', 'W/"1"', '"', '1', '"a,b"', '*', '""');
const date = fc.constantFrom(
  'Sun, 06 Nov 1994 08:49:37 GMT',
  'Fri, 01 Jan 2100 00:00:00 GMT',
  'Sunday, 06-Nov-94 08:49:37 GMT',
  '0',
  '1994-11-06',
);
const names = fc.constantFrom(
  'X-V',
  'x-v',
  'Accept',
  'ACCEPT-ENCODING',
  'Cookie',
  'authorization',
  '__proto__',
);
const odd = fc.constantFrom(
  '__proto__',
  'constructor',
  'X-Any',
  'x-b',
  "!#$%&'*+-.^_`|~",
  'Keep-Alive',
  'TE',
);

const askedDirectives = listOf(
  directive(
    'no-cache',
    'no-store',
    'max-age',
    'max-stale',
    'min-fresh',
    'only-if-cached',
    'stale-if-error',
    'foo',
  ),
);
const askedLine: Arbitrary<Line> = fc.oneof(
  fc.tuple(fc.constant('Cache-Control'), askedDirectives),
  fc.tuple(fc.constant('X-V'), fc.constantFrom('1', '2', '', '1, 2', '1,2', ' 1 ', '"1"')),
  fc.tuple(fc.constant('Accept'), fc.constantFrom('text/html', 'TEXT/HTML', '*/*;q=0.5, text/html', '')),
  fc.tuple(fc.constant('Accept-Encoding'), fc.constantFrom('gzip', 'identity', 'gzip, br', 'br,gzip')),
  fc.tuple(fc.constantFrom('Authorization', 'authorization'), fc.constantFrom('Bearer a', 'Basic b', '')),
  fc.tuple(fc.constant('Cookie'), fc.constantFrom('a=1', 'a=2; b', '__proto__=1', '')),
  fc.tuple(fc.constantFrom('If-None-Match', 'If-Match'), listOf(tag)),
  fc.tuple(fc.constantFrom('If-Modified-Since', 'If-Unmodified-Since', 'If-Range'), fc.oneof(date, tag)),
  fc.tuple(
    fc.constant('Range'),
    fc.constantFrom('bytes=0-1', 'bytes=-1', 'bytes=5-', 'bytes=9-1', 'bytes=0-0,2-3', 'x', 'bytes=999-'),
  ),
  fc.tuple(fc.constantFrom('Pragma', 'X-HTTP-Method-Override', 'Forwarded', 'X-Forwarded-Host'), text),
  fc.tuple(odd, text),
);

const wild: Arbitrary<Wanted> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'PURGE'),
  host: fc.constantFrom('a.example', 'a.example', 'A.EXAMPLE', 'b.example:8080', 'a.example:80', 'bad host'),
  path: fc.constantFrom(
    '/a',
    '/a',
    '/a',
    '/a?x=1&y=2',
    '/a?y=2&x=1',
    '/a?x=1;y=2',
    '/a?x=2&x=1',
    '/b',
    '//a',
    '/%',
  ),
  headers: fc.array(askedLine, { maxLength: 4 }),
  body: fc.option(fc.constantFrom('', 'x', 'GET / HTTP/1.1\r\n\r\n'), { nil: undefined, freq: 8 }),
});

const saidDirectives = listOf(
  directive(
    ...['no-cache', 'no-store', 'private', 'public', 'max-age', 's-maxage', 'must-revalidate'],
    ...['must-understand', 'immutable', 'stale-if-error', 'no-cache="x-v"', 'private="x-v"', 'foo'],
  ),
);
const lifetimes = fc.constantFrom('max-age=60', 'max-age=60, public', 's-maxage=5', 'max-age=1');
const said = fc.oneof({ weight: 3, arbitrary: lifetimes }, { weight: 3, arbitrary: saidDirectives }, text);
const value: Arbitrary<readonly [string, string | readonly string[]]> = fc.oneof(
  fc.tuple(fc.constant('Cache-Control'), said),
  fc.tuple(fc.constant('Cache-Control'), said),
  fc.tuple(fc.constant('Cache-Control'), fc.array(said, { minLength: 1, maxLength: 3 })),
  fc.tuple(fc.constant('CDN-Cache-Control'), said),
  fc.tuple(
    fc.constant('Vary'),
    fc.oneof(listOf(names), listOf(fc.oneof(names, fc.constantFrom('*', 'a b')))),
  ),
  fc.tuple(fc.constant('Vary'), fc.array(names, { minLength: 1, maxLength: 3 })),
  fc.tuple(fc.constantFrom('Set-Cookie', 'Set-Cookie2'), fc.constantFrom('a=1', ['a=1', 'b=2'])),
  fc.tuple(fc.constant('ETag'), tag),
  fc.tuple(fc.constantFrom('Last-Modified', 'Expires', 'Date'), date),
  fc.tuple(fc.constant('Age'), fc.oneof(seconds, fc.constant(['0', '9']))),
  fc.tuple(fc.constant('Connection'), fc.constantFrom('close', 'X-Any, keep-alive', 'upgrade')),
  fc.tuple(fc.constantFrom('Content-Encoding', 'Cache-Status', 'Content-Type', 'Location'), text),
  fc.tuple(fc.constant('Content-Range'), fc.constantFrom('bytes 0-1/9', 'x')),
  fc.tuple(odd, fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 }))),
);

const hostile: Arbitrary<Scripted> = fc.record({
  status: fc.constantFrom(
    200,
    200,
    200,
    200,
    200,
    201,
    204,
    206,
    301,
    302,
    304,
    400,
    404,
    451,
    500,
    503,
    599,
    700,
  ),
  fields: fc.array(value, { maxLength: 5 }),
  filler: fc.constantFrom('', 'x', 'abc'.repeat(100), '\xe4'.repeat(40_000)),
  style: fc.constantFrom('end', 'end', 'parts', 'writeHead', 'flush', 'late', 'destroyed'),
  lie: fc.constantFrom(undefined, undefined, undefined, 0, 0, 1, -1, 1000),
  confirms: fc.boolean(),
});

/* Most of what is asked and answered is in order: what is out of order shall meet something stored. */

const wanted: Arbitrary<Wanted> = fc.oneof(
  { weight: 1, arbitrary: wild },
  {
    weight: 3,
    arbitrary: fc.record({
      method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
      host: fc.constantFrom('a.example', 'a.example', 'a.example', 'A.EXAMPLE', 'b.example:8080'),
      path: fc.constantFrom('/a', '/a', '/a', '/a?x=1&y=2', '/a?y=2&x=1', '/a?x=2&x=1'),
      headers: fc.array(askedLine, { maxLength: 2 }),
      body: fc.constant(undefined),
    }),
  },
);

const scripted: Arbitrary<Scripted> = fc.oneof(
  { weight: 1, arbitrary: hostile },
  {
    weight: 3,
    arbitrary: fc.record({
      status: fc.constantFrom(200, 200, 200, 404),
      fields: fc
        .tuple(lifetimes, fc.array(value, { maxLength: 2 }))
        .map(([lifetime, others]): Scripted['fields'] => [['Cache-Control', lifetime], ...others]),
      filler: fc.constantFrom('', 'x', 'abc'.repeat(100)),
      style: fc.constantFrom('end', 'parts', 'writeHead', 'flush', 'late'),
      lie: fc.constantFrom(undefined, 0),
      confirms: fc.boolean(),
    }),
  },
);

export const steps: Arbitrary<Step[][]> = fc.array(
  fc.array(fc.record({ wanted, scripted, pause: fc.constantFrom(0, 0, 0, 0, 0, 0, 1500, 70_000) }), {
    minLength: 1,
    maxLength: 3,
  }),
  { minLength: 4, maxLength: 12 },
);

export const options: Arbitrary<CacheOptions> = fc.record(
  {
    ttl: fc.constantFrom('1h' as const, false as const),
    directives: fc.constantFrom('follow', 'ignore', 'override'),
    targeted: fc.constant(['CDN-Cache-Control']),
    setCookie: fc.constantFrom('refuse', 'strip'),
    guard: fc.constantFrom('verify', 'reads', 'off'),
    maxBodySize: fc.constantFrom('1mb' as const, 500),
    hashKeys: fc.boolean(),
    showKey: fc.boolean(),
  },
  { requiredKeys: [] },
);
