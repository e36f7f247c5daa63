import { encodeBody } from '../codec/compression.ts';
import type { Encodings } from '../codec/encodings.ts';
import { encode, lengthOf } from '../codec/format.ts';
import type { Piece } from '../codec/piece.ts';
import type { StoredHead } from '../codec/stored-response.ts';
import type { SentHead } from '../exchange/capture.ts';
import type { CapturedBody } from '../exchange/chunk.ts';
import { mayEncode } from '../http/content-coding.ts';
import { httpDate } from '../http/date.ts';
import { field, type StoredFields, snapshot, storedFields } from '../http/headers.ts';
import { parseContentRange } from '../http/range.ts';
import { keptMs } from '../http/retention.ts';
import { withheld } from '../http/storable.ts';
import { type Fields, selecting } from '../http/vary.ts';
import { redisId } from '../key/cache-key.ts';
import { type Selecting, variantText } from '../key/variant.ts';
import { Fault } from '../store/fault.ts';
import type { Commit, Lease } from '../store/store.ts';
import type { FillResult } from './fill-result.ts';
import type { FillState } from './fill-state.ts';
import { keptLocals, type ResponseHead, type Storability, statedBy } from './storability.ts';

/** From a complete response to what is stored. */

/** A head to store. `vary` is the field as the response had it, `selectors` what selects the response beside it. */
type HeadToStore = Pick<StoredHead, 'status' | 'message' | 'headers' | 'removedFields' | 'encodings'> &
  StoredSharing & { readonly vary: Fields['vary'] };

/** What is stored of who may have a response. */
export type StoredSharing = Pick<StoredHead, 'selectors' | 'audience'>;

type Storable = Extract<Storability, { readonly ageing: unknown }>;

/**
 * Stores a complete response. Where the body need not be encoded, it is written to where it is stored before this returns.
 * @param head the head as it was sent, with the fields of middleware in front.
 */
export function storeComplete(
  fill: FillState,
  lease: Lease,
  head: ResponseHead & SentHead,
  body: CapturedBody,
  storability: Storable,
  sharing: StoredSharing,
): Promise<FillResult> {
  const { headers, removedFields } = fieldsToStore(fill, head);
  const { status, message } = head;
  const isBodiless = status === 204;
  const { pieces } = body;
  const length = lengthOf(pieces);
  const isStated = head.headers['content-length'] !== undefined || isBodiless;
  const complete: HeadToStore = {
    status,
    message,
    vary: head.headers.vary,
    headers: isStated ? headers : [...headers, 'Content-Length', String(length)],
    removedFields,
    encodings: undefined,
    ...sharing,
  };
  if (status === 206) {
    const part = partToStore(complete, length);
    return part
      ? commit(fill, lease, part, pieces, storability)
      : Promise.resolve({ kind: 'not-stored', reason: 'incomplete' });
  }
  if (isBodiless) return commit(fill, lease, complete, [], storability);
  if (!isToBeEncoded(fill, head)) return commit(fill, lease, complete, pieces, storability);
  return storeEncoded(fill, lease, complete, body.copy(), storability);
}

async function storeEncoded(
  fill: FillState,
  lease: Lease,
  head: HeadToStore,
  chunks: readonly Buffer[],
  storability: Storable,
): Promise<FillResult> {
  const encoded = await encodedBody(fill, chunks);
  if (!encoded) return commit(fill, lease, head, chunks, storability);
  return commit(fill, lease, { ...head, encodings: encoded.encodings }, encoded.chunks, storability);
}

/** Stores, if the lease is still held. */
export async function commit(
  fill: FillState,
  lease: Lease,
  head: HeadToStore,
  body: readonly Piece[],
  storability: Storable,
): Promise<FillResult> {
  const { transaction } = fill;
  const { context, startsMs, durationsMs } = transaction;
  const stored = toCommit(fill, lease, head, body, storability);
  const startedAt = performance.now();
  // The lease is not renewed any more: a commit that is lost on its way arrives no later than the lease runs out.
  context.leaseRenewal.drop(lease);
  const committing = context.store.responses.commit(stored);
  fill.limitWait();
  const committed = await committing;
  const durationMs = performance.now() - startedAt;
  startsMs.store = startedAt - transaction.startedAt;
  durationsMs.store = durationMs;
  if (committed instanceof Fault) return { kind: 'not-stored', reason: committed.code };
  if (!committed) return { kind: 'revoked' };
  const { bytes, ttlMs, tags } = stored;
  context.reporter.store({ key: lease.key, bytes: bytes.length, expiresInMs: ttlMs, tags, durationMs });
  return { kind: 'stored', commit: stored };
}

