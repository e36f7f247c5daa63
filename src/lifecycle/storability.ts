import { localsOf } from '../exchange/replay.ts';
import { type Directives, parseCacheControl } from '../http/cache-control.ts';
import { bornAt, heuristicLifetime, type Stated, statedLifetime } from '../http/freshness.ts';
import { usableStale } from '../http/retention.ts';
import type { Ageing } from '../http/reuse.ts';
import { refusal } from '../http/storable.ts';
import { targetedDirectives } from '../http/targeted.ts';
import { type Fields, nominated } from '../http/vary.ts';
import { tagsOf } from '../key/tags.ts';
import type { CacheDetail } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import { ERROR_LIFETIME, lifetimeFor, type Ttl } from '../options/ttl.ts';
import { isPromise } from '../options/user-function.ts';
import { type Run, type Sharing, sharingOfRun } from '../sharing/reach.ts';
import type { FillState } from './fill-state.ts';
import { reportError } from './option-fault.ts';

/**
 * May this response be stored, for how long and under which tags (RFC 9111 section 3 and the options)? Evaluated once
 * its head is known; who may have it, once more at its end (`sharingOf`).
 */
export type Storability =
  | { readonly reason?: undefined; readonly ageing: Ageing; readonly tags: readonly string[] }
  /** Why not: a word of `Cache-Status`. */
  | { readonly reason: CacheDetail };

/** The head to evaluate: the one that the app sent, or a stored one that a 304 has freshened. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Fields;
  /** The body's length in bytes, where the head tells it. */
  readonly length: number | undefined;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  /** The fields that tell the age: a 304's own, where it confirmed a stored response. */
  readonly dated: Fields;
}

/** A promise only where a function of the user's returns one. A function that throws is a reason not to store. */
export function evaluate(
  fill: FillState,
  head: ResponseHead,
  sharing: Sharing,
): Storability | Promise<Storability> {
  const failed = (error: unknown): Storability => {
    return { reason: reportError(fill.transaction.context.reporter, error, fill.policy) };
  };
  fill.reads.leave();
  try {
    const storability = evaluated(fill, head, sharing);
    return storability instanceof Promise ? storability.catch(failed) : storability;
  } catch (error) {
    return failed(error);
  } finally {
    fill.reads.return();
  }
}

/** Who may have a response, by what the app has read of the request so far. */
export function sharingOf(fill: FillState, head: ResponseHead): Sharing {
  const { identity, policy, reads, transaction } = fill;
  const { caller } = transaction;
  const names = nominated(head.headers.vary);
  const nominatedNames = names === '*' ? [] : names;
  const { headers, cookies, ignore } = policy.vary;
  const run: Run = {
    reads,
    caller,
    coverage: {
      caller: identity.coversCaller,
      fields: [...headers, ...nominatedNames],
      cookies,
    },
    directives: statedBy(head, policy).directives,
    guard: policy.guard,
    keyed: keyedFields(fill, head),
    rule: { credentials: policy.credentials, ignore },
  };
  return sharingOfRun(run);
}

/** The fields that the response does not go by, whatever the app reads. */
function keyedFields({ policy, transaction }: FillState, { headers }: ResponseHead): ReadonlySet<string> {
  const fields = policy.key ? NOT_KEYED : transaction.exchange.targetFields;
  // The middleware `cors` reads `Origin` even where it allows every origin.
  return headers['access-control-allow-origin'] === '*' ? new Set([...fields, 'origin']) : fields;
}

const NOT_KEYED: ReadonlySet<string> = new Set();

/** Why a response is not shared, as far as its caller and what selects it are concerned; `undefined` if it may be. */
export function sharingRefusal(
  { identity, transaction: { caller, context } }: FillState,
  { reach, personal, selectors }: Sharing,
): CacheDetail | undefined {
  if (reach === 'personal')
    return caller.isStranger
      ? `varies: ${personal.join(', ')}`
      : `depends-on-credentials: ${personal.join(', ')}`;
  if (selectors.length > 0 && context.varieties.isUnrepeated(identity.id))
    return `varies: ${selectors.join(', ')}`;
  return undefined;
}

