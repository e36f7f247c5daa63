import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { unviewed, viewedValues } from '../shared-state.ts';
import type { Constants } from './constants.ts';

/**
 * Values that middleware in front of the cache has placed on the request and on `res.locals`: a user, a session, a
 * language. They are known when a request enters, so those that the app reads can select the stored response.
 *
 * A value is named as the app names it: `req.tenant`, `res.locals.lang`.
 */

/** The properties of every request, by Node, Express and Connect. Some are set where a disconnect is hidden from the app. */
const OF_EVERY_REQUEST: ReadonlySet<string> = new Set([
  ...namesAlongPrototypes(new IncomingMessage(new Socket())),
  ...['_consuming', '_dumped', 'domain'],
  ...['next', 'res', 'app', 'route', 'params', 'query', 'baseUrl', 'originalUrl', 'originalMethod'],
  ...['_parsedUrl', '_parsedOriginalUrl', '_body', '_events', '_eventsCount'],
]);
/** What body parsers make of a body, which the key of such a request is made of. */
const OF_BODY: ReadonlySet<string> = new Set(['body', 'rawBody', 'file', 'files']);
/** What middie places on the requests of Fastify. */
const OF_FASTIFY: ReadonlySet<string> = new Set(['raw', 'hostname', 'protocol', 'ip', 'ips', 'id', 'log']);

function namesAlongPrototypes(object: object): string[] {
  const prototype: object | null = Object.getPrototypeOf(object);
  const names = Object.getOwnPropertyNames(object);
  return prototype ? [...names, ...namesAlongPrototypes(prototype)] : names;
}

export function isOfEveryRequest(name: string): boolean {
  return OF_EVERY_REQUEST.has(name) || OF_BODY.has(name);
}

/** What logs, traces and measures place. No page is made of it. */
export const NOISE_NAMES: ReadonlySet<string> = new Set([
  ...[
    'log',
    'logger',
    'allLogs',
    'reqId',
    'requestId',
    'request_id',
    'correlationId',
    'traceId',
    'spanId',
    'span',
  ],
  ...[
    '_startAt',
    '_startTime',
    '_remoteAddress',
    'startTime',
    'startAt',
    'rateLimit',
    'rateLimits',
    'slowDown',
  ],
  ...['__onFinished', '_passport', '_sessionManager'],
]);

/** Whether a placed value is one of logs and measures. The id of a request is called `req.id`, and is no object. */
export function isNoisePlaced(place: string, name: string, value: unknown): boolean {
  return NOISE_NAMES.has(name) || (place === REQUEST && name === 'id' && typeof value !== 'object');
}

/** Where cookie parsers put what they made of the `Cookie` field. */
export const CONTAINERS_OF_COOKIES: ReadonlySet<string> = new Set(['cookies', 'signedCookies']);

/** Where values are placed: objects of the request, with the beginning of their names. */
export const REQUEST = 'req.';
export const LOCALS = 'res.locals.';

/** Whether a name that selects is that of a placed value, and not of a header field. */
export function isPlaced(name: string): boolean {
  return name.startsWith(REQUEST) || name.startsWith(LOCALS);
}

/** Names that can select: as those of header fields, they stand in a marker of the store. */
export const SELECTING_NAME: RegExp = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** The names of what is placed on a request. A name of Node's counts where middleware has put something else there. */
export function namesOnRequest(req: IncomingMessage): string[] {
  const bringsBody = req.method !== 'GET' && req.method !== 'HEAD';
  const isFastifys = Object.hasOwn(req, 'hostname') && Object.hasOwn(req, 'protocol');
  return Object.getOwnPropertyNames(req).filter((name) => {
    if (name === 'client') return (req as { client?: unknown }).client !== req.socket;
    if (name === 'query') return hasMoreThanUrl(req);
    if (OF_EVERY_REQUEST.has(name)) return false;
    if (OF_BODY.has(name)) return !bringsBody;
    return !(isFastifys && OF_FASTIFY.has(name));
  });
}

/** Whether middleware has added to the parsed query what the URL does not have. */
function hasMoreThanUrl(req: IncomingMessage & { originalUrl?: string }): boolean {
  const query = Object.getOwnPropertyDescriptor(req, 'query')?.value as unknown;
  if (typeof query !== 'object' || query === null) return false;
  const names = Object.keys(query);
  if (names.length === 0) return false;
  const url = (req.originalUrl ?? req.url ?? '').replaceAll('+', ' ');
  const text = url.includes('%') ? url + decoded(url) : url;
  return names.some((name) => !text.includes(name));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** The value of an own property, where a watch may stand in its place. `undefined` for none. */
export function placedValue(object: object, name: string): unknown {
  const own = Object.getOwnPropertyDescriptor(object, name);
  if (!own?.get) return own?.value;
  const held = viewedValues.get(own.get);
  try {
    return held ? held() : own.get.call(object);
  } catch {
    return undefined;
  }
}

export function localsOf(res: object): Record<string, unknown> | undefined {
  const { locals } = res as { locals?: unknown };
  return typeof locals === 'object' && locals !== null
    ? (unviewed(locals) as Record<string, unknown>)
    : undefined;
}

/** The value of a name that selects. */
export function valueByName(req: object, res: object, name: string): unknown {
  if (name.startsWith(REQUEST)) return placedValue(req, name.slice(REQUEST.length));
  const locals = localsOf(res);
  return locals && placedValue(locals, name.slice(LOCALS.length));
}

/** A longer text selects nothing, in characters. */
const MAX_TEXT = 2048;
const MAX_DEPTH = 6;
/** The text of an object that is the same at every request. No JSON text is it. */
const CONSTANT = '*';
/** The text of an object that could not be compared. No stored response has it. */
export const OPAQUE = '!';

/**
 * The text by which a placed value is compared: its JSON, `null` where there is none, `OPAQUE` for a value that has no
 * such text (an instance of a class, a function, a large object).
 */
export function textOf(constants: Constants, req: object, name: string, value: unknown): string | null {
  if (value === undefined) return null;
  const text = plainText(value, 0);
  if (text !== undefined && text.length <= MAX_TEXT) return text;
  return constants.has(req, name, value) ? CONSTANT : OPAQUE;
}

/** JSON with sorted names; `undefined` for what JSON does not hold whole. */
function plainText(value: unknown, depth: number): string | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : `"${value}"`;
  if (typeof value !== 'object' || depth > MAX_DEPTH || 'toJSON' in value) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isList = Array.isArray(value);
  if (!isList && prototype !== null && prototype !== Object.prototype) return undefined;
  const parts: string[] = [];
  let length = 0;
  for (const name of isList ? value.keys() : Object.keys(value).sort()) {
    const item = (value as Record<string | number, unknown>)[name];
    if (item === undefined && !isList) continue;
    const text = item === undefined ? 'null' : plainText(item, depth + 1);
    length += text?.length ?? 0;
    if (text === undefined || length > MAX_TEXT) return undefined;
    parts.push(isList ? text : `${JSON.stringify(name)}:${text}`);
  }
  return isList ? `[${parts.join()}]` : `{${parts.join()}}`;
}
