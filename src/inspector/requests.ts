import type { IncomingMessage } from 'node:http';
import { CacheError, StoreError } from '../errors.ts';

/** Reads requests of the page, and describes why one is refused. */

/** The largest request, in bytes: an edited body, or a long list of URLs. */
const MAX_BYTES = 4 * 1024 * 1024;

/** An error that is answered with this status and message. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The response to an error; `undefined` for an unexpected one. */
export function toHttpError(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  if (error instanceof StoreError) return new HttpError(503, error.message);
  // Any other error of the cache is about what the page has sent.
  if (error instanceof CacheError) return new HttpError(400, error.message);
  return undefined;
}

/** The JSON object in a request, whether or not a body parser has read it already. @throws {HttpError} */
export async function readJson(req: IncomingMessage & { body?: unknown }): Promise<Record<string, unknown>> {
  const type = req.headers['content-type'] ?? '';
  if (!/^application\/json *(?:;|$)/i.test(type))
    throw new HttpError(415, 'The Content-Type must be application/json.');
  const isRead = req.readableEnded || req.body !== undefined;
  const value = isRead ? req.body : parse(await read(req));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new HttpError(400, 'The request body must be a JSON object.');
  return value as Record<string, unknown>;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, 'The request body is not valid JSON.');
  }
}

async function read(req: IncomingMessage): Promise<string> {
  const tooLarge = new HttpError(413, `The request body must not be larger than ${MAX_BYTES} bytes.`);
  if (Number(req.headers['content-length'] ?? 0) > MAX_BYTES) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BYTES) reject(tooLarge);
      else chunks.push(chunk);
    });
    req.on('end', () => resolve(Buffer.concat(chunks).toString()));
    req.on('error', reject);
  });
}
