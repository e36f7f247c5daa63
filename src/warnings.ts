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
  readonly #emit: (event: WarningEvent) => boolean;
  readonly #reported = new Set<string>();

  /** @param codes the warnings that are on. @param emit emits the event. @returns whether anybody listens. */
  constructor(codes: ReadonlySet<WarningCode>, emit: (event: WarningEvent) => boolean) {
    this.#codes = codes;
    this.#emit = emit;
  }

  /** Whether any of the warnings is on. */
  get areOn(): boolean {
    return this.#codes.size > 0;
  }

  /** @param cause what tells apart two mistakes with the same code. */
  warn(code: WarningCode, message: string, cause: string = message): void {
    if (!this.#isDue(code, cause)) return;
    this.#reported.add(idOf(code, cause));
    const { remedy } = WARNINGS[code];
    if (!this.#emit({ code, message, remedy, docs: docsOf(code) })) this.print(code, message, cause);
  }

  /** As `warn`, once the code that makes the cache had its turn to add a listener. */
  warnSoon(code: WarningCode, message: string): void {
    if (this.#isDue(code, message)) process.nextTick(() => this.warn(code, message));
  }

  /** Prints a process warning, if the code is on, even if there is a listener of warnings. */
  print(code: WarningCode, message: string, cause: string = message): void {
    const id = idOf(code, cause);
    if (!this.#codes.has(code) || printed.has(id)) return;
    printed.add(id);
    const detail = `${WARNINGS[code].remedy} See ${docsOf(code)}.`;
    process.emitWarning(message, { type: 'RedisResponseCacheWarning', code, detail });
  }

  #isDue(code: WarningCode, cause: string): boolean {
    return this.#codes.has(code) && !this.#reported.has(idOf(code, cause));
  }
}

function idOf(code: WarningCode, cause: string): string {
  return `${code} ${cause}`;
}
