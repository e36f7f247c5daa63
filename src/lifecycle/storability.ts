import type { Encodings } from '../codec/encodings.ts';
import { encode } from '../codec/format.ts';
import type { StoredHead } from '../codec/stored-response.ts';
import type { Head } from '../exchange/capture.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { uncovered } from '../exchange/guard/guard.ts';
import { localsOf } from '../exchange/replay.ts';
import { type Directives, parseCacheControl, requestDirectives } from '../http/cache-control.ts';
import { httpDate } from '../http/date.ts';
import { bornAt, heuristicLifetime, type Stated, statedLifetime } from '../http/freshness.ts';
import { field as fieldOf, type StoredFields, snapshot, storedFields } from '../http/headers.ts';
import { keptStale, usableStale } from '../http/retention.ts';
import type { Ageing } from '../http/reuse.ts';
import { refusal, withheld } from '../http/storable.ts';
import { targetedDirectives } from '../http/targeted.ts';
import { type Fields, nominated, selecting } from '../http/vary.ts';
import { redisId } from '../key/cache-key.ts';
import { tagsOf } from '../key/tags.ts';
import { variantText } from '../key/variant.ts';
import type { Policy } from '../options/policy.ts';
import { ERROR_LIFETIME, lifetimeFor } from '../options/ttl.ts';
import type { Commit } from '../store/store.ts';
import type { Fill } from './core.ts';

/** What is decided about a response once its head is known: how it ages, or why it is not stored. */
export type Verdict =
  | { readonly ageing: Ageing; readonly tags: readonly string[]; readonly refused?: undefined }
  | { readonly refused: string };

/** A head to judge: the one that the app sent, or a stored one that a 304 has brought up to date. */
export interface Judged {
  readonly status: number;
  readonly headers: Fields;
  /** The body's length in bytes, where it is known by now. */
  readonly length: number | undefined;
  readonly receivedAt: number;
  /** The fields that tell the age: a 304's own, where it is one. */
  readonly dated: Fields;
}

/** Whether and how to store a response with this head; a promise only where a function of the user's gives one. */
export function judge(x: Exchange, fill: Fill, head: Judged): Verdict | Promise<Verdict> {
  const { policy } = fill;
  if (fill.refused !== undefined) return { refused: fill.refused };
  if (!policy.key && !x.isAimedAlike) return { refused: 'target' };
  const stated = statedBy(head, policy);
  const forbidden = forbids(x, fill, head, stated.directives);
  if (forbidden) return { refused: forbidden };
  if (head.length !== undefined && head.length > policy.maxBodySize) return { refused: 'too-large' };
  const asked = policy.storeWhen?.(x.req, x.res);
  const lifetime = policy.directives === 'override' ? undefined : lifetimeOf(stated, head.status, policy);
  const given = lifetime ?? givenLifetime(x, policy, head.status);
  const own = typeof policy.tags === 'function' ? policy.tags(x.req, x.res) : policy.tags;
  const decided = (wanted: boolean, length: unknown, own: unknown): Verdict => {
    if (!wanted) return { refused: 'store-when' };
    const tags = tagsOf(x, head.headers, own);
    return tags ? aged(fill, head, stated, lifetime, length, tags) : { refused: 'tags' };
  };
  if (isPromise(asked) || isPromise(given) || isPromise(own)) {
    return Promise.all([asked ?? true, given, own]).then((answers) => decided(...answers));
  }
  return decided(asked ?? true, given, own);
}

/** The request's directives, where they count. */
export function askedBy(x: Exchange, policy: Policy): Directives | undefined {
  return policy.directives === 'follow' ? requestDirectives(x.headers) : undefined;
}

/** What the app has read so far of the person behind the request, and neither the key nor the response covers. */
export function personal(x: Exchange, fill: Fill, { headers }: Judged, directives: Directives): string[] {
  const { policy, watch, identity } = fill;
  if (policy.guard === 'off' || watch.read.size === 0) return [];
  // The response's own word that it is for everyone.
  if (directives.has('public') || directives.has('s-maxage')) return [];
  const missed = x.depth > 0 ? x.missed : [];
  const covered = new Set([...identity.covers, ...missed, ...nominated(headers.vary)]);
  const read = uncovered(watch.read, covered, x.headers);
  // Of what was made with `Authorization`, and nothing else of the person, must-revalidate says so too (§3.5).
  return directives.has('must-revalidate') ? read.filter((what) => what !== 'authorization') : read;
}

