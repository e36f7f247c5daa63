import { describe, expect, test } from '@jest/globals';
import { parseCacheControl } from '../../../src/http/cache-control.ts';
import { type Exchanged, refusal, withheld } from '../../../src/http/storable.ts';
import type { Fields } from '../../../src/http/vary.ts';

/** A GET and its 200, as far as a test says nothing else. */
interface Given {
  request?: Fields;
  status?: number;
  response?: Fields;
  credentialsKeyed?: boolean;
  setCookie?: Exchanged['setCookie'];
}

function reason({
  request = {},
  status = 200,
  response = {},
  credentialsKeyed = false,
  setCookie = 'refuse',
}: Given) {
  return refusal({
    request: { headers: request, directives: parseCacheControl(request['cache-control']) },
    status,
    headers: response,
    directives: parseCacheControl(response['cache-control']),
    credentialsKeyed,
    setCookie,
  });
}

const control = (value: string): Fields => ({ 'cache-control': value });

describe('RFC 9111 3, "Storing Responses in Caches"', () => {
  test('a response may be stored when no rule forbids it', () => {
    expect(reason({})).toBeUndefined();
    expect(reason({ response: { etag: '"a"', vary: 'Accept', expires: '0' } })).toBeUndefined();
    expect(
      reason({ response: control('max-age=0, no-cache, no-transform, must-revalidate') }),
    ).toBeUndefined();
  });

  test.each([200, 203, 204, 299, 300, 301, 302, 307, 308, 400, 404, 410, 412, 416, 500, 501, 503, 599])(
    'the status code is "final": %d may be stored',
    (status) => {
      expect(reason({ status })).toBeUndefined();
    },
  );

  test.each([100, 101, 102, 103, 199, 0, 600, 999])(
    '%d is not a final status code, so the response is not stored',
    (status) => {
      expect(reason({ status })).toBe('status');
    },
  );

  test('a 304 is not stored', () => {
    expect(reason({ status: 304 })).toBe('status');
    expect(reason({ status: 304, response: control('public, max-age=60') })).toBe('status');
  });

  test.each([
    'no-store',
    'NO-STORE',
    'max-age=60, no-store',
    'no-store=x',
    'public, no-store, s-maxage=60',
    ['public', 'no-store'],
  ])('a response with no-store is not stored: %j', (value) => {
    expect(reason({ response: { 'cache-control': value } })).toBe('no-store');
  });

  test.each([
    'private',
    'Private',
    'private, max-age=60',
    'private=""',
    'private=","',
    'private="x a"',
    'private="x-a", private',
    'public, private',
  ])('a response with private is not stored: %j', (value) => {
    expect(reason({ response: control(value) })).toBe('private');
  });

  test.each(['private="x-a"', 'private="X-A, x-b"', 'private=x-a', 'private="x-a", private="x-b"'])(
    'shared: "... or allows a shared cache to store a modified response": %j',
    (value) => {
      expect(reason({ response: control(value) })).toBeUndefined();
    },
  );

  test.each([
    'max-age= 60',
    'public max-age=60',
    'private =x',
    'private="\\',
    'no-store="\\',
    'max-age=5, private="\\',
  ])('a response with a malformed Cache-Control is not stored: %j', (value) => {
    expect(reason({ response: control(value) })).toBe('cache-control');
  });
});

describe('RFC 9111 3.3, "Storing Incomplete Responses"', () => {
  const request = { range: 'bytes=0-4' };

  test.each(['bytes 0-4/10', ' Bytes 5-9/10 '])(
    'a 206 with a valid Content-Range may be stored: %j',
    (said) => {
      expect(reason({ request, status: 206, response: { 'content-range': said } })).toBeUndefined();
      expect(
        reason({ request, status: 206, response: { 'content-range': said, ...control('private') } }),
      ).toBe('private');
    },
  );

  test.each([undefined, '', 'bytes 0-4/*', 'bytes */10', 'bytes 0-10/10', 'items 0-4/10', 'bytes 0-4'])(
    'a 206 without a valid Content-Range is not stored: %j',
    (said) => {
      const response = { 'content-range': said, ...control('public, max-age=60') };
      expect(reason({ request, status: 206, response })).toBe('partial');
    },
  );

  test('a 206 without a range request is not stored; Content-Range with another status means nothing', () => {
    const response = { 'content-range': 'bytes 0-4/10', ...control('public, max-age=60') };
    expect(reason({ status: 206, response })).toBe('partial');
    for (const status of [200, 203, 404]) expect(reason({ request, status, response })).toBeUndefined();
  });
});

