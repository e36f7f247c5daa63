import { createHash, timingSafeEqual } from 'node:crypto';
import { sendJson } from '../exchange/replay.ts';
import { identify } from '../key/identify.ts';
import type { CacheDetail, CacheOutcome } from '../observe/outcome.ts';
import type { Invalidation } from '../options/policy.ts';
import { reportPurge } from '../purge/purge.ts';
import { isUsualCredential } from '../sharing/fields.ts';
import { Fault } from '../store/fault.ts';
import { reportError } from './option-fault.ts';
import type { Transaction } from './transaction.ts';

/** Purges by a request header field (option `invalidation`). */

type Command = 'invalidate' | 'invalidate-all';

/**
 * Carries out the purge that the request asks for by the `invalidation` option's field, if it is authorized, and answers.
 * The field, and the one with the secret, are taken away from every request before the app sees it.
 * @returns whether the request was answered.
 */
export async function answerPurgeRequest(t: Transaction): Promise<boolean> {
  const { context, exchange } = t;
  const { invalidation } = context.settings;
  if (!invalidation) return false;
  const { header, authorize } = invalidation;
  const given = exchange.headers[header];
  const hasSecret = typeof authorize === 'object' && exchange.headers[authorize.header] !== undefined;
  if (given === undefined && !hasSecret) return false;
  const authorized = await isAuthorized(t, invalidation);
  const hidden = hiddenFields(invalidation, authorized);
  if (given !== undefined || hidden.length > 1) exchange.strip(hidden);
  const command = authorized ? commandIn(given) : undefined;
  if (command === undefined) return false;

  try {
    const count = command === 'invalidate' ? await purgeOwn(t) : await purgeAll(t);
    if (count instanceof Fault) answer(t, count.code, 503, { error: 'Redis did not confirm the purge' });
    else answer(t, command, 200, { purged: count });
  } catch (error) {
    // The request names what its own key stores.
    answer(t, reportError(context.reporter, error, t.ownPolicy), 503, {
      error: 'A function among the options failed',
    });
  }
  return true;
}

function answer(t: Transaction, detail: CacheDetail, status: number, body: object): void {
  const outcome: CacheOutcome = { kind: 'invalidated', detail };
  sendJson(t.exchange.res, status, t.cacheStatus(outcome), body);
  t.settle(outcome);
}

/**
 * What `answerPurgeRequest` would do, for `explain()`: the outcome of a purge request, and the fields that are taken away
 * from any other. Nothing is purged, and the request stays as it is.
 */
export async function explainPurgeRequest(
  t: Transaction,
): Promise<{ readonly outcome?: CacheOutcome; readonly hidden: readonly string[] }> {
  const { invalidation } = t.context.settings;
  if (!invalidation) return { hidden: [] };
  const command = commandIn(t.exchange.headers[invalidation.header]);
  const isAsked = command !== undefined || typeof invalidation.authorize !== 'function';
  const authorized = isAsked && (await isAuthorized(t, invalidation));
  const hidden = hiddenFields(invalidation, authorized);
  return authorized && command ? { hidden, outcome: { kind: 'invalidated', detail: command } } : { hidden };
}

function commandIn(given: unknown): Command | undefined {
  const word = String(given).trim().toLowerCase();
  return word === 'invalidate' || word === 'invalidate-all' ? word : undefined;
}

async function isAuthorized(
  { context, exchange, ownPolicy }: Transaction,
  { authorize }: Invalidation,
): Promise<boolean> {
  if (typeof authorize !== 'function') {
    const given = exchange.headers[authorize.header];
    return typeof given === 'string' && sameSecret(given, authorize.secret);
  }
  try {
    return (await authorize(exchange.req, exchange.res)) === true;
  } catch (error) {
    reportError(context.reporter, error, ownPolicy);
    return false;
  }
}

/**
 * The fields that the app does not see. Credentials that did not authorize a purge may be the app's: they stay, so that its
 * response counts as its caller's.
 */
function hiddenFields({ header, authorize }: Invalidation, authorized: boolean): string[] {
  if (typeof authorize === 'function') return [header];
  const { header: secret } = authorize;
  return authorized || !isUsualCredential(secret) ? [header, secret] : [header];
}

/** Compares in a time that reveals nothing of where, or by how much, they differ. */
function sameSecret(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}

/** Purges the stored responses of this very request, or of a GET in its place. */
async function purgeOwn({ context, exchange, ownPolicy }: Transaction): Promise<number | Fault> {
  const method = ownPolicy.methods.has(exchange.method) ? exchange.method : 'GET';
  const identity = await identify(exchange, ownPolicy, method);
  const { target } = exchange;
  const ids = new Set(target ? context.idsOf(`${target.scheme}://${target.host}${target.url}`) : []);
  if (typeof identity !== 'string') ids.add(identity.id);
  const purges = [...ids].map((id) => context.store.responses.purge(id, 'delete'));
  return reportPurge(context, { by: 'field', target: 'url', soft: false }, purges);
}

function purgeAll({ context }: Transaction): Promise<number | Fault> {
  const purge = context.store.responses.purgeMatching(() => true, 'delete');
  return reportPurge(context, { by: 'field', target: 'all', soft: false }, [purge]);
}
