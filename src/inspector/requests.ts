import type { IncomingMessage } from 'node:http';

/** What the page sends, and why it is refused. */

/** Bytes of the largest request: a body that was edited, or a long list of URLs. */
const MAX_REQUEST = 4 * 1024 * 1024;

/** A request that is answered with a status and a reason. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The refusal that an error comes to; `undefined` for what nobody has foreseen. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  // By its code: the class of another copy of this module is another one.
  if (code === 'ERR_RRC_STORE') return new Refusal(503, String(message));
  // A TypeError of ours has a plain message; one of a fault in the code names what is not a function.
  if (error instanceof TypeError) return new Refusal(400, String(message));
  return undefined;
}

/** The JSON object in a request, also where a body parser has read it already. @throws {Refusal} */
export async function readJson(req: IncomingMessage & { body?: unknown }): Promise<Record<string, unknown>> {
  const type = req.headers['content-type'] ?? '';
  if (!/^application\/json *(?:;|$)/i.test(type)) throw new Refusal(415, 'Only JSON is taken.');
  const value = req.readableEnded || req.body !== undefined ? req.body : parse(await read(req));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal(400, 'A request is a JSON object.');
  return value as Record<string, unknown>;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'The request is no JSON.');
  }
}

async function read(req: IncomingMessage): Promise<string> {
  const tooLarge = new Refusal(413, `A request may have ${MAX_REQUEST} bytes at most.`);
  if (Number(req.headers['content-length'] ?? 0) > MAX_REQUEST) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_REQUEST) reject(tooLarge);
      else chunks.push(chunk);
    });
    req.on('end', () => resolve(Buffer.concat(chunks).toString()));
    req.on('error', reject);
  });
}