/** A response's directives, from the field that applies to this cache, and what else states its freshness. */
export function statedBy({ headers, dated, receivedAt }: ResponseHead, policy: Policy): Stated {
  const targeted = targetedDirectives(headers, policy.targeted);
  const directives = targeted ?? parseCacheControl(headers['cache-control']);
  return { headers, dated, directives, targeted: targeted !== undefined, receivedAt };
}

/** The `res.locals` values to keep with the response (option `locals`). */
export function keptLocals({
  transaction,
  policy: { locals: names },
}: FillState): Record<string, unknown> | null {
  if (names.length === 0) return null;
  const locals = localsOf(transaction.exchange.res);
  return Object.fromEntries(
    names.filter((name) => locals[name] !== undefined).map((name) => [name, locals[name]]),
  );
}

function evaluated(
  fill: FillState,
  head: ResponseHead,
  sharing: Sharing,
): Storability | Promise<Storability> {
  const { policy, transaction } = fill;
  const { exchange } = transaction;
  if (fill.refusal !== undefined) return { reason: fill.refusal };
  if (!policy.key && !exchange.targetMatchesApp) return { reason: 'target' };
  if (PERSONAL_ERRORS.has(head.status) && !isNamed(policy, head.status)) return { reason: 'error-status' };
  const stated = statedBy(head, policy);
  const forbidden = forbids(fill, head, stated.directives);
  if (forbidden) return { reason: forbidden };
  const unshared = sharingRefusal(fill, sharing);
  if (unshared !== undefined) return { reason: unshared };
  if (head.length !== undefined && head.length > policy.maxBodySize) return { reason: 'too-large' };

  const { req, res } = exchange;
  const wanted = policy.storeWhen?.(req, res) ?? true;
  const lifetime = policy.directives === 'override' ? undefined : lifetimeOf(stated, head.status, policy);
  const given = lifetime ?? givenLifetime(fill, head.status);
  const own = typeof policy.tags === 'function' ? policy.tags(req, res) : policy.tags;
  if (isPromise(wanted) || isPromise(given) || isPromise(own)) {
    return Promise.all([wanted, given, own]).then((values) =>
      concluded(fill, head, stated, lifetime, ...values),
    );
  }
  return concluded(fill, head, stated, lifetime, wanted, given, own);
}

/** @param lifetime what the response states; otherwise @param given, what the `ttl` option gave. */
function concluded(
  fill: FillState,
  head: ResponseHead,
  stated: Stated,
  lifetime: number | undefined,
  wanted: boolean,
  given: Ttl,
  own: unknown,
): Storability {
  if (!wanted) return { reason: 'store-when' };
  const tags = tagsOf(fill.transaction.exchange, head.headers, own, fill.identity.policy.key !== undefined);
  return tags ? aged(fill, head, stated, lifetime, given, tags) : { reason: 'tags' };
}

/** Cookies that middleware in front has set are its own, and are not stored. */
function withoutOuterCookies({ headBefore }: FillState, headers: Fields): Fields {
  if (headers['set-cookie'] === undefined) return headers;
  const { 'set-cookie': cookies, ...others } = headers;
  const before = headBefore.find(([name]) => name.toLowerCase() === 'set-cookie')?.[1];
  return String(before) === String(cookies) ? others : headers;
}

/** The rule of RFC 9111 section 3 that forbids to store the response. */
function forbids(fill: FillState, head: ResponseHead, directives: Directives): CacheDetail | undefined {
  const { policy, identity, transaction } = fill;
  const names = nominated(head.headers.vary);
  return refusal({
    status: head.status,
    headers: withoutOuterCookies(fill, head.headers),
    directives,
    request: { headers: transaction.headers, directives: transaction.directivesUnder(policy) },
    // What is made for a request with credentials is not what is stored, where the guard verifies it.
    credentialsKeyed:
      policy.guard === 'verify' ||
      identity.coversCaller ||
      policy.vary.headers.includes('authorization') ||
      names.includes('authorization'),
    setCookie: policy.setCookie,
  });
}

