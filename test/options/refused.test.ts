import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { redisCache } from '../../src/index.ts';
import { nearest } from '../../src/known-names.ts';
import { parsePolicy, parseSettings, refinePolicy } from '../../src/options/parse.ts';
import { SCHEMA } from '../../src/options/schema.ts';
import type { CacheOptions, PolicyOptions } from '../../src/options/types.ts';
import { refuses, thrownBy } from './support/refusal.ts';

/* What is refused, and what the message says: the option's name, the value, and what to write instead. */

type Row = [option: string, value: unknown, shown: string | undefined];

const parse = (options: object): unknown => [
  parseSettings(options as CacheOptions),
  parsePolicy(options as CacheOptions),
];
const override = (overrides: object): unknown => refinePolicy(parsePolicy({}), overrides as PolicyOptions);

/** An options object with a value at a dotted path. */
function at(path: string, value: unknown): object {
  return path.split('.').reduceRight((inner: unknown, name) => ({ [name]: inner }), value) as object;
}

const shownAs = (value: unknown): string => {
  if (typeof value === 'function') return 'a function';
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
};

function rows(option: string, ...values: unknown[]): Row[] {
  return values.map((value) => [option, value, value === undefined ? undefined : shownAs(value)]);
}

const NO_DURATION = ['5', '', 'soon', '1 fortnight', '-1s', '1h 30m', ' 1s', '1s ', -1, null, true, [], {}];
const NO_NUMBER = [Number.NaN, Number.POSITIVE_INFINITY];
/** Bounds of what waits for a timer, which fires at once when it is asked for more than 2^31 ms. */
const TIMEOUT = 'a duration from 1 ms to 1 hour';
const WHOLE = 'a whole number of at least 1';

