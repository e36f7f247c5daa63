import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { targetOf } from '../../src/exchange/target.ts';
import { Aimed, FRAMEWORKS } from './support/aimed.ts';

/* Where requests are aimed, from real requests through each framework; trust in proxies is in trust-proxy.test.ts. */

let server: Aimed;
afterEach(() => server?.close());

describe.each(Object.entries(FRAMEWORKS))('%s', (_name, listener) => {
  test.each<[string, string[], object]>([
    ['/a?b=c', ['Host: example.com'], { scheme: 'http', host: 'example.com', url: '/a?b=c' }],
    [
      '/',
      ['host:  Example.COM  '],
      { scheme: 'http', host: 'example.com', url: '/', receivedHost: 'Example.COM' },
    ],
    ['/', ['Host: a:80'], { scheme: 'http', host: 'a', url: '/', receivedHost: 'a:80' }],
    ['/', ['Host: a:443'], { scheme: 'http', host: 'a:443', url: '/' }],
    ['/', ['Host: a:8080'], { scheme: 'http', host: 'a:8080', url: '/' }],
    ['/', ['Host: a:080'], { scheme: 'http', host: 'a:080', url: '/' }],
    ['/', ['Host: a.'], { scheme: 'http', host: 'a.', url: '/' }],
    ['/', ['Host: a_b-c.d'], { scheme: 'http', host: 'a_b-c.d', url: '/' }],
    ['/', ['Host: 127.0.0.1:3000'], { scheme: 'http', host: '127.0.0.1:3000', url: '/' }],
    ['/', ['Host: [::1]'], { scheme: 'http', host: '[::1]', url: '/' }],
    [
      '/',
      ['Host: [::FFFF:1.2.3.4]:80'],
      { scheme: 'http', host: '[::ffff:1.2.3.4]', url: '/', receivedHost: '[::FFFF:1.2.3.4]:80' },
    ],
    ['/', ['HTTP/1.0', 'Host: a'], { scheme: 'http', host: 'a', url: '/' }],
    ['//evil.example/a', ['Host: a'], { scheme: 'http', host: 'a', url: '//evil.example/a' }],
    ['/../%2e%2E/A', ['Host: a'], { scheme: 'http', host: 'a', url: '/../%2e%2E/A' }],
    ['/a#b?c', ['Host: a'], { scheme: 'http', host: 'a', url: '/a#b?c' }],
    ['/mounted/a?b', ['Host: a'], { scheme: 'http', host: 'a', url: '/mounted/a?b' }],
    ['/mounted?b', ['Host: a'], { scheme: 'http', host: 'a', url: '/mounted?b' }],
    [
      '/',
      ['Host: a', 'X-Forwarded-Host: b', 'X-Forwarded-Proto: https', 'Forwarded: host=c'],
      { scheme: 'http', host: 'a', url: '/' },
    ],
  ])('GET %s with %j has the target of the app', async (url, lines, target) => {
    server = new Aimed(listener());
    expect(await server.ask(url, ...lines)).toMatchObject({ target });
  });

  test.each<[string, string, string[]]>([
    ['no Host in HTTP/1.0', '/', ['HTTP/1.0']],
    ['an empty Host', '/', ['Host:']],
    ['a user in Host', '/', ['Host: user@a']],
    ['a path in Host', '/', ['Host: a/b']],
    ['a query in Host', '/', ['Host: a?b']],
    ['a fragment in Host', '/', ['Host: a#b']],
    ['a space in Host', '/', ['Host: a b']],
    ['a list in Host', '/', ['Host: a, b']],
    ['a backslash in Host', '/', ['Host: a\\b']],
    ['a percent in Host', '/', ['Host: a%2eb']],
    ['bytes above ASCII in Host', '/', ['Host: \xe4.example']],
    ['a no-break space around Host', '/', ['Host: \xa0a']],
    ['an empty port', '/', ['Host: a:']],
    ['a port that is no number', '/', ['Host: a:b']],
    ['a port of six digits', '/', ['Host: a:123456']],
    ['two ports', '/', ['Host: a:1:2']],
    ['an IPv6 address without its bracket', '/', ['Host: [::1']],
    ['an IPv6 address without brackets', '/', ['Host: ::1']],
    ['an absolute-form target', 'http://evil.example/', ['Host: a']],
    ['an absolute-form target of the same host', 'http://a/', ['Host: a']],
    ['an absolute-form target with another scheme', 'gopher://a/', ['Host: a']],
    ['the asterisk-form', '*', ['Host: a']],
  ])('a request has no target, so it is forwarded: %s', async (_what, url, lines) => {
    server = new Aimed(listener());
    const aim = await server.ask(url, ...lines);
    if (typeof aim === 'number') expect(aim).toBeGreaterThanOrEqual(400);
    else expect(aim.target).toBeUndefined();
  });

  test('uses the first of two Host fields, as Node does', async () => {
    server = new Aimed(listener());
    const aim = await server.ask('/', 'Host: a', 'Host: b');
    expect(typeof aim === 'number' ? aim : aim.target?.host).toBe('a');
  });
});

describe('a request object without a framework', () => {
  function request(url: string | undefined, more: object = {}): IncomingMessage {
    const req = new IncomingMessage(new Socket());
    req.headers.host = 'a';
    return Object.assign(req, { url }, more);
  }

  test('has the scheme of its socket', () => {
    const req = request('/');
    Object.assign(req.socket, { encrypted: true });
    const own = { isForwarded: false, scheme: 'https', host: 'a', url: '/', receivedHost: 'a' };
    expect(targetOf(req)).toEqual(own);
    req.headers.host = 'a:443';
    expect(targetOf(req)?.host).toBe('a');
    req.headers.host = 'a:80';
    expect(targetOf(req)?.host).toBe('a:80');
  });

  test('has the original URL and not the one below a mount point', () => {
    expect(targetOf(request('/b', { originalUrl: '/a/b' }))?.url).toBe('/a/b');
  });

  test.each([undefined, '', 'a', '?a', '*'])('has no target when its URL is %j', (url) => {
    expect(targetOf(request(url))).toBeUndefined();
  });

  test.each([{}, null, { get: () => undefined }, { get: () => true }])(
    'trusts no proxy when its app is %j',
    (app) => {
      const req = request('/', { app });
      req.headers['x-forwarded-host'] = 'b';
      expect(targetOf(req)?.host).toBe('a');
    },
  );
});
