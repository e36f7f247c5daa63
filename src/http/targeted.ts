/** Targeted cache control (RFC 9213): a field for certain caches, in place of `Cache-Control` and `Expires`. */

import { isInnerList, parseDictionary, Token } from 'structured-headers';
import { DirectiveList, type Directives, joined } from './cache-control.ts';
import type { Fields } from './vary.ts';

/**
 * The directives of the first field in the target list that is present, valid and not empty (§2.2). "If a targeted
 * field in a given response is empty, or a parsing error is encountered, that field MUST be ignored" (§2.1).
 * @param list lower-case field names, the most specific first.
 */
export function targetedDirectives(headers: Fields, list: readonly string[]): Directives | undefined {
  for (const name of list) {
    const text = joined(headers[name]);
    const directives = text === undefined ? undefined : parse(text);
    if (directives) return directives;
  }
  return undefined;
}

function parse(text: string): Directives | undefined {
  let dictionary: ReturnType<typeof parseDictionary>;
  try {
    dictionary = parseDictionary(text);
  } catch {
    return undefined;
  }
  if (dictionary.size === 0) return undefined;
  const directives = new DirectiveList();
  for (const [name, item] of dictionary) {
    const value = isInnerList(item) ? undefined : item[0];
    // `?0`: the directive does not apply.
    if (value === false) continue;
    directives.add(name, value === true ? null : argumentOf(value, text.includes(`${name}=${value}.`)));
  }
  return directives;
}

/**
 * The argument of a directive. Delta-seconds must be Integers, so digits in a String or a Decimal are invalid (§2.1).
 * @param decimal whether a number was written with a fraction: the parsed value of `3600.0` does not show it.
 */
function argumentOf(value: unknown, decimal: boolean): string {
  if (Number.isInteger(value) && !decimal) return String(value);
  const text = typeof value === 'string' || value instanceof Token ? String(value) : '';
  return /^\d+$/.test(text) ? '' : text;
}
