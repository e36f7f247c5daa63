/** What the commands have in common. */

/** Where a command writes to. */
export interface Output {
  readonly isTTY?: boolean;
  /** Characters of a line of a terminal. */
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Io {
  readonly out: Output;
  readonly err: Output;
  /** Aborted when the command shall end early, with the exit code that says so. */
  readonly signal: AbortSignal;
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
