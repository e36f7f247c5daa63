import { membersOf } from '../observe/cache-status.ts';
import { wordOf } from '../observe/reasons.ts';

const ABSENT = 'no Cache-Status';

/**
 * Why a response is not stored: the word of `detail` or of `fwd` in its `Cache-Status` (RFC 9211 §2), or that it has none.
 * `undefined` if a cache has stored the response, or if its head does not say, as without `Content-Length`.
 */
export function notStoredReason(field: string | undefined): string | undefined {
  const members = membersOf(field ?? '').map(([, parameters]) => parameters);
  if (members.length === 0) return ABSENT;
  const isStored = ['hit', 'stored', 'collapsed'].some((name) =>
    members.some((parameters) => parameters.get(name) === true),
  );
  if (isStored) return undefined;
  const details = members.flatMap((parameters) => parameters.get('detail') ?? []).map(String);
  if (details[0] !== undefined) return wordOf(details[0]);
  return members
    .map((parameters) => String(parameters.get('fwd')))
    .find((fwd) => fwd === 'bypass' || fwd === 'method');
}
