import type { Detail } from '../observe/outcome.ts';
import type { Reporter } from '../observe/reporter.ts';
import { OptionFailure } from '../options/user-function.ts';

/** Reports what the life of a request threw. @returns its word in `Cache-Status`: it names the option whose function failed. */
export function reportError(reporter: Reporter, error: unknown): Detail {
  if (error instanceof OptionFailure) {
    const { option, message, detail } = error;
    reporter.fault({ step: 'option', code: 'error', option, message });
    return detail;
  }
  reporter.fault({ step: 'request', code: 'error', message: String(error) });
  return 'error';
}