/** The fields of a sent head that are stored, completed by what Node adds when it sends it. */
export function fieldsToStore(
  { headBefore, policy, transaction: { exchange } }: FillState,
  head: ResponseHead & SentHead,
): { headers: StoredFields; removedFields: readonly string[] } {
  const { directives } = statedBy(head, policy);
  const stored = storedFields(head.fields, snapshot(headBefore), withheld(directives, policy.setCookie));
  // "A recipient with a clock that receives a response message without a Date header field MUST record the time it
  // was received and append a corresponding Date" (RFC 9110 §6.6.1).
  if (head.headers.date !== undefined || !exchange.res.sendDate) return stored;
  return {
    removedFields: stored.removedFields,
    headers: [...stored.headers, 'Date', httpDate(head.receivedAt)],
  };
}

function toCommit(
  fill: FillState,
  lease: Lease,
  head: HeadToStore,
  body: readonly Piece[],
  { ageing, tags }: Storable,
): Commit {
  const { identity, policy, transaction } = fill;
  const { exchange, context, durationsMs } = transaction;
  const names = namesOf(head);
  const variant = variantText(identity.declared, names, selectingBy(fill));
  const { status, message, headers, removedFields, encodings } = head;
  const stored: StoredHead = {
    key: identity.key,
    variant,
    status,
    message,
    headers,
    removedFields,
    ...ageing,
    originMs: Math.round(durationsMs.origin ?? 0),
    tags,
    locals: keptLocals(fill),
    cacheLevel: exchange.cacheLevel,
    selectors: names,
    audience: head.audience,
    encodings,
  };
  return {
    lease,
    declaredVariant: identity.declaredVariant,
    variant: redisId(variant, policy.hash),
    names,
    tags,
    bytes: encode(stored, body),
    ttlMs: keptMs(headers, ageing, context.clock()),
  };
}

/** The names that select a response: those that `Vary` nominates, and those that the app has read. */
export function namesOf({
  vary,
  headers,
  selectors,
}: Pick<HeadToStore, 'vary' | 'headers' | 'selectors'>): readonly string[] {
  const names = selecting(vary, field(headers, 'content-encoding'));
  if (names === '*') throw new TypeError('a response with Vary: * is never stored');
  return selectors.length === 0 ? names : [...new Set([...names, ...selectors])].sort();
}

/** The request of a fill as it selects: a placed value with the text that it had when the app read it. */
export function selectingBy({ reads, transaction }: FillState): Selecting {
  return {
    headers: transaction.exchange.headers,
    placed: (name) => (reads.placed.has(name) ? (reads.placed.get(name) ?? null) : transaction.placed(name)),
  };
}

/** Whether the `compress` option asks for encodings of the body, and the response allows it. */
function isToBeEncoded({ policy }: FillState, head: ResponseHead): boolean {
  if (!policy.compress || !mayEncode(head.status, head.headers)) return false;
  return !statedBy(head, policy).directives.has('no-transform');
}

/**
 * The body in the encodings that the `compress` option asks for, where it is worth it. The client has been answered, and the
 * lease is renewed meanwhile.
 */
async function encodedBody(
  { policy, transaction: { context } }: FillState,
  chunks: readonly Buffer[],
): Promise<{ readonly encodings: Encodings; readonly chunks: readonly Buffer[] } | undefined> {
  const { compress, collapse } = policy;
  if (!compress) return undefined;
  try {
    return await encodeBody(compress, chunks, collapse.lease);
  } catch (error) {
    context.reporter.fault({ step: 'compress', code: 'error', message: String(error) });
    return undefined;
  }
}

/** A 206 that is the whole is stored as a 200; `undefined` for one whose bytes do not match its `Content-Range`. */
function partToStore(head: HeadToStore, length: number): HeadToStore | undefined {
  const part = parseContentRange(field(head.headers, 'content-range'));
  if (!part || length !== part.last - part.first + 1) return undefined;
  if (length !== part.size) return head;
  const headers = head.headers.filter(
    (_, i, all) => (all[i - (i % 2)] as string).toLowerCase() !== 'content-range',
  );
  return { ...head, status: 200, message: '', headers };
}
