import { describe, expect, test } from '@jest/globals';
import { parsePolicy, refinePolicy } from '../../src/options/policy.ts';
import { parseSettings } from '../../src/options/settings.ts';
import type { CacheOptions, PolicyOptions } from '../../src/options/types.ts';
import { refuses, thrownBy } from './support/refusal.ts';

/* Bad values of the options: each message has the option's name, the value and what is accepted. */

type Row = [option: string, value: unknown, shown: string];

const set = (options: object): unknown => parseSettings(options as CacheOptions);
const parse = (options: object): unknown => parsePolicy(options as PolicyOptions);

/** An options object with a value at a dotted path. */
function at(path: string, value: unknown): object {
  return path.split('.').reduceRight((inner: unknown, name) => ({ [name]: inner }), value) as object;
}

function rows(option: string, ...values: unknown[]): Row[] {
  return values.map((value) => [option, value, JSON.stringify(value) ?? String(value)]);
}

describe.each<[string, (options: object) => unknown, string, Row[]]>([
  [
    'prefix',
    set,
    'up to 100 printable characters',
    rows('prefix', '', ' ', 'a b', 'a{', '}', 'a*', '?', '[', ']', '^', '\\', '\n', '\u00e9', 5, null),
  ],
  [
    'name',
    set,
    'a token',
    rows('name', '', ' ', 'my cache', '1st', '-a', 'a;b', 'a,b', '"a"', '\u00e9', 5, {}),
  ],
  [
    'timeout',
    set,
    'duration',
    rows('timeout', '100', '', 'soon', '1 fortnight', '-1s', -1, null, true, [], {}, '1h 30m', ' 1s', '1s '),
  ],
  ['timeout', set, 'at least 1 millisecond', rows('timeout', 0, '0s', 0.5, '61m', 3_600_001)],
  ['showKey', set, 'true or false', rows('showKey', 'true', 1, 0, null, {}, 'yes')],
  ['clock', set, 'a function', rows('clock', 5, 'now', null, {})],
  ['mode', parse, '"serve" or "shadow"', rows('mode', true, 'off', '', null)],
  ['enabled', parse, 'a boolean or a function', rows('enabled', 'true', 1, 0, null, {})],
  ['when', parse, 'a boolean or a function', rows('when', '/api', 1, null, ['GET'])],
  ['storeWhen', parse, 'a boolean or a function', rows('storeWhen', 200, '200', null)],
  [
    'methods',
    parse,
    'a list of methods',
    rows('methods', 'GET', null, {}, [1], [''], ['GET,HEAD'], ['get'], ['*']),
  ],
  [
    'statuses',
    parse,
    '200 to 599',
    rows('statuses', 200, '200', null, {}, ['200'], [199], [100], [600], [200.5], [206], [200, 304]),
  ],
  ['key', parse, 'a function', rows('key', 'path', 5, null, {}, true)],
  ['vary', parse, 'headers, query, cookies, by', rows('vary', null, 'cookie', 5, true, ['cookie'])],
  [
    'vary.headers',
    parse,
    'header field names',
    rows('vary.headers', 'accept', {}, true, [1], [''], ['a b'], ['a:'], ['a\n'], ['*'], ['x-*'], ['\u00e9']),
  ],
  [
    'vary.cookies',
    parse,
    'cookie names',
    rows('vary.cookies', 'sid', true, [null], [''], ['a=b'], ['a;b'], ['session*']),
  ],
  [
    'vary.query',
    parse,
    'a list of root names of parameters',
    rows('vary.query', 'page', 1, null, [1], [''], ['[a]'], ['.a'], ['filter[a]'], ['a.b']),
  ],
  [
    'vary.query.except',
    parse,
    'a list of root names of parameters',
    rows('vary.query.except', 'utm', true, null, undefined, [''], ['a[]']),
  ],
  ['vary.by', parse, 'a function', rows('vary.by', 'tenant', null, {}, true)],
  ['hashKeys', parse, '"sha256"', rows('hashKeys', 'md5', 'SHA1', 1, null, 'true')],
  [
    'maxBodySize',
    parse,
    'a size',
    rows(
      'maxBodySize',
      '',
      '5',
      'b',
      'mb',
      '1 m',
      '1mib',
      '12 bananab',
      '-1kb',
      '0x10b',
      '1tb',
      -1,
      1.5,
      null,
      true,
    ),
  ],
  ['locals', parse, 'names of res.locals values', rows('locals', 'user', {}, [1], [''], null)],
  ['directives', parse, '"override"', rows('directives', true, false, 'Follow', '', null, ['follow'])],
  [
    'targeted',
    parse,
    'header field names',
    rows('targeted', 'CDN-Cache-Control', true, null, {}, [1], [''], ['a b'], ['*'], ['a,b']),
  ],
  ['setCookie', parse, '"strip"', rows('setCookie', true, false, 'allow', '', null, {})],
  ['guard', parse, '"warn"', rows('guard', true, false, 'on', 'OFF', null, 0)],
  [
    'tags',
    parse,
    'up to 128 strings of 1 to 256 characters, or a function',
    rows('tags', 'tag', null, 5, true, {}, [''], [5], [null], ['a', ['b']]),
  ],
  ['maxEntries', set, 'a whole number of at least 1', rows('maxEntries', 0, -1, 1.5, '100', null, true, [])],
  ['near', set, 'maxSize, ttl', rows('near', null, 5, '64mb', [])],
  ['near.maxSize', set, 'a size', rows('near.maxSize', '64 bananas', -1, null, true)],
  ['near.maxSize', set, 'at least 1 byte', rows('near.maxSize', 0, '0kb')],
  ['near.ttl', set, 'a duration', rows('near.ttl', '10', -1, null, true)],
  ['near.ttl', set, 'at least 1 millisecond and at most 1 hour', rows('near.ttl', 0, '2h')],
  ['collapse', parse, 'wait, lease', rows('collapse', true, null, '10s', 5, [])],
  ['collapse.wait', parse, 'a duration', rows('collapse.wait', '10', -1, null, false, 'long')],
  ['collapse.lease', parse, 'a duration', rows('collapse.lease', '5', -1, null, true, 'long', [])],
  [
    'collapse.lease',
    parse,
    'at least 100 milliseconds and at most 30 seconds',
    rows('collapse.lease', 0, 99, '99ms', '31s', 30_001),
  ],
  ['invalidation', set, 'header, authorize', rows('invalidation', true, null, 'X-Purge', 5, [])],
  [
    'invalidation.header',
    set,
    'header field names',
    [undefined, '', 'X Purge', 'X-Purge:', '*', 'caf\u00e9', 5, null, ['X-Purge']].map((header): Row => {
      return ['invalidation.header', header, JSON.stringify([header])];
    }),
  ],
])('a bad %s', (_name, call, accepted, table) => {
  test.each(table)('%s: %j', (option, value, shown) => {
    refuses(() => call(at(option, value)), option, shown, accepted);
  });
});

