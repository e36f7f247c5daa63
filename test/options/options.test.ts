import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { WARNINGS } from '../../src/codes.ts';
import { parsePolicy, parseSettings } from '../../src/options/parse.ts';
import { SCHEMA } from '../../src/options/schema.ts';
import type { CacheOptions } from '../../src/options/types.ts';

/*
 * What accepted values of the options mean. Refused ones are in options-refused.test.ts. `ttl`, `compress`, `encrypt` and
 * `redis` have their own files.
 */

type Condition = (...exchange: unknown[]) => Promise<boolean> | boolean;
type Row = [given: unknown, parsed: unknown];

const parsed = (options: object): object => ({
  ...parsePolicy(options as CacheOptions),
  ...parseSettings(options as CacheOptions),
});

const [MINUTE, HOUR] = [60_000, 3_600_000];

describe('options that are left out', () => {
  test('have the default that the documentation gives', () => {
    expect(parseSettings({})).toEqual({
      redis: undefined,
      prefix: 'rrc:',
      name: 'redis-response-cache',
      timeout: 100,
      showKey: false,
      clock: Date.now,
      maxEntries: undefined,
      invalidation: undefined,
      near: undefined,
      encrypt: [],
      refresh: { concurrency: 8, timeout: 30_000 },
      warnings: new Set(Object.keys(WARNINGS)),
    });
    expect(parsePolicy({})).toEqual({
      mode: 'serve',
      enabled: undefined,
      when: undefined,
      storeWhen: undefined,
      methods: new Set(['GET', 'HEAD']),
      statuses: new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]),
      ttl: '1h',
      key: undefined,
      vary: {
        headers: [],
        query: true,
        queryDeclared: false,
        cookies: [],
        by: undefined,
        caller: undefined,
        ignore: new Set(),
      },
      hashKeys: undefined,
      maxBodySize: 1_048_576,
      locals: [],
      directives: 'follow',
      targeted: [],
      setCookie: 'refuse',
      guard: 'verify',
      credentials: new Set(),
      collapse: { wait: 10_000, lease: 5000 },
      tags: [],
      staleWhileRevalidate: 0,
      staleIfError: 0,
      originTimeout: undefined,
      earlyRefresh: false,
      jitter: 0,
      compress: undefined,
      identity: {},
      encrypted: false,
      hash: undefined,
    });
  });

  test('mean the same as undefined ones, and so do parts that are undefined', () => {
    const names = Object.keys(SCHEMA).map((name) => [name, undefined]);
    expect(parsed(Object.fromEntries(names))).toEqual(parsed({}));
    const parts = {
      vary: {
        headers: undefined,
        query: undefined,
        cookies: undefined,
        by: undefined,
        caller: undefined,
        ignore: undefined,
      },
      collapse: { wait: undefined, lease: undefined },
      refresh: { concurrency: undefined, timeout: undefined },
    };
    expect(parsed(parts)).toEqual(parsed({}));
  });
});

describe('parsed options', () => {
  test('are frozen', () => {
    const options = parsed({
      near: true,
      vary: { query: { except: ['a'] } },
      invalidation: { header: 'x', authorize: { header: 'y', secret: 'x'.repeat(16) } },
    });
    for (const policy of [parsePolicy({}), parseSettings({})]) expect(Object.isFrozen(policy)).toBe(true);
    const objects = Object.entries(options).filter(
      ([name, value]) =>
        typeof value === 'object' &&
        !(value instanceof Set) &&
        !['identity', 'tags', 'encrypt'].includes(name),
    );
    expect(objects.length).toBeGreaterThan(6);
    expect(objects.filter(([, value]) => !Object.isFrozen(value))).toEqual([]);
    expect(Object.isFrozen(parsePolicy({ vary: { query: { except: ['a'] } } }).vary.query)).toBe(true);
  });

  test('keep copies of lists, so that a later change to a list has no effect', () => {
    const list = ['a'];
    const policy = parsePolicy({ vary: { headers: list, cookies: list, query: list }, locals: list });
    list.push('b');
    const { headers, cookies, query } = policy.vary;
    expect([headers, cookies, query, policy.locals]).toEqual([['a'], ['a'], ['a'], ['a']]);
  });
});

const key = (): string => 'k';
const by = (): string => 'tenant';
const tags = (): string[] => ['leads'];
const clock = (): number => 5;
const authorize = (): boolean => true;

