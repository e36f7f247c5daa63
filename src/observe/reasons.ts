/**
 * Every word that `Cache-Status` can have in `fwd` and `detail`, with its meaning. The types `ForwardReason` and `CacheDetail`
 * are derived from these tables, and docs/cache-status.md has the same sentences.
 */

/** The meaning of a word in `Cache-Status`. */
export interface CacheReason {
  /** The word as `Cache-Status` has it, with its particulars: `no-store`, `depends-on-credentials: req.user`. */
  readonly word: string;
  /** Its meaning in a sentence. */
  readonly says: string;
  /** The section of the RFC that has the rule, if an RFC has it. */
  readonly see?: string;
}

/** The tables are `as const`, so that types can be derived from them. `toReason` checks that they hold entries. */
type Entry = readonly [says: string, see?: string];

const HIT: Entry = ['A stored response was sent; the request was not forwarded.', 'RFC 9211 §2.1'];

/** The values of `fwd`. */
export const FORWARDED = {
  bypass: ['The cache did not look for a stored response, or could not; `detail` says why.', 'RFC 9211 §2.2'],
  method: ['The request method is not one of `methods`, so no stored response can answer it.', 'RFC 9111 §4'],
  'uri-miss': ['No response is stored for the cache key.', 'RFC 9211 §2.2'],
  'vary-miss': [
    'Responses are stored for the cache key, but none that this request may have: other values select them (`Vary`), or they are for other callers (option `guard`).',
    'RFC 9111 §4.1',
  ],
  request: [
    'The stored response is fresh, but the `Cache-Control` of the request does not accept it.',
    'RFC 9111 §5.2.1',
  ],
  stale: [
    'The stored response is stale or has `no-cache`: the app must confirm it or send a new one.',
    'RFC 9111 §4.3',
  ],
  partial: [
    'The stored response is partial (206) and does not contain what the request asks for.',
    'RFC 9111 §3.3',
  ],
} as const;

