import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import type { Entry } from '../entries/types.ts';

/** What the page shows of a stored body: decoded, up to a limit, as text where possible. */

interface Preview {
  readonly form: 'empty' | 'text' | 'bytes';
  readonly text?: string;
  /** The first bytes of a body that is not text, as Base64. */
  readonly bytes?: string;
  /** Whether the body is longer than what is shown. */
  readonly truncated: boolean;
  /** Why the body is shown in its content coding. */
  readonly problem?: string;
}

/** How many bytes of a text are shown. */
const MAX_TEXT = 256 * 1024;
/** How many bytes of any other body are shown. */
const MAX_BYTES = 1024;
/** Bodies with more content codings are not decoded. */
const MAX_CODINGS = 3;

/** Media types that are never shown as text, although short bodies may be valid UTF-8. */
const BINARY_TYPE = /^(?:image\/(?!svg)|audio\/|video\/|font\/)/i;

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: zlib.createGunzip,
  'x-gzip': zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress,
  // Since Node 22.15.
  ...('createZstdDecompress' in zlib && { zstd: zlib.createZstdDecompress as () => Transform }),
};

export async function previewOf({ body, contentType, contentEncoding }: Entry): Promise<Preview> {
  const { bytes, truncated, problem } = await decode(body, contentEncoding);
  const common = { truncated, ...(problem !== undefined && { problem }) };
  if (bytes.length === 0) return { ...common, form: 'empty' };
  const text = problem === undefined ? decodeText(bytes, truncated, contentType) : undefined;
  if (text !== undefined) return { ...common, form: 'text', text };
  return {
    ...common,
    form: 'bytes',
    bytes: bytes.toString('base64', 0, MAX_BYTES),
    truncated: truncated || bytes.length > MAX_BYTES,
  };
}

interface Decoded {
  readonly bytes: Buffer;
  readonly truncated: boolean;
  readonly problem?: string;
}

/** Removes the content codings. */
async function decode(body: Buffer, contentEncoding = ''): Promise<Decoded> {
  const codings = contentEncoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  const undecoded = { bytes: body.subarray(0, MAX_TEXT), truncated: body.length > MAX_TEXT };
  const unknown = codings.find((coding) => !(coding in DECODERS));
  if (unknown !== undefined) return { ...undecoded, problem: `Unknown content coding: ${unknown}.` };
  if (codings.length > MAX_CODINGS) return { ...undecoded, problem: 'Too many content codings.' };
  if (codings.length === 0) return undecoded;
  try {
    return await decompress(body, codings.reverse());
  } catch {
    return { ...undecoded, problem: `The body is not valid ${contentEncoding}.` };
  }
}

/** Decompresses no more than is shown: a small body may decompress to gigabytes. */
async function decompress(body: Buffer, codings: readonly string[]): Promise<Decoded> {
  const decoders = codings.map((coding) => DECODERS[coding]!());
  const [first, ...rest] = decoders;
  const last = rest.reduce((from, to) => {
    from.on('error', (error) => to.destroy(error));
    return from.pipe(to);
  }, first!);
  first!.end(body);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of last as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_TEXT) break;
    }
  } finally {
    for (const decoder of decoders) decoder.destroy();
  }
  return { bytes: Buffer.concat(chunks).subarray(0, MAX_TEXT), truncated: size > MAX_TEXT };
}

/** `undefined` for a body that is not text in its charset. */
function decodeText(bytes: Buffer, truncated: boolean, contentType = ''): string | undefined {
  if (BINARY_TYPE.test(contentType)) return undefined;
  const [, charset = 'utf-8'] = /;\s*charset="?([^;"\s]+)/i.exec(contentType) ?? [];
  try {
    const decoder = new TextDecoder(charset, { fatal: true, ignoreBOM: true });
    // The last character of a truncated text may be incomplete.
    const text = decoder.decode(bytes, { stream: truncated });
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
