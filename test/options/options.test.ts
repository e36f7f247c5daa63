import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { parsePolicy } from '../../src/options/policy.ts';
import { parseSettings } from '../../src/options/settings.ts';
import type { CacheOptions, PolicyOptions } from '../../src/options/types.ts';

/* What good values of the options mean. The bad ones are in options-refused.test.ts, `ttl` is in ttl.test.ts. */

type Condition = (...exchange: unknown[]) => Promise<boolean> | boolean;

const req = new IncomingMessage(new Socket());
const res = new ServerResponse(req);

describe('no options at all', () => {
  test('mean the defaults that the documentation gives', () => {
    expect(parseSettings({})).toEqual({
      redis: undefined,
      prefix: 'rrc:',
      name: 'redis-response-cache',
      timeout: 100,
      showKey: false,
      clock: Date.now,
      maxEntries: undefined,
      invalidation: undefined,
      refresh: { concurrency: 8, deadline: 30_000 },
      previous: undefined,
      encrypt: [],
    });
    expect(parsePolicy({})).toMatchObject({
      enabled: undefined,
      when: undefined,
      storeWhen: undefined,
      methods: new Set(['GET', 'HEAD']),
      statuses: new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]),
      ttl: '1h',
      key: undefined,
      query: true,
      queryDeclared: false,
      headers: [],
      cookies: [],
      by: undefined,
      hash: undefined,
      maxBodySize: 1_048_576,
      locals: [],
      directives: 'follow',
      targeted: [],
      setCookie: 'refuse',
      guard: 'refuse',
      collapse: { wait: 10_000, lease: 5000 },
      tags: [],
      staleWhileRevalidate: 0,
      staleIfError: 0,
      originTimeout: undefined,
      earlyRefresh: 0,
      jitter: 0,
    });
  });

  test('and undefined ones mean the same', () => {
    const names = [
      'enabled',
      'when',
      'storeWhen',
      'methods',
      'statuses',
      'ttl',
      'key',
      'vary',
      'hashKeys',
      'directives',
      'targeted',
      'setCookie',
      'guard',
      'collapse',
      'tags',
      'staleWhileRevalidate',
      'staleIfError',
      'originTimeout',
      'earlyRefresh',
      'jitter',
    ];
    const absent = Object.fromEntries([...names, 'maxBodySize', 'locals'].map((name) => [name, undefined]));
    const identity = {};
    expect(parsePolicy(absent as PolicyOptions, identity)).toEqual(parsePolicy({}, identity));
    const settings = {
      redis: undefined,
      prefix: undefined,
      name: undefined,
      timeout: undefined,
      showKey: undefined,
      maxEntries: undefined,
      invalidation: undefined,
    };
    expect(parseSettings(settings as unknown as CacheOptions)).toEqual(parseSettings({}));
  });

  test('are frozen once parsed', () => {
    expect(Object.isFrozen(parseSettings({}))).toBe(true);
    expect(Object.isFrozen(parsePolicy({}))).toBe(true);
    expect(Object.isFrozen(parsePolicy({ vary: { query: { except: ['a'] } } }).query)).toBe(true);
  });
});

describe('prefix', () => {
  const good = ['a', 'rrc:', 'app-1:cache/v2:', 'x'.repeat(100), 'a|b~c!d#e$f%g', '(a)', '"'];
  test.each(good)('%j is taken as it is', (prefix) => {
    expect(parseSettings({ prefix }).prefix).toBe(prefix);
  });
});

describe('name', () => {
  test.each(['a', 'my-cache', 'cdn.example.com:8080/eu', '*edge', 'A1_b'])('%j is a token', (name) => {
    expect(parseSettings({ name }).name).toBe(name);
  });
});

describe('timeout', () => {
  const good = [
    [1, 1],
    [250, 250],
    [0.5e3, 500],
    ['1ms', 1],
    ['250ms', 250],
    ['2s', 2000],
    ['1 minute', 60_000],
    ['1h', 3_600_000],
  ] as const;
  test.each(good)('%j is %d ms', (timeout, expected) => {
    expect(parseSettings({ timeout }).timeout).toBe(expected);
  });
});

describe('showKey', () => {
  test.each([true, false])('%j is taken as it is', (showKey) => {
    expect(parseSettings({ showKey }).showKey).toBe(showKey);
  });
});

describe('clock', () => {
  test('is the function that was given', () => {
    const clock = () => 5;
    expect(parseSettings({ clock }).clock).toBe(clock);
  });
});

describe.each(['enabled', 'when', 'storeWhen'] as const)('%s', (option) => {
  test('true asks nothing', () => {
    expect(parsePolicy({ [option]: true })[option]).toBeUndefined();
  });

  test('false is no, always', async () => {
    const condition = parsePolicy({ [option]: false })[option] as Condition;
    expect(await condition(req, res)).toBe(false);
  });

  test('a function is asked with the request and the response', async () => {
    const asked: unknown[] = [];
    const given = async (...exchange: unknown[]) => asked.push(...exchange) > 0;
    const condition = parsePolicy({ [option]: given })[option] as Condition;
    expect(await condition(req, res)).toBe(true);
    expect(asked).toEqual([req, res]);
  });
});

