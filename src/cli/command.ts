/** What the commands share: their interface, input and output. */

export interface Output {
  once?(event: 'drain', listener: () => void): unknown;
  readonly isTTY?: boolean;
  /** Characters in a line of the terminal. */
  readonly columns?: number;
  /** Lines of the terminal. */
  readonly rows?: number;
  write(text: string | Uint8Array): unknown;
}

interface Input extends AsyncIterable<string | Uint8Array> {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  destroy?(): unknown;
}

export interface Io {
  readonly input: Input;
  readonly out: Output;
  readonly err: Output;
  /** Aborted when the command must end early. The reason is the exit code. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The version of this package. */
  readonly version: string;
}

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** The text of `--help`. */
  readonly help: string;
  /** Resolves to the exit code. @throws {UsageError} for bad arguments. */
  run(args: string[], io: Io): Promise<number>;
}

/** Bad arguments. The message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Writes to standard output, and waits while the reader is slow. */
export async function write({ out, signal }: Io, text: string | Uint8Array): Promise<void> {
  if (out.write(text) !== false || !out.once || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    out.once?.('drain', done);
    signal.addEventListener('abort', done);
  });
}

/** Parses a whole number of at least 1. @throws {UsageError} */
export function parseCount(option: string, value: string | undefined, defaultValue: number): number {
  if (value === undefined) return defaultValue;
  if (!/^\d{1,9}$/.test(value) || Number(value) === 0)
    throw new UsageError(`${option} is ${value}, but must be a whole number of at least 1`);
  return Number(value);
}
