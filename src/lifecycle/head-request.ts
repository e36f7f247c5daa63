import { randomUUID } from 'node:crypto';
import { identitySize } from '../codec/encodings.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { fieldsOf } from '../exchange/capture.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { onHead } from '../exchange/on-head.ts';
import { addCacheStatus } from '../exchange/replay.ts';
import { joined } from '../http/cache-control.ts';
import { mayEncode } from '../http/content-coding.ts';
import { fieldsByName, freshened } from '../http/headers.ts';
import type { Fields } from '../http/vary.ts';
import type { Identity } from '../key/identify.ts';
import { cacheStatus } from '../observe/cache-status.ts';
import type { ForwardReason, Outcome } from '../observe/outcome.ts';
import { Fault } from '../store/fault.ts';
import { commit, judged } from './commit.ts';
import { type Core, forward, reportAtClose } from './core.ts';
import { begun } from './fill.ts';
import type { Found } from './lookup.ts';
import { validatorsOf } from './serve.ts';
import { commitOf, fieldsToStore } from './storability.ts';

/**
 * Lets the app answer a HEAD. Its 200 says what a GET's head would be, so it updates the stored response that it
 * could have been answered with, or shows that it is out of date (RFC 9111 §4.3.5).
 */
export function forwardHead(
  x: Exchange,
  core: Core,
  identity: Identity,
  found: Found,
  fwd: ForwardReason,
): void {
  const { stored } = found;
  const { policy } = identity;
  const outcome: Outcome = { kind: 'forward', fwd, detail: 'head' };
  // What was purged is only confirmed by the origin's own 304.
  if (!stored || stored.status === 206 || stored.purged) {
    forward(x, core, outcome);
    return;
  }
  const claim = { ...found.place, key: identity.key, token: randomUUID() };
  const running = begun(x, policy, core, identity, { ...claim, stamp: 0, since: 0 });
  reportAtClose(x, core, outcome);
  onHead(x.res, () => {
    if (x.res.statusCode === 200) core.track(update(stored));
    addCacheStatus(x.res, cacheStatus(core.name, outcome, core.showKey ? x.key : undefined));
  });
  x.keepHeaders();
  x.forward();

  async function update(stored: StoredResponse): Promise<void> {
    const headers = x.res.getHeaders() as Fields;
    if (!describes(headers, stored)) return void (await core.store.discard(found.place));
    const receivedAt = core.clock();
    const sent = {
      status: 200,
      message: '',
      fields: fieldsOf(x.res),
      headers: x.res.getHeaders(),
      length: undefined,
    };
    const fields = freshened(stored.headers, fieldsToStore(x, running, sent, receivedAt).headers);
    const byName = fieldsByName(fields);
    const { status, message, removedFields, body, encodings } = stored;
    const verdict = await judged(x, core, running, {
      status,
      headers: byName,
      dated: headers,
      length: identitySize(stored),
      receivedAt,
    });
    if (verdict.refused !== undefined) return void (await core.store.discard(found.place));
    if (encodings && !mayEncode(status, byName)) return void (await core.store.discard(found.place));
    // A purge by a tag that it did not have before has passed it by.
    if (verdict.tags.some((tag) => !stored.tags.includes(tag))) {
      return void (await core.store.discard(found.place));
    }
    const acquired = await core.store.acquire(claim, found.seen, policy.collapse.lease);
    if (acquired instanceof Fault || (acquired.kind !== 'leader' && acquired.kind !== 'alone')) return;
    const lease = { ...claim, stamp: acquired.stamp, since: performance.now() };
    const updated = { status, message, headers: fields, removedFields, encodings, vary: byName.vary };
    await commit(x, core, commitOf(x, { ...running, lease }, updated, [body], verdict, receivedAt));
  }
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
