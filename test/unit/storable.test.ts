import { describe, expect, test } from '@jest/globals';
import { parseCacheControl } from '../../src/http/cache-control.ts';
import { refusal } from '../../src/http/storable.ts';
import type { Fields } from '../../src/http/vary.ts';

/** A GET and its 200, as far as a test says nothing else. */
interface Given {
  method?: string;
  request?: Fields;
  status?: number;
  response?: Fields;
  credentialsKeyed?: boolean;
}

function reason({
  method = 'GET',
  request = {},
  status = 200,
  response = {},
  credentialsKeyed = false,
}: Given) {
  return refusal({
    method,
    request: { headers: request, directives: parseCacheControl(request['cache-control']) },
    status,
    headers: response,
    directives: parseCacheControl(response['cache-control']),
    credentialsKeyed,
  });
}

const control = (value: string): Fields => ({ 'cache-control': value });

describe('RFC 9111 3, "Storing Responses in Caches"', () => {
  test('what nothing forbids may be stored', () => {
    expect(reason({})).toBeUndefined();
    expect(reason({ response: { etag: '"a"', vary: 'Accept', expires: '0' } })).toBeUndefined();
    expect(
      reason({ response: control('max-age=0, no-cache, no-transform, must-revalidate') }),
    ).toBeUndefined();
  });

  test.each([200, 203, 204, 299, 300, 301, 302, 307, 308, 400, 404, 410, 500, 501, 503, 599])(
    'the status code is "final": %d may be stored',
    (status) => {
      expect(reason({ status })).toBeUndefined();
    },
  );

  test.each([100, 101, 102, 103, 199, 0, 600, 999])('%d is no final status code', (status) => {
    expect(reason({ status })).toBe('status');
  });

  test.each([304, 412, 416])('%d only makes sense to the request that it answered', (status) => {
    expect(reason({ status })).toBe('status');
    expect(reason({ status, response: control('public, max-age=60') })).toBe('status');
  });

  test.each([
    'no-store',
    'NO-STORE',
    'max-age=60, no-store',
    'no-store=x',
    'public, no-store, s-maxage=60',
    ['public', 'no-store'],
  ])('"the no-store cache directive is not present in the response": %j', (value) => {
    expect(reason({ response: { 'cache-control': value } })).toBe('no-store');
  });

  test.each(['private', 'Private', 'private, max-age=60', 'private="x-a"', 'public, private'])(
    'shared: "the private response directive is not present": %j',
    (value) => {
      expect(reason({ response: control(value) })).toBe('private');
    },
  );

  test.each([
    'max-age= 60',
    'public max-age=60',
    'private =x',
    'private="\\',
    'no-store="\\',
    'max-age=5, private="\\',
  ])('what cannot be parsed is not stored: %j', (value) => {
    expect(reason({ response: control(value) })).toBe('cache-control');
  });
});

describe('RFC 9111 3.3, "Storing Incomplete Responses"', () => {
  test('partial content is not stored by who cannot combine it', () => {
    expect(reason({ status: 206 })).toBe('partial');
    expect(reason({ status: 206, response: control('public, max-age=60') })).toBe('partial');
    expect(reason({ status: 200, response: { 'content-range': 'bytes 0-4/10' } })).toBe('partial');
  });
});

describe('RFC 9111 3.5, "Storing Responses to Authenticated Requests"', () => {
  const request = { authorization: 'Bearer a' };

  test.each(['', 'max-age=60', 'no-cache', 'proxy-revalidate', 'x="public"', 'must-understand', 'immutable'])(
    'a shared cache does not store under %j',
    (value) => {
      expect(reason({ request, response: control(value) })).toBe('authorization');
    },
  );

  test.each(['public', 'must-revalidate', 's-maxage=60', 'max-age=60, Public', 's-maxage=0'])(
    '%j allows it',
    (value) => {
      expect(reason({ request, response: control(value) })).toBeUndefined();
    },
  );

  test('and so does a key that covers the credentials', () => {
    expect(reason({ request, credentialsKeyed: true })).toBeUndefined();
  });

  test('an empty Authorization is one too', () => {
    expect(reason({ request: { authorization: '' } })).toBe('authorization');
  });

  test('public does not outweigh private and no-store', () => {
    expect(reason({ request, response: control('public, private') })).toBe('private');
    expect(reason({ request, response: control('public, no-store') })).toBe('no-store');
    expect(reason({ request, response: control('private'), credentialsKeyed: true })).toBe('private');
  });
});

describe('RFC 9111 4.1, "Calculating Cache Keys with the Vary Header Field"', () => {
  test.each(['*', 'Accept, *', 'a b'])('what "always fails to match" is not stored: Vary: %s', (vary) => {
    expect(reason({ response: { vary } })).toBe('vary');
  });
});

describe('RFC 9111 5.2.1.5, "no-store" in a request', () => {
  test.each(['no-store', 'No-Store', 'max-age=0, no-store'])('%j forbids to store', (value) => {
    expect(reason({ request: control(value) })).toBe('request-no-store');
  });

  test.each(['no-cache', 'max-age=0', 'only-if-cached', 'private', 'max-age= 0', 'x y'])(
    '%j does not',
    (value) => {
      expect(reason({ request: control(value) })).toBeUndefined();
    },
  );
});

describe('RFC 9111 7.3, "Caching of Sensitive Information"', () => {
  test.each([['a=1'], [['a=1', 'b=2']], [''], [[]]])("a cookie is somebody's: Set-Cookie %j", (value) => {
    expect(reason({ response: { 'set-cookie': value } })).toBe('set-cookie');
    expect(reason({ response: { 'set-cookie': value, ...control('public, max-age=60') } })).toBe(
      'set-cookie',
    );
  });
});
