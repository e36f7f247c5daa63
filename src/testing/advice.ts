import { type DETAILS, type FORWARDED, wordOf } from '../observe/reasons.ts';
import type { CacheStatus } from './cache-status.ts';

/** What to do about a response that is not what the test expects, by the words of its `Cache-Status`. */

const PUBLIC =
  'send Cache-Control: public if the response is for everyone, or name the caller: vary: { caller: (req) => req.user?.id ?? null }';

const BY_DETAIL: Readonly<Partial<Record<keyof typeof DETAILS, string>>> = {
  'set-cookie':
    "Set the cookie in middleware in front of the cache; or write setCookie: 'strip', if the page works without it.",
  private: `The app says private. If that is not meant, remove it; else ${PUBLIC}.`,
  'no-store': 'The app says no-store. Remove it from the response if it may be stored.',
  authorization: `The request has credentials: ${PUBLIC}.`,
  verifying: `The request has credentials. Await cache.idle() and ask again: others of its kind are served if a stranger gets the same. To store at once, ${PUBLIC}.`,
  credentials: `The request has credentials, and the cache cannot ask the app without them: ${PUBLIC}.`,
  'depends-on-credentials': `The app gives such callers another response: ${PUBLIC}.`,
  varies:
    'The app reads a value that is new for each request. If the response does not depend on it, name it in vary.ignore.',
  status: 'Name the status in the option statuses, or in ttl: { 503: ... }, if it may be stored.',
  'error-status':
    'Name the status in the option statuses or ttl, if such responses are the same for all clients.',
  'no-lifetime': 'Set the option ttl, or send Cache-Control: max-age.',
  'not-fresh':
    'The response is stale as it comes: compare its Age, Date and Expires with cache.now(), which advance() has moved and Date.now() does not follow.',
  'too-large': 'Raise the option maxBodySize.',
  when: 'The option when returns false for this request.',
  key: 'The option key returns null for this request.',
  timeout: 'An outage lasts: call its end(), or await cache.reset().',
  unavailable: 'An outage lasts: call its end(), or await cache.reset().',
  'fill-under-way': 'Another request for the same key has not ended: await it first.',
  'request-no-store': 'The request says no-store.',
  shadow: "The option mode is 'shadow': the app answers every request.",
  route: 'A route behind this cache decides: see its cache.with(...).',
};

const BY_REASON: Readonly<Partial<Record<keyof typeof FORWARDED, string>>> = {
  'uri-miss':
    'Was a request for the same method, host, path and query answered before, in this test, and then cache.idle() awaited?',
  'vary-miss':
    'Another variant is stored. The response is selected by header fields and values that this request has otherwise, or it is for other callers.',
  request: 'The Cache-Control of the request asks for another response: leave it out.',
  stale: 'The stored response was stale: has cache.advance() moved the clock past its lifetime?',
  method: 'Only GET and HEAD are cached, unless the option methods says otherwise.',
  bypass: 'The cache did not look for a stored response.',
};

/** What to do, in a sentence; `undefined` where nothing is wrong with the response in itself. */
export function testingAdvice({ detail, fwd, stored }: CacheStatus): string | undefined {
  const byDetail = detail === undefined ? undefined : BY_DETAIL[wordOf(detail) as keyof typeof DETAILS];
  return byDetail ?? (fwd === undefined || (stored && fwd !== 'uri-miss') ? undefined : BY_REASON[fwd]);
}
