import type { Fill } from './core.ts';
import { encode } from './entry.ts';
import type { Head } from './exchange/capture.ts';
import type { Exchange } from './exchange/exchange.ts';
import { localsOf } from './exchange/replay.ts';
import { parseCacheControl } from './http/cache-control.ts';
import { bornAt, heuristicLifetime, statedLifetime } from './http/freshness.ts';
import { storedFields } from './http/headers.ts';
import { refusal } from './http/storable.ts';
import { type Fields, nominated } from './http/vary.ts';
import { compact } from './key.ts';
import { variantText } from './lookup.ts';
import { lifetimeFor, type Policy } from './options.ts';
import type { Commit } from './store/store.ts';

/** What is decided about a response once its head is known: how long it is fresh, or why it is not stored. */
export type Verdict = { readonly lifetime: number } | { readonly refused: string };

/** Whether, and how long, to store a response with this head; a promise only where a function of the user's is one. */
export function judge(x: Exchange, fill: Fill, head: Head, receivedAt: number): Verdict | Promise<Verdict> {
  const { policy } = fill;
  if (fill.refused !== undefined) return { refused: fill.refused };
  const headers = head.headers as Fields;
  const directives = parseCacheControl(headers['cache-control']);
  const names = nominated(headers.vary);
  const refused = refusal({
    method: x.method,
    request: { headers: x.headers, directives: parseCacheControl(x.headers['cache-control']) },
    status: head.status,
    headers,
    directives,
    credentialsKeyed: fill.identity.credentialsKeyed || names.includes('authorization'),
  });
  if (refused) return { refused };
  // Without a way to validate it, a response that must be validated before each use is of no use.
  if (directives.has('no-cache')) return { refused: 'no-cache' };
  if (head.length !== undefined && head.length > policy.maxBodySize) return { refused: 'too-large' };
  const asked = policy.storeWhen?.(x.req, x.res);
  const stated = { headers, directives, receivedAt };
  const lifetime = statedLifetime(stated);
  const given = lifetime ?? givenLifetime(x, policy, head.status);
  const verdict = (wanted: boolean, length: unknown): Verdict => {
    if (!wanted) return { refused: 'store-when' };
    const computed = typeof policy.ttl === 'function';
    const ms = lifetime ?? (lifetimeFor(length, head.status, computed) || heuristicLifetime(stated));
    if (ms === undefined) return { refused: policy.statuses.has(head.status) ? 'no-lifetime' : 'status' };
    return receivedAt - bornAt(stated, fill.requestedAt) < ms ? { lifetime: ms } : { refused: 'not-fresh' };
  };
  if (isPromise(asked) || isPromise(given)) {
    return Promise.all([asked ?? true, given]).then(([wanted, length]) => verdict(wanted, length));
  }
  return verdict(asked ?? true, given);
}

/** What to commit once the body is whole. */
export function commitOf(
  x: Exchange,
  fill: Fill,
  head: Head,
  chunks: readonly Buffer[],
  lifetime: number,
  receivedAt: number,
  now: number,
): Commit {
  const { identity, lease, policy } = fill;
  const headers = head.headers as Fields;
  const names = nominated(headers.vary);
  if (names === '*') throw new TypeError('a response that varies on everything is never stored');
  const stated = { headers, directives: parseCacheControl(headers['cache-control']), receivedAt };
  const born = bornAt(stated, fill.requestedAt);
  const { headers: fields, removed } = storedFields(head.fields, fill.before);
  const list = [...fields];
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const bodiless = head.status === 204 || head.status === 205;
  if (headers['content-length'] === undefined && !bodiless) list.push('Content-Length', String(length));
  // "A recipient with a clock that receives a response without Date MUST record the time it was received" (§6.6.1).
  if (headers.date === undefined && x.res.sendDate) list.push('Date', new Date(receivedAt).toUTCString());
  const variant = variantText(identity.declared, names, x.headers);
  const stored = {
    key: identity.key,
    variant,
    status: head.status,
    message: head.message,
    headers: list,
    removed,
    bornAt: born,
    lifetime,
    locals: keptLocals(x, policy.locals),
  };
  return {
    lease,
    slot: compact(identity.declared, policy.hash),
    variant: compact(variant, policy.hash),
    names,
    bytes: encode(stored, bodiless ? [] : chunks),
    ttl: Math.max(1, Math.ceil(born + lifetime - now)),
  };
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
}

/** What the `ttl` option gives for this exchange, not yet read for its status; `false` where it gives nothing. */
function givenLifetime(x: Exchange, policy: Policy, status: number): unknown {
  if (!policy.statuses.has(status)) return false;
  return typeof policy.ttl === 'function' ? policy.ttl(x.req, x.res) : policy.ttl;
}

function keptLocals(x: Exchange, names: readonly string[]): Record<string, unknown> | null {
  if (names.length === 0) return null;
  const locals = localsOf(x.res);
  return Object.fromEntries(
    names.filter((name) => locals[name] !== undefined).map((name) => [name, locals[name]]),
  );
}
