import { WARNINGS, type WarningCode } from './codes.ts';
import { docsOf } from './errors.ts';

/** Warnings about how the cache is set up and mounted. docs/errors.md lists them. */

/** Something about the cache's setup is probably a mistake. Requests are answered all the same. */
export interface WarningEvent {
  readonly code: WarningCode;
  /** What is wrong. */
  readonly message: string;
  /** What to do. */
  readonly remedy: string;
  /** Where the documentation explains the code: a path in this package. */
  readonly docs: string;
}

/** What this process has printed: a mistake is printed once, however many caches make it. */
const printed = new Set<string>();

/**
 * The warnings of one cache: each cause once, as an event where there is a listener of it, else as a process warning,
 * which a process prints once for each cause.
 */
export class Warnings {
  readonly #codes: ReadonlySet<WarningCode>;
  readonly #tell: (event: WarningEvent) => boolean;
  readonly #told = new Set<string>();

  /** @param codes the warnings that are on. @param tell emits the event. @returns whether anybody listens. */
  constructor(codes: ReadonlySet<WarningCode>, tell: (event: WarningEvent) => boolean) {
    this.#codes = codes;
    this.#tell = tell;
  }

  /** Whether any of the warnings is on. */
  get any(): boolean {
    return this.#codes.size > 0;
  }

  /** @param cause what tells apart two mistakes with the same code. */
  warn(code: WarningCode, message: string, cause: string = message): void {
    const id = `${code} ${cause}`;
    if (!this.#codes.has(code) || this.#told.has(id)) return;
    this.#told.add(id);
    const { remedy } = WARNINGS[code];
    const docs = docsOf(code);
    if (this.#tell({ code, message, remedy, docs }) || printed.has(id)) return;
    printed.add(id);
    const detail = `${remedy} See ${docs}.`;
    process.emitWarning(message, { type: 'RedisResponseCacheWarning', code, detail });
  }

  /** As `warn`, once the code that makes the cache had its turn to add a listener. */
  warnSoon(code: WarningCode, message: string): void {
    process.nextTick(() => this.warn(code, message));
  }
}
