/** `Vary` and the secondary key it makes (RFC 9110 §12.5.5, RFC 9111 §4.1). */

import { type FieldValue, joined, members, trimmed } from './cache-control.ts';

/** Header fields by lower-case name, as Node gives them for requests and for responses. */
export type Fields = Readonly<Record<string, FieldValue>>;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * The field names that a response's `Vary` nominates: lower case, sorted, each once; or `'*'` when nothing can
 * ever match. "A stored response with a Vary header field value containing a member '*' always fails to match"
 * (§4.1); so does one with a member that is no field name, since nobody can tell what it meant.
 */
export function nominated(vary: FieldValue): readonly string[] | '*' {
  const text = joined(vary);
  if (!text) return [];
  const names = new Set<string>();
  for (const member of members(text)) {
    const name = member.toLowerCase();
    // Node loses a request field called `__proto__`, so that nobody can tell who sent one.
    if (name === '*' || name === '__proto__' || !TOKEN.test(name)) return '*';
    names.add(name);
  }
  return [...names].sort();
}

/**
 * The names of the fields that select a response: those nominated and, where it is in a content coding, the one that
 * tells who can read it, though the app forgot to say so.
 */
export function selecting(vary: FieldValue, contentEncoding: string | undefined): readonly string[] | '*' {
  const names = nominated(vary);
  const coded = contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity';
  if (names === '*' || !coded || names.includes('accept-encoding')) return names;
  return [...names, 'accept-encoding'].sort();
}

/**
 * The values that a request has for the nominated fields, comparable by equality. "Normalizing both header field
 * values in a way that is known to have identical semantics" (§4.1): white space around list commas and several
 * field lines for one. An absent field is `null`, which no present value equals: "if a header field is absent
 * from a request, it can only match another request if it is also absent there".
 */
export function selectors(names: readonly string[], headers: Fields): (string | null)[] {
  return names.map((name) =>
    normalized(name, Object.hasOwn(headers, name) ? joined(headers[name]) : undefined),
  );
}

function normalized(name: string, value: string | undefined): string | null {
  if (value === undefined) return null;
  if (NEGOTIATED.has(name)) return members(value).map(folded).sort(byWeight).join(', ');
  // In a field whose syntax nobody here knows, a comma may be data.
  return LISTS.has(name) ? members(value).join(', ') : trimmed(value);
}

/** Lists whose white space around commas has no meaning. */
const LISTS: ReadonlySet<string> = new Set(['cache-control', 'prefer', 'te']);

/** Their members are weighed by `q` (RFC 9110 §12.5); what weighs alike keeps its order, by which some apps choose. */
const NEGOTIATED: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'accept-charset',
]);

/** A member without optional white space, its range in lower case; parameters may mind case and keep theirs. */
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