describe.each<[string, string, Row[]]>([
  [
    'prefix',
    'up to 100 printable characters',
    rows('prefix', '', ' ', 'a b', 'a{', '}', 'a*', '?', '[', ']', '^', '\\', '\n', '\u00e9', 5, null),
  ],
  ['prefix', 'up to 100 printable characters', [['prefix', 'x'.repeat(101), `"${'x'.repeat(101)}"`]]],
  [
    'name',
    'a token',
    rows('name', '', ' ', 'my cache', '1st', '-a', 'a;b', 'a,b', 'an object { a }', '\u00e9', 5, {}),
  ],
  ['timeout', TIMEOUT, rows('timeout', ...NO_DURATION, ...NO_NUMBER, 0, '0s', 0.5, '61m', 3_600_001)],
  ['showKey', 'true or false', rows('showKey', 'true', 1, 0, null, {}, 'yes')],
  ['clock', 'a function', rows('clock', 5, 'now', null, {})],
  ['maxEntries', WHOLE, rows('maxEntries', 0, -1, 1.5, '100', null, true, [])],
  ['near', 'an object { maxSize, ttl }', rows('near', null, 5, '64mb', [])],
  ['near.maxSize', 'a size of at least 1', rows('near.maxSize', '64 bananas', -1, null, true, 0, '0kb')],
  ['near.ttl', TIMEOUT, rows('near.ttl', ...NO_DURATION, 0, '2h')],
  ['refresh', 'an object { concurrency, timeout }', rows('refresh', null, 5, '30s', [], true)],
  ['refresh.concurrency', WHOLE, rows('refresh.concurrency', 0, -1, 1.5, '8', null, true, 2 ** 53)],
  ['refresh.timeout', TIMEOUT, rows('refresh.timeout', ...NO_DURATION, 0, 0.5, '61m')],
  ['invalidation', 'an object { header, authorize }', rows('invalidation', true, null, 'X-Purge', 5, [])],
  [
    'invalidation.header',
    'the name of a header field',
    rows('invalidation.header', undefined, '', 'X Purge', 'X-Purge:', '*', 'caf\u00e9', 5, null, ['X-Purge']),
  ],
  ['mode', '"serve" or "shadow"', rows('mode', true, 'off', '', null)],
  ['enabled', 'a boolean or a function', rows('enabled', 'true', 1, 0, null, {})],
  ['when', 'a boolean or a function', rows('when', '/api', 1, null, ['GET'])],
  ['storeWhen', 'a boolean or a function', rows('storeWhen', 200, '200', null)],
  [
    'methods',
    'a list of methods in upper case',
    rows('methods', 'GET', null, {}, [1], [''], ['GET,HEAD'], ['get'], ['*'], ['PO ST'], ['P0ST']),
  ],
  [
    'statuses',
    '200 to 599',
    rows('statuses', 200, '200', null, {}, ['200'], [199], [100], [600], [200.5], [206], [200, 304]),
  ],
  ['key', 'a function', rows('key', 'path', 5, null, {}, true)],
  [
    'vary',
    'an object { headers, query, cookies, by, caller, ignore }',
    rows('vary', null, 'cookie', 5, true, ['cookie']),
  ],
  [
    'vary.headers',
    'header field names',
    rows('vary.headers', 'accept', {}, true, [1], [''], ['a b'], ['a:'], ['a\n'], ['*'], ['x-*'], ['\u00e9']),
  ],
  [
    'vary.cookies',
    'cookie names',
    rows('vary.cookies', 'sid', true, [null], [''], ['a=b'], ['a;b'], ['session*']),
  ],
  [
    'vary.query',
    'a list of root names of parameters',
    rows('vary.query', 'page', 1, null, [1], [''], ['[a]'], ['.a'], ['filter[a]'], ['a.b']),
  ],
  [
    'vary.query.except',
    'a list of root names of parameters',
    rows('vary.query.except', 'utm', true, null, undefined, [''], ['a[]']),
  ],
  ['vary.by', 'a function', rows('vary.by', 'tenant', null, {}, true)],
  ['vary.caller', 'a function', rows('vary.caller', 'req.user.id', null, {}, true)],
  [
    'vary.ignore',
    'a list of names such as',
    rows(
      'vary.ignore',
      'req.bucket',
      true,
      null,
      {},
      [1],
      [''],
      ['a b'],
      ['cookie '],
      ['cookie a b'],
      ['a:b'],
    ),
  ],
  [
    'maxBodySize',
    "a size: a whole number of bytes, or a string with a unit such as '1mb'",
    rows(
      'maxBodySize',
      ...['', '5', 'b', 'mb', '1 m', '1mib', '12 bananab', '-1kb', '0x10b', '1tb', -1, 1.5, null, true],
    ),
  ],
  ['locals', 'names of res.locals values', rows('locals', 'user', {}, [1], [''], null)],
  [
    'directives',
    '"follow" or "ignore" or "override"',
    rows('directives', true, false, 'Follow', '', null, ['follow']),
  ],
  [
    'targeted',
    'header field names',
    rows('targeted', 'CDN-Cache-Control', true, null, {}, [1], [''], ['a b'], ['*'], ['a,b']),
  ],
  ['setCookie', '"refuse" or "strip" or "store"', rows('setCookie', true, false, 'allow', '', null, {})],
  [
    'guard',
    '"verify" or "reads" or "off"',
    rows('guard', true, false, 'on', 'OFF', null, 0, 'refuse', 'warn', {}),
  ],
  [
    'credentials',
    'header field names',
    rows('credentials', 'X-Badge', true, null, {}, [1], [''], ['a b'], ['*'], ['a,b']),
  ],
  ['collapse', 'an object { wait, lease }', rows('collapse', true, null, '10s', 5, [])],
  ['collapse.wait', 'a duration', rows('collapse.wait', ...NO_DURATION, false)],
  [
    'collapse.lease',
    'a duration from 100 ms to 30 seconds',
    rows('collapse.lease', ...NO_DURATION, 0, 99, '99ms', '31s', 30_001),
  ],
  [
    'tags',
    'a list of up to 128 strings of 1 to 256 characters, or a function',
    rows('tags', 'tag', null, 5, true, {}, [''], [5], [null], ['a', ['b']]),
  ],
  ...(['staleWhileRevalidate', 'staleIfError'] as const).map((option): [string, string, Row[]] => [
    option,
    "a duration: a number of milliseconds, or a string with a unit such as '30s' or '1h'",
    rows(option, ...NO_DURATION, ...NO_NUMBER, false, () => 5),
  ]),
  [
    'originTimeout',
    'a duration from 0 ms to 1 hour',
    rows('originTimeout', ...NO_DURATION, ...NO_NUMBER, false, '25d', 2_147_483_648, '1y'),
  ],
  [
    'jitter',
    'a number from 0 to 1',
    rows('jitter', '0.1', '10%', true, false, null, [], {}, -0.1, 1.01, 10, Number.NaN),
  ],
  ['earlyRefresh', 'true or false', rows('earlyRefresh', 'yes', '', null, [], {})],
  ['hashKeys', 'true or false', rows('hashKeys', 'md5', 'SHA1', 1, null, 'true')],
])('%s', (_option, accepted, table) => {
  test.each(table)('%s: %p is refused', (option, value, shown) => {
    refuses(() => parse(at(option, value)), option, shown, accepted);
    if (_option in SCHEMA && SCHEMA[_option as keyof CacheOptions].level === 'policy')
      refuses(() => override(at(option, value)), option, shown, accepted);
  });
});

