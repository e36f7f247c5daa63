/** What the commands have in common. */

/** Where a command writes to. */
export interface Output {
  once?(event: 'drain', done: () => void): unknown;
  readonly isTTY?: boolean;
  /** Characters of a line of a terminal. */
  readonly columns?: number;
  readonly rows?: number;
  write(text: string | Uint8Array): unknown;
}

/** Where somebody may answer. */
interface Input extends AsyncIterable<string | Uint8Array> {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  destroy?(): unknown;
}

export interface Io {
  readonly input: Input;
  readonly out: Output;
  readonly err: Output;
  /** Aborted when the command shall end early, with the exit code that says so. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of this package. */
  readonly version: string;
}

export interface Command {
  /** What it does, in a line. */
  readonly summary: string;
  /** Its arguments and options, as `--help` shows them. */
  readonly help: string;
  /** Resolves to the exit code. @throws {UsageError} */
  run(args: string[], io: Io): Promise<number>;
}

/** Arguments that a command does not take. The message says what is accepted. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The text without what could move the cursor: it may come from anywhere. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
}

/** Writes no faster than it is read. */
export async function say({ out, signal }: Io, text: string | Uint8Array): Promise<void> {
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

/** A whole number of at least 1. @throws {UsageError} */
export function whole(option: string, value: string | undefined, otherwise: number): number {
  const number = value === undefined ? otherwise : /^\d{1,9}$/.test(value) ? Number(value) : 0;
  if (number === 0) throw new UsageError(`${option} is ${value}, but must be a whole number of at least 1`);
  return number;
}