/** The same as the reason why a response is not stored, and what to do about it. */
export function personalDetail({ watch }: Fill, read: readonly string[]): string {
  const placed = watch.placed.size > 0 ? `; mount in front what sets ${[...watch.placed].join(', ')}` : '';
  return `personal: ${read.join(', ')}${placed}`;
}

/** A response's directives, from the field that applies to this cache, and what else tells its freshness. */
export function statedBy({ headers, dated, receivedAt }: Judged, policy: Policy): Stated {
  const targeted = targetedDirectives(headers, policy.targeted);
  const directives = targeted ?? parseCacheControl(headers['cache-control']);
  return { headers, dated, directives, targeted: targeted !== undefined, receivedAt };
}

/** A head to be stored. That of a body in encodings has to say so. */
export type ToStore = Pick<StoredHead, 'status' | 'message' | 'headers' | 'removedFields'> & {
  readonly vary: Fields['vary'];
  readonly encodings: Encodings | undefined;
};

/** What to commit: a stored head's fields, and its body in chunks. */
export function commitOf(
  x: Exchange,
  fill: Fill,
  head: ToStore,
  chunks: readonly Uint8Array[],
  { ageing, tags }: Extract<Verdict, { readonly ageing: Ageing }>,
  now: number,
): Commit {
  const { identity, lease, policy } = fill;
  const names = selecting(head.vary, fieldOf(head.headers, 'content-encoding'));
  if (names === '*') throw new TypeError('a response that varies on everything is never stored');
  const variant = variantText(identity.declared, names, x.headers);
  const { status, message, headers, removedFields, encodings } = head;
  const originMs = Math.round(x.took.origin ?? 0);
  const locals = keptLocals(x, policy.locals);
  const stored = {
    key: identity.key,
    variant,
    status,
    message,
    headers,
    removedFields,
    ...ageing,
    originMs,
    tags,
    locals,
    cacheLevel: x.depth,
    encodings,
  };
  return {
    lease,
    slot: redisId(identity.declared, policy.hash),
    variant: redisId(variant, policy.hash),
    names,
    tags,
    bytes: encode(stored, chunks),
    ttl: Math.max(1, Math.ceil(ageing.bornAt + ageing.lifetime + keptStale(headers, ageing) - now)),
  };
}

/** The fields to store of a head that the app sent, completed by what Node adds when it sends it. */
export function fieldsToStore(
  x: Exchange,
  fill: Fill,
  head: Head,
  receivedAt: number,
): { headers: StoredFields; removedFields: readonly string[] } {
  const headers = head.headers as Fields;
  const { policy } = fill;
  const { directives } = statedBy({ ...head, headers, dated: headers, receivedAt }, policy);
  const stored = storedFields(head.fields, snapshot(fill.before), withheld(directives, policy.setCookie));
  // "A recipient with a clock that receives a response message without a Date header field MUST record the time it
  // was received and append a corresponding Date" (RFC 9110 §6.6.1).
  if (headers.date !== undefined || !x.res.sendDate) return stored;
  return { removedFields: stored.removedFields, headers: [...stored.headers, 'Date', httpDate(receivedAt)] };
}

function forbids(x: Exchange, fill: Fill, head: Judged, directives: Directives): string | undefined {
  const { policy, identity } = fill;
  const names = nominated(head.headers.vary);
  const refused = refusal({
    status: head.status,
    headers: head.headers,
    directives,
    request: { headers: x.headers, directives: askedBy(x, policy) },
    credentialsKeyed: identity.coversCredentials || names.includes('authorization'),
    setCookie: policy.setCookie,
  });
  if (refused || policy.guard !== 'refuse') return refused;
  const read = personal(x, fill, head, directives);
  return read.length > 0 ? personalDetail(fill, read) : undefined;
}