/** The values of `detail`. */
export const DETAILS = {
  // The cache did not look for a stored response.
  'method-override': ['A header field (such as `X-HTTP-Method-Override`) or middleware changes the method.'],
  body: [
    'GET and HEAD requests with a body bypass the cache: the body may change the response.',
    'RFC 9110 §9.3.1',
  ],
  'body-unread': [
    'The `key` option did not read the body of the request, or no body parser had run yet, so requests with other bodies could share the key. A `fault` event says which, once for each route.',
  ],
  upgrade: ['The request asks for another protocol (such as a WebSocket).', 'RFC 9110 §7.8'],
  precondition: [
    '`If-Match` and `If-Unmodified-Since` must be evaluated by the app, not by a cache.',
    'RFC 9111 §4.3.2',
  ],
  when: ['The `when` option returned false.'],
  target: [
    'The URL is missing, malformed or ambiguous, its host has upper case, or the app derives another scheme or host from the request than the cache.',
    'RFC 9110 §4.2.3',
  ],
  key: ['The `key` option returned `null`.'],
  'key-ambiguous': [
    'The `key` option returned a value that is not plain JSON, so two requests could share a key. A `fault` event says what is wrong; there is none for `undefined`.',
  ],
  'vary-ambiguous': [
    'The `vary.by` option returned a value that is not plain JSON, so two requests could share a variant. The `fault` event says what is wrong.',
  ],
  refresh: ['A cache behind this one made the request, to refresh a stored response.'],
  shadow: [
    "With `mode: 'shadow'` the app answers every request. The text after the colon is what the cache would have done.",
  ],
  // The store failed.
  timeout: ['Redis did not reply within `timeout`.'],
  unavailable: ['Redis cannot be reached, or the circuit breaker is open because recent calls failed.'],
  invalidating: [
    'An unsafe request to this process invalidated the response, and Redis has not confirmed that yet.',
    'RFC 9111 §4.4',
  ],
  error: ['The cache or the store threw an error. The `fault` event has the message.'],
  // A function among the options failed.
  'enabled-error': [
    'The `enabled` option threw an error or returned a value of a wrong type. The `fault` event says what is wrong.',
  ],
  'when-error': [
    'The `when` option threw an error or returned a value of a wrong type. The `fault` event says what is wrong.',
  ],
  'key-error': [
    'The `key` option threw an error or returned a value of a wrong type. The `fault` event says what is wrong.',
  ],
  'vary-by-error': [
    'The `vary.by` option threw an error or returned a value of a wrong type. The `fault` event says what is wrong.',
  ],
  'vary-caller-error': [
    'The `vary.caller` option threw an error or returned a value of a wrong type. The `fault` event says what is wrong.',
  ],
  'store-when-error': [
    'The `storeWhen` option threw an error or returned a value of a wrong type. The `fault` event says what is wrong.',
  ],
  'ttl-error': [
    'The `ttl` option threw an error or returned a value of a wrong type. The `fault` event says what is wrong.',
  ],
  'tags-error': [
    'The `tags` option threw an error or returned a value of a wrong type. The `fault` event says what is wrong.',
  ],
  'redis-error': [
    'An upper-case word (`OOM`, `READONLY`, `NOPERM`, ...) is the code of an error that Redis replied with.',
  ],
  // A stored response was sent.
  near: ['The response came from the near cache of this process (option `near`), without a call to Redis.'],
  'stale-while-revalidate': [
    'The stored response is stale, but not for longer than `stale-while-revalidate`. The cache refreshes it in the background.',
    'RFC 5861 §3',
  ],
  'stale-if-error': [
    'The app failed, and a stale stored response was sent: `stale-if-error` allows that.',
    'RFC 5861 §4',
  ],
  'origin-timeout': [
    'The app took longer than `originTimeout`, and a stale stored response was sent: `stale-if-error` allows that.',
    'RFC 5861 §4',
  ],
  'refresh-under-way': [
    'Another request is refreshing the response, or Redis cannot be asked, and a stale stored response was sent at once (option `originTimeout`): `stale-if-error` allows that.',
    'RFC 5861 §4',
  ],
  'refresh-queue-full': [
    'Too many refreshes wait for their turn, and a stale stored response was sent at once (option `originTimeout`): `stale-if-error` allows that.',
    'RFC 5861 §4',
  ],
  // Neither the cache nor the app answered with content.
  'only-if-cached': [
    'The request has `only-if-cached`, and no stored response can be used, so the cache answered with 504.',
    'RFC 9111 §5.2.1.7',
  ],
  invalidate: ['The request purged the stored responses for its own URL (option `invalidation`).'],
  'invalidate-all': ['The request purged all stored responses (option `invalidation`).'],
  // The app answered, and this request did not fill the key.
  'fill-under-way': [
    'Another request is filling the key. This request did not wait for it, or waited as long as `collapse.wait`.',
  ],
  'nothing-to-share': ['Another request filled the key, but its response was not stored.'],
  head: ['The response to HEAD has no body, so it is not stored.', 'RFC 9110 §9.3.2'],
  // The message forbids storing.
  'cache-control': ['The `Cache-Control` of the response is malformed.', 'RFC 9111 §4.2.1'],
  'request-no-store': ['The request has `no-store`.', 'RFC 9111 §5.2.1.5'],
  'no-store': ['The response has `no-store`.', 'RFC 9111 §5.2.2.5'],
  private: ['The response has `private`: it is for a single user.', 'RFC 9111 §5.2.2.7'],
  'no-cache': [
    'The response has `no-cache` but no validator, so the app could never confirm it.',
    'RFC 9111 §5.2.2.4',
  ],
  'must-understand': [
    'The response has `must-understand`, and this cache does not implement its status code.',
    'RFC 9111 §5.2.2.3',
  ],
  vary: ['The response has `Vary: *`, which matches no other request.', 'RFC 9111 §4.1'],
  'set-cookie': [
    "The response sets a cookie, which is for one client, and `setCookie` is `'refuse'`.",
    'RFC 9111 §7.3',
  ],
  authorization: [
    'The request has `Authorization`, the key does not include it, and the response does not allow sharing.',
    'RFC 9111 §3.5',
  ],
  verifying: [
    'The request has credentials, so its response is for its caller alone. The cache compares it with the response to the same request without credentials, and shares that one if both are the same (option `guard`).',
    'RFC 9111 §7.3',
  ],
  credentials: [
    'The request has credentials, its response does not say `public`, and the cache cannot make the same request without credentials to compare.',
    'RFC 9111 §7.3',
  ],
  'depends-on-credentials': [
    'The app read data of the caller, or was seen to give requests with such credentials another answer, and the key does not cover the caller (options `guard` and `vary.caller`). If the app read data, `detail` lists it after a colon.',
    'RFC 9111 §7.3',
  ],
  varies: [
    'The app read values that middleware in front has set for this request alone, or that are different for each request. `detail` lists them after a colon.',
    'RFC 9111 §4.1',
  ],
  partial: ['The response answers the range of this request only, so it cannot be reused.', 'RFC 9111 §3.3'],
  endless: [
    'The response is an event stream, or another type that goes on for as long as the client listens.',
  ],
  'error-status': [
    'Responses with the status 401, 403, 407 or 429 are for one client: they are stored only if `ttl` or `statuses` names the status.',
  ],
  status: [
    'The status code is not one of `statuses` and the response states no freshness lifetime, or it is not final.',
    'RFC 9111 §3',
  ],
  'no-lifetime': ['The response states no freshness lifetime, and `ttl` gives none.', 'RFC 9111 §4.2.1'],
  'not-fresh': [
    'The response is stale when it comes from the app: its `Age` or `Date` is older than its lifetime, and it has no validator, or its lifetime is that of `ttl`.',
    'RFC 9111 §4.2',
  ],
  // The options or the circumstances forbid storing.
  'too-large': ['The body is larger than `maxBodySize`.'],
  'store-when': ['The `storeWhen` option returned false.'],
  tags: ['The response has too many tags, or one that is too long, so a purge by tag could miss it.'],
  route: [
    'A route behind this cache has another key, other conditions or no cache, so its response is not stored here.',
  ],
  incomplete: ['The response did not end, or its length differs from `Content-Length`.', 'RFC 9111 §3.3'],
  'no-head': ['The app ended the response without a head.'],
  purged: ['The key was purged while the app answered, or the lease of the fill expired.'],
  unchanged: [
    'The app confirmed the stored response (304) and no field has changed, so it is not stored again.',
    'RFC 9111 §4.3.4',
  ],
  'other-encoding': [
    'The app confirmed the stored response (304), but its fields now forbid the content coding it is stored in: it was deleted.',
    'RFC 9110 §7.7',
  ],
  'other-validator': [
    'The app confirmed (304) a response with another validator than the stored one, which was deleted.',
    'RFC 9111 §4.3.4',
  ],
} as const;

