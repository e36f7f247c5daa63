/** Parses lines of access logs: the common and the combined format of nginx and Apache, and JSON. */

/** The first quoted text is the request. Servers escape quotes in it and in everything after it. */
const COMBINED = /^[^"]*"GET (\/(?:[^"\\\s]|\\.)*)(?: HTTP\/[\d.]+)?" (\d{3})(?!\d)/;
/** Servers escape a character as `\"` or `\\`, or as a byte in hexadecimal: `\x22`. */
const ESCAPED = /\\(?:x([\da-f]{2})|(.))/gi;

/**
 * The path and query of a successful GET request; `undefined` for any other line. A 304 is a success: the client had
 * the response.
 */
export function requestedPath(line: string): string | undefined {
  return line.trimStart()[0] === '{' ? pathInJson(line) : pathInCombined(line);
}

function pathInCombined(line: string): string | undefined {
  const [, path, status] = COMBINED.exec(line) ?? [];
  if (path === undefined || !isSuccess(status)) return undefined;
  return path.replace(ESCAPED, (_, byte?: string, character?: string) =>
    byte ? `%${byte.toUpperCase()}` : encodeURIComponent(character as string),
  );
}

type Json = Record<string, unknown>;

/**
 * One JSON object per line. nginx writes what it is configured to; Caddy and pino-http write the request as an object.
 */
function pathInJson(line: string): string | undefined {
  let record: Json;
  try {
    record = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { status = record.statusCode ?? asObject(record.res).statusCode } = record;
  if (!isSuccess(status)) return undefined;
  const { request } = record;
  if (typeof request === 'string' && request[0] !== '/')
    return /^GET (\/\S*)(?: HTTP\/[\d.]+)?$/.exec(request)?.[1];
  const merged: Json = { ...record, ...asObject(request), ...asObject(record.req) };
  const { method = merged.request_method ?? 'GET' } = merged;
  const path = [merged.url, merged.uri, merged.request_uri, merged.path, request].find(
    (value) => typeof value === 'string',
  );
  return method === 'GET' && typeof path === 'string' && /^\/\S*$/.test(path) ? path : undefined;
}

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function isSuccess(status: unknown): boolean {
  const code = Number(status);
  return (code >= 200 && code < 300) || code === 304;
}
