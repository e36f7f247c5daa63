import type { ForwardReason, Outcome } from './outcome.ts';

/** The words of `Cache-Status`, and the rule behind each. `docs/cache-status.md` is made of the same sentences. */

/** A rule in a sentence, and where it stands. */
export interface Rule {
  /** The word, as `Cache-Status` has it. */
  readonly word: string;
  readonly says: string;
  /** The section of an RFC, where there is one. */
  readonly see?: string;
}

type Entry = readonly [says: string, see?: string];

const HIT: Entry = ['What is stored was sent: it is fresh for this request.', 'RFC 9111 §4'];

/** The values of `fwd`. */
export const FORWARDED: Readonly<Record<ForwardReason, Entry>> = {
  bypass: ['It was not looked up, or could not be.', 'RFC 9211 §2.2'],
  method: ['Its method is not one whose responses are reused.', 'RFC 9111 §4'],
  'uri-miss': ['Nothing is stored for its key.', 'RFC 9211 §2.2'],
  'vary-miss': [
    'Responses are stored for its key, but for other values of the fields in `Vary`.',
    'RFC 9111 §4.1',
  ],
  request: [
    "What is stored is fresh, but the request's own `Cache-Control` wants something else.",
    'RFC 9111 §5.2.1',
  ],
  stale: [
    'What is stored is stale, or says `no-cache`: the app has to confirm it or make it anew.',
    'RFC 9111 §4.3',
  ],
  partial: ['What is stored is a part, and not the one that was asked for.', 'RFC 9111 §3.3'],
};