function aged(
  fill: FillState,
  head: ResponseHead,
  stated: Stated,
  lifetime: number | undefined,
  given: Ttl,
  tags: readonly string[],
): Storability {
  const { policy, requestedAt } = fill;
  const ms = lifetime ?? optionalLifetime(given, head, stated, policy);
  const directives = policy.directives === 'override' ? parseCacheControl(undefined) : stated.directives;
  const has = (name: string): boolean => directives.has(name);
  // Under 'override' the response's own statement of its age does not count either.
  const born = policy.directives === 'override' ? head.receivedAt : bornAt(stated, requestedAt);
  const hasValidator = head.headers.etag !== undefined || head.headers['last-modified'] !== undefined;
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
  };
  const isListed = policy.statuses.has(head.status);
  if (ms === undefined && !hasValidator) return { reason: isListed ? 'no-lifetime' : 'status' };
  if (ms === undefined && !isListed && !has('public')) return { reason: 'status' };
  const isFresh = head.receivedAt - born < ageing.lifetime && !validateAlways;
  // A response whose `ttl` has passed before it is sent would be stored at each request, and never used.
  const isByTtl = lifetime === undefined && ageing.lifetime > 0 && !validateAlways;
  const staleFor = head.receivedAt - born - ageing.lifetime;
  const isUsable = isByTtl
    ? staleFor < Math.max(ageing.staleWhileRevalidate, ageing.staleIfError)
    : hasValidator || usableStale(ageing);
  // A part is not validated, but requested again.
  if (isFresh || (isUsable && head.status !== 206)) return { ageing, tags };
  return { reason: validateAlways ? 'no-cache' : 'not-fresh' };
}

/** Error responses that depend on who the client is, or on how many requests it has made. */
const PERSONAL_ERRORS: ReadonlySet<number> = new Set([401, 403, 407, 429]);

/** Whether the options name a status, so that its responses are meant to be stored. */
function isNamed({ ttl, statuses }: Policy, status: number): boolean {
  return statuses.has(status) || (typeof ttl === 'object' && Object.hasOwn(ttl, status));
}

/**
 * The lifetime that the response states. That of an error is at most a minute, unless `ttl` names its status: an error is
 * often sent with the `Cache-Control` that middleware has set for the response in its place.
 */
function lifetimeOf(stated: Stated, status: number, policy: Policy): number | undefined {
  const lifetime = statedLifetime(stated);
  const named = typeof policy.ttl === 'object' && Object.hasOwn(policy.ttl, status);
  return lifetime !== undefined && status >= 400 && !named ? Math.min(lifetime, ERROR_LIFETIME) : lifetime;
}

/** The lifetime of a response that states none: what the `ttl` option gave, or a heuristic. */
function optionalLifetime(
  given: Ttl,
  head: ResponseHead,
  stated: Stated,
  policy: Policy,
): number | undefined {
  const ms = lifetimeFor(given, head.status, typeof policy.ttl === 'function');
  return ms === false ? heuristicFor(head, policy, stated) : ms * (1 - policy.jitter * Math.random());
}

/** "A cache MUST NOT use heuristics when an explicit expiration time is present" (§4.2.2), nor where not allowed. */
function heuristicFor(head: ResponseHead, policy: Policy, stated: Stated): number | undefined {
  const allowed = policy.statuses.has(head.status) || stated.directives.has('public');
  return allowed && policy.directives !== 'override' ? heuristicLifetime(stated) : undefined;
}

/** How long past its lifetime a response may be served, as it states or as the option says; an error never is. */
function windowOf(seconds: number | undefined, option: number, status: number): number {
  if (status >= 500) return 0;
  return seconds === undefined ? option : seconds * 1000;
}

/** What the `ttl` option gives for this response, not yet read for its status; `false` where it gives nothing. */
function givenLifetime({ policy, transaction: { exchange } }: FillState, status: number): Ttl | Promise<Ttl> {
  if (!policy.statuses.has(status)) return false;
  return typeof policy.ttl === 'function' ? policy.ttl(exchange.req, exchange.res) : policy.ttl;
}
