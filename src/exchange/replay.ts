import type { ServerResponse } from 'node:http';
import type { StoredResponse } from '../codec/stored-response.ts';
import { joined } from '../http/cache-control.ts';
import { type FieldList, field, leftOutOf304, type StoredFields } from '../http/headers.ts';
import { type ByteRange, contentRange, type Part } from '../http/range.ts';
import { hasReason } from './http2.ts';

/** How a stored response answers this request: whole, in part, or not at all because the client has it. */
export type Form =
  | { readonly kind: 'whole' | 'not-modified' | 'unsatisfiable' }
  /** @property part what the stored bytes are themselves, where they are not the whole. */
  | {
      readonly kind: 'partial';
      readonly ranges: readonly ByteRange[];
      readonly part: Part | undefined;
    };

/** What this cache adds to an answer. */
export interface Added {
  /** Current age in whole seconds (RFC 9111 §5.1), of what was not made or confirmed just now. */
  readonly age: number | undefined;
  /** This cache's member of `Cache-Status`. */
  readonly cacheStatus: string;
}

type Lines = (string | readonly string[])[];

/**
 * Answers with a stored response: one head, one body. Fields that middleware in front set for this request stay,
 * except where the stored response has the field itself.
 * @returns how many bytes of body were sent.
 */
export function replay(res: ServerResponse, stored: StoredResponse, form: Form, added: Added): number {
  for (const name of stored.removed) res.removeHeader(name);
  if (stored.locals) Object.assign(localsOf(res), structuredClone(stored.locals));
  const { status, message, fields, body } = formed(stored, form);
  if (added.age !== undefined) fields.push('Age', String(added.age));
  mergeVary(res, fields);
  appendCacheStatus(res, fields, added.cacheStatus);
  // Node's types know no repeated field in a flat list, Node does.
  if (message === '' || !hasReason(res)) res.writeHead(status, fields as string[]);
  else res.writeHead(status, message, fields as string[]);
  if (body) res.end(body);
  else res.end();
  return body && res.req.method !== 'HEAD' ? body.length : 0;
}

/** An answer of the cache's own: nothing stored may be used and the client wants nothing else (RFC 9111 §5.2.1.7). */
export function gatewayTimeout(res: ServerResponse, cacheStatus: string): void {
  const fields: Lines = ['Content-Length', '0'];
  appendCacheStatus(res, fields, cacheStatus);
  res.writeHead(504, fields as string[]);
  res.end();
}

/** An answer of the cache's own to whoever works it. */
export function answerJson(res: ServerResponse, status: number, cacheStatus: string, value: object): void {
  const body = Buffer.from(JSON.stringify(value));
  const fields: Lines = ['Content-Type', 'application/json', 'Content-Length', String(body.length)];
  fields.push('Cache-Control', 'no-store');
  appendCacheStatus(res, fields, cacheStatus);
  res.writeHead(status, fields as string[]);
  res.end(body);
}

/** Adds this cache's member behind those of the caches nearer to the origin (RFC 9211 §2). */
export function addCacheStatus(res: ServerResponse, member: string): void {
  const given = joined(res.getHeader('cache-status'));
  res.setHeader('Cache-Status', given ? `${given}, ${member}` : member);
}

/** Makes the response that is about to be sent a 304, since the client has what it would send. */
export function convertTo304(res: ServerResponse): void {
  setStatus(res, 304);
  for (const name of res.getHeaderNames()) {
    if (leftOutOf304(name) || name === 'transfer-encoding') res.removeHeader(name);
  }
}

/** Takes back what the app did to a head that was not sent: the fields are as middleware in front had left them. */
export function resetHead(res: ServerResponse, before: FieldList): void {
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  for (const [name, value] of before) res.setHeader(name, value);
  setStatus(res, 200);
}

/** A status with the message that goes with it. */
function setStatus(res: ServerResponse, status: number): void {
  res.statusCode = status;
  if (hasReason(res)) res.statusMessage = '';
}

export function localsOf(res: ServerResponse): Record<string, unknown> {
  const holder = res as { locals?: Record<string, unknown> };
  holder.locals ??= {};
  return holder.locals;
}

interface Message {
  readonly status: number;
  readonly message: string;
  readonly fields: Lines;
  readonly body: Buffer | undefined;
}

function formed(stored: StoredResponse, form: Form): Message {
  const { status, message, headers, body } = stored;
  switch (form.kind) {
    case 'whole':
      return { status, message, fields: headers.map(own), body };
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

function onePart({ headers, body }: StoredResponse, range: ByteRange, of: Part | undefined): Message {
  const { first, size } = of ?? { first: 0, size: body.length };
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

/** The stored response answers others yet, and Node appends to a list in place. */
function own(value: string | readonly string[]): string | readonly string[] {
  return typeof value === 'string' ? value : [...value];
}

function describesContent(lowerName: string): boolean {
  return lowerName === 'etag' || lowerName === 'last-modified' || lowerName.startsWith('content-');
}

function without(headers: StoredFields, excluded: (lowerName: string) => boolean): Lines {
  const kept: Lines = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!excluded((headers[i] as string).toLowerCase())) kept.push(headers[i]!, own(headers[i + 1]!));
  }
  return kept;
}

function appendCacheStatus(res: ServerResponse, fields: Lines, member: string): void {
  const at = indexOf(fields, 'cache-status');
  const outer = joined(at < 0 ? res.getHeader('cache-status') : fields[at + 1]);
  const value = outer ? `${outer}, ${member}` : member;
  if (at < 0) fields.push('Cache-Status', value);
  else fields[at + 1] = value;
}

/** What middleware in front varies on (CORS, compression) and what the stored response does: both, not the last. */
function mergeVary(res: ServerResponse, fields: Lines): void {
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

function indexOf(fields: Lines, lowerName: string): number {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) return i;
  }
  return -1;
}
