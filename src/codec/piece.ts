/** A piece of a body that is written to where it is stored: bytes, or text in place of the bytes that it stands for. */
export type Piece = Uint8Array | TextPiece;

/** Encodings whose lengths are known without encoding: of others, Node only estimates them. */
const EXACT: ReadonlySet<string> = new Set(['utf8', 'utf-8', 'latin1', 'binary']);

/** Text that is encoded when it is written, so that its bytes are made once. */
export class TextPiece {
  readonly #text: string;
  readonly #encoding: BufferEncoding;
  /** In bytes. */
  readonly length: number;

  private constructor(text: string, encoding: BufferEncoding) {
    this.#text = text;
    this.#encoding = encoding;
    this.length = Buffer.byteLength(text, encoding);
  }

  /** `undefined` for an encoding whose length is not known before. */
  static of(text: string, encoding: BufferEncoding): TextPiece | undefined {
    return EXACT.has(encoding) ? new TextPiece(text, encoding) : undefined;
  }

  /** @throws {TypeError} unless it takes up exactly `length` bytes: memory that nobody has written is never stored. */
  writeTo(bytes: Buffer, at: number): void {
    const written = bytes.write(this.#text, at, this.length, this.#encoding);
    if (written !== this.length) throw new TypeError(`${written} bytes of ${this.length} were written`);
  }

  toBytes(): Buffer {
    return Buffer.from(this.#text, this.#encoding);
  }
}
