/** `Vary` and the secondary key (RFC 9110 §12.5.5, RFC 9111 §4.1). */

import { remembered } from '../remembered.ts';
import { type FieldValue, joined, members, TOKEN, trimmed } from './cache-control.ts';

/** Header fields by lower-case name, in Node's form for requests and responses. */
export type Fields = Readonly<Record<string, FieldValue>>;

/**
 * The field names that `Vary` nominates: lower case, sorted, without duplicates; `'*'` when no request can match. "A
 * stored response with a Vary header field value containing a member '*' always fails to match" (§4.1). So does one
 * with a member that is not a field name.
 */
export function nominated(vary: FieldValue): readonly string[] | '*' {
  const text = joined(vary);
  return text ? namesIn(text) : NONE;
}

const NONE: readonly string[] = [];

const namesIn = remembered((text): readonly string[] | '*' => {
  const names = new Set<string>();
  for (const member of members(text)) {
    const name = member.toLowerCase();
    // Node drops a request field called `__proto__`, so its value cannot be compared.
    if (name === '*' || name === '__proto__' || !TOKEN.test(name)) return '*';
    names.add(name);
  }
  return [...names].sort();
});

/**
 * The names of the fields that select a response: the nominated ones and, for a response in a content coding,
 * `accept-encoding`, even if the app does not nominate it.
 */
export function selecting(vary: FieldValue, contentEncoding: string | undefined): readonly string[] | '*' {
  const names = nominated(vary);
  const coded = contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity';
  if (names === '*' || !coded || names.includes('accept-encoding')) return names;
  return [...names, 'accept-encoding'].sort();
}

/**
 * A request's value of a nominated field, normalized so that it can be compared for equality: "Normalizing both
 * header field values in a way that is known to have identical semantics" (§4.1) concerns white space around commas,
 * the order by weight and several field lines. An absent field is `null`, which no present value equals: "if a header
 * field is absent from a request, it can only match another request if it is also absent there".
 */
export function selector(name: string, headers: Fields): string | null {
  return normalized(name, Object.hasOwn(headers, name) ? joined(headers[name]) : undefined);
}

function normalized(name: string, value: string | undefined): string | null {
  if (value === undefined) return null;
  if (NEGOTIATED.has(name)) return negotiated(value);
  // In a field of unknown syntax, a comma may be data.
  return LISTS.has(name) ? members(value).join(', ') : trimmed(value);
}

/** Clients of one kind send the same values. */
const negotiated = remembered((value) => members(value).map(folded).sort(byWeight).join(', '));

/** List fields: white space around commas has no meaning. */
const LISTS: ReadonlySet<string> = new Set(['cache-control', 'prefer', 'te']);

/**
 * Fields whose members have weights (RFC 9110 §12.5). Members of equal weight keep their order, which some apps use.
 */
const NEGOTIATED: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'accept-charset',
]);

/** A member without optional white space and with a lower-case range. Parameters keep their case, which may matter. */
function folded(member: string): string {
  if (member.includes('"')) return member;
  const [range = '', ...parameters] = member.split(';').map(trimmed);
  return [range.toLowerCase(), ...parameters].join(';');
}

function byWeight(a: string, b: string): number {
  return weightOf(b) - weightOf(a);
}

function weightOf(member: string): number {
  const q = /;q=([01](?:\.\d{0,3})?)(?:;|$)/.exec(member)?.[1];
  return q === undefined ? 1 : Number(q);
}
