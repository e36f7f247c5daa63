/** An Outcome as a member of the `Cache-Status` list (RFC 9211 §2). */

import type { Outcome } from './outcome.ts';

/** The list member that says what this cache did: `name; hit; ttl=41` or `name; fwd=uri-miss; stored`. @param key shown if given. */
export function cacheStatus(name: string, outcome: Outcome, key?: string): string {
  let member = name;
  if (outcome.kind === 'hit') member += '; hit';
  if (outcome.fwd !== undefined) member += `; fwd=${outcome.fwd}`;
  if (outcome.fwdStatus !== undefined) member += `; fwd-status=${outcome.fwdStatus}`;
  if (outcome.ttl !== undefined) member += `; ttl=${outcome.ttl}`;
  if (outcome.stored) member += '; stored';
  if (outcome.collapsed) member += '; collapsed';
  if (key !== undefined) member += `; key=${quoted(key)}`;
  if (outcome.detail !== undefined)
    member += `; detail=${TOKEN.test(outcome.detail) ? outcome.detail : quoted(outcome.detail)}`;
  return member;
}

/** RFC 8941 §3.3.4. */
const TOKEN = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/;

/** A String, which has room for printable ASCII only (RFC 8941 §3.3.3). */
function quoted(text: string): string {
  return `"${text.replace(/[^ -~]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}
