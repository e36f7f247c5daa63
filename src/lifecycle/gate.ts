import { BodyWatch, bringsBody } from '../exchange/body-watch.ts';
import { isUnsafe } from '../http/invalidation.ts';
import { type Identity, identify } from '../key/identify.ts';
import { bypass, type CacheDetail, type CacheOutcome } from '../observe/outcome.ts';
import { OptionFailure } from '../options/user-function.ts';
import { optionView } from '../sharing/option-view.ts';
import type { Transaction } from './transaction.ts';

/**
 * Decides whether a request is looked up at all: its method, its shape, the `when` option, its cache key, and the routes
 * behind this cache. Sets the transaction's identity and look-up policy on the way.
 * @returns the outcome of a request that is not looked up. A promise only where a function of the user's is asked.
 */
export function qualify(t: Transaction): CacheOutcome | undefined | Promise<CacheOutcome | undefined> {
  const { when, key, vary } = t.ownPolicy;
  const obstacle = inspect(t);
  if (obstacle) return obstacle;
  if (when || key || vary.by || vary.caller) return qualifyByUser(t);
  return identified(t, identify(t.exchange, t.ownPolicy) as Identity | CacheDetail);
}

async function qualifyByUser(t: Transaction): Promise<CacheOutcome | undefined> {
  const { when } = t.ownPolicy;
  if (when && !(await isAsked(t, when))) return bypass('when');
  return identified(t, await identifyWithBody(t));
}

/** The identity of a request. If the request has a body, its key must be made of the body. */
async function identifyWithBody({
  exchange,
  ownPolicy,
  context,
}: Transaction): Promise<Identity | CacheDetail> {
  if (!bringsBody(exchange)) return identify(exchange, ownPolicy);
  const watch = new BodyWatch(exchange.req);
  const made = await Promise.allSettled([identify(exchange, ownPolicy)]);
  const reading = watch.end();
  // No body parser has run yet. That is the reason to report, whatever the function made of it.
  if (reading === 'absent') {
    context.setupChecks?.onBodyAbsent(exchange);
    throw new OptionFailure('key', 'body-unread', UNREAD.absent);
  }
  const [identity] = made;
  if (identity.status === 'rejected') throw identity.reason;
  if (reading === 'read' || typeof identity.value === 'string') return identity.value;
  throw new OptionFailure('key', 'body-unread', UNREAD.unread);
}

const UNREAD = {
  unread:
    'did not read the body of the request, so that requests with other bodies would have the same key: let it read req.body, such as key: (req) => [req.path, req.body].',
  absent:
    'read the body of the request before it was there: mount the body parser of its media type in front of the cache, such as app.use(express.json(), cache).',
};

function identified(t: Transaction, identity: Identity | CacheDetail): CacheOutcome | undefined {
  if (typeof identity === 'string') return bypass(identity);
  t.identity = identity;
  const lookUpPolicy = t.context.nested.policyFor(t.exchange, t.ownPolicy, identity);
  // A refresh was sent for this very cache.
  if (!lookUpPolicy && !t.refresh) return bypass('route');
  t.lookUpBy(lookUpPolicy ?? t.ownPolicy);
  return undefined;
}

/** Whether the request may change what is stored (RFC 9111 §4.4), and is not one that the policy caches. */
export function isForwardedUnsafe({ exchange: { method }, ownPolicy }: Transaction): boolean {
  return !ownPolicy.methods.has(method) && isUnsafe(method);
}

/** Requests that no stored response answers, by their method and header fields alone. */
function inspect({ exchange, ownPolicy }: Transaction): CacheOutcome | undefined {
  const { method, headers } = exchange;
  if (!ownPolicy.methods.has(method)) return { kind: 'forward', fwd: 'method' };
  if (exchange.asksForUpgrade) return bypass('upgrade');
  if (exchange.hasMethodOverride) return bypass('method-override');
  if ((method === 'GET' || method === 'HEAD') && exchange.hasBody) return bypass('body');
  // "If-Match and If-Unmodified-Since conditional header fields are not applicable to a cache" (RFC 9111 §4.3.2).
  if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined)
    return bypass('precondition');
  return undefined;
}

/** Calls `when`, and records what it reads. */
function isAsked(
  { exchange }: Transaction,
  when: NonNullable<Transaction['ownPolicy']['when']>,
): boolean | Promise<boolean> {
  return when(optionView(exchange.req, exchange.optionReads), exchange.res);
}