describe('RFC 9111 3.5, "Storing Responses to Authenticated Requests"', () => {
  const request = { authorization: 'Bearer a' };

  test.each(['', 'max-age=60', 'no-cache', 'proxy-revalidate', 'x="public"', 'must-understand', 'immutable'])(
    'the response to a request with Authorization is not stored under %j',
    (value) => {
      expect(reason({ request, response: control(value) })).toBe('authorization');
    },
  );

  test.each(['public', 'must-revalidate', 's-maxage=60', 'max-age=60, Public', 's-maxage=0'])(
    'the response to a request with Authorization may be stored under %j',
    (value) => {
      expect(reason({ request, response: control(value) })).toBeUndefined();
    },
  );

  test('a key that covers the credentials allows to store', () => {
    expect(reason({ request, credentialsKeyed: true })).toBeUndefined();
  });

  test('an empty Authorization counts as credentials', () => {
    expect(reason({ request: { authorization: '' } })).toBe('authorization');
  });

  test('public does not override private or no-store', () => {
    expect(reason({ request, response: control('public, private') })).toBe('private');
    expect(reason({ request, response: control('public, no-store') })).toBe('no-store');
    expect(reason({ request, response: control('private'), credentialsKeyed: true })).toBe('private');
  });
});

describe('RFC 9111 4.1, "Calculating Cache Keys with the Vary Header Field"', () => {
  test.each(['*', 'Accept, *', 'a b'])(
    'a response that "always fails to match" is not stored: Vary: %s',
    (vary) => {
      expect(reason({ response: { vary } })).toBe('vary');
    },
  );
});

describe('RFC 9111 5.2.1.5, "no-store" in a request', () => {
  test.each(['no-store', 'No-Store', 'max-age=0, no-store'])(
    'the request directive %j forbids to store',
    (value) => {
      expect(reason({ request: control(value) })).toBe('request-no-store');
    },
  );

  test.each(['no-cache', 'max-age=0', 'only-if-cached', 'private', 'max-age= 0', 'x y'])(
    'the request directive %j does not forbid to store',
    (value) => {
      expect(reason({ request: control(value) })).toBeUndefined();
    },
  );
});

describe('RFC 9111 7.3, "Caching of Sensitive Information"', () => {
  test.each([['a=1'], [['a=1', 'b=2']], [''], [[]]])(
    'a response with Set-Cookie %j is not stored',
    (value) => {
      expect(reason({ response: { 'set-cookie': value } })).toBe('set-cookie');
      expect(reason({ response: { 'set-cookie': value, ...control('public, max-age=60') } })).toBe(
        'set-cookie',
      );
    },
  );
});

describe('RFC 9111 5.2.2.3, "must-understand"', () => {
  test.each([200, 203, 301, 404, 410, 500, 503])(
    'a %d with must-understand may be stored despite no-store',
    (status) => {
      expect(reason({ status, response: control('must-understand, no-store, max-age=60') })).toBeUndefined();
    },
  );

  test.each([299, 399, 418, 499, 599])(
    '%d is not understood, so must-understand forbids to store, with or without no-store',
    (status) => {
      expect(reason({ status, response: control('must-understand, max-age=60') })).toBe('must-understand');
      expect(reason({ status, response: control('max-age=60, must-understand, no-store') })).toBe(
        'must-understand',
      );
    },
  );

  test("must-understand overrides neither the request's no-store nor private", () => {
    const response = control('must-understand, private');
    expect(reason({ response })).toBe('private');
    expect(reason({ request: control('no-store'), response: control('must-understand, no-store') })).toBe(
      'request-no-store',
    );
  });
});

describe('what the options allow', () => {
  const cookie = { 'set-cookie': 'a=1' };

  test.each(['strip', 'store'] as const)(
    'with setCookie: %s a response with Set-Cookie may be stored',
    (setCookie) => {
      expect(reason({ response: cookie, setCookie })).toBeUndefined();
      expect(reason({ response: { ...cookie, ...control('private') }, setCookie })).toBe('private');
    },
  );

  test("the request's no-store has no effect when request directives are ignored", () => {
    const request = { headers: control('no-store'), directives: undefined };
    const directives = parseCacheControl('max-age=60');
    const exchanged = { request, status: 200, headers: {}, directives, credentialsKeyed: false };
    expect(refusal({ ...exchanged, setCookie: 'refuse' })).toBeUndefined();
  });
});

describe('RFC 9111 5.2.2.4 and 5.2.2.7, no-cache and private "qualified" by field names', () => {
  const of = (value: string, setCookie: Exchanged['setCookie'] = 'store'): readonly string[] =>
    withheld(parseCacheControl(value), setCookie);

  test.each<[string, readonly string[]]>([
    ['', []],
    ['no-cache', []],
    ['private', []],
    ['no-cache="X-A"', ['x-a']],
    ['private="X-A, x-b"', ['x-a', 'x-b']],
    ['private=x-a', ['x-a']],
    ['no-cache="x-a", private="x-b"', ['x-b', 'x-a']],
    ['no-cache="x-a", no-cache', []],
    ['no-cache="a b"', []],
    ['public="x-a"', []],
  ])('%j withholds %j', (value, expected) => {
    expect(of(value)).toEqual(expected);
  });

  test.each(['refuse', 'strip'] as const)(
    'with setCookie: %s, Set-Cookie is withheld whatever the directives',
    (setCookie) => {
      expect(of('', setCookie)).toEqual(['set-cookie', 'set-cookie2']);
      expect(of('private="x-a"', setCookie)).toEqual(['set-cookie', 'set-cookie2', 'x-a']);
    },
  );
});
