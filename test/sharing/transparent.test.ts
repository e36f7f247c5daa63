import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer } from 'node:http2';
import { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { Constants } from '../../src/sharing/constants.ts';
import { ReadWatch } from '../../src/sharing/reads.ts';
import { newCache } from '../support/app.ts';
import { passport } from './support/people.ts';

/* The request that the app sees is the request, and afterwards it is again as it was. */

type Odd = IncomingMessage & Record<string, unknown>;

function request(cookie?: string): Odd {
  const req = new IncomingMessage(new Socket()) as Odd;
  req.method = 'GET';
  req.url = '/';
  // As Node's parser does it, which leaves the fields to be built when they are first read.
  const lines = cookie === undefined ? ['Host', 'a'] : ['Host', 'a', 'Cookie', cookie];
  (req as unknown as { _addHeaderLines(list: string[], n: number): void })._addHeaderLines(
    lines,
    lines.length,
  );
  return req;
}

function watched(req: Odd): ReadWatch {
  const watch = new ReadWatch(new Constants());
  watch.begin(req, new ServerResponse(req));
  return watch;
}

/** All that can be seen of an object from outside, in parts to be compared by identity. */
function shape(req: Odd): unknown[] {
  const descriptors = Reflect.ownKeys(req).flatMap((key) => {
    const { value, get, set, ...flags } = Object.getOwnPropertyDescriptor(req, key) ?? {};
    return [key, value, get, set, JSON.stringify(flags)];
  });
  return [Object.getPrototypeOf(req), req.headers, ...descriptors];
}

function fixed(): number {
  return 7;
}

describe('while the app answers', () => {
  test('the request has the properties that it had, and no more', () => {
    const req = request();
    req.user = { name: 'alice' };
    const keys = Object.keys(req);
    const watch = watched(req);
    expect(Object.keys(req)).toEqual(keys);
    expect('user' in req).toBe(true);
    expect('session' in req).toBe(false);
    expect(Object.hasOwn(req, 'session')).toBe(false);
    expect({ ...req }.user).toEqual({ name: 'alice' });
    expect(req instanceof IncomingMessage).toBe(true);
    watch.end();
  });

  test('what is assigned, replaced and deleted is so', () => {
    const req = request();
    req.user = 'alice';
    const watch = watched(req);
    req.user = 'bob';
    expect(req.user).toBe('bob');
    delete req.user;
    expect('user' in req).toBe(false);
    expect(req.user).toBeUndefined();
    req.user = 'carol';
    expect(Object.keys(req)).toContain('user');
    expect(req.user).toBe('carol');
    watch.end();
    expect(Object.getOwnPropertyDescriptor(req, 'user')).toEqual({
      value: 'carol',
      writable: true,
      enumerable: true,
      configurable: true,
    });
    // Of what middleware in front has placed, nothing was read.
    expect([...watch.placed]).toEqual([]);
  });

  test('one view of the same fields and the same cookies is the other', () => {
    const req = request('a=1');
    req.cookies = { a: '1' };
    const watch = watched(req);
    expect(req.headers).toBe(req.headers);
    expect(req.cookies).toBe(req.cookies);
    watch.end();
  });

  test('fields are changed through the view, and replaced whole', () => {
    const req = request('a=1');
    const { headers } = req;
    const watch = watched(req);
    req.headers['x-added'] = 'yes';
    delete req.headers.cookie;
    expect(headers).toEqual({ host: 'a', 'x-added': 'yes' });
    const own = { host: 'b', cookie: 'b=2' };
    req.headers = own;
    expect(req.headers.cookie).toBe('b=2');
    watch.end();
    expect(req.headers).toBe(own);
    // The app has read what it has put there itself.
    expect([...watch.fields]).toEqual([]);
  });

  test('the fields by their distinct values are as they were, and reading them counts as a copy of all', () => {
    const req = request('a=1');
    const watch = watched(req);
    expect(req.headersDistinct.host).toEqual(['a']);
    expect([watch.copied, [...watch.fields]]).toEqual([true, []]);
    watch.end();
    expect(req.headersDistinct.cookie).toEqual(['a=1']);
  });
});

describe('afterwards', () => {
  test.each([
    ['bare', () => request()],
    ['with cookies', () => request('a=1')],
    [
      'with all that can be watched',
      () => Object.assign(request('a=1'), { user: 1, auth: 2, session: {}, cookies: {} }),
    ],
    [
      'with an accessor',
      () => Object.defineProperty(request('a=1'), 'session', { configurable: true, get: fixed, set: fixed }),
    ],
    [
      'with a property that is hidden and not writable',
      () => Object.defineProperty(request(), 'user', { configurable: true, value: 'alice' }),
    ],
  ])('a request %s is what it was', (_name, make) => {
    const req = make() as Odd;
    // Built by now, as it would be later.
    void req.headers;
    const before = shape(req);
    const watch = watched(req);
    for (const name of ['user', 'auth', 'session', 'cookies', 'signedCookies', 'url']) void req[name];
    watch.end();
    const after = shape(req);
    expect(after.length).toBe(before.length);
    expect(after.every((part, i) => Object.is(part, before[i]))).toBe(true);
    expect(Object.getPrototypeOf(req)).toBe(IncomingMessage.prototype);
  });

  test('what the app has put in the place of a property stays', () => {
    const req = request();
    req.session = 1;
    const watch = watched(req);
    const get = (): string => 'of the app';
    Object.defineProperty(req, 'session', { configurable: true, get });
    watch.end();
    expect(Object.getOwnPropertyDescriptor(req, 'session')?.get).toBe(get);
  });

  test('a prototype that the app has given the request stays', () => {
    const req = request();
    const watch = watched(req);
    const own = Object.create(IncomingMessage.prototype) as object;
    Object.setPrototypeOf(req, own);
    void req.url;
    void req.user;
    watch.end();
    expect(Object.getPrototypeOf(req)).toBe(own);
  });

  test('fields that the app kept are noted by nobody', () => {
    const req = request('a=1');
    const watch = watched(req);
    const { headers } = req;
    watch.end();
    expect(headers.cookie).toBe('a=1');
    expect([...watch.fields]).toEqual([]);
  });

  test('a second watch is a watch like the first', () => {
    const req = request('a=1');
    watched(req).end();
    const watch = watched(req);
    void req.headers.cookie;
    watch.end();
    expect([...watch.fields]).toEqual(['cookie']);
  });
});

describe('what the app reads', () => {
  test('of placed values is noted with its text at that moment, once', () => {
    const req = Object.assign(request(), { lang: 'de', cart: { items: 1 } });
    const watch = watched(req);
    expect([req.lang, req.cart]).toEqual(['de', { items: 1 }]);
    (req.cart as { items: number }).items = 2;
    expect(req.cart).toEqual({ items: 2 });
    watch.end();
    expect([...watch.placed]).toEqual([
      ['req.lang', '"de"'],
      ['req.cart', '{"items":1}'],
    ]);
  });

  test('within middleware of others is not noted', async () => {
    const req = Object.assign(request('a=1'), { lang: 'de' });
    const watch = watched(req);
    expect(watch.untracked(() => [req.lang, req.headers.cookie])).toEqual(['de', 'a=1']);
    await watch.untrackedAsync(async () => {
      await new Promise(setImmediate);
      return req.headers.cookie;
    });
    watch.end();
    expect([[...watch.placed], [...watch.fields]]).toEqual([[], []]);
  });

  test('of logs is not noted, and their properties are left alone', () => {
    const log = {};
    const req = Object.assign(request(), { log, id: 'r1' });
    const watch = watched(req);
    expect(Object.getOwnPropertyDescriptor(req, 'log')?.value).toBe(log);
    expect([req.log, req.id]).toEqual([log, 'r1']);
    watch.end();
    expect([...watch.placed]).toEqual([]);
  });

  test.each<[string, (req: Odd) => unknown]>([
    ['a spread', (req) => ({ ...req.headers })],
    ['Object.entries', (req) => Object.entries(req.headers)],
    [
      'for-in',
      (req) => {
        for (const name in req.headers) void req.headers[name];
      },
    ],
    ['the raw list', (req) => [...req.rawHeaders]],
    ['headersDistinct', (req) => ({ ...req.headersDistinct })],
  ])('of all fields at once, by %s, is a copy, and no field read by its name', (_how, copy) => {
    const req = request('a=1');
    const watch = watched(req);
    copy(req);
    watch.end();
    expect([watch.copied, [...watch.fields]]).toEqual([true, []]);
  });

  test('by its name counts so, whether or not all were copied before', () => {
    const req = request('a=1');
    const watch = watched(req);
    void { ...req.headers };
    void req.headers.cookie;
    watch.end();
    expect([...watch.fields]).toEqual(['cookie']);
  });
});

describe('a request that cannot be watched', () => {
  test('counts as read where a property is fixed', () => {
    const req = Object.defineProperty(request(), 'user', { value: 'alice' });
    const watch = watched(req);
    watch.end();
    expect([...watch.placed]).toEqual([['req.user', '"alice"']]);
    expect(req.user).toBe('alice');
  });

  test('counts as read where it takes no properties, and throws nothing', () => {
    const req = Object.preventExtensions(request('a=1'));
    const watch = watched(req);
    expect(req.headers.cookie).toBe('a=1');
    watch.end();
    expect([...watch.fields]).toEqual(['cookie']);
  });
});

test('over HTTP/2, where the fields have no setter, it is watched and restored alike', async () => {
  const cache = newCache();
  const server = createServer((req, res) => {
    const listener = () => {
      passport(req as never, res as never, () => {});
      res.end(String(req.headers[':path']));
    };
    cache(req as never, res as never, listener);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const client = connect(`http://127.0.0.1:${port}`);
  const stream = client.request({ ':path': '/a', host: 'test.example', authorization: 'Bearer ann' });
  const [head] = (await once(stream, 'response')) as [Record<string, string>];
  stream.resume();
  await once(stream, 'close');
  expect(head['cache-status']).toMatch('detail="depends-on-credentials: authorization"');
  client.close();
  server.close();
});
