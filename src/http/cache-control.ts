/** The syntax of `Cache-Control` in requests and responses (RFC 9111 §5.2). */

import { remembered } from '../remembered.ts';

/** A field value in Node's form: one string, several field lines, or none. */
export type FieldValue = string | number | readonly string[] | undefined;

/** The directives of a message. A directive without an argument has the argument `null`. */
export interface Directives {
  /** Whether a part of the field could not be parsed. Such a response is not stored. */
  readonly malformed: boolean;
  has(name: string): boolean;
  /** Every argument of a directive, in order. */
  all(name: string): readonly (string | null)[];
  /**
   * The smallest delta-seconds among a directive's arguments; 0 when one is invalid, `undefined` when the
   * directive is absent. "Caches are encouraged to consider responses that have invalid freshness information to
   * be stale" (§4.2.1).
   */
  seconds(name: string): number | undefined;
  /**
   * The lower-case field names to which a directive is limited (`private="set-cookie"`); `'all'` when it is not limited
   * or the list is malformed; `undefined` when the directive is absent.
   */
  names(name: string): readonly string[] | 'all' | undefined;
}

/** The largest delta-seconds; "if a cache receives a value greater than it can represent" (§1.2.2). */
const MAX_SECONDS = 2 ** 31;

/** A token, such as a field name (RFC 9110 §5.6.2). */
export const TOKEN: RegExp = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A field value as one string. */
export function joined(value: FieldValue): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : value.join(', ');
}

/** A non-negative integer, limited to 2^31; `undefined` for anything else (§1.2.2). */
export function deltaSeconds(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined || !/^[0-9]+$/.test(text)) return undefined;
  return Math.min(Number(text), MAX_SECONDS);
}

/** Directives that a parser adds one by one. */
export class DirectiveList implements Directives {
  malformed = false;
  readonly #byName = new Map<string, (string | null)[]>();

  add(name: string, argument: string | null): void {
    const seen = this.#byName.get(name);
    if (seen) seen.push(argument);
    else this.#byName.set(name, [argument]);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  all(name: string): readonly (string | null)[] {
    return this.#byName.get(name) ?? [];
  }

  seconds(name: string): number | undefined {
    const given = this.#byName.get(name);
    if (!given) return undefined;
    return Math.min(...given.map((argument) => deltaSeconds(argument) ?? 0));
  }

  names(name: string): readonly string[] | 'all' | undefined {
    const given = this.#byName.get(name);
    if (!given) return undefined;
    const names = given.flatMap((argument) => members(argument ?? '').map((member) => member.toLowerCase()));
    const readable = given.every((argument) => argument) && names.every((field) => TOKEN.test(field));
    return readable && names.length > 0 ? names : 'all';
  }
}

/** The directives of a message without the field. */
const NONE: Directives = new DirectiveList();

/**
 * A request's directives. "When the Cache-Control header field is not present in a request, caches MUST consider
 * the no-cache request pragma-directive as having the same effect" (RFC 7234 §5.4, deprecated in RFC 9111 §5.4).
 */
export function requestDirectives(headers: Readonly<Record<string, FieldValue>>): Directives {
  const { 'cache-control': field, pragma } = headers;
  if (field !== undefined || pragma === undefined) return parseCacheControl(field);
  return members((joined(pragma) ?? '').toLowerCase()).includes('no-cache')
    ? parseCacheControl('no-cache')
    : NONE;
}

/**
 * Parses a `Cache-Control` field in linear time. "Cache directives are identified by a token, to be compared
 * case-insensitively, and have an optional argument that can use both token and quoted-string syntax" (§5.2).
 */
export function parseCacheControl(value: FieldValue): Directives {
  const text = joined(value);
  return text ? directivesIn(text) : NONE;
}

const directivesIn = remembered((text): Directives => {
  const directives = new DirectiveList();
  for (const member of members(text)) {
    const equals = member.indexOf('=');
    const name = (equals < 0 ? member : member.slice(0, equals)).trim().toLowerCase();
    if (!TOKEN.test(name)) {
      directives.malformed = true;
      continue;
    }
    // A name followed by bad white space still counts: a misspelled `private =x` must not be ignored.
    if (equals < 0) {
      directives.add(name, null);
      continue;
    }
    const raw = member.slice(equals + 1);
    const argument = raw.startsWith('"') ? unquote(raw) : TOKEN.test(raw) ? raw : undefined;
    if (argument === undefined || member[equals - 1] === ' ') directives.malformed = true;
    directives.add(name, argument ?? '');
  }
  return directives;
});

/**
 * The members of a comma-separated list, trimmed and without empty ones. Commas within quoted strings do not separate.
 */
export function members(text: string): string[] {
  const found: string[] = [];
  let start = 0;
  let quoted = false;
  const add = (end: number): void => {
    const member = trimmed(text.slice(start, end));
    if (member) found.push(member);
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === ',' && !quoted) {
      add(i);
      start = i + 1;
    } else if (c === '"') {
      quoted = !quoted;
    } else if (c === '\\' && quoted) {
      i++;
    }
  }
  add(text.length);
  return found;
}

/** The text without optional white space around it (RFC 9110 §5.6.3). `trim` would remove more than spaces and tabs. */
export function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

function isBlank(c: string | undefined): boolean {
  return c === ' ' || c === '\t';
}

/** The text of a quoted-string; `undefined` when `raw` is not exactly one (RFC 9110 §5.6.4). */
function unquote(raw: string): string | undefined {
  let text = '';
  for (let i = 1; i < raw.length; i++) {
    const c = raw[i];
    if (c === '"') return i === raw.length - 1 ? text : undefined;
    text += c === '\\' ? (raw[++i] ?? '') : c;
  }
  return undefined;
}
