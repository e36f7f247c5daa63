import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Credential } from './caller.ts';
import { isNoiseName, LOCALS, localsOf, namesOnRequest, placedValue, REQUEST } from './placed.ts';

/** A longer cookie is an id, which says nothing of the kind of its caller; a shorter one may be a role or a language. */
const MAX_CHOICE = 20;
/** Names of values that tell kinds of callers apart, and not one caller from another. */
const OF_KIND =
  /(?:roles?|groups?|plan|tier|type|kind|level|scopes?|permissions?|lang(?:uage)?s?|locale|country|region|currency|tenant|org|theme|status|access|admin)$/i;
/** How deep and how far placed objects are looked into. */
const MAX_DEPTH = 2;
const MAX_NAMES = 48;
const MAX_TEXT = 64;
const HASH_LENGTH = 12;

const hashes = new LRUCache<string, string>({ maxSize: 1000, sizeCalculation: () => 1 });

/** The shape of a request without credentials, where middleware in front has placed nothing. */
export const STRANGERS_SHAPE = '';

/**
 * The shape of a request, as a short hash: the names of its credentials, and of the values that middleware in front has
 * placed, two levels into them, so that a session with a user differs from one without. Values count where they tell kinds
 * of callers apart: short cookies, booleans, and what is called `role`, `plan`, `lang` and the like.
 */
export function shapeOf(
  credentials: readonly Credential[],
  req: object,
  res: object,
  ignore: ReadonlySet<string>,
): string {
  const marks: string[] = credentials.map(({ name, value }) => {
    const isChoice = name.startsWith('cookie ') ? value.length <= MAX_CHOICE : OF_KIND.test(name);
    return isChoice ? `${name}=${value}` : name;
  });
  for (const name of namesOnRequest(req).sort()) {
    if (!isNoiseName(name) && !ignore.has(REQUEST + name))
      describe(marks, REQUEST + name, placedValue(req, name), 0);
  }
  const locals = localsOf(res) ?? {};
  for (const name of Object.getOwnPropertyNames(locals).sort()) {
    if (!isNoiseName(name) && !ignore.has(LOCALS + name))
      describe(marks, LOCALS + name, placedValue(locals, name), 0);
  }
  if (marks.length === 0) return STRANGERS_SHAPE;
  const text = marks.join('\n');
  const known = hashes.get(text);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(text).digest('base64url').slice(0, HASH_LENGTH);
  hashes.set(text, hash);
  return hash;
}

function describe(marks: string[], name: string, value: unknown, depth: number): void {
  if (marks.length > MAX_NAMES) return;
  if (typeof value === 'object' && value !== null) {
    marks.push(Array.isArray(value) && value.length === 0 ? `${name}=` : name);
    if (Array.isArray(value) && OF_KIND.test(name)) marks.push(textOf(name, value.join()));
    if (depth < MAX_DEPTH && !Array.isArray(value) && !ArrayBuffer.isView(value)) {
      for (const inner of Object.keys(value).sort()) {
        const { value: item } = Object.getOwnPropertyDescriptor(value, inner) ?? {};
        describe(marks, `${name}.${inner}`, item, depth + 1);
      }
    }
    return;
  }
  const isKind = typeof value === 'boolean' || OF_KIND.test(name);
  if (isKind && typeof value !== 'function') marks.push(textOf(name, String(value)));
  else marks.push(value === undefined || value === null || value === '' ? `${name}=` : name);
}

function textOf(name: string, value: string): string {
  return `${name}=${value.slice(0, MAX_TEXT)}`;
}
