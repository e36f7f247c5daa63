import { identitySize } from '../codec/encodings.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { SentHead } from '../exchange/capture.ts';
import { joined } from '../http/cache-control.ts';
import { sameOpaqueTag } from '../http/conditional.ts';
import { mayEncode } from '../http/content-coding.ts';
import { bornAt } from '../http/freshness.ts';
import { fieldsByName, freshened, type StoredFields } from '../http/headers.ts';
import { isFresh } from '../http/reuse.ts';
import type { ForwardReason } from '../observe/outcome.ts';
import type { Lease } from '../store/store.ts';
import { reportUnshared } from './advice.ts';
import { commit, fieldsToStore } from './commit.ts';
import type { FillResult } from './fill-result.ts';
import type { FillState } from './fill-state.ts';
import { validatorsOf } from './response-form.ts';
import { send } from './serve.ts';
import { evaluate, type ResponseHead, type Storability, sharingOf, statedBy } from './storability.ts';

/**
 * The origin answered 304: the stored response is freshened and is the answer (RFC 9111 §4.3.3, §4.3.4), in the form
 * that the client asked for.
 */
export async function confirmStored(
  fill: FillState,
  lease: Lease,
  stored: StoredResponse,
  head: ResponseHead & SentHead,
  reason: ForwardReason,
): Promise<FillResult> {
  const { policy, requestedAt, transaction } = fill;
  const { context } = transaction;
  const { receivedAt } = head;
  const given = joined(head.headers.etag);
  // "If the new response contains a strong validator" that no stored response has, it updates none (§4.3.4).
  const isOther = given !== undefined && !sameOpaqueTag(given, validatorsOf(stored).etag);
  const update = isOther ? [] : fieldsToStore(fill, head).headers;
  const sharing = sharingOf(fill, { ...head, dated: head.headers });
  // A 304 for a request with credentials may have fields of its caller's: others get nothing of it but the freshness.
  const isOwn = sharing.reach === 'unverified' || (sharing.reach === 'personal' && !transaction.isStranger);
  const headers = freshened(stored.headers, isOwn ? update.filter(isOfFreshness) : update);
  const fields = fieldsByName(headers);
  const confirmed: ResponseHead = {
    status: stored.status,
    headers: fields,
    dated: head.headers,
    length: identitySize(stored),
    receivedAt,
  };
  const born = isOther ? stored.bornAt : bornAt(statedBy(confirmed, policy), requestedAt);

  const evaluated = evaluate(fill, confirmed, sharing);
  const isWorthStoring = (storability: Storability): boolean =>
    storability.reason === undefined &&
    !isOther &&
    (isFresh(storability.ageing, receivedAt) || !sameFields(headers, stored.headers));
  const isKept = evaluated instanceof Promise || isWorthStoring(evaluated);
  const outcome = { kind: 'forward', fwd: reason, fwdStatus: 304, stored: isKept } as const;
  // A cookie of the 304 is for the client that sent the request.
  const cookies = head.headers['set-cookie'] as readonly string[] | undefined;
  const own = isOwn ? freshened(stored.headers, update) : headers;
  const answered = cookies && policy.setCookie !== 'store' ? [...own, 'Set-Cookie', cookies] : own;
  // "The presence of an Age header field implies that the response was not generated or validated by the origin
  // server for this request" (§5.1), so it is there only if a cache between had it.
  const age = head.headers.age === undefined ? undefined : receivedAt - born;
  send(transaction, { ...stored, headers: answered, bornAt: born }, age, outcome);

  const storability = await evaluated;
  if (sharing.reach === 'personal' && storability.reason !== undefined)
    reportUnshared(transaction, sharing.personal, storability.reason);
  // What the app tells one caller is no reason to take the response from all others.
  if (isOwn && (isOther || storability.reason !== undefined))
    return { kind: 'not-stored', reason: storability.reason ?? 'other-validator' };
  if (isOther || storability.reason !== undefined) {
    await context.store.responses.discard(lease);
    return { kind: 'not-stored', reason: storability.reason ?? 'other-validator' };
  }
  // The freshened head forbids the encodings that the body is stored in.
  if (stored.encodings && !mayEncode(stored.status, fields)) {
    await context.store.responses.discard(lease);
    return { kind: 'not-stored', reason: 'other-encoding' };
  }
  // Writing it again would gain nothing: the next request has to validate as well.
  if (!isWorthStoring(storability)) return { kind: 'unchanged' };
  const { status, message, removedFields, encodings } = stored;
  const selectors = [...stored.selectors, ...sharing.selectors];
  const kept = { removedFields, encodings, selectors, audience: stored.audience };
  const updated = { status, message, headers, vary: fields.vary, ...kept };
  return commit(fill, lease, updated, [stored.body], storability);
}

/** Of names and values in turn, whether one belongs to a field that says how long a response is fresh. */
function isOfFreshness(_: unknown, i: number, fields: StoredFields): boolean {
  return FRESHNESS.has((fields[i - (i % 2)] as string).toLowerCase());
}

const FRESHNESS: ReadonlySet<string> = new Set(['cache-control', 'date', 'expires']);

/** Whether two heads differ in nothing but `Date`. */
function sameFields(a: StoredFields, b: StoredFields): boolean {
  const text = (fields: StoredFields): string => {
    const byName = Object.entries(fieldsByName(fields)).filter(([name]) => name !== 'date');
    return JSON.stringify(byName.sort(([x], [y]) => (x < y ? -1 : 1)));
  };
  return text(a) === text(b);
}