describe('values without JSON are shown too', () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);

  test.each<[string, unknown, string]>([
    ['name', function cacheName() {}, 'a function (cacheName)'],
    ['name', () => 'x', 'a function'],
    ['name', Symbol('n'), 'Symbol(n)'],
    ['name', 5n, '5'],
    ['name', Number.NaN, 'null'],
    ['timeout', Number.POSITIVE_INFINITY, 'null'],
  ])('%s', (option, value, shown) => {
    refuses(() => set({ [option]: value }), option, shown, '');
  });

  test('a cyclic value', () => {
    expect(thrownBy(() => set({ name: cyclic })).message).toContain('option name is ');
  });

  test('a sparse list is no list of names', () => {
    refuses(
      () => parse({ vary: { headers: Object.assign(['a'], { 2: 'b' }) } }),
      'vary.headers',
      '["a",null,"b"]',
      'a list of',
    );
  });

  test('a long value is cut', () => {
    expect(thrownBy(() => set({ name: ' '.repeat(10_000) })).message.length).toBeLessThan(300);
  });
});

describe('a bad secret', () => {
  const SECRET = 'correct-horse-battery-staple';
  const authorize = (given: unknown): object => ({ invalidation: { header: 'X-Purge', authorize: given } });

  test.each<[unknown]>([[undefined], [null], ['too short'], ['x'.repeat(15)], [5], [[SECRET]], [{}]])(
    'is refused and not shown: %j',
    (secret) => {
      const call = () => set(authorize({ header: 'X-Secret', secret }));
      refuses(call, 'invalidation.authorize.secret', 'hidden', 'a string of at least 16 characters');
    },
  );

  test.each<[unknown]>([[undefined], [null], [true], [false], [5], ['X-Secret'], [[]]])(
    'has nothing that could bring it: %j',
    (given) => {
      const { option, message } = thrownBy(() => set(authorize(given)));
      expect(option).toBe('invalidation.authorize');
      expect(message).toContain('but must be an object of header, secret');
    },
  );

  test.each<[unknown]>([[undefined], [''], ['X Secret'], [5], [['X-Secret']]])(
    'has no field that could bring it: %j',
    (header) => {
      const { option, message } = thrownBy(() => set(authorize({ header, secret: SECRET })));
      expect(option).toBe('invalidation.authorize.header');
      expect(message).toContain('header field names');
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
  ])('is not shown where it is out of place: %s', (_where, options) => {
    expect(thrownBy(() => set(options)).message).not.toContain(SECRET);
  });
});

