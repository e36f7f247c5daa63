import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { viewedValues } from '../shared-state.ts';
import type { Constants } from './constants.ts';
import { PlacedNames } from './placed-names.ts';

/**
 * Values that middleware in front of the cache has placed on the request, on the response and on `res.locals`: a user, a
 * session, a language. They are known when a request enters, so those that the app reads can select the stored response.
 *
 * A value is named as the app names it: `req.tenant`, `res.locals.lang`.
 */

/** Where values are placed: the beginning of their names, and the object that has them. */
export interface Place {
  readonly prefix: string;
  readonly holder: object;
  readonly names: readonly string[];
}

const LOCALS = 'res.locals.';
const RESPONSE = 'res.';
const REQUEST = 'req.';
/** Where cookie parsers put what they made of the `Cookie` field. */
const CONTAINERS_OF_COOKIES = ['cookies', 'signedCookies'] as const;
/** The most particular first, since a name is looked up by its beginning. */
const PREFIXES = [LOCALS, RESPONSE, ...CONTAINERS_OF_COOKIES.map((name) => `${REQUEST}${name}.`), REQUEST];

/**
 * The name under which all header fields together select: a handler that copies them all may read any of the copies. Not
 * among them are credentials, noise, and what the key goes by.
 */
export const ALL_FIELDS = 'req.headers';

/** Whether a name that selects is that of a placed value, and not of a header field. */
export function isPlaced(name: string): boolean {
  return name.startsWith(REQUEST) || name.startsWith(RESPONSE);
}

/** Names that can select: as those of header fields, they stand in a marker of the store. */
export const SELECTING_NAME: RegExp = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** The properties of every request, by Node, Express and Connect. Some are set where a disconnect is hidden from the app. */
const OF_EVERY_REQUEST: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(new IncomingMessage(new Socket())),
  ...['headers', 'headersDistinct', 'rawHeaders', '_consuming', '_dumped', '_readableState'],
  ...[
    'destroyed',
    'closed',
    'errored',
    'aborted',
    'readable',
    'readableAborted',
    'connection',
    'socket',
    'stream',
  ],
  ...['next', 'res', 'app', 'route', 'params', 'query', 'baseUrl', 'originalUrl', 'originalMethod'],
  ...['_parsedUrl', '_parsedOriginalUrl', '_body', '_events', '_eventsCount', ...CONTAINERS_OF_COOKIES],
]);
const OF_EVERY_RESPONSE: ReadonlySet<string> = new Set([
  ...namesAlongPrototypes(new ServerResponse(new IncomingMessage(new Socket()))),
  ...['req', 'locals', 'app', 'flush', 'err', 'responseTime', '_events', '_eventsCount'],
]);
/** Names of every request, of which only the value tells whether middleware has put something there. */
const VALUE_TELLS: ReadonlySet<string> = new Set(['client', 'query']);
/** What body parsers make of a body, which the key of such a request is made of. */
const OF_BODY: ReadonlySet<string> = new Set(['body', 'rawBody', 'file', 'files']);
/** What middie places on the requests of Fastify. */
const OF_FASTIFY: ReadonlySet<string> = new Set(['raw', 'hostname', 'protocol', 'ip', 'ips', 'id', 'log']);

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

/** Everything that middleware in front has placed, without logs and measures. */
export function placesOf(req: IncomingMessage, res: ServerResponse): readonly Place[] {
  const places: Place[] = [];
  const add = (prefix: string, holder: object, among: readonly string[]): void => {
    const names = among.length === 0 ? among : among.filter((name) => !isNoise(prefix, holder, name));
    if (names.length > 0) places.push({ prefix, holder, names });
  };
  add(REQUEST, req, namesOnRequest(req));
  for (const name of CONTAINERS_OF_COOKIES) {
    if (!Object.hasOwn(req, name)) continue;
    const cookies = placedValue(req, name);
    if (typeof cookies === 'object' && cookies !== null)
      add(`${REQUEST}${name}.`, cookies, Object.getOwnPropertyNames(cookies));
  }
  add(RESPONSE, res, placedOnResponse.on(res));
  const locals = localsOf(res);
  if (locals) add(LOCALS, locals, Object.getOwnPropertyNames(locals));
  return places;
}

const placedOnRequest = new PlacedNames((name) => OF_EVERY_REQUEST.has(name) && !VALUE_TELLS.has(name));
const placedOnResponse = new PlacedNames(isOfEveryResponse);

