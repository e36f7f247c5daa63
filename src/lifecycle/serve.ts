import type { StoredResponse } from '../codec/stored-response.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { type ReplayForm, replay, sendGatewayTimeout } from '../exchange/replay.ts';
import { joined } from '../http/cache-control.ts';
import { conditionsOf, notModified, type Validators } from '../http/conditional.ts';
import { field } from '../http/headers.ts';
import { ifRangeHolds, rangesOf } from '../http/range.ts';
import { cacheStatus } from '../observe/cache-status.ts';
import type { ForwardReason, Outcome } from '../observe/outcome.ts';
import { type Core, report } from './core.ts';
import { partOf } from './partial.ts';
import { represented } from './representation.ts';

/**
 * Answers with a stored response, in the form that this request asks for.
 * @param age in milliseconds; `undefined` when the origin has just confirmed it.
 */
export function send(
  x: Exchange,
  core: Core,
  stored: StoredResponse,
  age: number | undefined,
  outcome: Outcome,
): void {
  const shown = represented(stored);
  x.saved = stored.originMs;
  x.bytes = replay(x.res, shown, formFor(x, shown, core.clock()), {
    age: age === undefined ? undefined : Math.floor(age / 1000),
    cacheStatus: cacheStatus(core.name, outcome, core.showKey ? stored.key : undefined),
  });
}

/** The same, as the whole of what happened to the request. */
export function answerWith(
  x: Exchange,
  core: Core,
  stored: StoredResponse,
  age: number,
  outcome: Outcome,
): void {
  send(x, core, stored, age, outcome);
  report(x, core, outcome);
}

/** Answers that nothing stored would do, to a client that wants nothing else (RFC 9111 §5.2.1.7). */
export function unsatisfied(x: Exchange, core: Core, fwd: ForwardReason): void {
  const outcome: Outcome = { kind: 'unsatisfied', fwd, detail: 'only-if-cached' };
  sendGatewayTimeout(x.res, cacheStatus(core.name, outcome));
  report(x, core, outcome);
}

export function validatorsOf({ headers, bornAt }: StoredResponse): Validators {
  return {
    etag: field(headers, 'etag'),
    lastModified: field(headers, 'last-modified'),
    date: field(headers, 'date') ?? new Date(bornAt).toUTCString(),
  };
}

/**
 * Conditions first, then ranges (RFC 9110 §13.2.2). "A recipient MUST ignore all received preconditions if its
 * response to the same request without those conditions would have been a status code other than a 2xx or 412"
 * (§13.2.1); ranges are of a 200's content, and defined for GET only (§14.2).
 */
function formFor(x: Exchange, stored: StoredResponse, now: number): ReplayForm {
  const part = partOf(stored);
  if (stored.status !== 200 && !part) return WHOLE;
  const conditions = conditionsOf(x.headers);
  if (conditions && notModified(conditions, validatorsOf(stored), now)) return { kind: 'not-modified' };
  const ranges = rangesAsked(x, stored, part?.size ?? stored.body.length, now);
  if (typeof ranges !== 'string') return { kind: 'partial', ranges, part };
  return ranges === 'whole' ? WHOLE : { kind: 'unsatisfiable' };
}

function rangesAsked(
  x: Exchange,
  stored: StoredResponse,
  size: number,
  now: number,
): ReturnType<typeof rangesOf> {
  const { range, 'if-range': ifRange } = x.headers;
  if (x.method !== 'GET' || range === undefined) return 'whole';
  // "A validator is weak if it is shared by two or more representations" (§8.8.1): a date is, an entity tag is not.
  const validators = stored.selected ? { etag: validatorsOf(stored).etag } : validatorsOf(stored);
  if (ifRange !== undefined && !ifRangeHolds(joined(ifRange) ?? '', validators, now)) return 'whole';
  return rangesOf(range, size);
}

/**
 * Whether this stored response could be the answer, as far as the bytes are there: a part answers for one range that
 * lies within it, and "MUST NOT" be used for anything else (RFC 9111 §3.3).
 */
export function suffices(x: Exchange, stored: StoredResponse, now: number): boolean {
  if (stored.status !== 206) return true;
  const part = partOf(stored);
  const ranges = part && rangesAsked(x, stored, part.size, now);
  if (!part || !ranges || typeof ranges === 'string' || ranges.length !== 1) return false;
  return ranges.every(({ first, last }) => first >= part.first && last <= part.last);
}

const WHOLE: ReplayForm = { kind: 'whole' };