describe('more than can be kept', () => {
  test('as tags is refused', () => {
    const many = Array.from({ length: 129 }, (_, i) => `${i}`);
    expect(thrownBy(() => parse({ tags: many })).option).toBe('tags');
    expect(thrownBy(() => parse({ tags: ['x'.repeat(257)] })).option).toBe('tags');
  });
});

describe('methods that no stored response can answer', () => {
  const key = () => 'k';

  test.each(['POST', 'QUERY', 'PROPFIND'])('%s needs a key', (method) => {
    refuses(() => parse({ methods: ['GET', method] }), 'methods', `"${method}"`, 'unless `key` is given');
  });

  test.each(['PUT', 'PATCH', 'DELETE', 'CONNECT', 'TRACE', 'OPTIONS'])('%s, whatever the key', (method) => {
    refuses(() => parse({ methods: [method], key }), 'methods', `"${method}"`, 'can be reused');
  });

  test.each(['post', 'Get', 'PO ST', 'P0ST'])('%s, which is no method of Node', (method) => {
    refuses(() => parse({ methods: [method], key }), 'methods', `["${method}"]`, 'a list of methods');
  });
});

describe('unknown options', () => {
  const unknown = ['TTL', 'tll', 'maxbodysize', 'vary-by', 'keys', 'staleWhileRevalidat', '__proto', ''];

  test.each(unknown)('%j is refused by redisCache, which lists the options', (option) => {
    refuses(
      () => set({ [option]: 1 }),
      option,
      '1',
      'redis, prefix, name, timeout, showKey, clock, maxEntries, invalidation, refresh, previous, ',
    );
  });

  const once = ['redis', 'prefix', 'name', 'timeout', 'showKey', 'clock', 'maxEntries', 'near'];
  test.each([...unknown, ...once])('%j is refused by with', (option) => {
    const call = () => refinePolicy({}, parsePolicy({}), { [option]: 1 } as PolicyOptions);
    refuses(call, option, '1', 'enabled, when, storeWhen, methods');
  });

  test.each(['header', 'params', 'Query'])('vary.%s is refused', (option) => {
    refuses(
      () => parse({ vary: { [option]: true } }),
      `vary.${option}`,
      'true',
      'headers, query, cookies, by',
    );
  });

  test.each(['waiting', 'leases', 'Wait'])('collapse.%s is refused', (option) => {
    refuses(() => parse({ collapse: { [option]: '1s' } }), `collapse.${option}`, '"1s"', 'wait, lease');
  });

  test.each(['headers', 'auth', 'method'])('invalidation.%s is refused', (option) => {
    refuses(
      () => set({ invalidation: { header: 'X-Purge', authorize: () => true, [option]: 1 } }),
      `invalidation.${option}`,
      '1',
      'header, authorize',
    );
  });

  test.each(['expect', 'only'])('vary.query.%s is refused', (option) => {
    refuses(() => parse({ vary: { query: { [option]: ['a'] } } }), `vary.query.${option}`, '["a"]', 'except');
  });

  test.each([null, 5, 'redis://localhost', [], true])('%j is no options object', (options) => {
    refuses(() => set(options as object), 'options', JSON.stringify(options), 'an object of redis, prefix');
  });

  test.each([null, '5m', []])('%j is no overrides object', (overrides) => {
    const call = () => refinePolicy({}, parsePolicy({}), overrides as PolicyOptions);
    refuses(call, 'options', JSON.stringify(overrides), 'an object of enabled');
  });
});