/** The values of `detail`. */
export const DETAILS: Readonly<Record<string, Entry>> = {
  // Not looked up.
  'method-override': ['A header field or middleware says that the method is another one.'],
  body: ['A GET or HEAD with a body may mean anything.', 'RFC 9110 §9.3.1'],
  precondition: ['`If-Match` and `If-Unmodified-Since` are for the origin alone.', 'RFC 9111 §4.3.2'],
  when: ['The `when` option says that the cache does not apply.'],
  target: [
    'Scheme, host or path are missing, malformed or ambiguous; or the app sees another host than the key could.',
    'RFC 9112 §3.2',
  ],
  key: ['The `key` option gave `null`.'],
  'key-ambiguous': ['The `key` option gave what is not plain JSON, so that two requests could share a key.'],
  'vary-ambiguous': [
    'The `vary.by` option gave what is not plain JSON, so that two requests could share a variant.',
  ],
  refresh: ["It is a request of the cache's own, made for a route behind this cache."],
  shadow: [
    "With `mode: 'shadow'` the app answers every request; what would have happened follows the colon.",
  ],
  // The store.
  timeout: ['Redis did not answer within `timeout`.'],
  unavailable: ['Redis is known to be away.'],
  invalidating: [
    'An unsafe request to this process has invalidated it, and Redis has not confirmed that yet.',
    'RFC 9111 §4.4',
  ],
  error: ['Something failed: a function among the options, or the store. A `fault` event has the message.'],
  'redis-error': [
    'An upper-case word (`OOM`, `READONLY`, `NOPERM`, ...) is the code of an error that Redis answered.',
  ],
  // Answered with what is stored.
  near: ['It was kept in this process, and Redis has not said that it has changed (option `near`).'],
  'stale-while-revalidate': [
    'It is stale, within its window, and is refreshed behind the answer.',
    'RFC 5861 §3',
  ],
  previous: ['The deployment before (`previous`) had stored it; it is made anew behind the answer.'],
  'stale-if-error': [
    'The app failed, and what is stored stands in for it, within its window.',
    'RFC 5861 §4',
  ],
  'origin-timeout': [
    'The app took longer than `originTimeout`; what is stored stands in for it.',
    'RFC 5861 §4',
  ],
  // Answered by neither.
  'only-if-cached': ['The client wants nothing but what is stored, and nothing is.', 'RFC 9111 §5.2.1.7'],
  invalidate: ['The request asked for a purge of its own key, and may.'],
  'invalidate-all': ['The request asked for a purge of everything, and may.'],
  // Forwarded without storing.
  'fill-under-way': ['Another request is making it, and there was no waiting for it (any longer).'],
  'nothing-to-share': ['Another request made it, but its response was not stored.'],
  head: ['A HEAD has no body to store; its head updates what GET stored.', 'RFC 9111 §4.3.5'],
  // Not stored: what the message says.
  'cache-control': ['Its `Cache-Control` is malformed.', 'RFC 9111 §4.2.1'],
  'request-no-store': ['The request says `no-store`.', 'RFC 9111 §5.2.1.5'],
  'no-store': ['The response says `no-store`.', 'RFC 9111 §5.2.2.5'],
  private: ['The response says `private`: it is for one person.', 'RFC 9111 §5.2.2.7'],
  'no-cache': ['The response says `no-cache`, and has no validator to confirm it by.', 'RFC 9111 §5.2.2.4'],
  'must-understand': [
    'The response says `must-understand`, and its status is not understood.',
    'RFC 9111 §5.2.2.3',
  ],
  vary: ['The response says `Vary: *`: it matches no other request.', 'RFC 9111 §4.1'],
  'set-cookie': [
    'The response sets a cookie, which is for one client (option `setCookie`).',
    'RFC 9111 §7.3',
  ],
  authorization: [
    'The request has `Authorization`, the key does not cover it, and the response does not say that it may be shared.',
    'RFC 9111 §3.5',
  ],
  personal: [
    'The app read who is asking (what it read follows the colon), and the key does not cover that (option `guard`).',
    'RFC 9111 §7.1',
  ],
  partial: [
    'It is a part that cannot be stored: not asked for, or it does not say which part it is.',
    'RFC 9111 §3.3',
  ],
  status: [
    'Its status is not among `statuses`, and it states no lifetime; or it is not final.',
    'RFC 9111 §3',
  ],
  'no-lifetime': ['It states no lifetime, and `ttl` gives none.', 'RFC 9111 §4.2.1'],
  'not-fresh': ['It is stale as it comes, and has no validator to confirm it by.', 'RFC 9111 §4.2'],
  // Not stored: the options and the course of things.
  'too-large': ['Its body is larger than `maxBodySize`.'],
  'store-when': ['The `storeWhen` option says no.'],
  tags: ['It has too many tags, or one that is too long, so that it could not be purged by them.'],
  route: [
    'A route behind this cache has its own key or conditions, or its cache is off: it is left to that one.',
  ],
  method: ['What answers a POST is not what a GET would be answered with.', 'RFC 9110 §9.3.3'],
  incomplete: ['It was not ended, or its bytes are not as many as it says.', 'RFC 9111 §3.3'],
  'no-head': ['It was ended without a head.'],
  purged: ['It was purged while it was made, or its lease has run out.'],
  unchanged: [
    'The app confirmed it, and nothing about it has changed: it is stored as it was.',
    'RFC 9111 §4.3.4',
  ],
  'other-encoding': [
    'The app confirmed it, but by its new head it must not be encoded as it is stored, so it was deleted.',
    'RFC 9110 §7.7',
  ],
  'other-validator': [
    'The app confirmed something else than what is stored, which was deleted.',
    'RFC 9111 §4.3.4',
  ],
};

/** The word of the table for a `detail`: without particulars behind a colon, and one for all codes of Redis. */
function wordOf(detail: string): string {
  const colon = detail.indexOf(':');
  if (colon > 0) return detail.slice(0, colon);
  return /^[A-Z]+$/.test(detail) ? 'redis-error' : detail;
}

/** The rule behind a `detail`. */
export function ruleOf(detail: string): Rule {
  return rule(detail, DETAILS[wordOf(detail)] ?? ['Unknown to this version.']);
}

/** The rules behind an outcome, the most general first. */
export function rulesOf({ kind, fwd, detail }: Outcome): Rule[] {
  return [
    ...(kind === 'hit' ? [rule('hit', HIT)] : []),
    ...(fwd === undefined ? [] : [rule(fwd, FORWARDED[fwd])]),
    ...(detail === undefined ? [] : [ruleOf(detail)]),
  ];
}

function rule(word: string, [says, see]: Entry): Rule {
  return { word, says, ...(see !== undefined && { see }) };
}