/** A detail without its particulars: `varies` of `varies: req.session`. */
export function wordOf(detail: string): string {
  const colon = detail.indexOf(':');
  return colon < 0 ? detail : detail.slice(0, colon);
}

/** The meaning of a `detail`, in full or as the statistics count it. */
export function reasonOf(detail: string): CacheReason {
  const word = /^[A-Z]+$/.test(detail) ? 'redis-error' : wordOf(detail);
  return isDetail(word)
    ? toReason(detail, DETAILS[word])
    : { word: detail, says: 'This version has no such word.' };
}

/** The reasons of an outcome, the most general first. */
export function reasonsOf(outcome: {
  readonly kind: string;
  readonly fwd?: keyof typeof FORWARDED;
  readonly detail?: string;
}): CacheReason[] {
  const { kind, fwd, detail } = outcome;
  return [
    ...(kind === 'hit' ? [toReason('hit', HIT)] : []),
    ...(fwd === undefined ? [] : [toReason(fwd, FORWARDED[fwd])]),
    ...(detail === undefined ? [] : [reasonOf(detail)]),
  ];
}

function isDetail(word: string): word is keyof typeof DETAILS {
  return Object.hasOwn(DETAILS, word);
}

function toReason(word: string, [says, see]: Entry): CacheReason {
  return { word, says, ...(see !== undefined && { see }) };
}
