import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import type { Entry } from '../entries/types.ts';

/** A stored body as far as it is shown: decoded, bounded, as text where it is one. */

export interface Preview {
  readonly form: 'empty' | 'text' | 'bytes';
  readonly text?: string;
  /** Base64 of the first bytes of what is no text. */
  readonly bytes?: string;
  /** Whether there is more of it than is shown. */
  readonly cut: boolean;
  /** Why it is shown as it is stored, and not decoded. */
  readonly problem?: string;
}

/** Bytes of the longest text, and of what is shown of anything else. */
const MAX_TEXT = 256 * 1024;
const MAX_BYTES = 1024;
/** More codings on top of each other are nobody's. */
const MAX_CODINGS = 3;

/** Known for not being text, whatever its bytes look like. */
const OPAQUE = /^(?:image\/(?!svg)|audio\/|video\/|font\/)/i;

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: zlib.createGunzip,
  'x-gzip': zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress,
  // In newer versions of Node.
  ...('createZstdDecompress' in zlib && { zstd: zlib.createZstdDecompress as () => Transform }),
};

export async function previewOf({ body, contentType, contentEncoding }: Entry): Promise<Preview> {
  const { bytes, cut, problem } = await decoded(body, contentEncoding);
  const told = { cut, ...(problem !== undefined && { problem }) };
  if (bytes.length === 0) return { form: 'empty', ...told };
  const text = problem === undefined ? textOf(bytes, cut, contentType) : undefined;
  if (text !== undefined) return { form: 'text', text, ...told };
  const begin = bytes.subarray(0, MAX_BYTES);
  return { form: 'bytes', bytes: begin.toString('base64'), ...told, cut: cut || begin.length < bytes.length };
}

interface Decoded {
  readonly bytes: Buffer;
  readonly cut: boolean;
  readonly problem?: string;
}

async function decoded(body: Buffer, contentEncoding = ''): Promise<Decoded> {
  const codings = contentEncoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  const asStored = { bytes: body.subarray(0, MAX_TEXT), cut: body.length > MAX_TEXT };
  const unknown = codings.find((coding) => !(coding in DECODERS));
  if (unknown !== undefined) return { ...asStored, problem: `The coding ${unknown} is not known here.` };
  if (codings.length > MAX_CODINGS) return { ...asStored, problem: 'It has too many codings.' };
  if (codings.length === 0) return asStored;
  try {
    return await read(body, codings.reverse());
  } catch {
    return { ...asStored, problem: `It is no ${contentEncoding}.` };
  }
}

/** Reads no further than is shown: what is small here may be huge when it is decoded. */
async function read(body: Buffer, codings: readonly string[]): Promise<Decoded> {
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
  return { bytes: Buffer.concat(chunks).subarray(0, MAX_TEXT), cut: size > MAX_TEXT };
}

/** `undefined` for what is no text. */
function textOf(bytes: Buffer, cut: boolean, contentType = ''): string | undefined {
  if (OPAQUE.test(contentType)) return undefined;
  const [, charset = 'utf-8'] = /;\s*charset="?([^;"\s]+)/i.exec(contentType) ?? [];
  try {
    // The last character of a text that was cut may be half there.
    const text = new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(bytes, { stream: cut });
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
