import { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Exchange } from '../../src/exchange/exchange.ts';
import { type Identity, identify } from '../../src/key/identify.ts';
import { parsePolicy } from '../../src/options/parse.ts';
import type { PolicyOptions } from '../../src/options/types.ts';
import type { OptionFailure } from '../../src/options/user-function.ts';
import { sized } from '../support/long.ts';

/* The declared parts of a request: what differs for the app differs here, and absent is not empty. */

type Headers = Record<string, string | string[]>;

/** The identity of a GET for `/a?b=c` of host `h`, or of what is given. */
async function identityOf(
  options: PolicyOptions,
  headers: Headers = {},
  more: object = {},
): Promise<Identity | string> {
  const req = new IncomingMessage(new Socket());
  Object.assign(req, { method: 'GET', url: '/a?b=c', ...more });
  Object.assign(req.headers, { host: 'h', ...headers });
  try {
    return await identify(new Exchange(req, new ServerResponse(req), () => {}), parsePolicy(options));
  } catch (error) {
    return (error as OptionFailure).detail;
  }
}

async function declared(options: PolicyOptions, headers?: Headers, more?: object): Promise<string> {
  const identity = await identityOf(options, headers, more);
  expect(identity).toHaveProperty('declared');
  return (identity as Identity).declared;
}

describe('the identity of a request without options', () => {
  test('is the default key without declared parts', async () => {
    expect(await identityOf({}, { cookie: 'a=1', authorization: 'b', 'x-a': 'c' })).toEqual({
      key: 'GET http://h/a?b=c',
      policy: expect.anything(),
      id: 'GET http://h/a?b=c',
      declared: '',
      declaredVariant: '',
      place: 'GET http://h/a?b=c\n',
      coversCaller: false,
      remember: expect.any(Function),
    });
  });

  test('does not exist for a request without a target: it is forwarded', async () => {
    expect(await identityOf({}, { host: 'a/b' })).toBe('target');
    expect(await identityOf({ vary: { by: () => 1 } }, { host: 'a/b' })).toBe('target');
    expect(await identityOf({ key: () => 1 }, { host: 'a/b' })).toHaveProperty('key', 'GET 1');
  });
});

test('an identity that is remembered is the one that is made afresh', async () => {
  const policy = parsePolicy({});
  const of = (under: typeof policy, more: object, headers: Headers): Identity | string => {
    const req = new IncomingMessage(new Socket());
    Object.assign(req, more);
    Object.assign(req.headers, headers);
    return identify(new Exchange(req, new ServerResponse(req), () => {}), under) as Identity | string;
  };
  const request = fc.record({
    method: fc.constantFrom('GET', 'HEAD'),
    url: fc.constantFrom('/a', '/a?b=1&a=2', '/a?a=2&b=1', `/${'x'.repeat(600)}`),
    originalUrl: fc.constantFrom(undefined, '/a', '/other'),
    socket: fc.constantFrom({}, { encrypted: true }),
    host: fc.constantFrom('h', 'h:80', 'h:443', 'H', 'other', 'a.b', 'c.d', 'e.f'),
  });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 12 }), (requests) => {
      for (const { host, originalUrl, ...more } of requests) {
        const asked = { ...more, ...(originalUrl !== undefined && { originalUrl }) };
        const fresh = of(parsePolicy({}), asked, { host });
        const known = of(policy, asked, { host });
        const plain = (identity: Identity | string): unknown =>
          typeof identity === 'string' ? identity : { ...identity, policy: undefined, remember: undefined };
        expect(plain(known)).toEqual(plain(fresh));
        if (typeof known !== 'string') known.remember?.();
      }
    }),
    { numRuns: sized(200, 2000) },
  );
});

describe('vary.headers', () => {
  const options: PolicyOptions = { vary: { headers: ['X-A', 'X-B'] } };
  const rows: [Headers, Headers][] = [
    [{}, { 'x-a': '' }],
    [{ 'x-a': '' }, { 'x-b': '' }],
    [{ 'x-a': 'v' }, { 'x-b': 'v' }],
    [{ 'x-a': 'v' }, { 'x-a': 'V' }],
    [{ 'x-a': 'null' }, {}],
    [
      { 'x-a': 'a', 'x-b': 'b' },
      { 'x-a': 'b', 'x-b': 'a' },
    ],
    [{ 'x-a': 'a","b' }, { 'x-a': 'a', 'x-b': 'b' }],
    [{ 'x-a': 'a,b' }, { 'x-a': 'a, b' }],
    [{ 'x-a': '\xa0a' }, { 'x-a': 'a' }],
    [{ 'x-a': '\xe9' }, { 'x-a': '\xc3\xa9' }],
  ];
  test.each(rows)('requests with %j and %j have different identities', async (a, b) => {
    expect(await declared(options, a)).not.toBe(await declared(options, b));
  });

  test.each<[Headers, Headers]>([
    [{}, { 'x-c': 'other' }],
    [
      { 'x-a': 'v', 'x-c': '1' },
      { 'x-c': '2', 'x-a': 'v' },
    ],
    [{ 'x-a': ['a', 'b'] }, { 'x-a': 'a, b' }],
  ])('requests with %j and %j have the same identity', async (a, b) => {
    expect(await declared(options, a)).toBe(await declared(options, b));
  });
});

