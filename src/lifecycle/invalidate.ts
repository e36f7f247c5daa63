import { randomUUID } from 'node:crypto';
import { capture, type End, type Head } from '../exchange/capture.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { onHead } from '../exchange/on-head.ts';
import { addCacheStatus } from '../exchange/replay.ts';
import { alsoInvalidated, isNonError, isOwnLocation } from '../http/invalidation.ts';
import type { Fields } from '../http/vary.ts';
import { type Identity, identify } from '../key/identify.ts';
import { invalidatedTags } from '../key/tags.ts';
import { cacheStatus } from '../observe/cache-status.ts';
import type { Outcome } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import { told } from '../purge/purge.ts';
import { Fault } from '../store/fault.ts';
import type { Claim, Lease } from '../store/store.ts';
import { commit, encoded, judged, readAtEnd } from './commit.ts';
import { type Core, reportAtClose } from './core.ts';
import { begun } from './fill.ts';
import { commitOf, fieldsToStore } from './storability.ts';

const OUTCOME: Outcome = { kind: 'forward', fwd: 'method' };

/**
 * Lets the app answer a request that may change something. "A cache MUST invalidate the target URI when it receives
 * a non-error status code in response to an unsafe request method", and same-origin URIs that `Location` and
 * `Content-Location` name (RFC 9111 §4.4), and the groups that it lists (RFC 9875 §3). The purge leaves for the store
 * before the head leaves for the client.
 */
export async function forwardUnsafe(x: Exchange, policy: Policy, core: Core): Promise<void> {
  const target = x.target;
  const url = target && `${target.scheme}://${target.host}${target.url}`;
  const ids = new Set(url === undefined ? [] : core.idsOf(url));
  if (policy.key) {
    const identity = await Promise.resolve(identify(x, policy, 'GET')).catch(() => 'error');
    if (typeof identity !== 'string') ids.add(identity.id);
  }
  const invalidate = (except?: Claim): Promise<unknown> => {
    const headers = x.res.getHeaders() as Fields;
    const tags = invalidatedTags(target, headers);
    const others = url === undefined ? [] : alsoInvalidated(url, headers);
    const all = new Set([...ids, ...others.flatMap((uri) => [...core.idsOf(uri)])]);
    const purges = [
      ...(isNonError(x.res.statusCode) ? [...all] : []).map((id) => {
        return core.owed.invalidate(id, id === except?.id ? except : undefined);
      }),
      ...tags.map((tag) => core.owed.invalidateTag(tag)),
    ];
    if (purges.length === 0) return Promise.resolve();
    const named = tags.length > 0 ? 'tags' : 'url';
    const purged = told(core, { by: 'unsafe-method', target: named, soft: false }, purges);
    core.track(purged);
    return purged;
  };
  const identity = x.method === 'POST' && url !== undefined && !policy.key && identify(x, policy, 'GET');
  if (identity && url !== undefined) {
    const known = await Promise.resolve(identity).catch(() => 'error');
    const lease = typeof known === 'string' ? undefined : await leaseFor(core, policy, known);
    if (lease && typeof known !== 'string') {
      return forwardPost(x, policy, core, url, known, lease, invalidate);
    }
  }
  reportAtClose(x, core, OUTCOME);
  onHead(x.res, () => {
    void invalidate();
    addCacheStatus(x.res, cacheStatus(core.name, OUTCOME));
  });
  x.forward();
}

/**
 * The right to store what a POST is answered with: beside those of the fills of the same key, which neither wait for it
 * nor hold it up. It is taken before the app begins, so that a purge revokes it.
 */
async function leaseFor(core: Core, policy: Policy, { id, key }: Identity): Promise<Lease | undefined> {
  const token = randomUUID();
  const claim = { id, key, variant: `+${token}`, token };
  const acquired = await core.store.acquire(claim, Buffer.alloc(0), policy.collapse.lease);
  if (acquired instanceof Fault || acquired.kind !== 'leader') return undefined;
  return { ...claim, stamp: acquired.stamp, since: performance.now() };
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
  identity: Identity,
  lease: Lease,
  invalidate: (except: Claim) => Promise<unknown>,
): void {
  // Its own statement of freshness or none: no `ttl` of ours makes an answer to a POST one to a GET.
  const running = begun(x, { ...policy, statuses: new Set() }, core, identity, lease);
  let head: Head | undefined;
  let invalidated: Promise<unknown> = Promise.resolve();
  let receivedAt = 0;
  const store = async (end: End): Promise<void> => {
    if (!head || end.kind === 'refused') return;
    const headers = head.headers as Fields;
    const sent = { ...head, headers, dated: headers, receivedAt };
    const judgement = await judged(x, core, running, sent);
    readAtEnd(x, core, running, sent, judgement);
    if (judgement.refused !== undefined || judgement.ageing.lifetime <= 0) return;
    await invalidated;
    const fields = fieldsToStore(x, running, head, receivedAt);
    const made = await encoded(core, running, sent, { ...head, ...fields, vary: headers.vary }, end.chunks);
    await commit(x, core, commitOf(x, running, made.head, made.chunks, judgement, core.clock()));
  };
  const land = (storing: Promise<void>): void => {
    running.watch.end();
    core.track(storing.finally(() => giveBack(core, lease)));
  };
  reportAtClose(x, core, OUTCOME);
  core.leases.keep(lease, policy.collapse.lease);
  x.keepHeaders();
  if (policy.guard !== 'off') running.watch.begin(x.req);
  capture(x.res, {
    limit: () => policy.maxBodySize,
    outside: (run) => running.watch.outside(run),
    head(sent) {
      head = sent;
      receivedAt = core.clock();
      invalidated = invalidate(lease);
      addCacheStatus(x.res, cacheStatus(core.name, OUTCOME));
      const own = sent.status === 200 && isOwnLocation(url, sent.headers as Fields);
      if (!own) running.refused = 'method';
      return own ? 'keep' : 'pass';
    },
    end(end) {
      land(end.kind === 'complete' ? store(end) : Promise.resolve());
    },
    orphaned() {},
    abandoned() {
      land(Promise.resolve());
    },
  });
  x.forward();
}

async function giveBack(core: Core, lease: Lease): Promise<void> {
  core.leases.drop(lease);
  await core.store.release(lease, 0);
}
