import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { Constants } from './constants.ts';
import type { Credential } from './credentials.ts';
import { isCallersName } from './fields.ts';
import { type Place, placedValue } from './placed.ts';

/** A credential with such a value may be a role, a language or a switch. Any other value is an id, and says nothing. */
const CHOICE = /^(?:[a-z]{2,}(?:[-_][a-z]+)*|[01])?$/i;
const MAX_CHOICE = 20;
/** Fields whose values say nothing of a kind, however short. */
const NO_CHOICE: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization']);
/** Names of values that tell kinds of callers apart, and not one caller from another. */
const OF_KIND =
  /(?:roles?|groups?|plan|tier|type|kind|level|scopes?|permissions?|lang(?:uage)?s?|locale|country|region|currency|tenant|org|theme|status|access|admin)$/i;
/** Names of switches that tell kinds of callers apart. A user has many others: a newsletter, a dark mode. */
const OF_KIND_SWITCH =
  /(?:^|[._])(?:is|has|can|may)[A-Z_]|(?:admin|staff|super|owner|premium|pro|beta|guest|member|banned|blocked|verified|active|authenticated|loggedIn)\w*$/i;
/** What holds the columns of a caller, of which any may be empty. */
const HOLDS_COLUMNS = /(?:user|account|profile|person|customer|member)\.[^.]+$/i;
/** How deep and how far placed objects are looked into. */
const MAX_DEPTH = 2;
const MAX_MARKS = 512;
const MAX_TEXT = 1024;
const HASH_LENGTH = 12;

const hashes = new LRUCache<string, string>({ maxSize: 1000, sizeCalculation: () => 1 });

/** The shape of a request without credentials on which nothing is placed in front. */
export const STRANGERS_SHAPE = '';

/**
 * The shape of a request, as a short hash: the names of its credentials, and of the values that middleware in front has
 * placed, two levels into them, so that a session with a user differs from one without. With credentials, values count
 * where they tell kinds of callers apart: cookies and fields of one word, and what is called `role`, `plan`, `lang`, `isAdmin`
 * and the like.
 */
export function shapeOf(
  credentials: readonly Credential[],
  req: IncomingMessage,
  places: readonly Place[],
  ignore: ReadonlySet<string>,
  constants: Constants,
): string {
  if (credentials.length === 0 && places.length === 0) return STRANGERS_SHAPE;
  const marks = credentials.map(({ name, value }) =>
    value.length <= MAX_CHOICE && CHOICE.test(value) && !NO_CHOICE.has(name) ? `${name}=${value}` : name,
  );
  const isStranger = marks.length === 0;
  for (const { prefix, holder, names } of places) {
    // The cookies are credentials, each by itself.
    if (prefix.startsWith('req.') && holder !== req) continue;
    for (const own of [...names].sort()) {
      const name = prefix + own;
      const value = placedValue(holder, own);
      if (ignore.has(name)) continue;
      if (constants.has(req, name, value)) marks.push(name);
      else describe(marks, name, value, isStranger, false, 0);
    }
  }
  if (marks.length === 0) return STRANGERS_SHAPE;
  const text = marks.join('\n');
  const known = hashes.get(text);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(text).digest('base64url').slice(0, HASH_LENGTH);
  hashes.set(text, hash);
  return hash;
}

/** @param isInKind whether the value is a part of one that tells kinds of callers apart. */
function describe(
  marks: string[],
  name: string,
  value: unknown,
  isStranger: boolean,
  isInKind: boolean,
  depth: number,
): void {
  if (marks.length > MAX_MARKS) return;
  const isSwitch = typeof value === 'boolean' || value === 0 || value === 1;
  const isKind = !isStranger && (isInKind || OF_KIND.test(name) || (isSwitch && OF_KIND_SWITCH.test(name)));
  if (typeof value === 'object' && value !== null) {
    marks.push(isEmpty(value) ? `${name}=` : name);
    if (isKind && isList(value)) marks.push(`${name}=${textOfList(value)}`);
    if (depth >= MAX_DEPTH || isList(value) || ArrayBuffer.isView(value)) return;
    const isWhole = isLookedInto(name, value);
    for (const inner of Object.keys(value).sort()) {
      const { value: item } = Object.getOwnPropertyDescriptor(value, inner) ?? {};
      // Of an instance of any class, only what may tell a kind of callers.
      if (isWhole || (typeof item !== 'object' && (OF_KIND.test(inner) || OF_KIND_SWITCH.test(inner))))
        describe(marks, `${name}.${inner}`, item, isStranger, isKind, depth + 1);
    }
  } else if (isKind && typeof value !== 'function') {
    marks.push(`${name}=${String(value).slice(0, MAX_TEXT)}`);
  } else {
    marks.push(value || HOLDS_COLUMNS.test(name) ? name : `${name}=`);
  }
}

function isList(value: object): value is Iterable<unknown> {
  return Array.isArray(value) || value instanceof Set || value instanceof Map;
}

function isEmpty(value: object): boolean {
  return Array.isArray(value) && value.length === 0;
}

function textOfList(list: Iterable<unknown>): string {
  try {
    return JSON.stringify([...list]).slice(0, MAX_TEXT);
  } catch {
    // A list of what JSON does not hold is like no other.
    return randomUUID();
  }
}

/** Plain objects, and instances that are called as a caller is: a user, a session. Not the store of all sessions. */
function isLookedInto(name: string, value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  return isCallersName(name) && !/store$/i.test(name);
}