const express = createRequire(require.resolve('express'));
const { parse } = express('cookie') as { parse(text: string): Record<string, string | undefined> };

/** The cookie `a` as three common readers see it. */
const cookieReaders = [
  (text: string) => parse(text).a,
  (text: string) => /(?:^|;) *a=([^;]*)/.exec(text)?.[1],
  (text: string) =>
    new Map(text.split(/;\s*/).map((pair) => pair.split('=', 2) as [string, string])).get('a'),
];

describe('vary.cookies', () => {
  const options: PolicyOptions = { vary: { cookies: ['a'] } };
  test.each([
    ['', 'a='],
    ['', 'a'],
    ['a', 'a='],
    ['a=1', 'a=2'],
    ['a=1', 'A=1'],
    ['a=1', 'a="1"'],
    ['a=1', 'a=%31'],
    ['a=1', 'a=1=1'],
    ['a=1', 'a=1 '],
    ['a=1', '\xa0a=1'],
    ['a=1', 'a=1\xa0'],
    ['a=1', 'a\t=1'],
    ['a=1', '  a=1'],
    ['a=1; a=2', 'a=2; a=1'],
    ['a=1; a=2', 'a=1'],
    ['a=1; a=2', 'a=1, a=2'],
  ])('requests with %j and %j have different identities', async (a, b) => {
    expect(await declared(options, { cookie: a })).not.toBe(await declared(options, { cookie: b }));
  });

  test.each([
    ['a=1', 'b=2; a=1; c=3'],
    ['a=1', 'a=1;b=2'],
    ['a=1;', 'a=1'],
    ['', 'b=2'],
    ['', 'aa=1; ba=1; =a'],
  ])('requests with %j and %j have the same identity', async (a, b) => {
    expect(await declared(options, { cookie: a })).toBe(await declared(options, { cookie: b }));
  });

  test('a request without Cookie and one without the declared cookies have the same identity', async () => {
    expect(await declared(options)).toBe(await declared(options, { cookie: 'b=1' }));
  });

  test('give the same identity only if every cookie parser reads the same', async () => {
    const text = fc.string({ unit: fc.constantFrom(...'aab1==;; "\xa0\t,'), maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(text, text, async (a, b) => {
        const [one, other] = [await declared(options, { cookie: a }), await declared(options, { cookie: b })];
        if (one === other) for (const read of cookieReaders) expect([a, b, read(a)]).toEqual([a, b, read(b)]);
      }),
      { numRuns: sized(1000, 5000), seed: 9111 },
    );
  });
});

describe('vary.query beside a key', () => {
  const beside = (query: PolicyOptions['vary']): PolicyOptions => ({ key: () => 'k', vary: query as object });
  test.each([
    ['/a', '/a?'],
    ['/a?b', '/a?b='],
    ['/a?b=1', '/a?b=2'],
    ['/a?b=1?c', '/a?b=1?d'],
    ['/a?b=1&c=2#', '/a?c=2#&b=1'],
    ['/a?null', '/a'],
  ])('requests with %j and %j have different identities', async (a, b) => {
    const options = beside({ query: true });
    expect(await declared(options, {}, { url: a })).not.toBe(await declared(options, {}, { url: b }));
  });

  test.each([
    ['/a?b=1&c=2', '/x?c=2&b=1'],
    ['/a', '/b'],
  ])('requests with %j and %j have the same identity', async (a, b) => {
    const options = beside({ query: true });
    expect(await declared(options, {}, { url: a })).toBe(await declared(options, {}, { url: b }));
  });

  test('counts only when it is declared, by its rule, and from the original URL', async () => {
    expect(await declared({ key: () => 'k' }, {}, { url: '/a?b' })).toBe('');
    expect(await declared(beside({ query: ['b'] }), {}, { url: '/a?c=1&b=2' })).toBe('[["query","b=2"]]');
    expect(await declared(beside({ query: false }), {}, { url: '/a?c=1&b=2' })).toBe('[["query",null]]');
    const mounted = { url: '/?b=1', originalUrl: '/a?b=2' };
    expect(await declared(beside({ query: true }), {}, mounted)).toBe('[["query","b=2"]]');
  });
});

describe('key and vary.by', () => {
  test.each<[unknown, string]>([
    [null, 'key'],
    [undefined, 'key-ambiguous'],
    [new Date(0), 'key-ambiguous'],
    [{ a: undefined }, 'key-ambiguous'],
    [Number.NaN, 'key-ambiguous'],
  ])('a key of %p forwards the request: %s', async (key, reason) => {
    expect(await identityOf({ key: async () => key as string })).toBe(reason);
  });

  test.each<[unknown]>([[undefined], [new Map()], [[undefined]], [Number.NaN]])(
    'a vary.by of %p forwards the request',
    async (by) => {
      expect(await identityOf({ vary: { by: () => by as string } })).toBe('vary-ambiguous');
    },
  );

  test('vary.by is one more declared part', async () => {
    expect(await declared({ vary: { by: async () => ({ b: 1, a: null }) } })).toBe(
      '[["by",{"a":null,"b":1}]]',
    );
    expect(await declared({ vary: { by: () => null } })).toBe('[["by",null]]');
  });

  test('a function that throws rejects the promise and does not throw synchronously', async () => {
    const failing = (): never => {
      throw new Error('no');
    };
    expect(await identityOf({ key: failing })).toBe('key-error');
    expect(await identityOf({ vary: { by: failing } })).toBe('vary-by-error');
  });

  test.each<[string, PolicyOptions]>([
    ['key', { key: (req) => req.headers.authorization ?? '' }],
    ['vary.by', { vary: { by: (req) => req.headers.authorization ?? '' } }],
    ['vary.headers', { vary: { headers: ['Authorization'] } }],
  ])('%s does not name the caller, whatever it reads', async (_name, options) => {
    const identity = await identityOf(options, { authorization: 'Bearer a' });
    expect(identity).toHaveProperty('coversCaller', false);
  });
});

describe('vary.caller', () => {
  const callerOf = (value: unknown): PolicyOptions => ({ vary: { caller: async () => value as string } });

  test.each<[unknown, string]>([
    ['ann', '[["caller","ann"]]'],
    [42, '[["caller",42]]'],
    [{ b: 1, a: 'c' }, '[["caller",{"a":"c","b":1}]]'],
  ])('of %p is a declared part, and names the caller', async (value, expected) => {
    expect(await identityOf(callerOf(value))).toMatchObject({ declared: expected, coversCaller: true });
  });

  test.each<[unknown]>([[null], [''], [false], [0], ['undefined'], [['a', null]], [{ id: null }], [[]]])(
    'of %p is a declared part, and names nobody',
    async (value) => {
      const declared = `[["caller",${JSON.stringify(value)}]]`;
      expect(await identityOf(callerOf(value))).toMatchObject({ declared, coversCaller: false });
    },
  );

  test.each<[unknown]>([[undefined], [new Map()], [[undefined]], [Number.NaN]])(
    'of %p forwards the request',
    async (value) => {
      expect(await identityOf(callerOf(value))).toBe('vary-ambiguous');
    },
  );

  test('that throws forwards the request', async () => {
    const failing = (): never => {
      throw new Error('no');
    };
    expect(await identityOf({ vary: { caller: failing } })).toBe('vary-caller-error');
  });

  test('stands beside vary.by, so that the same value of one is not that of the other', async () => {
    const [by, caller] = [() => 'a', () => 'b'];
    expect(await declared({ vary: { by, caller } })).toBe('[["by","a"],["caller","b"]]');
    expect(await declared({ vary: { by } })).not.toBe(await declared({ vary: { caller: by } }));
  });

  test('needs a target where there is no key', async () => {
    expect(await identityOf(callerOf('ann'), { host: 'a/b' })).toBe('target');
  });
});

describe('all declared parts together', () => {
  const word = fc.constantFrom('', 'a', 'b', 'null', '"', '","', '],["', ',', '\\', '\xa0', '\xe9');
  const request = fc.record({
    'x-a': fc.option(word, { nil: undefined }),
    'x-b': fc.option(word, { nil: undefined }),
    s: fc.option(word, { nil: undefined }),
    t: fc.option(word, { nil: undefined }),
    by: fc.oneof(word, fc.array(word, { maxLength: 2 }), fc.constant(null)),
  });

  test('are equal for two requests if and only if every part is equal', async () => {
    await fc.assert(
      fc.asyncProperty(request, request, async (one, other) => {
        const texts = [one, other].map(({ s, t, by, ...headers }) => {
          const cookies = Object.entries({ s, t }).filter(([, v]) => v !== undefined);
          const cookie = cookies.map((pair) => pair.join('=')).join('; ');
          const fields = Object.entries({ ...headers, cookie }).filter(([, v]) => v !== undefined);
          const vary = { headers: ['x-a', 'x-b'], cookies: ['s', 't'], by: () => by };
          return declared({ vary }, Object.fromEntries(fields) as Headers);
        });
        expect((await texts[0]) === (await texts[1])).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
      { numRuns: sized(300, 1000), seed: 9111 },
    );
  });
});
