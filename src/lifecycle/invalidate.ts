import { onHead } from '../exchange/on-head.ts';
import { alsoInvalidated, isNonError } from '../http/invalidation.ts';
import type { Fields } from '../http/vary.ts';
import { identify } from '../key/identify.ts';
import { formsOf, idOfUrl, invalidatedTags } from '../key/tags.ts';
import type { CacheOutcome } from '../observe/outcome.ts';
import { reportPurge } from '../purge/purge.ts';
import { reportError } from './option-fault.ts';
import type { Transaction } from './transaction.ts';

const OUTCOME: CacheOutcome = { kind: 'forward', fwd: 'method' };

/**
 * Lets the app answer a request with an unsafe method, at once. "A cache MUST invalidate the target URI when it receives
 * a non-error status code in response to an unsafe request method", and same-origin URIs that `Location` and
 * `Content-Location` name (RFC 9111 §4.4), and the groups that the response lists (RFC 9875 §3). The purge is sent to the
 * store before the head is sent to the client.
 */
export async function forwardUnsafe(t: Transaction): Promise<void> {
  const { context, exchange, ownPolicy } = t;
  const { res } = exchange;
  const { target } = exchange;
  const url = target && `${target.scheme}://${target.host}${target.url}`;
  // A key of the user's own is made of the request as it came, before the handler changes it.
  const ownId = ownPolicy.key ? await idOfGet(t) : undefined;
  t.invalidates = url;
  onHead(res, () => {
    // A cache further in has invalidated the same.
    if (url !== undefined && t.next?.invalidates === url && ownId === undefined) return;
    const headers = res.getHeaders() as Fields;
    const tags = invalidatedTags(target, headers);
    if (!isNonError(res.statusCode)) {
      invalidate(t, [], tags);
      return;
    }
    const uris = url === undefined ? [] : [url, ...alsoInvalidated(url, headers)];
    const ids = uris.flatMap(formsOf).flatMap((uri) => [...context.idsOf(uri)]);
    const urlTags = [...new Set(uris.map(idOfUrl))];
    invalidate(t, ownId === undefined ? ids : [...ids, ownId], tags, urlTags);
  });
  t.forward(OUTCOME);
}

/** @param groups the tags of the groups that the response lists. @param urlTags the tags of its URIs. */
function invalidate(
  { context }: Transaction,
  ids: readonly string[],
  groups: readonly string[],
  urlTags: readonly string[] = [],
): void {
  const { pendingInvalidations } = context;
  const purges = [
    ...[...new Set(ids)].map((id) => pendingInvalidations.invalidate(id)),
    ...groups.map((tag) => pendingInvalidations.invalidateTag(tag)),
    // Without keys of the user's own, few responses have such a tag.
    ...urlTags.map((tag) =>
      context.hasOwnKeys()
        ? pendingInvalidations.invalidateTag(tag)
        : pendingInvalidations.invalidateRareTag(tag),
    ),
  ];
  if (purges.length === 0) return;
  const target = groups.length > 0 ? 'tags' : 'url';
  context.track(reportPurge(context, { by: 'unsafe-method', target, soft: false }, purges));
}

/** The id of the stored responses of a GET under the `key` option; `undefined` where the function returns no key. */
async function idOfGet({ context, exchange, ownPolicy }: Transaction): Promise<string | undefined> {
  try {
    const identity = await identify(exchange, ownPolicy, 'GET');
    return typeof identity === 'string' ? undefined : identity.id;
  } catch (error) {
    reportError(context.reporter, error, ownPolicy);
    return undefined;
  }
}
