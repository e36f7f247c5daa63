import { decodeIdentity } from '../codec/compression.ts';
import { encode } from '../codec/format.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { RequestTemplate } from '../exchange/internal-request.ts';
import { field } from '../http/headers.ts';
import { keptMs } from '../http/retention.ts';
import { type Fields, nominated } from '../http/vary.ts';
import type { CacheOutcome, ForwardReason } from '../observe/outcome.ts';
import { isSameAnswer } from '../sharing/answer.ts';
import { type Finding, withFinding } from '../sharing/audience.ts';
import { isCallersName } from '../sharing/fields.ts';
import type { Sharing } from '../sharing/reach.ts';
import { Fault } from '../store/fault.ts';
import type { VariantRef } from '../store/store.ts';
import { reportUnshared } from './advice.ts';
import { NOT_SHARED } from './collapse.ts';
import type { CacheContext } from './context.ts';
import type { FillResult } from './fill-result.ts';
import type { FillState } from './fill-state.ts';
import type { Found } from './lookup.ts';
import { type MadeAnswer, Question } from './question.ts';
import { templateFor } from './refresh.ts';
import type { Transaction } from './transaction.ts';

/*
 * A response that was made for a request with credentials is never stored for others. What the app gives a stranger may be
 * for all: the cache asks the app behind the answer, and compares.
 */

/** Milliseconds that others wait for a stranger's answer at least. */
const MIN_PATIENCE_MS = 3000;

/** Whether the app has just given such a request what is not shared, so that there is nothing to wait for. */
export function passesAtOnce({ caller, context, found, ownPolicy }: Transaction): boolean {
  return ownPolicy.guard !== 'off' && context.dependentPlaces.isDependent(found.ref, caller);
}

/** What is said of a request that passes at once, and why it was not served. */
export function dependentOutcome(fwd: ForwardReason): CacheOutcome {
  return { kind: 'forward', fwd, detail: 'depends-on-credentials' };
}

/**
 * Whether the app can be asked as a stranger. Behind a gateway that names its callers, it may never have met one: then it is
 * not asked before one has come.
 */
export function canBeAsked({ caller, context, exchange, found }: Transaction): boolean {
  if (caller.isLetInByGateway && !context.dependentPlaces.haveStrangersCome) return false;
  return context.refreshes.canRefresh(exchange, found.ref);
}

/** The request that a stranger would send, if the app can be asked by it. @param vary the field of the response. */
export function strangersTemplate(
  { transaction: t, policy, identity, lease, sharing }: FillState,
  vary: Fields['vary'],
): RequestTemplate | undefined {
  const { exchange, caller } = t;
  // The socket of a client that has disconnected has forgotten its address.
  if (!lease || t.refresh || exchange.isDisconnected || caller.isStranger) return undefined;
  if (!canBeAsked(t)) return undefined;
  return templateFor({ exchange, policy, identity }, selectorsOf(vary, sharing));
}

/** The names that select a response which is not stored yet. */
export function selectorsOf(vary: Fields['vary'], sharing: Sharing | undefined): readonly string[] {
  const names = nominated(vary);
  return [...(names === '*' ? [] : names), ...(sharing?.selectors ?? [])];
}

/** Asks the app for the answer that a stranger gets, and stores that. The client has been answered. */
export async function askAsStranger(
  { transaction: t, hitForMissMs, sharing }: FillState,
  question: Question,
  template: RequestTemplate,
): Promise<void> {
  const { context, durationsMs, found } = t;
  // Whoever waits for the stranger's answer could have had an own one by now.
  const patience = setTimeout(() => question.release(), MIN_PATIENCE_MS + 2 * (durationsMs.origin ?? 0));
  const done = await context.refreshes.begin(t, () => template, { question });
  clearTimeout(patience);
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
  reportUnshared(t, (sharing?.selectors ?? []).filter(isCallersName), 'depends-on-credentials');
}

/**
 * Remembers what a comparison says of requests of this shape.
 * @param template the request of a stranger, if the app can be asked by it.
 * @returns whether they may have what is stored.
 */
export async function learnFrom(
  fill: FillState,
  compared: Found,
  { isSame, answer }: Extract<FillResult, { kind: 'compared' }>,
  template: RequestTemplate | undefined,
): Promise<boolean> {
  const { transaction: t } = fill;
  const { caller, context } = t;
  const record = (finding: Finding): Promise<boolean> =>
    recordFinding(context, compared, caller.shape, finding);
  if (isSame) return t.standing(compared.stored!) === 'same' || record('same');
  // What is stored may be older than the data: only a stranger's answer of now can be compared.
  if (answer && template) return askAgain(fill, compared, answer, template);
  await record(answer && !caller.isStranger ? 'maybe-different' : 'different');
  if (!caller.isStranger) context.dependentPlaces.remember(compared.ref, caller.shape);
  if (answer) reportUnshared(t, [], caller.isStranger ? 'varies' : 'depends-on-credentials');
  return false;
}

async function askAgain(
  fill: FillState,
  { ref, value }: Found,
  answer: MadeAnswer,
  template: RequestTemplate,
): Promise<boolean> {
  const { transaction: t, policy } = fill;
  const { caller, context, identity } = t;
  const { lease: leaseMs } = policy.collapse;
  const lead = await context.collapse.tryLead(ref, identity.key, value, leaseMs, t);
  if (!lead || lead instanceof Fault) return false;
  context.leaseRenewal.keep(lead.lease, leaseMs);
  const question = new Question(lead.lease, lead.flight, answer, caller.shape);
  await askAsStranger(fill, question, template);
  return question.result === 'same';
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
async function recordFinding(
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
