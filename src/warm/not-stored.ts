import { isInnerList, type Parameters, parseList } from 'structured-headers';

/** What `Cache-Status` says of a response that is not stored (RFC 9211 §2). */

const ABSENT = 'no Cache-Status';

/**
 * Why a response is not stored: the word of `detail` or of `fwd`, or that no cache has seen the request. `undefined` if a
 * cache has stored it, or if its head does not say, as that of a response without `Content-Length`.
 */
export function notStoredReason(field: string | undefined): string | undefined {
  const members = field === undefined ? [] : parametersOf(field);
  if (members.length === 0) return ABSENT;
  const isStored = ['hit', 'stored', 'collapsed'].some((name) =>
    members.some((parameters) => parameters.get(name) === true),
  );
  if (isStored) return undefined;
  // The member of the cache that is nearest to the app is the first.
  const [reason] = members.flatMap((parameters) => wordOf(parameters.get('detail')) ?? []);
  if (reason !== undefined) return reason;
  const fwd = members.map((parameters) => String(parameters.get('fwd')));
  return fwd.find((word) => word === 'bypass' || word === 'method');
}

function parametersOf(field: string): Parameters[] {
  try {
    return parseList(field).flatMap((member) => (isInnerList(member) ? [] : [member[1]]));
  } catch {
    return [];
  }
}

/** `depends-on-credentials: req.user` begins with its word. */
function wordOf(detail: unknown): string | undefined {
  return detail === undefined ? undefined : String(detail).split(':', 1)[0];
}