/** @param lifetime what the response states; otherwise @param given, what the `ttl` option gave. */
function aged(
  fill: Fill,
  head: Judged,
  stated: Stated,
  lifetime: number | undefined,
  given: unknown,
  tags: readonly string[],
): Verdict {
  const { policy, requestedAt } = fill;
  const computed = typeof policy.ttl === 'function';
  const ms =
    lifetime ??
    (jittered(lifetimeFor(given, head.status, computed), policy) || heuristicFor(head, policy, stated));
  const directives = policy.directives === 'override' ? parseCacheControl(undefined) : stated.directives;
  const has = (name: string): boolean => directives.has(name);
  const born = bornAt(stated, requestedAt);
  const confirmable = head.headers.etag !== undefined || head.headers['last-modified'] !== undefined;
  const validateAlways = directives.names('no-cache') === 'all';
  const ageing: Ageing = {
    bornAt: born,
    lifetime: ms ?? 0,
    validateAlways,
    neverStale: has('must-revalidate') || has('proxy-revalidate') || has('s-maxage'),
    staleIfError: windowOf(directives.seconds('stale-if-error'), policy.staleIfError, head.status),
    staleWhileRevalidate: windowOf(
      directives.seconds('stale-while-revalidate'),
      policy.staleWhileRevalidate,
      head.status,
    ),
    originMs: 0,
  };
  if (ms === undefined && !confirmable)
    return { refused: policy.statuses.has(head.status) ? 'no-lifetime' : 'status' };
  if (ms === undefined && !policy.statuses.has(head.status) && !has('public')) return { refused: 'status' };
  const fresh = head.receivedAt - born < ageing.lifetime && !validateAlways;
  // A part is not validated, but asked for again.
  if (fresh || (head.status !== 206 && (confirmable || usableStale(ageing)))) return { ageing, tags };
  return { refused: validateAlways ? 'no-cache' : 'not-fresh' };
}

/**
 * What the response states, but no longer than an error is kept: error pages are made of a response that was begun
 * as something else, and still carry what it stated. A `ttl` that names the status says that it knows better.
 */
function lifetimeOf(stated: Stated, status: number, policy: Policy): number | undefined {
  const lifetime = statedLifetime(stated);
  const named = typeof policy.ttl === 'object' && policy.ttl !== null && status in policy.ttl;
  return lifetime !== undefined && status >= 500 && !named ? Math.min(lifetime, ERROR_LIFETIME) : lifetime;
}

/** "A cache MUST NOT use heuristics when an explicit expiration time is present" (§4.2.2), nor where not allowed. */
function heuristicFor(head: Judged, policy: Policy, stated: Stated): number | undefined {
  const allowed = policy.statuses.has(head.status) || stated.directives.has('public');
  return allowed && policy.directives !== 'override' ? heuristicLifetime(stated) : undefined;
}

/** A lifetime that `ttl` gave, a little shorter for some than for others. */
function jittered(lifetime: number | false, { jitter }: Policy): number | false {
  return lifetime && lifetime * (1 - jitter * Math.random());
}

/** How long past its lifetime a response may be of use, as it states or as the option says; an error never is. */
function windowOf(seconds: number | undefined, option: number, status: number): number {
  if (status >= 500) return 0;
  return seconds === undefined ? option : seconds * 1000;
}

/** What the `ttl` option gives for this exchange, not yet read for its status; `false` where it gives nothing. */
function givenLifetime(x: Exchange, policy: Policy, status: number): unknown {
  if (!policy.statuses.has(status)) return false;
  return typeof policy.ttl === 'function' ? policy.ttl(x.req, x.res) : policy.ttl;
}

function keptLocals(x: Exchange, names: readonly string[]): Record<string, unknown> | null {
  if (names.length === 0) return null;
  const locals = localsOf(x.res);
  return Object.fromEntries(
    names.filter((name) => locals[name] !== undefined).map((name) => [name, locals[name]]),
  );
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
}
