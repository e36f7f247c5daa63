import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Exchange } from '../exchange/exchange.ts';
import type { RequestTarget, Target } from '../exchange/target.ts';
import { Generations } from '../generations.ts';
import { joined } from '../http/cache-control.ts';
import type { CacheDetail } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import type { KeyPart } from '../options/types.ts';
import { optionView } from '../sharing/option-view.ts';
import { variantKeyOf } from '../store/ids.ts';
import { declaredText, defaultKey, keyOf, normalizeQuery, redisId, sharedMethod } from './cache-key.ts';

/** The identity of a request in the cache: its cache key, and the declared parts that select a variant. */
export interface Identity {
  readonly key: string;
  /** The policy that made the key. A fill begins with it. */
  readonly policy: Policy;
  /** The key as it is written into Redis keys. */
  readonly id: string;
  /** The declared parts as one text, empty without any. */
  readonly declared: string;
  /** The variant of the declared parts alone, as it is written into Redis keys. */
  readonly declaredVariant: string;
  /** The id and that variant as one text, for maps. */
  readonly place: string;
  /** Whether `vary.caller` has named the caller. */
  readonly coversCaller: boolean;
  /** Remembers the identity for the next request of its URL. To be called where something is stored, so that it is worth it. */
  readonly remember?: (() => void) | undefined;
}

/**
 * The identity of a request, or the `detail` word why the request has none and is forwarded.
 * @param method the method of the stored responses, where it is not that of the request.
 */
export function identify(
  x: Exchange,
  policy: Policy,
  method: string = x.method,
): Identity | CacheDetail | Promise<Identity | CacheDetail> {
  const { by, caller } = policy.vary;
  if (policy.key || by || caller) return identifyByOptions(x, policy, method);
  const target = keyTarget(x.target);
  if (!target) return 'target';
  const rewritten = rewrittenUrl(x.req);
  if (rewritten !== undefined || policy.vary.headers.length > 0 || policy.vary.cookies.length > 0)
    return toIdentity(x, policy, defaultKey(method, target, policy.vary.query), { rewritten });
  return identityOf(policy, method, target);
}

/** How many URLs of an origin are remembered with their identity (see `Generations`), and how long they may be, in characters. */
const MAX_REMEMBERED = 10_000;
const MAX_REMEMBERED_LENGTH = 512;
/** How many origins: an app has few, and clients may send any host. */
const MAX_ORIGINS = 4;
const remembered = new WeakMap<Policy, RememberedIdentities>();

/** Identities by method, scheme and host, then by URL. */
class RememberedIdentities {
  readonly #byOrigin = new Map<string, Generations<string, Identity>>();
  #method = '';
  #scheme = '';
  #host = '';
  /** The identities of the origin that was asked for last. */
  #byUrl: Generations<string, Identity> | undefined;

  get(method: string, { scheme, host, url }: Target): Identity | undefined {
    return this.#of(method, scheme, host)?.get(url);
  }

  set(method: string, { scheme, host, url }: Target, identity: Identity): void {
    let byUrl = this.#of(method, scheme, host);
    if (!byUrl) {
      const [oldest] = this.#byOrigin.keys();
      if (this.#byOrigin.size >= MAX_ORIGINS && oldest !== undefined) this.#byOrigin.delete(oldest);
      byUrl = new Generations(MAX_REMEMBERED);
      this.#byOrigin.set(originOf(method, scheme, host), byUrl);
      this.#byUrl = byUrl;
    }
    byUrl.set(url, identity);
  }

  #of(method: string, scheme: string, host: string): Generations<string, Identity> | undefined {
    if (method !== this.#method || host !== this.#host || scheme !== this.#scheme) {
      this.#method = method;
      this.#scheme = scheme;
      this.#host = host;
      this.#byUrl = this.#byOrigin.get(originOf(method, scheme, host));
    }
    return this.#byUrl;
  }
}

function originOf(method: string, scheme: string, host: string): string {
  return `${method} ${scheme}://${host}`;
}

/** The identity that follows from method, scheme, host and URL alone. Making one takes longer than remembering it. */
function identityOf(policy: Policy, method: string, target: Target): Identity {
  const { host, url } = target;
  if (host.length + url.length > MAX_REMEMBERED_LENGTH) return createIdentity(policy, method, target);
  let identities = remembered.get(policy);
  if (!identities) {
    identities = new RememberedIdentities();
    remembered.set(policy, identities);
  }
  const known = identities.get(sharedMethod(method), target);
  if (known) return known;
  const made = createIdentity(policy, method, target, () =>
    identities.set(sharedMethod(method), target, made),
  );
  return made;
}

function createIdentity(
  policy: Policy,
  method: string,
  target: Target,
  remember?: Identity['remember'],
): Identity {
  return identity(policy, defaultKey(method, target, policy.vary.query), '', false, remember);
}