test.each<[CacheOptions, string]>([
  [{ ttl: '300' } as object, "write '300s' for seconds, or 300 for milliseconds."],
  [{ staleIfError: '60' } as object, "write '60s' for seconds, or 60 for milliseconds."],
  [{ ttl: { 404: '30' } } as object, "write '30s' for seconds, or 30 for milliseconds."],
  [{ compress: 'gzip' } as object, 'such as { br: false } for gzip alone.'],
  [{ compress: 'br' } as object, 'such as { gzip: false } for br alone.'],
  [{ compress: 'zstd' } as object, 'such as { zstd: true, br: false, gzip: false } for zstd alone.'],
  [{ collapse: true } as object, 'must be left out, which is the same, false, or an object { wait, lease }.'],
  [{ near: 1 } as object, "must be true, false or an object { maxSize, ttl }, such as { maxSize: '64mb' }."],
])('%j is refused with what to write', (options, advice) => {
  expect(thrownBy(() => parse(options)).message).toContain(advice);
});

describe('an unknown option', () => {
  test('is refused with the option that it probably means', () => {
    const { message, option } = thrownBy(() => parse({ tttl: '1h' }));
    expect(message).toBe('Unknown option "tttl". Did you mean "ttl"?');
    expect(option).toBe('tttl');
  });

  test.each([
    ['TTL', 'ttl'],
    ['tll', 'ttl'],
    ['tlt', 'ttl'],
    ['keys', 'key'],
    ['maxbodysize', 'maxBodySize'],
    ['staleWhileRevalidat', 'staleWhileRevalidate'],
    ['stale-while-revalidate', 'staleWhileRevalidate'],
    ['invalidate', 'invalidation'],
    ['encryption', undefined],
    ['expires', undefined],
    ['vary-by', undefined],
    ['__proto', undefined],
    ['', undefined],
    ['x'.repeat(100_000), undefined],
  ])('%.30s is near %s', (name, near) => {
    expect(nearest(name, Object.keys(SCHEMA))).toBe(near);
  });

  test('names the documentation where no known name is near', () => {
    const { message } = thrownBy(() => parse({ sparkle: '1h' }));
    expect(message).toBe('Unknown option "sparkle". docs/options.md lists all options.');
  });

  test.each([
    ['expire', 'ttl'],
    ['maxAge', 'ttl'],
    ['duration', 'ttl'],
    ['client', 'redis'],
    ['host', "redis, such as redis: { host: 'localhost', port: 6379 }"],
    ['statusCodes', 'statuses'],
    ['keyGenerator', 'key'],
    ['skip', 'when, which returns the opposite'],
    ['headers', 'vary.headers'],
  ])('%s of another package is refused with what it is called here', (name, here) => {
    for (const call of [parse, override]) {
      const { message, option } = thrownBy(() => call({ [name]: 'x' }));
      expect([option, message]).toEqual([name, `Unknown option "${name}". Here it is ${here}.`]);
    }
  });

  test('among overrides is compared with the options that with takes', () => {
    expect(thrownBy(() => override({ tttl: '1h' })).message).toContain('Did you mean "ttl"?');
    expect(thrownBy(() => override({ prefixes: 'a' })).message).toContain('docs/options.md');
  });

  test.each([
    ['vary.header', 'Did you mean "vary.headers"?'],
    ['vary.Query', 'Did you mean "vary.query"?'],
    ['vary.params', '"vary" takes { headers, query, cookies, by, caller, ignore }.'],
    ['vary.query.expect', 'Did you mean "vary.query.except"?'],
    ['vary.query.only', '"vary.query" takes { except }.'],
    ['collapse.Wait', 'Did you mean "collapse.wait"?'],
    ['collapse.patience', '"collapse" takes { wait, lease }.'],
    ['refresh.deadline', '"refresh" takes { concurrency, timeout }.'],
    ['near.size', '"near" takes { maxSize, ttl }.'],
    ['invalidation.headers', 'Did you mean "invalidation.header"?'],
  ])('%s among the parts of an option is refused', (path, advice) => {
    const error = thrownBy(() => parse(at(path, 'x')));
    expect(error.option).toBe(path);
    expect(error.message).toBe(`Unknown option "${path}". ${advice}`);
  });

  test('is never shown with its value', () => {
    expect(thrownBy(() => parse({ ttls: 'hunter2' })).message).not.toContain('hunter2');
  });
});

