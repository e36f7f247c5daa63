/** Reading access logs, line by line: the common and the combined format of nginx and Apache, and JSON. */

/** From the first quoted text on, which is the request. Its quotes are escaped, and so are those of what follows. */
const COMBINED = /^[^"]*"GET (\/(?:[^"\\\s]|\\.)*)(?: HTTP\/[\d.]+)?" (\d{3})(?!\d)/;
/** Servers write what would break their format as `\"`, `\\` or a byte in hexadecimal. */
const ESCAPED = /\\(?:x([\da-f]{2})|(.))/gi;

/** The path and query of a GET that succeeded, or that the client had already; `undefined` for every other line. */
export function requestedPath(line: string): string | undefined {
  return line.trimStart()[0] === '{' ? ofJson(line) : ofCombined(line);
}

function ofCombined(line: string): string | undefined {
  const [, path, status] = COMBINED.exec(line) ?? [];
  if (path === undefined || !isSuccess(status)) return undefined;
  return path.replace(ESCAPED, (_, byte?: string, character?: string) =>
    byte ? `%${byte.toUpperCase()}` : encodeURIComponent(character as string),
  );
}

type Json = Record<string, unknown>;

/** One object per line, as nginx is told to write it, and as Caddy and pino-http do: with the request in an object. */
function ofJson(line: string): string | undefined {
  let record: Json;
  try {
    record = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { status = record.statusCode ?? objectOf(record.res).statusCode } = record;
  if (!isSuccess(status)) return undefined;
  const { request } = record;
  if (typeof request === 'string' && request[0] !== '/')
    return /^GET (\/\S*)(?: HTTP\/[\d.]+)?$/.exec(request)?.[1];
  const asked: Json = { ...record, ...objectOf(request), ...objectOf(record.req) };
  const { method = asked.request_method ?? 'GET' } = asked;
  const path = [asked.url, asked.uri, asked.request_uri, asked.path, request].find(
    (value) => typeof value === 'string',
  );
  return method === 'GET' && typeof path === 'string' && /^\/\S*$/.test(path) ? path : undefined;
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function isSuccess(status: unknown): boolean {
  const code = Number(status);
  return (code >= 200 && code < 300) || code === 304;
}
