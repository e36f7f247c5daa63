import type { StoredResponse } from '../codec/stored-response.ts';
import { replay, sendGatewayTimeout } from '../exchange/replay.ts';
import type { CacheOutcome } from '../observe/outcome.ts';
import { type Decision, outcomeOf } from './decide.ts';
import { templateFor } from './refresh.ts';
import { represented } from './representation.ts';
import { formFor } from './response-form.ts';
import type { Transaction } from './transaction.ts';

/** Answering from what is stored. */

/** Carries out a decision to serve: answers, and begins the refresh that goes with it. */
export function serve(t: Transaction, decision: Extract<Decision, { kind: 'serve' }>): void {
  const { stored, ageMs, refresh } = decision;
  if (refresh) void t.context.refreshes.begin(t, () => templateFor(t, stored.selectors));
  if (stored.selectors.length > 0) t.context.varieties.used(t.identity.id);
  serveStored(t, stored, ageMs, outcomeOf(decision));
}

/**
 * Answers with a stored response in the form that the request asks for, and ends the transaction.
 * @param ageMs current age (RFC 9111 §4.2.3).
 */
export function serveStored(
  t: Transaction,
  stored: StoredResponse,
  ageMs: number,
  outcome: CacheOutcome,
): void {
  send(t, stored, ageMs, outcome);
  t.settle(outcome);
}

/** Answers with a stored response in place of a handler that failed or is late (RFC 5861 §4). */
export function serveOnError(
  t: Transaction,
  stored: StoredResponse,
  outcome: Omit<CacheOutcome, 'kind'>,
): void {
  const ageMs = Math.max(0, t.context.clock() - stored.bornAt);
  serveStored(t, stored, ageMs, { kind: 'forward', ...outcome });
}

/**
 * Sends a stored response without settling the transaction.
 * @param ageMs `undefined` when the origin has just confirmed the response.
 */
export function send(
  t: Transaction,
  stored: StoredResponse,
  ageMs: number | undefined,
  outcome: CacheOutcome,
): void {
  const shown = represented(stored);
  t.savedMs = stored.originMs;
  t.bytes = replay(t.exchange.res, shown, formFor(t, shown, t.context.clock()), {
    age: ageMs === undefined ? undefined : Math.floor(ageMs / 1000),
    cacheStatus: t.cacheStatus(outcome),
  });
}

/** Answers 504: no stored response may be used, and the client wants nothing else (RFC 9111 §5.2.1.7). */
export function serveUnsatisfied(t: Transaction, outcome: CacheOutcome): void {
  sendGatewayTimeout(t.exchange.res, t.cacheStatus(outcome));
  t.settle(outcome);
}