/** The id of a request is called `req.id`, and is no object. */
function isNoise(prefix: string, holder: object, name: string): boolean {
  if (NOISE_NAMES.has(name)) return true;
  return prefix === REQUEST && name === 'id' && typeof placedValue(holder, name) !== 'object';
}

/** A name of Node's or of Express's counts where middleware has put something else there. */
function namesOnRequest(req: IncomingMessage): string[] {
  return placedOnRequest.on(req).filter((name) => {
    if (name === 'client') return (req as { client?: unknown }).client !== req.socket;
    if (name === 'query') return hasMoreThanUrl(req);
    if (OF_BODY.has(name)) return req.method === 'GET' || req.method === 'HEAD';
    return !(OF_FASTIFY.has(name) && Object.hasOwn(req, 'hostname') && Object.hasOwn(req, 'protocol'));
  });
}

export function isOfEveryRequest(name: string): boolean {
  return OF_EVERY_REQUEST.has(name) || OF_BODY.has(name) || name in IncomingMessage.prototype;
}

function namesAlongPrototypes(object: object): string[] {
  const prototype: object | null = Object.getPrototypeOf(object);
  const names = Object.getOwnPropertyNames(object);
  return prototype ? [...names, ...namesAlongPrototypes(prototype)] : names;
}

/** Names such as `_maxRequestsPerSocket` are Node's; `__` is one of i18n. */
function isOfEveryResponse(name: string): boolean {
  return OF_EVERY_RESPONSE.has(name) || /^_[a-z]/i.test(name);
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

/** Whether a property has a getter of middleware's. It may do anything, so only the app calls it. */
export function hasGetter(holder: object, name: string): boolean {
  const get = Object.getOwnPropertyDescriptor(holder, name)?.get;
  return get !== undefined && !viewedValues.has(get);
}

/** The value of an own property, where a watch may stand in its place; `undefined` for none, and behind a getter. */
export function placedValue(holder: object, name: string): unknown {
  const own = Object.getOwnPropertyDescriptor(holder, name);
  return own?.get ? viewedValues.get(own.get)?.() : own?.value;
}

function localsOf(res: object): object | undefined {
  const { locals } = res as { locals?: unknown };
  return typeof locals === 'object' && locals !== null ? locals : undefined;
}

/** The text of a name that selects, for a request that enters. */
export function textByName(constants: Constants, req: object, res: object, name: string): string | null {
  const prefix = PREFIXES.find((beginning) => name.startsWith(beginning)) ?? REQUEST;
  const own = name.slice(prefix.length);
  const holder = holderOf(req, res, prefix);
  if (!holder) return null;
  return hasGetter(holder, own) ? OPAQUE : textOf(constants, req, name, placedValue(holder, own));
}

function holderOf(req: object, res: object, prefix: string): object | undefined {
  if (prefix === REQUEST) return req;
  if (prefix === RESPONSE) return res;
  if (prefix === LOCALS) return localsOf(res);
  const cookies = placedValue(req, prefix.slice(REQUEST.length, -1));
  return typeof cookies === 'object' && cookies !== null ? cookies : undefined;
}

/** A longer text selects nothing, in characters. */
const MAX_TEXT = 2048;
const MAX_DEPTH = 6;
/** The text of an object that could not be compared. No stored response has it. */
export const OPAQUE = '!';

/**
 * The text by which a placed value is compared: its JSON, `null` where there is none, `OPAQUE` for a value that has no
 * such text (an instance of a class, a function, a large object), unless it is the same at every request.
 */
export function textOf(constants: Constants, req: object, name: string, value: unknown): string | null {
  if (value === undefined) return null;
  const text = plainTextOrNone(value);
  if (text !== undefined && text.length <= MAX_TEXT) return text;
  return constants.has(req, name, value) ? constants.text : OPAQUE;
}

/** A proxy may throw, whatever one asks of it. */
function plainTextOrNone(value: unknown): string | undefined {
  try {
    return plainText(value, 0);
  } catch {
    return undefined;
  }
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
    const own = Object.getOwnPropertyDescriptor(value, name);
    if (own?.get) return undefined;
    const item: unknown = own?.value;
    if (item === undefined && !isList) continue;
    const text = item === undefined ? 'null' : plainText(item, depth + 1);
    length += text?.length ?? 0;
    if (text === undefined || length > MAX_TEXT) return undefined;
    parts.push(isList ? text : `${JSON.stringify(name)}:${text}`);
  }
  return isList ? `[${parts.join()}]` : `{${parts.join()}}`;
}
