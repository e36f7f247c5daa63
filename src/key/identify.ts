import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Exchange } from '../exchange/exchange.ts';
import type { Read } from '../exchange/guard/guard.ts';
import { requestView } from '../exchange/guard/views.ts';
import type { RequestTarget, Target } from '../exchange/target.ts';
import { joined } from '../http/cache-control.ts';
import type { Detail } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import type { KeyPart } from '../options/types.ts';
import { declaredText, defaultKey, keyOf, normalizeQuery, redisId } from './cache-key.ts';

/** The identity of a request in the cache: its cache key, and the declared parts that select a variant. */
export interface Identity {
  readonly key: string;
  /** The policy that made the key. A fill begins with it. */
  readonly policy: Policy;
  /** The key as it is written into Redis keys. */
  readonly id: string;
  /** The declared parts as one text, empty without any. */
  readonly declared: string;
  /** What key and declared parts cover of the user. */
  readonly covers: Read;
  /** Whether they cover the credentials of a request with `Authorization`. */
  readonly coversCredentials: boolean;
}

/**
 * The identity of a request, or the `detail` word why the request has none and is forwarded.
 * @param method the method of the stored responses, where it is not that of the request.
 */
export function identify(
  x: Exchange,
  policy: Policy,
  method: string = x.method,
): Identity | Detail | Promise<Identity | Detail> {
  if (policy.key || policy.vary.by) return identifyByOptions(x, policy, method);
  const target = keyTarget(x.target);
  if (!target) return 'target';
  return toIdentity(x, policy, defaultKey(method, target, policy.vary.query), undefined, NO_READS);
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

/**
 * The identity where the options `key` or `vary.by` are functions. What they read of the user and return is covered.
 */
async function identifyByOptions(x: Exchange, policy: Policy, method: string): Promise<Identity | Detail> {
  const reads: [word: string, text: string | undefined][] = [];
  const req = requestView(
    x.req,
    () => {},
    (word, text) => reads.push([word, text]),
    (name) => x.headersRead.add(name),
  );
  let key: string | undefined;
  if (policy.key) {
    const value = await policy.key(req, x.res);
    if (value === null) return 'key';
    if (value === undefined) return 'key-ambiguous';
    key = keyOf(method, value);
  } else {
    const target = keyTarget(x.target);
    if (!target) return 'target';
    key = defaultKey(method, target, policy.vary.query);
  }
  const by = policy.vary.by ? await policy.vary.by(req, x.res) : undefined;
  const keyText = `${key} ${by === undefined ? '' : declaredText([by])}`;
  // In front of the app nobody is logged in yet, so an absent user there says nothing about the user in the app.
  const coversAbsence = (word: string): boolean => x.cacheLevel > 0 || !word.startsWith('no ');
  const covered = reads.filter(([word, text]) =>
    text === undefined ? coversAbsence(word) : containsWord(keyText, text),
  );
  return toIdentity(x, policy, key, by, new Set(covered.map(([word]) => word)));
}

/**
 * Whether a key contains a value as a word of its own. A read alone is not enough: a key made of a role, or of whether
 * the user is logged in, is shared by many users.
 */
function containsWord(keyText: string, value: string): boolean {
  const quoted = JSON.stringify(value).slice(1, -1);
  for (let at = keyText.indexOf(quoted); at >= 0 && quoted !== ''; at = keyText.indexOf(quoted, at + 1)) {
    const around = `${keyText[at - 1] ?? ' '}${keyText[at + quoted.length] ?? ' '}`;
    if (!/[A-Za-z0-9]/.test(around)) return true;
  }
  // The credentials of an `Authorization` field without their scheme.
  const scheme = /^[A-Za-z]+ +(?=\S)/.exec(value)?.[0];
  return scheme !== undefined && containsWord(keyText, value.slice(scheme.length));
}

const NO_READS: Read = new Set();

function toIdentity(x: Exchange, policy: Policy, key: string, by: KeyPart | undefined, read: Read): Identity {
  const { hash, vary } = policy;
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
  const rewritten = policy.key ? undefined : rewrittenUrl(x.req);
  if (rewritten !== undefined) parts.push(['url', rewritten]);
  const declared = declaredText(parts);
  const named = headers.length + cookies.length > 0;
  const covers = named ? new Set([...read, ...headers, ...cookies.map((name) => `cookie ${name}`)]) : read;
  const coversCredentials = CREDENTIALS.some((word) => covers.has(word));
  return { key, policy, id: redisId(key, hash), declared, covers, coversCredentials };
}

/** A key that covers one of these differs for different credentials. */
const CREDENTIALS = ['authorization', 'req.user', 'req.auth'] as const;

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
