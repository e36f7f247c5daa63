import type { Detail } from '../observe/outcome.ts';
import type { Reporter } from '../observe/reporter.ts';
import { OptionFailure } from '../options/user-function.ts';

/** What was said once about a policy: it is a mistake in the code, the same for each request. */
const said = new WeakMap<object, Set<string>>();

function isFirst(policy: object, message: string): boolean {
  const messages = said.get(policy) ?? new Set();
  said.set(policy, messages);
  return messages.size < messages.add(message).size;
}

/** Reports what the life of a request threw. @returns its word in `Cache-Status`: it names the option whose function failed. */
export function reportError(reporter: Reporter, error: unknown, policy: object): Detail {
  if (error instanceof OptionFailure) {
    const { option, message, detail } = error;
    if (detail === 'body-unread' && !isFirst(policy, message)) return detail;
    reporter.fault({ step: 'option', code: 'error', option, message });
    return detail;
  }
  reporter.fault({ step: 'request', code: 'error', message: String(error) });
  return 'error';
}
