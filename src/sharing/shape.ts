import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { Constants } from './constants.ts';
import type { Credential } from './credentials.ts';
import { isCallersName } from './fields.ts';
import {
  CONTAINERS_OF_COOKIES,
  isNoisePlaced,
  LOCALS,
  localsOf,
  namesOnRequest,
  placedValue,
  REQUEST,
} from './placed.ts';

/** A longer value is an id, which says nothing of the kind of its caller; a shorter one may be a role or a language. */
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
/** Fields whose values say nothing of a kind, however short. */
const OPAQUE_FIELDS: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization']);

/**
 * The shape of a request, as a short hash: the names of its credentials, and of the values that middleware in front has
 * placed, two levels into them, so that a session with a user differs from one without. With credentials, values count
 * where they tell kinds of callers apart: short cookies and fields, booleans, and what is called `role`, `plan`, `lang`
 * and the like.
 */
export function shapeOf(
  credentials: readonly Credential[],
  req: IncomingMessage,
  res: object,
  ignore: ReadonlySet<string>,
  constants: Constants,
): string {
  const marks: string[] = credentials.map(({ name, value }) =>
    value.length <= MAX_CHOICE && !OPAQUE_FIELDS.has(name) ? `${name}=${value}` : name,
  );
  const isStranger = marks.length === 0;
  const place = (prefix: string, holder: object, names: string[]): void => {
    for (const name of names.sort()) {
      const value = placedValue(holder, name);
      if (ignore.has(prefix + name) || isNoisePlaced(prefix, name, value)) continue;
      // The cookies are credentials, each by itself.
      if (prefix === REQUEST && CONTAINERS_OF_COOKIES.has(name)) continue;
      if (constants.has(req, prefix + name, value)) marks.push(prefix + name);
      else describe(marks, prefix + name, value, isStranger, 0);
    }
  };
  place(REQUEST, req, namesOnRequest(req));
  const locals = localsOf(res) ?? {};
  place(LOCALS, locals, Object.getOwnPropertyNames(locals));
  if (marks.length === 0) return STRANGERS_SHAPE;
  const text = marks.join('\n');
  const known = hashes.get(text);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(text).digest('base64url').slice(0, HASH_LENGTH);
  hashes.set(text, hash);
  return hash;
}

function describe(marks: string[], name: string, value: unknown, isStranger: boolean, depth: number): void {
  if (marks.length > MAX_NAMES) return;
  const isKind = !isStranger && (typeof value === 'boolean' || OF_KIND.test(name));
  if (typeof value === 'object' && value !== null) {
    const isEmpty = Array.isArray(value) && value.length === 0;
    marks.push(isEmpty ? `${name}=` : name);
    if (isKind && Array.isArray(value)) marks.push(textOf(name, value.join()));
    if (depth >= MAX_DEPTH || !isLookedInto(name, value)) return;
    for (const inner of Object.keys(value).sort()) {
      const { value: item } = Object.getOwnPropertyDescriptor(value, inner) ?? {};
      describe(marks, `${name}.${inner}`, item, isStranger, depth + 1);
    }
  } else if (isKind && typeof value !== 'function') {
    marks.push(textOf(name, String(value)));
  } else {
    marks.push(value === undefined || value === null || value === '' || value === false ? `${name}=` : name);
  }
}

/** Plain objects, and instances that are called as a caller is: a user, a session. Not the store of all sessions. */
function isLookedInto(name: string, value: object): boolean {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  return isCallersName(name) && !/store$/i.test(name);
}

function textOf(name: string, value: string): string {
  return `${name}=${value.slice(0, MAX_TEXT)}`;
}
