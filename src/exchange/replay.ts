import type { ServerResponse } from 'node:http';
import type { StoredResponse } from '../codec/stored-response.ts';
import { joined, parseCacheControl } from '../http/cache-control.ts';
import { type FieldList, field, isDescriptive, leftOutOf304, type StoredFields } from '../http/headers.ts';
import { type ByteRange, contentRange, type Part } from '../http/range.ts';
import { hasReasonPhrase } from './http2.ts';

/** How a stored response answers a request: as it is, or as a 304, 416 or 206. */
export type ResponseForm =
  | { readonly kind: 'whole' | 'not-modified' | 'unsatisfiable' }
  /** @property part the range that the stored body covers, where a 206 is stored. */
  | {
      readonly kind: 'partial';
      readonly ranges: readonly ByteRange[];
      readonly part: Part | undefined;
    };

/** The fields that this cache adds to a stored response. */
interface AddedFields {
  /** Current age in whole seconds (RFC 9111 §5.1); `undefined` for a response that was just generated or validated. */
  readonly age: number | undefined;
  /** This cache's member of `Cache-Status`. */
  readonly cacheStatus: string;
}

type FieldLines = (string | readonly string[])[];

/**
 * Sends a stored response with one `writeHead` and one `end`. Fields that middleware in front has set for this request
 * stay, except those that the stored response has itself, and those that describe other bytes.
 * @returns the length of the sent body in bytes.
 */
export function replay(
  res: ServerResponse,
  stored: StoredResponse,
  form: ResponseForm,
  added: AddedFields,
): number {
  for (const name of stored.removedFields) res.removeHeader(name);
  const inFront = res.getHeaderNames();
  const isForOne = inFront.length > 0 && isForOnePerson(res);
  for (const name of inFront) if (isDescriptive(name)) res.removeHeader(name);
  if (stored.locals) Object.assign(localsOf(res), structuredClone(stored.locals));
  const { status, message, fields, body } = buildMessage(stored, form);
  if (added.age !== undefined) fields.push('Age', String(added.age));
  if (isForOne) forbidSharing(fields);
  if (inFront.length > 0) mergeVary(res, fields);
  appendCacheStatus(res, fields, added.cacheStatus);
  // Node accepts repeated fields in a flat list, but its types do not.
  if (message === '' || !hasReasonPhrase(res)) res.writeHead(status, fields as string[]);
  else res.writeHead(status, message, fields as string[]);
  if (body) res.end(body);
  else res.end();
  return body && res.req.method !== 'HEAD' ? body.length : 0;
}

/** Whether middleware in front has said that this answer is for one person, as where it starts a session. */
function isForOnePerson(res: ServerResponse): boolean {
  if (!res.hasHeader('set-cookie')) return false;
  const directives = parseCacheControl(res.getHeader('cache-control'));
  return directives.has('private') || directives.has('no-store');
}

/** The next shared cache must not store the cookie of one person, whatever may be stored of the response. */
function forbidSharing(fields: FieldLines): void {
  for (let i = fields.length - 2; i >= 0; i -= 2)
    if (String(fields[i]).toLowerCase() === 'cache-control') fields.splice(i, 2);
  fields.push('Cache-Control', 'private, no-store');
}

/** Sends the 504 for `only-if-cached` when no stored response can be used (RFC 9111 §5.2.1.7). */
export function sendGatewayTimeout(res: ServerResponse, cacheStatus: string): void {
  const fields: FieldLines = ['Content-Length', '0'];
  appendCacheStatus(res, fields, cacheStatus);
  res.writeHead(504, fields as string[]);
  res.end();
}

/** Sends a JSON response of the cache itself, to a purge request. */
export function sendJson(res: ServerResponse, status: number, cacheStatus: string, value: object): void {
  const body = Buffer.from(JSON.stringify(value));
  const fields: FieldLines = ['Content-Type', 'application/json', 'Content-Length', String(body.length)];
  fields.push('Cache-Control', 'no-store');
  appendCacheStatus(res, fields, cacheStatus);
  res.writeHead(status, fields as string[]);
  res.end(body);
}

/** Appends this cache's member to `Cache-Status`: caches nearer to the origin come first (RFC 9211 §2). */
export function addCacheStatus(res: ServerResponse, member: string): void {
  const given = joined(res.getHeader('cache-status'));
  res.setHeader('Cache-Status', given ? `${given}, ${member}` : member);
}

/** Fields of a body in chunks. Node throws where a response has trailers and no chunks. */
const CHUNKED_ONLY: ReadonlySet<string> = new Set(['transfer-encoding', 'trailer']);

/** Converts the response that is about to be sent into a 304. The client already has the representation. */
export function convertTo304(res: ServerResponse): void {
  setStatus(res, 304);
  for (const name of res.getHeaderNames()) {
    if (leftOutOf304(name) || CHUNKED_ONLY.has(name)) res.removeHeader(name);
  }
}

/** Resets a head that was not sent: the fields are those that middleware in front had set before the app was called. */
export function resetHead(res: ServerResponse, before: FieldList): void {
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  for (const [name, value] of before) res.setHeader(name, value);
  setStatus(res, 200);
}

