import { WARNINGS } from './codes.ts';
import { docsOf } from './errors.ts';

/** Warnings about how the cache is set up. docs/errors.md lists them. */

/** The code of a warning. */
export type WarningCode = keyof typeof WARNINGS;

/** Emits a process warning: what is wrong, then what to do and where to read about it. */
export function warnProcess(code: WarningCode, message: string): void {
  const detail = `${WARNINGS[code].remedy} See ${docsOf(code)}.`;
  process.emitWarning(message, { type: 'RedisResponseCacheWarning', code, detail });
}
