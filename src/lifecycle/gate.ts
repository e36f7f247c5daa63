import { requestView } from '../exchange/guard/views.ts';
import { isUnsafe } from '../http/invalidation.ts';
import { identify } from '../key/identify.ts';
import { bypass, type Outcome } from '../observe/outcome.ts';
import type { Transaction } from './transaction.ts';

/**
 * Decides whether a request is looked up at all: its method, its shape, the `when` option, its cache key, and the routes
 * behind this cache. Sets the transaction's identity and look-up policy on the way.
 * @returns the outcome of a request that is not looked up.
 */
export async function qualify(t: Transaction): Promise<Outcome | undefined> {
  const { context, exchange, ownPolicy: policy } = t;
  const obstacle = inspect(t);
  if (obstacle) return obstacle;
  if (policy.when && !(await isAsked(t, policy.when))) return bypass('when');

  const identified = identify(exchange, policy);
  const identity = identified instanceof Promise ? await identified : identified;
  if (typeof identity === 'string') return bypass(identity);
  t.identity = identity;

  const lookUpPolicy = context.nested.policyFor(exchange, policy, identity);
  // A refresh was sent for this very cache.
  if (!lookUpPolicy && !t.refresh) return bypass('route');
  t.lookUpBy(lookUpPolicy ?? policy);
  return undefined;
}

/** Whether the request may change what is stored (RFC 9111 §4.4), and is not one that the policy caches. */
export function isForwardedUnsafe({ exchange: { method }, ownPolicy }: Transaction): boolean {
  return !ownPolicy.methods.has(method) && isUnsafe(method);
}

/** Requests that no stored response answers, by their method and header fields alone. */
function inspect({ exchange, ownPolicy }: Transaction): Outcome | undefined {
  const { method, headers } = exchange;
  if (!ownPolicy.methods.has(method)) return { kind: 'forward', fwd: 'method' };
  if (exchange.hasMethodOverride) return bypass('method-override');
  if ((method === 'GET' || method === 'HEAD') && exchange.hasBody) return bypass('body');
  // "If-Match and If-Unmodified-Since conditional header fields are not applicable to a cache" (RFC 9111 §4.3.2).
  if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined)
    return bypass('precondition');
  return undefined;
}

/** Calls the `when` option, and notes which marks of identity it looked for in vain. */
function isAsked(
  { exchange }: Transaction,
  when: NonNullable<Transaction['ownPolicy']['when']>,
): boolean | Promise<boolean> {
  const note = (word: string): unknown => word.startsWith('no ') && exchange.absentIdentity.add(word);
  const view = requestView(exchange.req, note, undefined, (name) => exchange.headersRead.add(name));
  return when(view, exchange.res);
}
