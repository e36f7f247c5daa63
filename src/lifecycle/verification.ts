import { decodeIdentity } from '../codec/compression.ts';
import { encode } from '../codec/format.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { RequestTemplate } from '../exchange/internal-request.ts';
import { field } from '../http/headers.ts';
import { keptMs } from '../http/retention.ts';
import type { ForwardReason, Outcome } from '../observe/outcome.ts';
import { isSameAnswer } from '../sharing/answer.ts';
import { type Finding, withFinding } from '../sharing/audience.ts';
import { Fault } from '../store/fault.ts';
import type { VariantRef } from '../store/store.ts';
import { reportUnshared } from './advice.ts';
import { NOT_SHARED } from './collapse.ts';
import type { CacheContext } from './context.ts';
import type { Found } from './lookup.ts';
import type { MadeAnswer, Question } from './question.ts';
import type { Transaction } from './transaction.ts';

/*
 * A response that was made for a request with credentials is never stored for others. What the app gives a stranger may be
 * for all: the cache asks the app behind the answer, and compares.
 */

/** Whether the app has just given such a request what is not shared, so that there is nothing to wait for. */
export function passesAtOnce({ caller, context, found, ownPolicy }: Transaction): boolean {
  return ownPolicy.guard !== 'off' && context.dependentPlaces.isDependent(found.ref, caller);
}

/** What is said of a request that passes at once, and why it was not served. */
export function dependentOutcome(fwd: ForwardReason): Outcome {
  return { kind: 'forward', fwd, detail: 'depends-on-credentials' };
}

/** Asks the app for the answer that a stranger gets, and stores that. The client has been answered. */
export async function askAsStranger(
  t: Transaction,
  question: Question,
  template: RequestTemplate,
  hitForMissMs: number,
): Promise<void> {
  const { context, found } = t;
  const done = await context.refreshes.begin(t, () => template, { question });
  if (!question.isTaken) {
    const { lease, flight } = question.take();
    context.leaseRenewal.drop(lease);
    await context.store.leases.release(lease, hitForMissMs);
    flight.settle(NOT_SHARED);
  }
  const { result, shape } = question;
  const isUnreachable = done === 'another-key' || done === 'bypass' || done === undefined;
  if (result === 'different') context.dependentPlaces.remember(found.ref, shape);
  else if (result === 'not-stored' || isUnreachable) context.dependentPlaces.remember(found.ref);
  else return;
  reportUnshared(t, [], 'depends-on-credentials');
}

/** The place where requests of one shape are compared with a stored response: it has a lease, and no value. */
export function comparisonRef({ id, variant }: VariantRef, shape: string): VariantRef {
  return { id, variant: `${variant}~${shape}` };
}

/** Whether the app has given the caller what is stored. `undefined` where the stored body cannot be decoded. */
export async function agreesWith(stored: StoredResponse, made: MadeAnswer): Promise<boolean | undefined> {
  const { status, headers, encodings } = stored;
  if (stored.variant !== made.variant) return false;
  const body = encodings ? await decodeIdentity(stored, encodings).catch(() => undefined) : stored.body;
  if (!body) return undefined;
  return isSameAnswer({ status, field: (name) => field(headers, name), chunks: [body] }, made);
}

/** Adds to a stored response what was seen of a shape. What has changed meanwhile stays as it is. */
export async function recordFinding(
  context: CacheContext,
  { stored, ref, value }: Found,
  shape: string,
  finding: Finding,
): Promise<boolean> {
  if (!stored?.audience || !value) return false;
  const now = context.clock();
  const audience = withFinding(stored.audience, shape, finding, now);
  const { body, purged: _, selected: __, ...head } = stored;
  const replaced = await context.store.responses.replace({
    ...ref,
    version: value.version,
    tags: stored.tags,
    bytes: encode({ ...head, audience }, [body]),
    staleSince: value.staleSince,
    ttlMs: keptMs(head.headers, head, now),
  });
  return !(replaced instanceof Fault) && replaced;
}
