import { identitySize } from '../codec/encodings.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { Head } from '../exchange/capture.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { joined } from '../http/cache-control.ts';
import { sameOpaqueTag } from '../http/conditional.ts';
import { mayEncode } from '../http/content-coding.ts';
import { bornAt } from '../http/freshness.ts';
import { fieldsByName, freshened, type StoredFields } from '../http/headers.ts';
import { isFresh } from '../http/reuse.ts';
import type { ForwardReason } from '../observe/outcome.ts';
import { commit, judged, readAtEnd } from './commit.ts';
import type { Core, Fill } from './core.ts';
import { send, validatorsOf } from './serve.ts';
import { commitOf, fieldsToStore, statedBy, type Verdict } from './storability.ts';

/**
 * The origin said 304: the stored response is brought up to date and is the answer (RFC 9111 §4.3.3, §4.3.4). The
 * client gets what *it* asked for. Resolves to why the update was not stored, or to nothing when it was.
 */
export async function confirm(
  x: Exchange,
  core: Core,
  running: Fill,
  stored: StoredResponse,
  head: Head,
  receivedAt: number,
  fwd: ForwardReason,
): Promise<string | undefined> {
  const given = joined(head.headers.etag);
  // "If the new response contains a strong validator" that no stored response has, it updates none (§4.3.4).
  const other = given !== undefined && !sameOpaqueTag(given, validatorsOf(stored).etag);
  const update = other ? [] : fieldsToStore(x, running, head, receivedAt).headers;
  const headers = freshened(stored.headers, update);
  const fields = fieldsByName(headers);
  const confirmed = {
    status: stored.status,
    headers: fields,
    dated: head.headers,
    length: identitySize(stored),
    receivedAt,
  };
  const born = other ? stored.bornAt : bornAt(statedBy(confirmed, running.policy), running.requestedAt);

  const verdict = judged(x, core, running, confirmed);
  const isWorthStoring = (judgement: Verdict): boolean =>
    judgement.refused === undefined &&
    !other &&
    (isFresh(judgement.ageing, receivedAt) || !sameFields(headers, stored.headers));
  const kept = verdict instanceof Promise || isWorthStoring(verdict);
  const outcome = { kind: 'forward', fwd, fwdStatus: 304, stored: kept } as const;
  // A cookie of the 304 is for the client that asked.
  const cookies = head.headers['set-cookie'] as readonly string[] | undefined;
  const answered =
    cookies && running.policy.setCookie !== 'store' ? [...headers, 'Set-Cookie', cookies] : headers;
  // "The presence of an Age header field implies that the response was not generated or validated by the origin
  // server for this request" (§5.1), so it is only there if a cache between had it.
  const age = head.headers.age === undefined ? undefined : receivedAt - born;
  send(x, core, { ...stored, headers: answered, bornAt: born }, age, outcome);

  const judgement = await verdict;
  readAtEnd(x, core, running, confirmed, judgement);
  if (other || judgement.refused !== undefined) {
    await core.store.discard(running.lease);
    return judgement.refused ?? 'other-validator';
  }
  // What it says now, it says of bytes that are not stored any more.
  if (stored.encodings && !mayEncode(stored.status, fields)) {
    await core.store.discard(running.lease);
    return 'other-encoding';
  }
  // Nothing would be gained by writing it all again: the next request has to ask as well.
  if (!isWorthStoring(judgement)) return 'unchanged';
  const { status, message, removedFields, encodings } = stored;
  const updated = { status, message, headers, removedFields, encodings, vary: fields.vary };
  return commit(x, core, commitOf(x, running, updated, [stored.body], judgement, core.clock()));
}

/** Whether two heads differ in nothing but when they were made. */
function sameFields(a: StoredFields, b: StoredFields): boolean {
  const text = (fields: StoredFields): string => {
    const byName = Object.entries(fieldsByName(fields)).filter(([name]) => name !== 'date');
    return JSON.stringify(byName.sort(([x], [y]) => (x < y ? -1 : 1)));
  };
  return text(a) === text(b);
}
