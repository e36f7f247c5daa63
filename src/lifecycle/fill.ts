import { decode } from '../codec/format.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { capture, type End, fieldsOf, type Head } from '../exchange/capture.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { Watch } from '../exchange/guard/guard.ts';
import { addCacheStatus, convertTo304, resetHead } from '../exchange/replay.ts';
import { joined } from '../http/cache-control.ts';
import { conditionsOf, notModified } from '../http/conditional.ts';
import { usableOnError } from '../http/reuse.ts';
import type { Fields } from '../http/vary.ts';
import type { Identity } from '../key/identify.ts';
import { cacheStatus } from '../observe/cache-status.ts';
import type { ForwardReason, Outcome } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import type { Commit, Lease } from '../store/store.ts';
import { commit, encoded, judged, readAtEnd } from './commit.ts';
import { type Core, type Fill, report } from './core.ts';
import type { Flight, Landing } from './flights.ts';
import { pieced } from './partial.ts';
import type { Refresh } from './refresh.ts';
import { send, validatorsOf } from './serve.ts';
import { askedBy, commitOf, fieldsToStore, type Judged, type Verdict } from './storability.ts';
import { confirm } from './validate.ts';

/**
 * Runs the app and stores what it answers. Where a stored response only needs to be confirmed, the app is asked
 * whether it has changed, and what is stored may yet be the answer (RFC 9111 §4.3).
 */