describe('options that are no object', () => {
  test.each([null, 5, 'redis://localhost', [], true])('%j is refused by redisCache', (options) => {
    const { message, option } = thrownBy(() => parse(options as object));
    expect([option, message]).toEqual([
      'options',
      `The options are ${JSON.stringify(options)}, but must be an object such as { ttl: '1h' }.`,
    ]);
  });

  test('a request is refused by redisCache, with what to write: app.use(redisCache) passes the factory', () => {
    const request = new IncomingMessage(new Socket());
    expect(() => redisCache(request as object)).toThrow(
      'app.use(redisCache) mounts the factory itself: write app.use(redisCache()).',
    );
  });

  test.each([null, '5m', []])('%j is refused by with', (overrides) => {
    expect(thrownBy(() => override(overrides as object)).option).toBe('options');
  });
});

describe('options of the whole cache', () => {
  const wide = Object.entries(SCHEMA).filter(([, { level }]) => level === 'cache');

  test.each(wide.map(([name]) => name))('%s is refused by with', (option) => {
    const error = thrownBy(() => override({ [option]: 1 }));
    expect(error.option).toBe(option);
    expect(error.message).toBe(
      `Option "${option}" is cache-wide: give it to redisCache(), not to cache.with().`,
    );
  });
});

describe('options and values of former versions', () => {
  test.each([parse, override])('previous is refused with what to do instead: %p', (call) => {
    const { message, option } = thrownBy(() => call({ previous: 'v1:' }));
    expect(option).toBe('previous');
    expect(message).toBe(
      'Option "previous" was removed. Leave it out, and fill the cache under the new prefix with cache.warm().',
    );
  });

  test.each(['sha1', 'sha256'])('hashKeys: %j is refused with the meaning of true', (value) => {
    refuses(() => parse({ hashKeys: value }), 'hashKeys', `"${value}"`, 'SHA-256 with the encrypt option');
  });

  test.each([0, 0.5, 1, 2, 1000])('earlyRefresh: %d is refused with the meaning of true', (value) => {
    refuses(() => parse({ earlyRefresh: value }), 'earlyRefresh', String(value), 'write true instead of 1');
  });
});

