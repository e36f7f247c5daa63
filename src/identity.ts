import type { IncomingHttpHeaders } from 'node:http';
import { watched } from './exchange/credentials.ts';
import type { Exchange } from './exchange/exchange.ts';
import { targetOf } from './exchange/target.ts';
import { joined } from './http/cache-control.ts';
import { compact, customKey, defaultKey, variantOf, withQuery } from './key.ts';
import type { Policy } from './options.ts';

/** What a request is to the cache: which cache key, and which declared parts select a variant. */
export interface Identity {
  readonly key: string;
  /** The key as it stands in Redis. */
  readonly tag: string;
  /** The declared parts as one text, empty when there are none. */
  readonly declared: string;
  /** Whether key and declared parts cover whoever is asking, as far as an `Authorization` field tells. */
  readonly credentialsKeyed: boolean;
}

/** The identity of a request, or the word that says why it has none and is forwarded. */
export function identify(x: Exchange, policy: Policy): Identity | string | Promise<Identity | string> {
  if (policy.key || policy.by) return identifyByUser(x, policy);
  const target = targetOf(x.req);
  if (!target) return 'target';
  return toIdentity(x, policy, defaultKey(x.method, target, policy.query), undefined, false);
}

/** The same where functions of the user's have a say. What they read of the person shows what the key covers. */
async function identifyByUser(x: Exchange, policy: Policy): Promise<Identity | string> {
  const noticed = new Set<string>();
  const personal = x.headers.authorization !== undefined || x.headers.cookie !== undefined;
  const req = personal ? watched(x.req, noticed) : x.req;
  let key: string | undefined;
  if (policy.key) {
    const value = await policy.key(req, x.res);
    if (value === null) return 'key';
    key = customKey(x.method, value);
    if (key === undefined) return 'key-ambiguous';
  } else {
    const target = targetOf(x.req);
    if (!target) return 'target';
    key = defaultKey(x.method, target, policy.query);
  }
  const by = policy.by ? await policy.by(req, x.res) : undefined;
  if (policy.by && by === undefined) return 'vary-ambiguous';
  const keyed = noticed.has('authorization') || noticed.has('user') || noticed.has('auth');
  return toIdentity(x, policy, key, by, keyed);
}

function toIdentity(
  x: Exchange,
  policy: Policy,
  key: string,
  by: unknown,
  credentialsKeyed: boolean,
): Identity | string {
  const { headers, cookies, hash } = policy;
  const parts: unknown[] = [];
  for (const name of headers) parts.push(['header', name, joined(x.headers[name]) ?? null]);
  for (const name of cookies) parts.push(['cookie', name, ...cookie(x.headers, name)]);
  if (policy.key && policy.queryDeclared) {
    const url = withQuery((x.req as { originalUrl?: string }).originalUrl ?? x.req.url ?? '', policy.query);
    const mark = url.indexOf('?');
    parts.push(['query', mark < 0 ? null : url.slice(mark + 1)]);
  }
  if (by !== undefined) parts.push(['by', by]);
  const declared = variantOf(parts);
  if (declared === undefined) return 'vary-ambiguous';
  return {
    key,
    tag: compact(key, hash),
    declared,
    credentialsKeyed: credentialsKeyed || headers.includes('authorization'),
  };
}

/** Every pair that some parser may take for this cookie, as it came, since they differ in what they trim. */
function cookie(headers: IncomingHttpHeaders, name: string): string[] {
  const pairs = headers.cookie?.split(/; ?/) ?? [];
  return pairs.filter((pair) => pair.split('=', 1)[0]?.trim() === name);
}