export function lead(
  x: Exchange,
  core: Core,
  running: Fill,
  flight: Flight,
  fwd: ForwardReason,
  candidate: StoredResponse | undefined,
): void {
  const part = candidate?.status === 206 ? candidate : undefined;
  const window = askedBy(x, running.policy)?.seconds('stale-if-error') ?? 0;
  const stored = candidate && !part && (window > 0 || worthAsking(candidate)) ? candidate : undefined;
  const conditions = x.method === 'GET' ? conditionsOf(x.headers) : undefined;
  const asksRange = x.method === 'GET' && x.headers.range !== undefined && !conditions;
  // The whole answers every range to come. Where it is known to be too large for that, the range is the app's affair.
  const ranged = asksRange && (part !== undefined || (!candidate && core.large.has(running.lease.id)));
  const startedAt = performance.now();
  let head: Head | undefined;
  let judgedHead: Judged | undefined;
  let receivedAt = 0;
  let verdict: Verdict | Promise<Verdict> = { refused: 'no-head' };
  let committed: Commit | undefined;

  const refresh = core.refreshes.of(x.req);
  if (refresh) refresh.landed = flight.landed;
  x.at.origin = startedAt - x.startedAt;
  x.lead();
  core.leases.keep(running.lease, running.policy.collapse.lease);
  core.fills.set(x.req, running);
  x.askForWhole(stored && validatorsOf(stored), ranged);
  if (running.policy.guard !== 'off') running.watch.begin(x.req);

  capture(x.res, {
    limit: () => running.policy.maxBodySize,
    outside: (run) => running.watch.outside(run),
    head(sent) {
      head = sent;
      receivedAt = core.clock();
      if (stored && isAnsweredBy(stored, sent.status)) return 'replace';
      // What is an answer to the range alone is none to the next request.
      // And no part takes the place of the whole.
      const whole = candidate !== undefined && !part;
      const misplaced = sent.status === 206 ? !asksRange || whole : ranged && sent.status !== 200;
      if (misplaced || (asksRange && sent.status === 416)) running.refused ??= 'partial';
      judgedHead = whatWasSent(sent, receivedAt);
      verdict = judged(x, core, running, judgedHead);
      announce(sent, verdict);
      return verdict instanceof Promise || !verdict.refused ? 'keep' : 'pass';
    },
    end(end) {
      x.took.origin = performance.now() - startedAt;
      flight.storing = end.kind === 'complete';
      core.track(land(store(end)));
    },
    orphaned() {
      // What comes yet is for those who wait, and is stored if nobody else has begun meanwhile.
      core.leases.drop(running.lease);
      flight.orphaned = true;
    },
    abandoned() {
      core.track(land(Promise.resolve('incomplete')));
    },
    ...(stored && { replace: () => core.track(land(replace(stored))) }),
  });
  x.forward();

  /** Whether what is stored is the answer after all: the origin confirmed it, or failed and it may stand in. */
  function isAnsweredBy(stored: StoredResponse, status: number): boolean {
    return status === 304 || usableOnError(status, stored, askedBy(x, running.policy), receivedAt);
  }

  /** Says in the head what is being done. The app was asked for the whole, so what the client asked is answered here. */
  function announce(sent: Head, verdict: Verdict | Promise<Verdict>): void {
    const { etag, 'last-modified': lastModified } = sent.headers;
    const validators = { etag: joined(etag), lastModified: joined(lastModified) };
    const known = conditions && sent.status === 200 && notModified(conditions, validators, receivedAt);
    if (known) convertTo304(x.res);
    const forStale = stored !== undefined || known ? { fwdStatus: sent.status } : {};
    const outcome: Outcome = { kind: 'forward', fwd, ...forStale, ...statusOf(verdict, sent) };
    addCacheStatus(x.res, cacheStatus(core.name, outcome, core.showKey ? running.identity.key : undefined));
  }

  /** Answers with what is stored. The promise is of its being stored anew, as far as it was confirmed. */
  function replace(stored: StoredResponse): Promise<string | undefined> {
    running.watch.end();
    x.took.origin = performance.now() - startedAt;
    resetHead(x.res, running.before);
    const status = head?.status ?? 0;
    if (status === 304 && head) return confirm(x, core, running, stored, head, receivedAt, fwd);
    const outcome: Outcome = { kind: 'forward', fwd, fwdStatus: status, detail: 'stale-if-error' };
    send(x, core, stored, receivedAt - stored.bornAt, outcome);
    return Promise.resolve('stale-if-error');
  }

  /** Commits a complete response that may be stored. Resolves to why it was not, or to nothing when it was. */
  async function store(end: End): Promise<string | undefined> {
    running.watch.end();
    const judgement = await verdict;
    const read = judgedHead && readAtEnd(x, core, running, judgedHead, judgement);
    if (judgement.refused !== undefined) return judgement.refused;
    if (end.kind === 'refused' || !head || !judgedHead)
      return end.kind === 'refused' ? end.reason : 'no-head';
    if (read !== undefined) return read;
    const { headers, removedFields } = fieldsToStore(x, running, head, receivedAt);
    const bodiless = head.status === 204;
    const length = String(end.chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    const stated = head.headers['content-length'] !== undefined || bodiless;
    const complete = {
      status: head.status,
      message: head.message,
      vary: (head.headers as Fields).vary,
      headers: stated ? headers : [...headers, 'Content-Length', length],
      removedFields,
    };
    const chunks = bodiless ? [] : end.chunks;
    if (head.status === 206) {
      const pieces = pieced(part, complete, Buffer.concat(chunks), running.policy.maxBodySize);
      if (!pieces) return 'incomplete';
      const partial = { ...pieces.head, encodings: undefined };
      return commit(x, core, commitOf(x, running, partial, [pieces.body], judgement, core.clock()));
    }
    const made = await encoded(core, running, judgedHead, complete, chunks);
    committed = commitOf(x, running, made.head, made.chunks, judgement, core.clock());
    return commit(x, core, committed);
  }

  async function land(landing: Promise<string | undefined>): Promise<void> {
    const detail = await landing.catch((error: unknown) => {
      core.events.fault({ step: 'store', code: 'error', message: String(error) });
      return 'error';
    });
    running.watch.end();
    core.leases.drop(running.lease);
    if (refresh) refresh.result = resultOf(detail);
    if (detail === undefined && running.refinements.length === 0)
      core.routes.unrefined(running.identity, x.depth);
    if (detail === 'too-large') core.large.set(running.lease.id, true);
    if (detail !== undefined) await core.store.release(running.lease, isFutile(detail) ? FUTILE : 0);
    flight.land(flight.isAwaited ? landingOf(detail, committed) : AGAIN);
    const outcome: Outcome = {
      kind: 'forward',
      fwd,
      stored: detail === undefined,
      ...(stored && head && { fwdStatus: head.status }),
      ...(detail && { detail }),
    };
    report(x, core, refresh ? { ...outcome, refresh: true } : outcome);
  }
}

/**
 * A fill that had nothing to share is remembered for so long (in milliseconds): meanwhile nobody waits for the next
 * one, which may store all the same.
 */
export const FUTILE = 5000;

const AGAIN: Landing = { kind: 'again' };

/** Whether the next fill will likely have nothing to share either; a revoked lease says nothing about that. */
function isFutile(detail: string): boolean {
  return detail !== 'purged' && detail !== 'unchanged';
}

/** What a refresh came to. It failed where the app did, or never ended its answer. */
function resultOf(detail: string | undefined): Refresh['result'] {
  if (detail === undefined || detail === 'unchanged') return 'stored';
  return detail === 'stale-if-error' || detail === 'incomplete' ? 'failed' : 'refused';
}

/** What those who waited are told. They are only ever given what was committed. */
function landingOf(detail: string | undefined, committed: Commit | undefined): Landing {
  if (detail === 'stale-if-error') return { kind: 'failed' };
  if (detail !== undefined) return isFutile(detail) ? { kind: 'nothing' } : AGAIN;
  const stored = committed && decode(committed.bytes);
  return stored ? { kind: 'stored', stored } : AGAIN;
}

/** What a fill begins with. */
export function begun(x: Exchange, policy: Policy, core: Core, identity: Identity, lease: Lease): Fill {
  const before = fieldsOf(x.res);
  return {
    identity,
    lease,
    requestedAt: core.clock(),
    before,
    watch: new Watch(),
    policy,
    refinements: [],
    refused: undefined,
  };
}

/** Whether a stale stored response can be the answer yet: it has something to ask by, or may stand in for an error. */
function worthAsking(stored: StoredResponse): boolean {
  const { etag, lastModified } = validatorsOf(stored);
  return etag !== undefined || lastModified !== undefined || stored.staleIfError > 0;
}

function whatWasSent(head: Head, receivedAt: number): Judged {
  const headers = head.headers as Fields;
  return { status: head.status, headers, dated: headers, length: head.length, receivedAt };
}

/** What a head can say of a verdict. Whether a body of unknown length is stored shows only at its end. */
function statusOf(verdict: Verdict | Promise<Verdict>, head: Head): { stored?: boolean; detail?: string } {
  if (verdict instanceof Promise) return {};
  if (verdict.refused !== undefined) return { detail: verdict.refused };
  return head.length === undefined ? {} : { stored: true };
}
