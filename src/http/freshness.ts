/** Freshness lifetime and age (RFC 9111 §4.2). Times are milliseconds since 1970, lengths are milliseconds. */

import { type Directives, deltaSeconds, joined, members } from './cache-control.ts';
import { parseHttpDate } from './date.ts';
import type { Fields } from './vary.ts';

/** The heuristic lifetime as a fraction of the time since `Last-Modified` (§4.2.2). */
const HEURISTIC_FRACTION = 0.1;
/** The heuristic lifetime is at most a day, in milliseconds. */
const HEURISTIC_CAP = 86_400_000;

/** What a response states about its freshness. */
export interface Stated {
  readonly headers: Fields;
  readonly directives: Directives;
  /** Whether the directives are from a targeted field, with which `Expires` is ignored (RFC 9213 §2.2). */
  readonly targeted: boolean;
  /** The fields from which `Age` and `Date` are read: those of the 304, when it has validated a stored response. */
  readonly dated: Fields;
  /** When the head was received. */
  readonly receivedAt: number;
}

/**
 * The freshness lifetime that a response states (§4.2.1): `s-maxage`, else `max-age`, else `Expires` minus
 * `Date`; `undefined` when it states none. Invalid statements give 0.
 */
export function statedLifetime({ headers, directives, targeted, receivedAt }: Stated): number | undefined {
  const seconds = directives.seconds('s-maxage') ?? directives.seconds('max-age');
  if (seconds !== undefined) return seconds * 1000;
  if (targeted) return undefined;
  const expires = joined(headers.expires);
  if (expires === undefined) return undefined;
  // "A cache recipient MUST interpret invalid date formats, especially the value '0', as representing a time in
  // the past" (§5.3). Several Expires lines join into no date at all.
  const at = parseHttpDate(expires, receivedAt);
  return at === undefined ? 0 : Math.max(0, at - dateOf(headers, receivedAt));
}

/** A tenth of the time since `Last-Modified`, at most a day; `undefined` without a usable one (§4.2.2). */
export function heuristicLifetime({ headers, receivedAt }: Stated): number | undefined {
  const modified = parseHttpDate(joined(headers['last-modified']), receivedAt);
  if (modified === undefined) return undefined;
  const since = dateOf(headers, receivedAt) - modified;
  return since > 0 ? Math.min(since * HEURISTIC_FRACTION, HEURISTIC_CAP) : undefined;
}

/**
 * The moment at which the age was 0, so that the current age is `now - bornAt` (§4.2.3).
 *
 * Without `Age` and `Date` the app itself has generated the response, at the moment its head was sent. With either of
 * them the response comes from another server, so `Age` and the response delay count.
 */
export function bornAt({ dated, receivedAt }: Stated, requestedAt: number): number {
  const stated = joined(dated.age);
  if (stated === undefined && dated.date === undefined) return receivedAt;
  // Of several values "the first is used" (§5.1); an invalid one counts as none.
  const ageValue = (deltaSeconds(stated === undefined ? undefined : members(stated)[0]) ?? 0) * 1000;
  const apparentAge = Math.max(0, receivedAt - dateOf(dated, receivedAt));
  return receivedAt - Math.max(apparentAge, ageValue + (receivedAt - requestedAt));
}

/** `Date`, or the time of receipt where it is missing or invalid (RFC 9110 §6.6.1). */
function dateOf(headers: Fields, receivedAt: number): number {
  return parseHttpDate(joined(headers.date), receivedAt) ?? receivedAt;
}
