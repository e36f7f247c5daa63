import { createHash } from 'node:crypto';
import stringify from 'fast-json-stable-stringify';
import type { Target } from '../exchange/target.ts';
import { isPlainJson } from '../options/plain-json.ts';
import type { HashName } from '../options/policy.ts';
import type { KeyPart, QueryRule } from '../options/types.ts';
import { HASH_MARK } from '../store/ids.ts';

/**
 * The text of cache keys and variants. Every function here is injective: two requests that differ in a part of the key
 * never have the same text.
 */

/** A query with more parameters keeps its order: some parsers stop at a limit, and would read others after sorting. */
const MAX_SORTED_PARAMETERS = 256;

/** A longer text is hashed. */
const MAX_READABLE_LENGTH = 200;

/** The default key, `GET https://host/path?a=1&b=2`. HEAD shares the key of GET. Parameters are sorted by name. */
export function defaultKey(method: string, target: Target, rule: QueryRule): string {
  return `${sharedMethod(method)} ${target.scheme}://${target.host}${normalizeQuery(target.url, rule)}`;
}

/** The key for a value that nothing has checked; `undefined` when it is not plain JSON, which would be ambiguous. */
export function customKey(method: string, value: unknown): string | undefined {
  return isPlainJson(value) ? keyOf(method, value) : undefined;
}

/** The key for a value of the `key` option. */
export function keyOf(method: string, value: KeyPart): string {
  return `${sharedMethod(method)} ${stringify(value)}`;
}

/** The declared parts of a request as one text, empty without any. */
export function declaredText(parts: readonly KeyPart[]): string {
  return parts.length === 0 ? '' : stringify(parts);
}

/**
 * A key, variant or tag as it is written into a Redis key: unchanged if it is short printable ASCII without braces (a
 * brace would end the hash tag), otherwise hashed. A hash is `#` (`HASH_MARK`) and hex digits, which no key, variant or tag is.
 * @param hash hashes every text with this function.
 */
export function redisId(text: string, hash: HashName | undefined): string {
  if (hash === undefined && text.length <= MAX_READABLE_LENGTH && /^[ -z|~]*$/.test(text)) return text;
  return `${HASH_MARK}${createHash(hash ?? 'sha1')
    .update(text)
    .digest('hex')}`;
}

/** The method in cache keys: HEAD shares those of GET. */
export function sharedMethod(method: string): string {
  return method === 'HEAD' ? 'GET' : method;
}

/** Path and query with the parameters that the rule includes, sorted by root name. */
export function normalizeQuery(url: string, rule: QueryRule): string {
  const mark = url.indexOf('?');
  // A request target has no fragment, and parsers disagree where the query of such a URL ends.
  if (mark < 0 || url.includes('#')) return url;
  const path = url.slice(0, mark);
  const query = url.slice(mark + 1);
  if (rule === false) return path;
  const all = rule === true;
  if (all && !query.includes('&')) return url;
  const parameters = query.split('&');
  // Some parsers separate parameters by semicolons too.
  if (parameters.length > MAX_SORTED_PARAMETERS || query.includes(';')) return url;
  const named: { root: string; text: string }[] = [];
  for (const text of parameters) {
    const root = rootName(text);
    // Parsers disagree about such a name, so the whole query is kept as received.
    if (root === undefined) return url;
    if (all || isIncluded(root, rule)) named.push({ root, text });
  }
  if (named.length === 0) return path;
  named.sort((a, b) => (a.root < b.root ? -1 : a.root > b.root ? 1 : 0));
  return `${path}?${named.map((parameter) => parameter.text).join('&')}`;
}

/**
 * A parameter's name up to its first bracket or dot; `undefined` for an ambiguous name. Parsers build one value from
 * all parameters of one root name (`a[]=1&a[0]=2`), so those must keep their order.
 */
function rootName(parameter: string): string | undefined {
  const equals = parameter.indexOf('=');
  const raw = equals < 0 ? parameter : parameter.slice(0, equals);
  // Some parsers read everything before `]=` as the name.
  if (equals >= 0 && /(?:\]|%5d)=/i.test(parameter.slice(equals))) return undefined;
  let name = raw;
  if (raw.includes('%') || raw.includes('+')) {
    try {
      name = decodeURIComponent(raw.replaceAll('+', ' '));
    } catch {
      return undefined;
    }
  }
  // Some parsers read `[a]` and `?a` as `a`.
  if (/^[[.?]/.test(name)) return undefined;
  const end = name.search(/[[.]/);
  return end < 0 ? name : name.slice(0, end);
}

function isIncluded(root: string, rule: readonly string[] | { readonly except: readonly string[] }): boolean {
  const among = (names: readonly string[]): boolean =>
    names.some((name) => (name.endsWith('*') ? root.startsWith(name.slice(0, -1)) : root === name));
  return 'except' in rule ? !among(rule.except) : among(rule);
}
