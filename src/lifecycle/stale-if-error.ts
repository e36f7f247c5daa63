import type { StoredResponse } from '../codec/stored-response.ts';
import type { CacheDetail } from '../observe/outcome.ts';
import { type RefreshResult, templateFor } from './refresh.ts';
import { serveOnError } from './serve.ts';
import type { Transaction } from './transaction.ts';
import { withTimeout } from './with-timeout.ts';

/**
 * With `originTimeout`, where a stale response may be served if the handler fails: a request of the cache's own asks the
 * app, and goes on when the client has been answered.
 * @returns whether the client was answered, the request looks up again, or the app answers.
 */
export async function serveAfterTimeout(
  t: Transaction,
  stored: StoredResponse,
): Promise<'answered' | 'look-again' | 'forward'> {
  const { originTimeout } = t.policy;
  if (originTimeout === undefined || !t.canServeStale()) return 'forward';
  const refreshed = t.context.refreshes
    .begin(t, () => templateFor(t, stored.selectors))
    .then((result) => ({ result }));
  const timely = await withTimeout(refreshed, originTimeout);
  const result = timely ? timely.result : 'late';
  if (result === 'stored' || result === 'not-needed') return 'look-again';
  const detail = detailOf(result);
  if (!detail || !t.canServeStale()) return 'forward';
  serveOnError(t, stored, { fwd: 'stale', detail });
  return 'answered';
}

/** Why the stale response is served; `undefined` where the app answers. */
function detailOf(result: RefreshResult | 'queue-full' | 'late' | undefined): CacheDetail | undefined {
  switch (result) {
    case 'failed':
      return 'stale-if-error';
    case 'late':
      return 'origin-timeout';
    case 'in-progress':
      return 'refresh-under-way';
    case 'queue-full':
      return 'refresh-queue-full';
    default:
      return undefined;
  }
}
