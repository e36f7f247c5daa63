import type { CacheDetail } from '../observe/outcome.ts';
import type { Reporter } from '../observe/reporter.ts';
import { OptionFailure } from '../options/user-function.ts';

/** The messages that were reported once for a policy: they are about the code, so they are the same for each request. */
const reported = new WeakMap<object, Set<string>>();

function isNew(policy: object, message: string): boolean {
  const messages = reported.get(policy) ?? new Set();
  reported.set(policy, messages);
  if (messages.has(message)) return false;
  messages.add(message);
  return true;
}

/** Reports an error of the life of a request. @returns its word in `Cache-Status`, which names the option whose function failed. */
export function reportError(reporter: Reporter, error: unknown, policy: object): CacheDetail {
  if (error instanceof OptionFailure) {
    const { option, message, detail } = error;
    if (detail === 'body-unread' && !isNew(policy, message)) return detail;
    reporter.fault({ step: 'option', code: 'error', option, message });
    return detail;
  }
  reporter.fault({ step: 'request', code: 'error', message: String(error) });
  return 'error';
}