/** @param declared the text of the declared parts. */
function identity(
  policy: Policy,
  key: string,
  declared: string,
  coversCaller: boolean,
  remember?: Identity['remember'],
): Identity {
  const id = redisId(key, policy.hash);
  const declaredVariant = redisId(declared, policy.hash);
  const place = variantKeyOf(id, declaredVariant);
  return { key, policy, id, declared, declaredVariant, place, coversCaller, remember };
}

/**
 * The target that the default key is made of; `undefined` where the request is forwarded. A host with the default port
 * (test clients send it) has keys of its own, which purges and invalidations by URL find. Upper case is forwarded.
 */
function keyTarget(target: RequestTarget | undefined): Target | undefined {
  if (!target || target.receivedHost === target.host) return target;
  const { scheme, receivedHost, url } = target;
  return receivedHost === receivedHost.toLowerCase() ? { scheme, host: receivedHost, url } : undefined;
}

/** The parts that are not fields of the request; `undefined` where there is none. */
interface ComputedParts {
  /** What the function `vary.by` has returned. */
  readonly by?: KeyPart | undefined;
  /** What the function `vary.caller` has returned. */
  readonly caller?: KeyPart | undefined;
  /** The URL by which the app routes, if middleware in front has rewritten it. */
  readonly rewritten?: string | undefined;
}

/** The identity where the options `key`, `vary.by` or `vary.caller` are functions. What they read covers nobody. */
async function identifyByOptions(
  x: Exchange,
  policy: Policy,
  method: string,
): Promise<Identity | CacheDetail> {
  let key: string | undefined;
  if (policy.key) {
    const value = await policy.key(optionView(x.req, x.optionReads), x.res);
    if (value === null) return 'key';
    if (value === undefined) return 'key-ambiguous';
    key = keyOf(method, value);
  } else {
    const target = keyTarget(x.target);
    if (!target) return 'target';
    key = defaultKey(method, target, policy.vary.query);
  }
  const by = policy.vary.by && (await policy.vary.by(x.req, x.res));
  const caller = policy.vary.caller && (await policy.vary.caller(x.req, x.res));
  return toIdentity(x, policy, key, { by, caller, rewritten: policy.key ? undefined : rewrittenUrl(x.req) });
}

function toIdentity(
  x: Exchange,
  policy: Policy,
  key: string,
  { by, caller, rewritten }: ComputedParts,
): Identity {
  const { vary } = policy;
  const { headers, cookies } = vary;
  const parts: KeyPart[] = [];
  for (const name of headers) {
    const value = Object.hasOwn(x.headers, name) ? joined(x.headers[name]) : undefined;
    parts.push(['header', name, value ?? null]);
  }
  for (const name of cookies) parts.push(['cookie', name, ...cookiePairs(x.headers, name)]);
  if (policy.key && vary.queryDeclared) {
    const url = normalizeQuery(
      (x.req as { originalUrl?: string }).originalUrl ?? x.req.url ?? '',
      vary.query,
    );
    const mark = url.indexOf('?');
    parts.push(['query', mark < 0 ? null : url.slice(mark + 1)]);
  }
  if (by !== undefined) parts.push(['by', by]);
  if (caller !== undefined) parts.push(['caller', caller]);
  if (rewritten !== undefined) parts.push(['url', rewritten]);
  return identity(policy, key, declaredText(parts), caller !== undefined && namesSomebody(caller));
}

/** Whether a value of `vary.caller` names anybody: `req.user?.id ?? 0` and `[tenant, req.user?.id ?? null]` may not. */
function namesSomebody(value: KeyPart | undefined): boolean {
  if (typeof value === 'object' && value !== null) {
    const parts: readonly (KeyPart | undefined)[] = Object.values(value);
    return parts.length > 0 && parts.every((part) => typeof part === 'boolean' || namesSomebody(part));
  }
  return Boolean(value) && value !== 'undefined' && value !== 'null';
}

/**
 * The URL by which the app routes, if middleware in front has rewritten it (a language, a tenant). A router removes its
 * mount point from the front of `url`; Express keeps it in `baseUrl`.
 */
function rewrittenUrl(req: IncomingMessage & { originalUrl?: string; baseUrl?: string }): string | undefined {
  const { url = '', originalUrl = url, baseUrl } = req;
  // Connect does not tell the mount point, so behind one each URL counts as rewritten: that is one variant of it.
  if (baseUrl === undefined) return originalUrl === url ? undefined : url;
  // Express writes "/?a" for what is left of "/mount?a".
  const isAsReceived = originalUrl === baseUrl + url || originalUrl === baseUrl + url.slice(1);
  return isAsReceived ? undefined : baseUrl + url;
}

/** Every pair that some parser could read as this cookie, unchanged, because parsers differ in what they trim. */
function cookiePairs(headers: IncomingHttpHeaders, name: string): string[] {
  const pairs = headers.cookie?.split(/; ?/) ?? [];
  return pairs.filter((pair) => pair.split('=', 1)[0]?.trim() === name);
}
