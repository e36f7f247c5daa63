import type { ServerResponse } from 'node:http';
import type { StoredResponse } from '../entry.ts';
import { joined } from '../http/cache-control.ts';
import { leftOutOf304, type StoredFields } from '../http/headers.ts';

/** How a stored response answers this request. */
export interface Rendering {
  /** 304 rather than the stored status and body: the client has them already. */
  readonly notModified: boolean;
  /** Current age in whole seconds (RFC 9111 §5.1). */
  readonly age: number;
  /** This cache's member of `Cache-Status`. */
  readonly cacheStatus: string;
}

/**
 * Answers with a stored response: one head, one body. Fields that middleware in front set for this request stay,
 * except where the stored response has the field itself.
 */
export function replay(res: ServerResponse, stored: StoredResponse, rendering: Rendering): void {
  for (const name of stored.removed) res.removeHeader(name);
  if (stored.locals) Object.assign(localsOf(res), stored.locals);
  const age = String(rendering.age);
  const headers = rendering.notModified ? headers304(stored.headers) : stored.headers;
  const fields = [...withOuter(res, headers, 'vary'), 'Age', age];
  appendCacheStatus(res, fields, rendering.cacheStatus);
  const head = fields as unknown as string[];
  if (rendering.notModified) {
    res.writeHead(304, head);
    res.end();
  } else {
    if (stored.message === '') res.writeHead(stored.status, head);
    else res.writeHead(stored.status, stored.message, head);
    res.end(stored.body);
  }
}

/** An answer of the cache's own: nothing stored may be used and the client wants nothing else (RFC 9111 §5.2.1.7). */
export function gatewayTimeout(res: ServerResponse, cacheStatus: string): void {
  const fields: (string | readonly string[])[] = ['Content-Length', '0'];
  appendCacheStatus(res, fields, cacheStatus);
  res.writeHead(504, fields as unknown as string[]);
  res.end();
}

/** Adds this cache's member behind those of the caches nearer to the origin (RFC 9211 §2). */
export function addCacheStatus(res: ServerResponse, member: string): void {
  const given = joined(res.getHeader('cache-status'));
  res.setHeader('Cache-Status', given ? `${given}, ${member}` : member);
}

/** Makes the response that is about to be sent a 304, since the client has what it would send. */
export function turnInto304(res: ServerResponse): void {
  res.statusCode = 304;
  res.statusMessage = '';
  for (const name of res.getHeaderNames()) {
    if (leftOutOf304(name) || name === 'transfer-encoding') res.removeHeader(name);
  }
}

export function localsOf(res: ServerResponse): Record<string, unknown> {
  const holder = res as { locals?: Record<string, unknown> };
  holder.locals ??= {};
  return holder.locals;
}

function appendCacheStatus(
  res: ServerResponse,
  fields: (string | readonly string[])[],
  member: string,
): void {
  for (let i = 0; i < fields.length; i += 2) {
    if ((fields[i] as string).toLowerCase() !== 'cache-status') continue;
    fields[i + 1] = `${joined(fields[i + 1])}, ${member}`;
    return;
  }
  const outer = joined(res.getHeader('cache-status'));
  fields.push('Cache-Status', outer ? `${outer}, ${member}` : member);
}

/** The stored head, with a list field that middleware in front has also set merged rather than overwritten. */
function withOuter(res: ServerResponse, headers: StoredFields, lowerName: string): StoredFields {
  const outer = joined(res.getHeader(lowerName));
  if (!outer) return headers;
  const merged = [...headers];
  for (let i = 0; i < merged.length; i += 2) {
    if ((merged[i] as string).toLowerCase() === lowerName)
      merged[i + 1] = union(outer, joined(merged[i + 1]) ?? '');
  }
  return merged;
}

function union(a: string, b: string): string {
  const seen = new Map<string, string>();
  for (const member of `${a},${b}`.split(',')) {
    const name = member.trim();
    if (name) seen.set(name.toLowerCase(), seen.get(name.toLowerCase()) ?? name);
  }
  return [...seen.values()].join(', ');
}

function headers304(headers: StoredFields): StoredFields {
  const kept: (string | readonly string[])[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!leftOutOf304((headers[i] as string).toLowerCase())) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}