describe('methods that no stored response can answer', () => {
  const key = () => 'k';

  test.each(['POST', 'QUERY', 'PROPFIND'])('%s is refused without a key', (method) => {
    refuses(() => parse({ methods: ['GET', method] }), 'methods', `"${method}"`, 'unless `key`');
  });

  test.each(['PUT', 'PATCH', 'DELETE', 'CONNECT', 'TRACE', 'OPTIONS'])(
    '%s is refused with a key too',
    (method) => {
      refuses(() => parse({ methods: [method], key }), 'methods', `"${method}"`, 'can be reused');
    },
  );
});

describe('more tags than can be kept', () => {
  test('are refused', () => {
    const many = Array.from({ length: 129 }, (_, i) => `${i}`);
    expect(thrownBy(() => parse({ tags: many })).option).toBe('tags');
    expect(thrownBy(() => parse({ tags: ['x'.repeat(257)] })).option).toBe('tags');
  });
});

describe('a value without JSON', () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);

  test.each<[string, unknown, string]>([
    ['name', function cacheName() {}, 'a function (cacheName)'],
    ['name', () => 'x', 'a function'],
    ['name', Symbol('n'), 'Symbol(n)'],
    ['name', 5n, '5'],
    ['name', Number.NaN, 'NaN'],
    ['timeout', Number.POSITIVE_INFINITY, 'Infinity'],
  ])('is shown all the same: %s', (option, value, shown) => {
    refuses(() => parse({ [option]: value }), option, shown, '');
  });

  test('that is cyclic is shown all the same', () => {
    expect(thrownBy(() => parse({ name: cyclic })).message).toContain('Option "name" is ');
  });

  test('that is a sparse list is not a list of names', () => {
    const headers = Object.assign(['a'], { 2: 'b' });
    refuses(() => parse({ vary: { headers } }), 'vary.headers', '["a",null,"b"]', 'a list of');
  });

  test('that is long is cut', () => {
    expect(thrownBy(() => parse({ name: ' '.repeat(10_000) })).message.length).toBeLessThan(300);
  });
});

describe('a secret', () => {
  const SECRET = 'correct-horse-battery-staple';
  const authorize = (given: unknown): object => ({ invalidation: { header: 'X-Purge', authorize: given } });

  test.each<[unknown, string | undefined]>([
    [undefined, undefined],
    [null, '***'],
    ['too short', '***'],
    ['x'.repeat(15), '***'],
    [5, '***'],
    [[SECRET], '***'],
    [{}, '***'],
  ])('that is bad is refused and not shown: %j', (secret, shown) => {
    const call = () => parse(authorize({ header: 'X-Secret', secret }));
    refuses(call, 'invalidation.authorize.secret', shown, 'a string of at least 16 characters');
  });

  test.each<[unknown]>([[undefined], [null], [true], [false], [5], ['X-Secret'], [[]]])(
    'has no field that carries it in %j',
    (given) => {
      const { option, message } = thrownBy(() => parse(authorize(given)));
      expect(option).toBe('invalidation.authorize');
      expect(message).toContain('must be an object { header, secret }');
    },
  );

  test.each<[unknown]>([[undefined], [''], ['X Secret'], [5], [['X-Secret']]])(
    'has no field that can carry it in header: %j',
    (header) => {
      const { option, message } = thrownBy(() => parse(authorize({ header, secret: SECRET })));
      expect(option).toBe('invalidation.authorize.header');
      expect(message).toContain('the name of a header field');
    },
  );

  test.each<[string, object]>([
    ['in place of the object', authorize(SECRET)],
    ['in a list', authorize(['X-Secret', SECRET])],
    ['under a name that is misspelt', authorize({ header: 'X-Secret', secert: SECRET })],
    ['under another name', authorize({ header: 'X-Secret', value: SECRET })],
    ['beside what should hold it', { invalidation: { header: 'X-Purge', secret: SECRET } }],
    ['with a field that is none', authorize({ header: 'X Secret', secret: SECRET })],
    ['of no field', authorize({ secret: SECRET })],
  ])('that is misplaced is not shown: %s', (_where, options) => {
    expect(thrownBy(() => parse(options)).message).not.toContain(SECRET);
  });
});
