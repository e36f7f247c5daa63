import { randomBytes } from 'node:crypto';
import { type Core, forward, reportAtClose } from './core.ts';
import { beforeHead } from './exchange/before-head.ts';
import { capture, type End, type Head } from './exchange/capture.ts';
import type { Exchange } from './exchange/exchange.ts';
import { addCacheStatus } from './exchange/replay.ts';
import { targetOf } from './exchange/target.ts';
import { begun } from './fill.ts';
import { cacheStatus } from './http/cache-status.ts';
import { alsoInvalidated, isNonError, isOwnLocation } from './http/invalidation.ts';
import type { Fields } from './http/vary.ts';
import { identify } from './identity.ts';
import { compact } from './key.ts';
import type { Policy } from './options.ts';
import type { Outcome } from './outcome.ts';
import { LEASE } from './store/leases.ts';
import { commit, judged, readAtEnd } from './storing.ts';
import { commitOf, fieldsToStore } from './verdict.ts';

const OUTCOME: Outcome = { kind: 'forward', fwd: 'method' };

/**
 * Lets the app answer a request that may change something. "A cache MUST invalidate the target URI when it receives
 * a non-error status code in response to an unsafe request method", and same-origin URIs that `Location` and
 * `Content-Location` name (RFC 9111 §4.4). The purge leaves for the store before the head leaves for the client.
 */
export async function forwardUnsafe(x: Exchange, policy: Policy, core: Core): Promise<void> {
  const target = targetOf(x.req);
  const url = target && `${target.scheme}://${target.host}${target.url}`;
  const ids = new Set(url === undefined ? [] : core.idsOf(url));
  if (policy.key) {
    const identity = await Promise.resolve(identify(x, policy, 'GET')).catch(() => 'error');
    if (typeof identity !== 'string') ids.add(identity.id);
  }
  const invalidate = (): Promise<unknown> => {
    if (!isNonError(x.res.statusCode)) return Promise.resolve();
    const others = url === undefined ? [] : alsoInvalidated(url, x.res.getHeaders() as Fields);
    const all = new Set([...ids, ...others.flatMap((uri) => [...core.idsOf(uri)])]);
    const purged = Promise.all([...all].map((id) => core.store.purge(id)));
    core.track(purged);
    return purged;
  };
  if (x.method === 'POST' && url !== undefined && !policy.key) {
    return forwardPost(x, policy, core, url, invalidate);
  }
  reportAtClose(x, core, OUTCOME);
  beforeHead(x.res, () => {
    void invalidate();
    addCacheStatus(x.res, cacheStatus(core.name, OUTCOME));
  });
  x.forward();
}

/**
 * "Responses to POST requests are only cacheable when they include explicit freshness information and a
 * Content-Location header field that has the same value as the POST's target URI" (RFC 9110 §9.3.3): it is what a
 * GET would then be answered with.
 */
function forwardPost(
  x: Exchange,
  policy: Policy,
  core: Core,
  url: string,
  invalidate: () => Promise<unknown>,
): void {
  const identity = identify(x, policy, 'GET');
  if (typeof identity === 'string' || identity instanceof Promise) {
    forward(x, core, OUTCOME);
    return;
  }
  const variant = compact(identity.declared, policy.hash);
  const lease = { id: identity.id, variant, token: randomBytes(12).toString('base64url') };
  // Its own statement of freshness or none: no `ttl` of ours makes an answer to a POST one to a GET.
  const running = begun(
    x,
    { ...policy, statuses: new Set(), storeWhen: policy.storeWhen },
    core,
    identity,
    lease,
  );
  let head: Head | undefined;
  let invalidated: Promise<unknown> = Promise.resolve();
  let receivedAt = 0;
  const store = async (end: End): Promise<void> => {
    if (!head || end.kind === 'refused') return;
    const headers = head.headers as Fields;
    const sent = { ...head, headers, dated: headers, receivedAt };
    const judgement = await judged(x, core, running, sent);
    readAtEnd(x, core, running, sent, judgement);
    if (judgement.refused !== undefined) return;
    if (judgement.ageing.lifetime <= 0) return;
    await invalidated;
    const acquired = await core.store.acquire(lease, Buffer.alloc(0), LEASE);
    if (acquired !== 'leader' && acquired !== 'alone') return;
    const fields = fieldsToStore(x, running, head, receivedAt);
    const stored = { ...head, ...fields, vary: headers.vary };
    await commit(x, core, commitOf(x, running, stored, end.chunks, judgement.ageing, core.clock()));
  };
  reportAtClose(x, core, OUTCOME);
  x.keepHeaders();
  if (policy.guard !== 'off') running.watch.begin(x.req);
  capture(x.res, {
    limit: policy.maxBodySize,
    outside: running.watch.outside,
    head(sent) {
      head = sent;
      receivedAt = core.clock();
      invalidated = invalidate();
      addCacheStatus(x.res, cacheStatus(core.name, OUTCOME));
      const own = sent.status === 200 && isOwnLocation(url, sent.headers as Fields);
      if (!own) running.refused = 'method';
      return own ? 'keep' : 'pass';
    },
    end(end) {
      running.watch.end();
      if (end.kind === 'complete') core.track(store(end));
    },
    orphaned() {},
    abandoned() {
      running.watch.end();
    },
  });
  x.forward();
}