describe('methods', () => {
  const key = () => 'k';
  const good: [readonly string[], PolicyOptions][] = [
    [['GET'], {}],
    [['HEAD'], {}],
    [['GET', 'HEAD'], {}],
    [[], {}],
    [['POST'], { key }],
    [['GET', 'QUERY', 'M-SEARCH'], { key }],
  ];
  test.each(good)('%j with %j', (methods, options) => {
    expect(parsePolicy({ ...options, methods }).methods).toEqual(new Set(methods));
  });
});

describe('statuses', () => {
  test.each([[[200]], [[]], [[200, 404, 500, 599]], [[207, 226, 302]]])('%j', (statuses) => {
    expect(parsePolicy({ statuses }).statuses).toEqual(new Set(statuses));
  });
});

describe('vary', () => {
  test('headers are lower case', () => {
    expect(parsePolicy({ vary: { headers: ['Accept-Language', 'X-TENANT'] } }).headers).toEqual([
      'accept-language',
      'x-tenant',
    ]);
  });

  test('cookies keep their case', () => {
    expect(parsePolicy({ vary: { cookies: ['Theme', 'ab_test'] } }).cookies).toEqual(['Theme', 'ab_test']);
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
    expect(parsePolicy({ vary: { query } })).toMatchObject({ query, queryDeclared: true });
  });

  test('by is the function that was given', () => {
    const by = () => 'tenant';
    expect(parsePolicy({ vary: { by } }).by).toBe(by);
  });

  test('lists are copied, so that a change to them later changes nothing', () => {
    const headers = ['a'];
    const policy = parsePolicy({ vary: { headers, cookies: headers, query: headers } });
    headers.push('b');
    expect([policy.headers, policy.cookies, policy.query]).toEqual([['a'], ['a'], ['a']]);
  });
});

describe('hashKeys', () => {
  const good = [
    [false, undefined],
    [true, 'sha1'],
    ['sha1', 'sha1'],
    ['sha256', 'sha256'],
  ] as const;
  test.each(good)('%j hashes by %s', (hashKeys, hash) => {
    expect(parsePolicy({ hashKeys }).hash).toBe(hash);
  });
});

describe('maxBodySize', () => {
  const good = [
    [0, 0],
    [1, 1],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['0b', 0],
    ['512b', 512],
    ['64kb', 65_536],
    ['64 KB', 65_536],
    ['1mb', 1_048_576],
    ['1.5MB', 1_572_864],
    ['2gb', 2_147_483_648],
  ] as const;
  test.each(good)('%j is %d bytes', (maxBodySize, expected) => {
    expect(parsePolicy({ maxBodySize: maxBodySize as number }).maxBodySize).toBe(expected);
  });
});

describe('locals', () => {
  test.each([[[]], [['user']], [['a b', '__proto__']]])('%j', (locals) => {
    expect(parsePolicy({ locals }).locals).toEqual(locals);
  });
});

describe('tags', () => {
  test.each([[[]], [['leads']], [['a b', '\u00e9', 'x'.repeat(256)]]])('%j', (tags) => {
    expect(parsePolicy({ tags }).tags).toEqual(tags);
  });

  test('a function is asked later', () => {
    const tags = () => ['leads'];
    expect(parsePolicy({ tags }).tags).toBe(tags);
  });
});

describe('collapse', () => {
  const good = [
    [false, { wait: 0, lease: 5000 }],
    [{}, { wait: 10_000, lease: 5000 }],
    [{ wait: '1m' }, { wait: 60_000, lease: 5000 }],
    [{ wait: 0 }, { wait: 0, lease: 5000 }],
    [{ lease: '300ms' }, { wait: 10_000, lease: 300 }],
    [
      { wait: 250, lease: 100 },
      { wait: 250, lease: 100 },
    ],
    [{ lease: '30s' }, { wait: 10_000, lease: 30_000 }],
  ] as const;
  test.each(good)('%j is %j', (collapse, expected) => {
    expect(parsePolicy({ collapse }).collapse).toEqual(expected);
  });
});

describe('maxEntries', () => {
  test.each([1, 5000, Number.MAX_SAFE_INTEGER])('%d is taken as it is', (maxEntries) => {
    expect(parseSettings({ maxEntries }).maxEntries).toBe(maxEntries);
  });
});

describe('invalidation', () => {
  test('names its field in lower case, and keeps the function', () => {
    const authorize = () => true;
    expect(parseSettings({ invalidation: { header: 'X-Cache-Invalidate', authorize } }).invalidation).toEqual(
      {
        header: 'x-cache-invalidate',
        authorize,
      },
    );
  });

  test.each(['x'.repeat(16), 'S3cret with Spaces', 'caf\u00e9'.repeat(10)])(
    'names the field of its secret in lower case, and keeps the secret: %j',
    (secret) => {
      const authorize = { header: 'X-Secret', secret };
      const { invalidation } = parseSettings({ invalidation: { header: 'X-Purge', authorize } });
      expect(invalidation).toEqual({ header: 'x-purge', authorize: { header: 'x-secret', secret } });
      expect(Object.isFrozen(invalidation) && Object.isFrozen(invalidation?.authorize)).toBe(true);
    },
  );
});
