import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Exchange } from '../exchange/exchange.ts';
import type { Read } from '../exchange/guard/guard.ts';
import { requestView } from '../exchange/guard/views.ts';
import { joined } from '../http/cache-control.ts';
import type { Detail } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import { compact, customKey, defaultKey, variantOf, withQuery } from './cache-key.ts';

/** What a request is to the cache: which cache key, and which declared parts select a variant. */
export interface Identity {
  readonly key: string;
  /** The policy that made it, which a fill begins with. */
  readonly policy: Policy;
  /** The key as it stands in Redis. */
  readonly id: string;
  /** The declared parts as one text, empty when there are none. */
  readonly declared: string;
  /** What key and declared parts cover of the person who is asking. */
  readonly covers: Read;
  /** Whether that is enough for a request with `Authorization`. */
  readonly coversCredentials: boolean;
}

/**
 * The identity of a request, or the word that says why it has none and is forwarded.
 * @param method that of the stored responses meant, where it is not the request's own.
 */
export function identify(
  x: Exchange,
  policy: Policy,
  method: string = x.method,
): Identity | Detail | Promise<Identity | Detail> {
  if (policy.key || policy.vary.by) return identifyByUser(x, policy, method);
  const target = x.target;
  if (!target) return 'target';
  return toIdentity(x, policy, defaultKey(method, target, policy.vary.query), undefined, NOTHING);
}

/** The same where functions of the user's have a say: what of the person they put into the key, it covers. */
async function identifyByUser(x: Exchange, policy: Policy, method: string): Promise<Identity | Detail> {
  const told: [word: string, text: string | undefined][] = [];
  const req = requestView(
    x.req,
    () => {},
    (word, text) => told.push([word, text]),
    (name) => x.headersRead.add(name),
  );
  let key: string | undefined;
  if (policy.key) {
    const value = await policy.key(req, x.res);
    if (value === null) return 'key';
    key = customKey(method, value);
    if (key === undefined) return 'key-ambiguous';
  } else {
    const target = x.target;
    if (!target) return 'target';
    key = defaultKey(method, target, policy.vary.query);
  }
  const by = policy.vary.by ? await policy.vary.by(req, x.res) : undefined;
  if (policy.vary.by && by === undefined) return 'vary-ambiguous';
  const made = `${key} ${by === undefined ? '' : (variantOf([by]) ?? '')}`;
  // In front of the app nobody is known yet, so that somebody was not there says nothing of who is asking.
  const absent = (word: string): boolean => x.cacheLevel > 0 || !word.startsWith('no ');
  const covered = told.filter(([word, text]) => (text === undefined ? absent(word) : stands(text, made)));
  return toIdentity(x, policy, key, by, new Set(covered.map(([word]) => word)));
}

/**
 * Whether what tells a person stands in the key as a word of its own. To have looked at it is not enough: a key made
 * of whether somebody is logged in, or of a role, is the same for many people.
 */
function stands(text: string, made: string): boolean {
  const quoted = JSON.stringify(text).slice(1, -1);
  for (let at = made.indexOf(quoted); at >= 0 && quoted !== ''; at = made.indexOf(quoted, at + 1)) {
    const around = `${made[at - 1] ?? ' '}${made[at + quoted.length] ?? ' '}`;
    if (!/[A-Za-z0-9]/.test(around)) return true;
  }
  // The credentials of an `Authorization` field without their scheme.
  const scheme = /^[A-Za-z]+ +(?=\S)/.exec(text)?.[0];
  return scheme !== undefined && stands(text.slice(scheme.length), made);
}

const NOTHING: Read = new Set();

function toIdentity(x: Exchange, policy: Policy, key: string, by: unknown, read: Read): Identity | Detail {
  const { hash, vary } = policy;
  const { headers, cookies } = vary;
  const parts: unknown[] = [];
  for (const name of headers) {
    const value = Object.hasOwn(x.headers, name) ? joined(x.headers[name]) : undefined;
    parts.push(['header', name, value ?? null]);
  }
  for (const name of cookies) parts.push(['cookie', name, ...cookie(x.headers, name)]);
  if (policy.key && vary.queryDeclared) {
    const url = withQuery((x.req as { originalUrl?: string }).originalUrl ?? x.req.url ?? '', vary.query);
    const mark = url.indexOf('?');
    parts.push(['query', mark < 0 ? null : url.slice(mark + 1)]);
  }
  if (by !== undefined) parts.push(['by', by]);
  const rewritten = policy.key ? undefined : rewrittenUrl(x.req);
  if (rewritten !== undefined) parts.push(['url', rewritten]);
  const declared = variantOf(parts);
  if (declared === undefined) return 'vary-ambiguous';
  const named = headers.length + cookies.length > 0;
  const covers = named ? new Set([...read, ...headers, ...cookies.map((name) => `cookie ${name}`)]) : read;
  const coversCredentials = CREDENTIALS.some((word) => covers.has(word));
  return { key, policy, id: compact(key, hash), declared, covers, coversCredentials };
}

/** A key that is made of one of these tells credentials apart. */
const CREDENTIALS = ['authorization', 'req.user', 'req.auth'] as const;

/**
 * The URL that the app routes by, where middleware in front has rewritten it (a language, a tenant) rather than
 * only taken a mount point off its front.
 */
function rewrittenUrl(req: IncomingMessage & { originalUrl?: string }): string | undefined {
  const { url = '', originalUrl = url } = req;
  return originalUrl.endsWith(url) || originalUrl.endsWith(url.slice(1)) ? undefined : url;
}

/** Every pair that some parser may take for this cookie, as it came, since they differ in what they trim. */
function cookie(headers: IncomingHttpHeaders, name: string): string[] {
  const pairs = headers.cookie?.split(/; ?/) ?? [];
  return pairs.filter((pair) => pair.split('=', 1)[0]?.trim() === name);
}
