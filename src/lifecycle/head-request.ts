import { identitySize } from '../codec/encodings.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { onHead } from '../exchange/on-head.ts';
import { joined } from '../http/cache-control.ts';
import type { Fields } from '../http/vary.ts';
import type { CacheOutcome } from '../observe/outcome.ts';
import { validatorsOf } from './response-form.ts';
import type { Transaction } from './transaction.ts';

/**
 * Lets the app answer a HEAD. Its 200 says what the head of a GET's response would be: where it contradicts the stored
 * GET response, that is out of date and is deleted (RFC 9111 §4.3.5).
 */
export function forwardHead(t: Transaction, outcome: CacheOutcome): void {
  const { context, exchange, found } = t;
  const { stored, ref } = found;
  // A HEAD of one caller says nothing of what others get.
  if (!stored || stored.status === 206 || t.standing(stored) !== 'same') {
    t.forward(outcome);
    return;
  }
  const { res } = exchange;
  onHead(res, () => {
    if (res.statusCode === 200 && !describes(res.getHeaders() as Fields, stored))
      context.track(context.store.responses.discard(ref));
  });
  t.forward(outcome);
}

/**
 * "If the cached response and the HEAD response have matching values for any received validator fields (ETag and
 * Last-Modified) and, if the HEAD response has a Content-Length header field, the value of Content-Length matches".
 */
function describes(headers: Fields, stored: StoredResponse): boolean {
  const { etag, lastModified } = validatorsOf(stored);
  const same = (given: string | undefined, had: string | undefined): boolean =>
    given === undefined || given === had;
  return (
    same(joined(headers.etag), etag) &&
    same(joined(headers['last-modified']), lastModified) &&
    same(joined(headers['content-length']), String(identitySize(stored)))
  );
}
