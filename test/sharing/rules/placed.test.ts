import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { Caller } from '../../../src/sharing/caller.ts';
import { Constants } from '../../../src/sharing/constants.ts';
import { isCredential, isNoise, isNoiseCookie } from '../../../src/sharing/fields.ts';
import { textOf } from '../../../src/sharing/placed.ts';

/* What names a caller, the shape of a request, and the text of what middleware in front has placed. */

const OPAQUE = '!';
const constants = new Constants();
let names = 0;
/** A name that no other test has used: an object that a process sees twice under one name is taken for a constant. */
const fresh = (): string => `req.value${names++}`;

describe('the text of a placed value', () => {
  test.each<[unknown, string | null]>([
    [undefined, null],
    [null, 'null'],
    ['', '""'],
    ['null', '"null"'],
    [0, '0'],
    [Number.NaN, '"NaN"'],
    [false, 'false'],
    [{ b: 1, a: [true, null, 'x'] }, '{"a":[true,null,"x"],"b":1}'],
    [Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    [{ a: undefined }, '{}'],
    [[undefined], '[null]'],
    ['x'.repeat(2046), `"${'x'.repeat(2046)}"`],
  ])('%j is its JSON, with sorted names', (value, text) => {
    expect(textOf(constants, {}, fresh(), value)).toBe(text);
  });

  test.each<[string, unknown]>([
    ['an instance of a class', new (class User {})()],
    ['an instance within a plain object', { user: new (class User {})() }],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['a function', () => {}],
    ['a symbol', Symbol('a')],
    ['a big integer', 1n],
    ['an object that makes its own JSON', { toJSON: () => 1 }],
    ['a long text', 'x'.repeat(2047)],
    ['a large object', { list: Array.from({ length: 1000 }, (_, i) => i) }],
    ['a deep object', { a: { a: { a: { a: { a: { a: { a: { a: 1 } } } } } } } }],
  ])('of %s is none by which it could be compared', (_what, value) => {
    expect(textOf(constants, {}, fresh(), value)).toBe(OPAQUE);
  });

  test('of a circular object is none', () => {
    const value: { self?: unknown } = {};
    value.self = value;
    expect(textOf(constants, {}, fresh(), value)).toBe(OPAQUE);
  });

  test('of an object that is the same at two requests is that of a constant, until there is another', () => {
    const name = fresh();
    const [db, other] = [new (class Db {})(), new (class Db {})()];
    const [first, second] = [{}, {}];
    expect(textOf(constants, first, name, db)).toBe(OPAQUE);
    expect(textOf(constants, first, name, db)).toBe(OPAQUE);
    expect(textOf(constants, second, name, db)).toBe(constants.text);
    expect(textOf(constants, second, name, other)).toBe(OPAQUE);
    expect(textOf(constants, second, name, db)).toBe(OPAQUE);
  });

  test.each(['req.user', 'res.locals.account', 'req.session', 'res.locals.tenant'])(
    'of an object called %s is never that of a constant',
    (name) => {
      const ann = new (class Person {})();
      for (const req of [{}, {}, {}]) expect(textOf(constants, req, name, ann)).toBe(OPAQUE);
    },
  );
});

describe('a header field', () => {
  test.each([
    ...['authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'x-forwarded-user', 'remote-user'],
    ...['x-auth-request-email', 'cf-access-jwt-assertion', 'x-tenant-id', 'x-acme-token', 'x-session-id'],
    ...['x-user', 'x-acme-api-key', 'x-account', 'x-member', 'x-role'],
  ])('%s names a caller', (name) => {
    expect([isCredential(name), isNoise(name)]).toEqual([true, false]);
  });

  test.each([
    ...['user-agent', 'referer', 'traceparent', 'x-request-id', 'x-b3-traceid', 'sec-fetch-mode'],
    ...['if-none-match', 'range', 'cache-control', 'x-forwarded-for', 'content-length', 'connection'],
  ])('%s says nothing about the answer', (name) => {
    expect([isCredential(name), isNoise(name)]).toEqual([false, true]);
  });

  test.each([
    'accept',
    'accept-language',
    'x-forwarded-proto',
    'host',
    'origin',
    'x-author',
    'x-usage',
    'foo',
  ])('%s selects', (name) => {
    expect([isCredential(name), isNoise(name)]).toEqual([false, false]);
  });

  test.each([
    ['_ga', true],
    ['_ga_ABC123', true],
    ['OptanonConsent', true],
    ['sid', false],
    ['theme', false],
    ['_gaz', false],
    ['_game_session', false],
    ['_hjobs_session', false],
    ['_ga_ABC123', true],
    ['__Host-session', false],
  ])('the cookie %s counts for nothing: %p', (name, expected) => {
    expect(isNoiseCookie(name)).toBe(expected);
  });
});

interface Asked {
  readonly fields?: Record<string, string>;
  /** Fields that middleware in front has taken away. */
  readonly deleted?: readonly string[];
  readonly placed?: object;
  readonly locals?: object;
  readonly socket?: object;
  readonly credentials?: readonly string[];
  readonly ignore?: readonly string[];
}

function callerOf({ fields = {}, deleted = [], placed, locals, socket, credentials, ignore }: Asked): Caller {
  const req = new IncomingMessage(Object.assign(new Socket(), socket));
  req.rawHeaders = Object.entries(fields).flat();
  for (const [name, value] of Object.entries(fields)) req.headers[name.toLowerCase()] = value;
  for (const name of deleted) delete req.headers[name];
  const res = Object.assign(new ServerResponse(req), locals && { locals });
  Object.assign(req, placed);
  return new Caller(
    { req, res, headers: req.headers },
    { credentials: new Set(credentials), ignore: new Set(ignore) },
    new Constants(),
  );
}

describe('the credentials of a request', () => {
  test.each<[title: string, Asked, names: string[]]>([
    ['without any are none', { fields: { Host: 'a', 'User-Agent': 'b', 'X-Theme': 'c' } }, []],
    [
      'are sorted by name',
      { fields: { 'X-Api-Key': 'k', Authorization: 'b' } },
      ['authorization', 'x-api-key'],
    ],
    ['are cookies one by one', { fields: { Cookie: 'b=2; a=1;c' } }, ['cookie a', 'cookie b', 'cookie c']],
    ['are no cookies of analytics', { fields: { Cookie: '_ga=1; OptanonConsent=x;  ; _gid=2' } }, []],
    [
      'are what the option credentials names',
      { fields: { 'X-Visitor': 'v' }, credentials: ['x-visitor'] },
      ['x-visitor'],
    ],
    [
      'are not what vary.ignore names',
      { fields: { 'X-Member': 'm', Cookie: 'theme=dark; sid=1' }, ignore: ['x-member', 'cookie theme'] },
      ['cookie sid'],
    ],
    [
      'are those too that middleware in front has taken away',
      { fields: { Authorization: 'b', Cookie: 'sid=1' }, deleted: ['authorization', 'cookie'] },
      ['authorization', 'cookie sid'],
    ],
    ['are a client certificate', { socket: { authorized: true } }, ['client certificate']],
    [
      'are a client certificate that nobody has signed',
      {
        socket: {
          authorized: false,
          authorizationError: 'SELF',
          getPeerCertificate: () => ({ subject: 'ann' }),
        },
      },
      ['client certificate'],
    ],
    [
      'are no certificate where the client has none',
      { socket: { authorized: false, authorizationError: 'NONE', getPeerCertificate: () => ({}) } },
      [],
    ],
  ])('%s', (_title, asked, expected) => {
    const caller = callerOf(asked);
    expect(caller.credentials.map(({ name }) => name)).toEqual(expected);
    expect(caller.isStranger).toBe(expected.length === 0);
  });
});

describe('the shape of a request', () => {
  const known = { fields: { Authorization: 'Bearer a-token' } };
  const sid = (value: string): Asked => ({ fields: { Cookie: `sid=${value}` } });
  const long = (letter: string): string => letter.repeat(32);

  test.each<[title: string, Asked, Asked]>([
    ['strangers', {}, { fields: { 'X-Theme': 'dark', Cookie: '_ga=1' } }],
    ['sessions by their id', sid(long('a')), sid(long('b'))],
    ['bearers of tokens', { fields: { Authorization: 'a' } }, { fields: { Authorization: 'b' } }],
    [
      'the names of two people',
      { placed: { user: { id: 1, name: 'ann' } } },
      { placed: { user: { id: 2, name: 'bob' } } },
    ],
    [
      'two languages of strangers, which select by themselves',
      { locals: { lang: 'de' } },
      { locals: { lang: 'en' } },
    ],
    ['what logs have placed', { placed: { id: 'r1', log: {} } }, {}],
    ['what vary.ignore names', { placed: { abTest: true }, ignore: ['req.abTest'] }, {}],
    ['the order in which values were placed', { placed: { a: 1, b: 2 } }, { placed: { b: 2, a: 1 } }],
  ])('is the same for %s', (_title, a, b) => {
    expect(callerOf(a).shape).toBe(callerOf(b).shape);
  });

  test.each<[title: string, Asked, Asked]>([
    ['a stranger and a session', {}, sid(long('a'))],
    ['two names of credentials', { fields: { Authorization: 'a' } }, { fields: { 'X-Api-Key': 'a' } }],
    ['two short cookies', sid('admin'), sid('user')],
    [
      'a session with a user and one without',
      { placed: { session: { cookie: {} } } },
      { placed: { session: { cookie: {}, user: { id: 1 } } } },
    ],
    ['a user and none', { placed: { user: { id: 1 } } }, { placed: { user: null } }],
    [
      'two roles',
      { ...known, placed: { user: { role: 'admin' } } },
      { ...known, placed: { user: { role: 'user' } } },
    ],
    [
      'two lists of roles',
      { ...known, placed: { user: { roles: ['a', 'b'] } } },
      { ...known, placed: { user: { roles: ['a'] } } },
    ],
    [
      'a flag that is set and one that is not',
      { ...known, locals: { isAdmin: true } },
      { ...known, locals: { isAdmin: false } },
    ],
    ['two languages', { ...known, locals: { lang: 'de' } }, { ...known, locals: { lang: 'en' } }],
    ['what is on the request and on res.locals', { placed: { tenant: 'a' } }, { locals: { tenant: 'a' } }],
    ['roles in two fields', { fields: { 'X-Role': 'admin' } }, { fields: { 'X-Role': 'user' } }],
  ])('is another for %s', (_title, a, b) => {
    expect(callerOf(a).shape).not.toBe(callerOf(b).shape);
  });

  test('holds no value of a credential, and nothing at all of a request without marks', () => {
    expect(callerOf({}).shape).toBe('');
    const { shape } = callerOf(sid('secret'));
    expect(shape).toMatch(/^[\w-]{12}$/);
  });

  test('is that of the moment when it was first asked for', () => {
    const session: { user?: object } = {};
    const caller = callerOf({ placed: { session } });
    const { shape } = caller;
    session.user = { id: 1 };
    expect(caller.shape).toBe(shape);
  });

  test('tells a hidden property, however many requests before had none', () => {
    for (let i = 0; i < 1000; i++) expect(callerOf({}).shape).toBe('');
    const placed = Object.defineProperty({}, 'lang', { value: 'de' });
    expect(callerOf({ locals: placed }).shape).not.toBe('');
    const hidden = (name: 'req' | 'res'): string => {
      const req = new IncomingMessage(new Socket());
      const res = new ServerResponse(req);
      Object.defineProperty(name === 'req' ? req : res, 'lang', { value: 'de' });
      const entering = { req, res, headers: req.headers };
      return new Caller(entering, { credentials: new Set(), ignore: new Set() }, new Constants()).shape;
    };
    expect(hidden('req')).not.toBe('');
    expect(hidden('res')).not.toBe('');
  });

  test('is looked at without a fault where an accessor throws', () => {
    const placed = Object.defineProperty({}, 'user', {
      enumerable: true,
      get() {
        throw new Error('no session');
      },
    });
    expect(() => callerOf({ locals: placed }).shape).not.toThrow();
  });
});