/** Values that are taken as they are. */
const same = (...values: unknown[]): Row[] => values.map((value) => [value, value]);

describe.each<[option: string, Row[]]>([
  ['prefix', same('a', 'rrc:', 'app-1:cache/v2:', 'x'.repeat(100), 'a|b~c!d#e$f%g', '(a)', '"')],
  ['name', same('a', 'my-cache', 'cdn.example.com:8080/eu', '*edge', 'A1_b')],
  [
    'timeout',
    [
      [1, 1],
      [250, 250],
      ['1ms', 1],
      ['250ms', 250],
      ['2s', 2000],
      ['1 minute', MINUTE],
      ['1h', HOUR],
    ],
  ],
  ['maxEntries', same(1, 5000, Number.MAX_SAFE_INTEGER)],
  [
    'near',
    [
      [false, undefined],
      [true, { maxSize: 67_108_864, ttl: 10_000 }],
      [{}, { maxSize: 67_108_864, ttl: 10_000 }],
      [
        { maxSize: '1b', ttl: '1h' },
        { maxSize: 1, ttl: HOUR },
      ],
    ],
  ],
  ['showKey', same(true, false)],
  ['clock', same(clock)],
  [
    'refresh',
    [
      [{}, { concurrency: 8, timeout: 30_000 }],
      [{ concurrency: 1 }, { concurrency: 1, timeout: 30_000 }],
      [{ timeout: '1h' }, { concurrency: 8, timeout: HOUR }],
      [
        { concurrency: 1000, timeout: 1 },
        { concurrency: 1000, timeout: 1 },
      ],
    ],
  ],
  [
    'invalidation',
    [
      [
        { header: 'X-Cache-Invalidate', authorize },
        { header: 'x-cache-invalidate', authorize: expect.any(Function) },
      ],
      ...['x'.repeat(16), 'S3cret with Spaces', 'caf\u00e9'.repeat(10)].map(
        (secret): Row => [
          { header: 'X-Purge', authorize: { header: 'X-Secret', secret } },
          { header: 'x-purge', authorize: { header: 'x-secret', secret } },
        ],
      ),
    ],
  ],
  ['mode', same('serve', 'shadow')],
  [
    'methods',
    [
      [['GET'], new Set(['GET'])],
      [['HEAD', 'GET'], new Set(['GET', 'HEAD'])],
      [[], new Set()],
    ],
  ],
  [
    'statuses',
    [
      [[], new Set()],
      [[200, 404, 599], new Set([200, 404, 599])],
      [[207, 226, 302], new Set([207, 226, 302])],
    ],
  ],
  ['key', [[key, expect.any(Function)]]],
  ['hashKeys', same(true, false)],
  [
    'maxBodySize',
    [
      [0, 0],
      [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
      ['0b', 0],
      ['512b', 512],
      ['64kb', 65_536],
      ['64 KB', 65_536],
      ['1mb', 1_048_576],
      ['1.5MB', 1_572_864],
      ['2gb', 2_147_483_648],
    ],
  ],
  ['locals', same([], ['user'], ['a b', '__proto__'])],
  ['directives', same('follow', 'ignore', 'override')],
  [
    'targeted',
    [
      [[], []],
      [
        ['CDN-Cache-Control', 'my-cache-control'],
        ['cdn-cache-control', 'my-cache-control'],
      ],
    ],
  ],
  ['setCookie', same('refuse', 'strip', 'store')],
  ['guard', same('verify', 'reads', 'off')],
  [
    'credentials',
    [
      [[], new Set()],
      [['X-Badge', 'x-pass'], new Set(['x-badge', 'x-pass'])],
    ],
  ],
  [
    'collapse',
    [
      [false, { wait: 0, lease: 5000 }],
      [{}, { wait: 10_000, lease: 5000 }],
      [{ wait: '1m' }, { wait: MINUTE, lease: 5000 }],
      [{ wait: 0 }, { wait: 0, lease: 5000 }],
      [
        { wait: 250, lease: 100 },
        { wait: 250, lease: 100 },
      ],
      [{ lease: '30s' }, { wait: 10_000, lease: 30_000 }],
    ],
  ],
  ['tags', [...same([], ['leads'], ['a b', '\u00e9', 'x'.repeat(256)]), [tags, expect.any(Function)]]],
  ...(['staleWhileRevalidate', 'staleIfError'] as const).map((option): [string, Row[]] => [
    option,
    [
      [0, 0],
      ['0s', 0],
      [1500, 1500],
      ['250ms', 250],
      ['1 minute', MINUTE],
      ['365d', 365 * 24 * HOUR],
    ],
  ]),
  [
    'originTimeout',
    [
      [0, 0],
      ['250ms', 250],
      ['1h', HOUR],
    ],
  ],
  ['earlyRefresh', same(true, false)],
  ['jitter', same(0, 0.1, 1)],
])('%s', (option, rows) => {
  test.each(rows)('%p is parsed as %p', (given, expected) => {
    expect(parsed({ [option]: given })).toHaveProperty(option, expected);
  });
});

describe.each(['enabled', 'when', 'storeWhen'] as const)('%s', (option) => {
  const req = new IncomingMessage(new Socket());
  const res = new ServerResponse(req);

  test('true calls nothing', () => {
    expect(parsePolicy({ [option]: true })[option]).toBeUndefined();
  });

  test('false is a condition that is never met', async () => {
    const condition = parsePolicy({ [option]: false })[option] as Condition;
    expect(await condition(req, res)).toBe(false);
  });

  test('a function is called with the request and the response', async () => {
    const called: unknown[] = [];
    const given = async (...exchange: unknown[]) => called.push(...exchange) > 0;
    const condition = parsePolicy({ [option]: given })[option] as Condition;
    expect(await condition(req, res)).toBe(true);
    expect(called).toEqual([req, res]);
  });
});

describe('methods other than GET and HEAD', () => {
  test.each([[['POST']], [['GET', 'QUERY', 'M-SEARCH']]])('%j is accepted with a key', (methods) => {
    expect(parsePolicy({ key, methods }).methods).toEqual(new Set(methods));
  });
});

describe('vary', () => {
  test('headers are lower case', () => {
    const { headers } = parsePolicy({ vary: { headers: ['Accept-Language', 'X-TENANT'] } }).vary;
    expect(headers).toEqual(['accept-language', 'x-tenant']);
  });

  test('cookies keep their case', () => {
    expect(parsePolicy({ vary: { cookies: ['Theme', 'ab_test'] } }).vary.cookies).toEqual([
      'Theme',
      'ab_test',
    ]);
  });

  test.each([
    true,
    false,
    [],
    ['page', 'utm_*', 'a name'],
    { except: ['utm_*'] },
    { except: [] },
    { except: ['*'] },
  ])('query %j is declared as given', (query) => {
    expect(parsePolicy({ vary: { query } }).vary).toMatchObject({ query, queryDeclared: true });
  });

  test('the same function is parsed as the same one, so that policies can be compared', () => {
    const when = (): boolean => true;
    expect(parsePolicy({ when }).when).toBe(parsePolicy({ when }).when);
    expect(parsePolicy({ when }).when).not.toBe(parsePolicy({ when: () => true }).when);
  });

  test('by and caller call the function that was given', () => {
    const { vary } = parsePolicy({ vary: { by, caller: () => 42 } });
    expect(vary.by?.({} as never, {} as never)).toBe('tenant');
    expect(vary.caller?.({} as never, {} as never)).toBe(42);
  });

  test('ignore takes the names of fields, cookies and placed values', () => {
    const ignore = [
      'x-device-id',
      'cookie Theme',
      'req.bucket',
      'res.locals.requestId',
      'client certificate',
    ];
    expect(parsePolicy({ vary: { ignore } }).vary.ignore).toEqual(new Set(ignore));
  });
});

describe('the hash of cache keys', () => {
  const encrypt = { keys: [{ id: 'a', key: Buffer.alloc(32) }] };

  test.each<[string, CacheOptions, string | undefined]>([
    ['left out', {}, undefined],
    ['false', { hashKeys: false }, undefined],
    ['true', { hashKeys: true }, 'sha1'],
    ['left out with encrypt', { encrypt }, 'sha256'],
    ['true with encrypt', { encrypt, hashKeys: true }, 'sha256'],
    ['false with encrypt', { encrypt, hashKeys: false }, undefined],
  ])('with hashKeys %s', (_hashKeys, options, hash) => {
    expect(parsePolicy(options)).toMatchObject({ hash, encrypted: 'encrypt' in options });
  });
});
