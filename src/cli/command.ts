/** What the commands share: their interface, input and output. */

export interface Output {
  once?(event: 'drain', listener: () => void): unknown;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
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
  /**
   * Resolves to the exit code.
   * @throws {UsageError} for bad arguments. @throws {RedisError} when Redis cannot be reached, or does not reply.
   */
  run(args: string[], io: Io): Promise<number>;
}

/** The exit codes. An interrupted command ends with 128 and the number of the signal. */
export const EXIT = { done: 0, nothing: 1, usage: 2, redis: 3 } as const;

export const EXIT_HELP = `Exit codes: 0 done, 1 nothing is stored that matches, 2 wrong usage, 3 Redis cannot be reached or
does not reply, 130 interrupted.`;

/** Bad arguments. The message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Redis cannot be reached, or did not do what it was told. The message says what to check. */
export class RedisError extends Error {
  override readonly name = 'RedisError';
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
