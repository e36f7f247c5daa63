import { decode } from '../codec/format.ts';
import { ArgumentError, OptionError, show } from '../errors.ts';
import { redisId } from '../key/cache-key.ts';
import { idOfTag } from '../key/tags.ts';
import { cacheKeyOfValue } from '../key/value-key.ts';
import { type Flight, LOOK_AGAIN, NOT_SHARED, retriesWithin, type Waiter } from '../lifecycle/collapse.ts';
import type { CacheContext } from '../lifecycle/context.ts';
import { hitForMissMs } from '../lifecycle/fill-result.ts';
import { isOver } from '../lifecycle/with-timeout.ts';
import type { WrapOptions } from '../options/operations.ts';
import { ownMembers } from '../options/parsers.ts';
import type { Policy } from '../options/policy.ts';
import { areTags, TAGS_ACCEPTED } from '../options/tags.ts';
import type { KeyPart } from '../options/types.ts';
import { Fault } from '../store/fault.ts';
import type { Lease } from '../store/store.ts';
import { decodeValue, encodeValue, findValue } from './value.ts';
import { parseValueTtl } from './value-store.ts';

/** One call of `wrap`, its options read. */
interface Call<T> extends Waiter {
  readonly id: string;
  readonly key: string;
  readonly run: () => T | Promise<T>;
  readonly ttlMs: number;
  readonly tags: readonly string[];
}

/** What one look came to: a value, a run of one's own without storing, or another look. */
type Look = { readonly value: unknown } | 'run' | 'look-again';

/** Returns the stored value of the key, or runs the function and stores what it returns: one run for all callers. */
export async function wrap<T>(
  context: CacheContext,
  policy: Policy,
  key: KeyPart,
  run: () => T | Promise<T>,
  options: WrapOptions,
): Promise<T> {
  const text = cacheKeyOfValue(key);
  if (typeof run !== 'function')
    throw new ArgumentError(
      `wrap(key, run, options) needs a function that makes the value, not ${show(run)}.`,
    );
  const { ttl, tags = [] } = ownMembers<WrapOptions>('wrap', options ?? {}, ['ttl', 'tags']);
  if (!areTags(tags)) throw new OptionError('wrap.tags', tags, TAGS_ACCEPTED);
  const waitUntil = performance.now() + policy.collapse.wait;
  const call: Call<T> = {
    id: redisId(text, context.hash),
    key: text,
    run,
    ttlMs: parseValueTtl('wrap.ttl', ttl, context.reporter.warnings),
    tags: tags.map(idOfTag),
    remainingWait: () => Math.max(0, waitUntil - performance.now()),
    hasWaitedInVain: () => isOver(waitUntil),
    canServeStale: () => false,
    spentMs: 0,
  };
  for (let retries = retriesWithin(policy.collapse.wait); retries > 0; retries--) {
    const look = await lookOnce(context, policy, call);
    if (look === 'run') break;
    if (look !== 'look-again') return look.value as T;
  }
  return run();
}

async function lookOnce<T>(context: CacheContext, policy: Policy, call: Call<T>): Promise<Look> {
  const { id, key } = call;
  const found = await findValue(context, id, key, call);
  if (found instanceof Fault) return 'run';
  if (found.stored) return { value: decodeValue(found.stored) };

  const leaseMs = policy.collapse.lease;
  const turn = await context.collapse.join({ id, variant: '' }, key, found.value, leaseMs, call);
  switch (turn.kind) {
    case 'lead':
      return { value: await runAndStore(context, policy, call, turn.flight, turn.lease) };
    case 'stored':
      return turn.stored.key === key ? { value: decodeValue(turn.stored) } : 'look-again';
    case 'look-again':
      return 'look-again';
    default:
      return 'run';
  }
}

async function runAndStore<T>(
  context: CacheContext,
  policy: Policy,
  { key, run, ttlMs, tags }: Call<T>,
  flight: Flight,
  lease: Lease,
): Promise<unknown> {
  context.leaseRenewal.keep(lease, policy.collapse.lease);
  const startedAt = performance.now();
  let bytes: Buffer | undefined;
  let committed: boolean | Fault = false;
  try {
    const value = await run();
    const encoded = encodeValue(key, value, { ttlMs, tags, now: context.clock() });
    if (encoded && encoded.size <= policy.maxBodySize) bytes = encoded.bytes;
    flight.committing = bytes !== undefined;
    context.leaseRenewal.drop(lease);
    if (bytes) {
      const value = { lease, declaredVariant: '', variant: '', names: [], tags, bytes, ttlMs };
      const committing = context.store.responses.commit(value);
      flight.limitWait();
      committed = await committing;
    }
    const response = bytes && decode({ bytes });
    // The first caller is given what the others will be.
    return response ? decodeValue(response) : value;
  } finally {
    context.leaseRenewal.drop(lease);
    const stored = committed === true && bytes ? decode({ bytes }) : undefined;
    const isRevoked = bytes !== undefined && committed === false;
    // A revoked lease says nothing of the next run; any other failure does.
    const nobodyWaitsMs = stored || isRevoked ? 0 : hitForMissMs(performance.now() - startedAt);
    if (committed !== true) context.track(context.store.leases.release(lease, nobodyWaitsMs));
    if (stored) flight.settle({ kind: 'stored', stored });
    else flight.settle(nobodyWaitsMs > 0 ? NOT_SHARED : LOOK_AGAIN);
  }
}
