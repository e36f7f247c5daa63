import { PurgeError, show } from '../errors.ts';
import type { Target } from '../exchange/target.ts';
import type { Policy } from '../options/policy.ts';
import { compact, customKey, defaultKey } from './cache-key.ts';

/** Where stored responses are, given what an operator or a response names, under every policy of the cache. */

/** What there is to know of a policy to tell where it has its responses. */
export type Naming = Pick<Policy, 'key' | 'methods' | 'hash'> & {
  readonly vary: Pick<Policy['vary'], 'query'>;
};

/** Those of one value of the `key` option. @throws {PurgeError} when it is not plain JSON. */
export function idsOfKey(policies: Iterable<Naming>, value: unknown): Set<string> {
  const ids = new Set<string>();
  for (const { methods, hash } of policies) {
    for (const method of methods) {
      const key = customKey(method, value);
      if (key === undefined) throw new PurgeError('purge takes a key that is plain JSON');
      ids.add(compact(key, hash));
    }
  }
  return ids;
}

/** Those of one absolute URL, under the policies that have the default key. @throws {PurgeError} for any other. */
export function idsOfUrl(policies: Iterable<Naming>, url: unknown): Set<string> {
  const text = typeof url === 'string' ? url : (url as Partial<URL> | null)?.href;
  const target = typeof text === 'string' ? parse(text) : undefined;
  if (!target) throw new PurgeError(`purge takes an absolute http or https URL, not ${show(url)}`);
  const ids = new Set<string>();
  for (const { key, methods, vary, hash } of policies) {
    if (key) continue;
    for (const method of methods) ids.add(compact(defaultKey(method, target, vary.query), hash));
  }
  return ids;
}

/** Whether a cache key is the default one of a URL that begins so. @throws {PurgeError} for what no URL begins with. */
export function beginsWith(prefix: unknown): (key: string) => boolean {
  const target = typeof prefix === 'string' ? parse(prefix) : undefined;
  const isPath = typeof prefix === 'string' && prefix.startsWith('/');
  if (!target && !isPath) {
    throw new PurgeError(`purge takes a prefix that is an absolute URL or a path, not ${show(prefix)}`);
  }
  const begin = target ? `${target.scheme}://${target.host}${target.url}` : String(prefix);
  return (key) => {
    const [, origin = '', path = ''] = /^[A-Z-]+ (https?:\/\/[^/]+)(\/.*)$/s.exec(key) ?? [];
    return path !== '' && (isPath ? path : origin + path).startsWith(begin);
  };
}

function parse(url: string): Target | undefined {
  const parts = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(url);
  if (!parts) return undefined;
  const scheme = (parts[1] as string).toLowerCase();
  const host = (parts[2] as string).toLowerCase().replace(scheme === 'http' ? /:80$/ : /:443$/, '');
  const rest = parts[3] ?? '';
  return { scheme, host, url: rest.startsWith('/') ? rest : `/${rest}` };
}