/** Sets a status with its usual reason phrase. */
function setStatus(res: ServerResponse, status: number): void {
  res.statusCode = status;
  if (hasReasonPhrase(res)) res.statusMessage = '';
}

export function localsOf(res: ServerResponse): Record<string, unknown> {
  const holder = res as { locals?: Record<string, unknown> };
  holder.locals ??= {};
  return holder.locals;
}

interface Message {
  readonly status: number;
  readonly message: string;
  readonly fields: FieldLines;
  readonly body: Buffer | undefined;
}

function buildMessage(stored: StoredResponse, form: ResponseForm): Message {
  const { status, message, headers, body } = stored;
  switch (form.kind) {
    case 'whole':
      return { status, message, fields: copied(headers), body };
    case 'not-modified':
      return { status: 304, message: '', fields: without(headers, leftOutOf304), body: undefined };
    case 'unsatisfiable': {
      const kept = without(headers, describesContent);
      const fields = [...kept, 'Content-Length', '0', 'Content-Range', `bytes */${body.length}`];
      return { status: 416, message: '', fields, body: undefined };
    }
    case 'partial':
      return form.ranges.length === 1
        ? onePart(stored, form.ranges[0]!, form.part)
        : severalParts(stored, form.ranges);
  }
}

function onePart({ headers, body }: StoredResponse, range: ByteRange, stored: Part | undefined): Message {
  const { first, size } = stored ?? { first: 0, size: body.length };
  const part = body.subarray(range.first - first, range.last - first + 1);
  const kept = without(headers, (name) => name === 'content-length' || name === 'content-range');
  const length = String(part.length);
  const fields = [...kept, 'Content-Length', length, 'Content-Range', contentRange(range, size)];
  return { status: 206, message: '', fields, body: part };
}

/** "A server that generates a multipart response MUST generate multipart/byteranges" (RFC 9110 §15.3.7.2). */
function severalParts({ headers, body }: StoredResponse, ranges: readonly ByteRange[]): Message {
  const type = field(headers, 'content-type');
  const boundary = boundaryFor(body);
  const pieces: Buffer[] = [];
  for (const range of ranges) {
    const lines = [`--${boundary}`, ...(type === undefined ? [] : [`Content-Type: ${type}`])];
    lines.push(`Content-Range: ${contentRange(range, body.length)}`, '', '');
    pieces.push(Buffer.from(lines.join('\r\n'), 'latin1'), body.subarray(range.first, range.last + 1), CRLF);
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  const whole = Buffer.concat(pieces);
  const kept = without(headers, (name) => name === 'content-length' || name === 'content-type');
  const multipart = `multipart/byteranges; boundary=${boundary}`;
  const fields = [...kept, 'Content-Type', multipart, 'Content-Length', String(whole.length)];
  return { status: 206, message: '', fields, body: whole };
}

const CRLF = Buffer.from('\r\n');

/** A boundary that the body does not contain. */
function boundaryFor(body: Buffer): string {
  for (let i = 0; ; i++) {
    const boundary = `rrc-byteranges-${i}`;
    if (!body.includes(boundary)) return boundary;
  }
}

function copied(headers: StoredFields): FieldLines {
  const fields = headers.slice();
  for (let i = 1; i < fields.length; i += 2) {
    const value = fields[i] as string | readonly string[];
    if (typeof value !== 'string') fields[i] = [...value];
  }
  return fields;
}

/** A copy, because Node appends to the list of a repeated field in place, and the stored response is reused. */
function copyOf(value: string | readonly string[]): string | readonly string[] {
  return typeof value === 'string' ? value : [...value];
}

function describesContent(lowerName: string): boolean {
  return lowerName === 'etag' || lowerName === 'last-modified' || lowerName.startsWith('content-');
}

function without(headers: StoredFields, excluded: (lowerName: string) => boolean): FieldLines {
  const kept: FieldLines = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!excluded((headers[i] as string).toLowerCase())) kept.push(headers[i]!, copyOf(headers[i + 1]!));
  }
  return kept;
}

function appendCacheStatus(res: ServerResponse, fields: FieldLines, member: string): void {
  const at = indexOf(fields, 'cache-status');
  const given = joined(at < 0 ? res.getHeader('cache-status') : fields[at + 1]);
  const value = given ? `${given}, ${member}` : member;
  if (at < 0) fields.push('Cache-Status', value);
  else fields[at + 1] = value;
}

/** Merges the `Vary` of middleware in front (CORS, compression) with that of the stored response. */
function mergeVary(res: ServerResponse, fields: FieldLines): void {
  const outer = joined(res.getHeader('vary'));
  const at = outer ? indexOf(fields, 'vary') : -1;
  if (!outer || at < 0) return;
  const merged = new Map<string, string>();
  for (const member of `${outer},${joined(fields[at + 1])}`.split(',')) {
    const name = member.trim();
    if (name) merged.set(name.toLowerCase(), merged.get(name.toLowerCase()) ?? name);
  }
  fields[at + 1] = [...merged.values()].join(', ');
}

function indexOf(fields: FieldLines, lowerName: string): number {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) return i;
  }
  return -1;
}
