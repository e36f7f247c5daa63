import { PurgeError, show } from '../errors.ts';
import { normalHost, type Target } from '../exchange/target.ts';
import { PLAIN_JSON } from '../options/plain-json.ts';
import type { Policy } from '../options/policy.ts';
import { customKey, defaultKey, redisId } from './cache-key.ts';

/** The ids of the cache keys that an operator or a response names. Each policy of the cache may have its own keys. */

/** The parts of a policy on which its cache keys depend. */
export type KeyPolicy = Pick<Policy, 'key' | 'methods' | 'hash'> & {
  readonly vary: Pick<Policy['vary'], 'query'>;
};

/** Whether any of the policies has a `key` of the user's own. */
export function hasOwnKeys(policies: Iterable<KeyPolicy>): boolean {
  for (const { key } of policies) if (key) return true;
  return false;
}

/** The ids of a value of the `key` option. @throws {PurgeError} when the value is not plain JSON. */
export function idsOfKey(policies: Iterable<KeyPolicy>, value: unknown): Set<string> {
  const ids = new Set<string>();
  for (const { methods, hash } of policies) {
    for (const method of methods) {
      const key = customKey(method, value);
      if (key === undefined) throw new PurgeError(`purge(): key must be ${PLAIN_JSON}; not ${show(value)}.`);
      ids.add(redisId(key, hash));
    }
  }
  return ids;
}

/** The schemes of a URL that an operator names: behind a proxy that ends TLS, an app may see http where clients see https. */
export const BOTH_SCHEMES = ['http', 'https'] as const;

/**
 * The ids of an absolute URL, under the policies with the default key.
 * @param schemes of the URL; by default its own.
 * @throws {PurgeError} for any other value.
 */
export function idsOfUrl(
  policies: Iterable<KeyPolicy>,
  url: unknown,
  schemes?: readonly string[],
): Set<string> {
  const target = targetOfUrl(url);
  const ids = new Set<string>();
  for (const { key, methods, vary, hash } of policies) {
    if (key) continue;
    for (const method of methods) {
      for (const scheme of schemes ?? [target.scheme]) {
        for (const host of hostForms(scheme, target.host))
          ids.add(redisId(defaultKey(method, { scheme, host, url: target.url }, vary.query), hash));
      }
    }
  }
  return ids;
}

/** The URLs that an operator may mean by one: under both schemes. @throws {PurgeError} for anything but an absolute URL. */
export function bothSchemesOf(url: unknown): string[] {
  const target = targetOfUrl(url);
  return BOTH_SCHEMES.map((scheme) => `${scheme}://${target.host}${target.url}`);
}

function targetOfUrl(url: unknown): Target {
  const text = typeof url === 'string' ? url : (url as Partial<URL> | null)?.href;
  const target = typeof text === 'string' ? parse(text) : undefined;
  if (!target)
    throw new PurgeError(
      `purge(): url must be absolute, such as 'https://example.com/leads', not ${show(url)}.`,
    );
  return target;
}

/** A host in normal form, and with the default port, if it has no other: a request may have it in either form. */
function hostForms(scheme: string, host: string): string[] {
  return /:\d+$/.test(host) ? [host] : [host, `${host}:${scheme === 'http' ? 80 : 443}`];
}

/**
 * A predicate: whether a cache key is the default key of a URL with this prefix.
 * @param prefix an absolute URL, for both schemes; or a path, for every host.
 * @throws {PurgeError} for any other value.
 */
export function urlPrefixMatcher(prefix: unknown): (key: string) => boolean {
  const target = typeof prefix === 'string' ? parse(prefix) : undefined;
  const isPath = typeof prefix === 'string' && prefix.startsWith('/');
  if (!target && !isPath) {
    throw new PurgeError(
      `purge(): prefix must be an absolute URL, or a path such as '/leads', not ${show(prefix)}.`,
    );
  }
  const start = target ? target.host + target.url : String(prefix);
  return (key) => {
    const [, scheme, host = '', path = ''] = /^[A-Z-]+ (https?):\/\/([^/]+)(\/.*)$/s.exec(key) ?? [];
    if (isPath || path === '') return path !== '' && path.startsWith(start);
    return (normalHost(scheme as 'http' | 'https', host) + path).startsWith(start);
  };
}

function parse(url: string): Target | undefined {
  const parts = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(url);
  if (!parts) return undefined;
  const scheme = (parts[1] as string).toLowerCase() as 'http' | 'https';
  const host = normalHost(scheme, parts[2] as string);
  const rest = parts[3] ?? '';
  return { scheme, host, url: rest.startsWith('/') ? rest : `/${rest}` };
}
