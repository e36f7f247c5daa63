/** An Outcome as a member of the `Cache-Status` list (RFC 9211 §2). */

import type { Outcome } from '../types.ts';

/** The list member that says what this cache did: `name; hit; ttl=41` or `name; fwd=uri-miss; stored`. */
export function cacheStatus(name: string, outcome: Outcome): string {
  let member = name;
  if (outcome.kind === 'hit') member += '; hit';
  if (outcome.fwd !== undefined) member += `; fwd=${outcome.fwd}`;
  if (outcome.fwdStatus !== undefined) member += `; fwd-status=${outcome.fwdStatus}`;
  if (outcome.ttl !== undefined) member += `; ttl=${outcome.ttl}`;
  if (outcome.stored) member += '; stored';
  if (outcome.collapsed) member += '; collapsed';
  if (outcome.detail !== undefined) member += `; detail=${outcome.detail}`;
  return member;
}
