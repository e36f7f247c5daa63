import { createHash } from 'node:crypto';
import stringify from 'fast-json-stable-stringify';
import type { Target } from '../exchange/target.ts';
import type { HashName } from '../options/policy.ts';
import type { KeyPart, QueryRule } from '../options/types.ts';

/**
 * From a request to its cache key and variant. Everything here is injective: two different requests, in the
 * parts that count, never make the same text.
 */

/** More parameters than this keep their order: parsers that stop counting would see other ones after sorting. */
const MAX_SORTED_PARAMETERS = 256;

/** A longer key is hashed. */
const MAX_READABLE = 200;

/** `GET https://host/path?a=1&b=2`: HEAD shares GET's, parameters are sorted by name (repeated ones keep their order). */
export function defaultKey(method: string, target: Target, rule: QueryRule): string {
  return `${sharedMethod(method)} ${target.scheme}://${target.host}${withQuery(target.url, rule)}`;
}

/** The key for a value of the `key` option, or `undefined` when it is not plain JSON and so would be ambiguous. */
export function customKey(method: string, value: unknown): string | undefined {
  return isPlain(value) ? `${sharedMethod(method)} ${stringify(value)}` : undefined;
}

/** One text for the declared parts of a request; empty when none are declared. */
export function variantOf(parts: readonly unknown[]): string | undefined {
  if (parts.length === 0) return '';
  return isPlain(parts) ? stringify(parts) : undefined;
}

/**
 * A key or variant as it stands in a Redis key: itself when it is short printable ASCII without braces (a brace
 * would end the hash tag), else its hash. A hash is `#` and hex digits, which no key or variant is.
 */
export function compact(text: string, hash: HashName | undefined): string {
  if (hash === undefined && text.length <= MAX_READABLE && /^[ -z|~]*$/.test(text)) return text;
  return `#${createHash(hash ?? 'sha1')
    .update(text)
    .digest('hex')}`;
}

function sharedMethod(method: string): string {
  return method === 'HEAD' ? 'GET' : method;
}

/** Path and query with the parameters that the rule lets in, sorted by root name. */
export function withQuery(url: string, rule: QueryRule): string {
  const mark = url.indexOf('?');
  // A fragment has no place here, and parsers disagree where the query of such a URL ends.
  if (mark < 0 || url.includes('#')) return url;
  const path = url.slice(0, mark);
  const query = url.slice(mark + 1);
  if (rule === false) return path;
  const plain = rule === true;
  if (plain && !query.includes('&')) return url;
  const parameters = query.split('&');
  // Some parsers split at semicolons too.
  if (parameters.length > MAX_SORTED_PARAMETERS || query.includes(';')) return url;
  const named: { root: string; text: string }[] = [];
  for (const text of parameters) {
    const root = rootName(text);
    // Such a name means different things to different parsers: leave everything as it came.
    if (root === undefined) return url;
    if (plain || included(root, rule)) named.push({ root, text });
  }
  if (named.length === 0) return path;
  named.sort((a, b) => (a.root < b.root ? -1 : a.root > b.root ? 1 : 0));
  return `${path}?${named.map((parameter) => parameter.text).join('&')}`;
}

/**
 * A parameter's name up to its first bracket or dot. Parsers build one value from all parameters of one root
 * (`a[]=1&a[0]=2`), so among those the order must stay.
 */
function rootName(parameter: string): string | undefined {
  const equals = parameter.indexOf('=');
  const raw = equals < 0 ? parameter : parameter.slice(0, equals);
  // Some parsers take all up to `]=` for the name.
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

function included(root: string, rule: readonly string[] | { readonly except: readonly string[] }): boolean {
  const among = (names: readonly string[]): boolean =>
    names.some((name) => (name.endsWith('*') ? root.startsWith(name.slice(0, -1)) : root === name));
  return 'except' in rule ? !among(rule.except) : among(rule);
}

/** Whether a value is JSON and nothing else, so that its JSON tells it from every other. */
function isPlain(value: unknown, depth = 0): value is KeyPart {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth > 16) return false;
  if ('toJSON' in value) return false;
  if (Array.isArray(value)) {
    // Holes of a sparse array read as undefined here, and so are refused.
    for (const item of value) if (!isPlain(item, depth + 1)) return false;
    return true;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((item) => isPlain(item, depth + 1));
}
