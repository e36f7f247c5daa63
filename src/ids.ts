import { PurgeError } from './errors.ts';
import { compact, customKey, defaultKey } from './key.ts';
import type { Policy } from './options.ts';

/** Where stored responses are, given what an operator or a response names, under every policy of the cache. */

/** Those of one value of the `key` option. @throws {PurgeError} when it is not plain JSON. */
export function idsOfKey(policies: Iterable<Policy>, value: unknown): Set<string> {
  const ids = new Set<string>();
  for (const { methods, hash } of policies) {
    for (const method of methods) {
      const key = customKey(method, value);
      if (key === undefined)
        throw new PurgeError('purge takes { key }, plain JSON, or { url } or { all: true }');
      ids.add(compact(key, hash));
    }
  }
  return ids;
}

/** Those of one absolute URL, under the policies that have the default key. @throws {PurgeError} for any other. */
export function idsOfUrl(policies: Iterable<Policy>, url: string): Set<string> {
  const parts = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(url);
  if (!parts) throw new PurgeError(`purge takes an absolute http or https URL, not ${JSON.stringify(url)}`);
  const scheme = (parts[1] as string).toLowerCase();
  const host = (parts[2] as string).toLowerCase().replace(scheme === 'http' ? /:80$/ : /:443$/, '');
  const rest = parts[3] ?? '';
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  const ids = new Set<string>();
  for (const { key, methods, query, hash } of policies) {
    if (key) continue;
    for (const method of methods)
      ids.add(compact(defaultKey(method, { scheme, host, url: path }, query), hash));
  }
  return ids;
}
