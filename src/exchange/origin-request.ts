import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Validators } from '../http/conditional.ts';
import { ownEntityTags } from '../http/content-coding.ts';

/**
 * What the app is given in place of the client's request: the request object is the same, with header fields hidden or
 * added, in all three of its views (`headers`, `rawHeaders`, `headersDistinct`).
 */

const CONDITIONS: ReadonlySet<string> = new Set(['if-none-match', 'if-modified-since']);
const CONDITIONS_AND_RANGE: ReadonlySet<string> = new Set([...CONDITIONS, 'range', 'if-range']);

/**
 * Hides from the app what would make it answer less than the whole representation, which is what is to be stored, and
 * asks instead whether a stored response is still valid, if there is one.
 * @param headers the request's fields as they came.
 * @param keepsRange whether the app answers the range itself.
 */
export function requestWhole(
  req: IncomingMessage,
  headers: IncomingHttpHeaders,
  validators: Validators | undefined,
  keepsRange: boolean,
): void {
  const hidden = keepsRange ? CONDITIONS : CONDITIONS_AND_RANGE;
  const etag = validators?.etag;
  const lastModified = validators?.lastModified;
  const validates = etag !== undefined || lastModified !== undefined;
  if (!validates && !Object.keys(headers).some((name) => hidden.has(name))) return;
  const distinct = hideFields(req, hidden);
  if (etag !== undefined) addField(req, 'if-none-match', etag, distinct);
  if (lastModified !== undefined) addField(req, 'if-modified-since', lastModified, distinct);
}

/**
 * Puts the app's own entity tags into `If-Match`, where the client was given those of encodings (option `compress`): it
 * changes what it has a copy of.
 * @returns whether the request was changed.
 */
export function restoreEntityTags(req: IncomingMessage): boolean {
  const given = req.headers['if-match'];
  const own = given && ownEntityTags(given);
  if (own === undefined || own === given) return false;
  addField(req, 'if-match', own, hideFields(req, new Set(['if-match'])));
  return true;
}

/** Takes header fields away, as if the client had never sent them. @returns `headersDistinct`, where Node has built it. */
export function hideFields(
  req: IncomingMessage,
  names: ReadonlySet<string>,
): Record<string, string[] | undefined> | undefined {
  const distinct = distinctOf(req);
  for (let i = req.rawHeaders.length - 2; i >= 0; i -= 2) {
    if (names.has((req.rawHeaders[i] as string).toLowerCase())) req.rawHeaders.splice(i, 2);
  }
  for (const name of names) {
    delete req.headers[name];
    delete distinct?.[name];
  }
  return distinct;
}

function addField(
  req: IncomingMessage,
  name: string,
  value: string,
  distinct: Record<string, string[] | undefined> | undefined,
): void {
  req.headers[name] = value;
  req.rawHeaders.push(name, value);
  if (distinct) distinct[name] = [value];
}

/** Node builds this view when it is first read, and would stumble over a raw list that was shortened before. */
function distinctOf(req: IncomingMessage): Record<string, string[] | undefined> | undefined {
  try {
    return req.headersDistinct;
  } catch {
    // Early versions of Node 20 cannot build it of a field named `__proto__`.
    return undefined;
  }
}
