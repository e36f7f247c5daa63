import { type Core, type Fill, report } from './core.ts';
import { capture, type End, type Head } from './exchange/capture.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { Flight } from './exchange/flights.ts';
import { addCacheStatus, turnInto304 } from './exchange/replay.ts';
import { joined } from './http/cache-control.ts';
import { cacheStatus } from './http/cache-status.ts';
import { conditionsOf, notModified } from './http/conditional.ts';
import { Fault } from './store/guard.ts';
import type { ForwardReason } from './types.ts';
import { commitOf, judge, type Verdict } from './verdict.ts';

/** Runs the app and stores what it answers. */
export function lead(x: Exchange, core: Core, running: Fill, flight: Flight, fwd: ForwardReason): void {
  const conditions = x.method === 'GET' ? conditionsOf(x.headers) : undefined;
  const startedAt = performance.now();
  let head: Head | undefined;
  let receivedAt = 0;
  let verdict: Verdict | Promise<Verdict> = { refused: 'no-head' };

  core.leases.keep(running.lease);
  core.fills.set(x.req, running);
  x.hideConditions();
  capture(x.res, {
    get limit() {
      return running.policy.maxBodySize;
    },
    head(sent) {
      head = sent;
      receivedAt = core.clock();
      verdict = judged(x, core, running, sent, receivedAt);
      const kept = !('refused' in verdict);
      const outcome = { kind: 'forward', fwd, ...statusOf(verdict, sent) } as const;
      // The app was asked for the whole, so what the client asked is answered here.
      const { etag, 'last-modified': lastModified } = sent.headers;
      const validators = { etag: joined(etag), lastModified: joined(lastModified) };
      if (conditions && sent.status === 200 && notModified(conditions, validators, receivedAt)) {
        turnInto304(x.res);
        addCacheStatus(x.res, cacheStatus(core.name, { ...outcome, fwdStatus: 200 }));
      } else {
        addCacheStatus(x.res, cacheStatus(core.name, outcome));
      }
      return kept;
    },
    end(end) {
      x.took.origin = performance.now() - startedAt;
      flight.storing = end.kind === 'complete';
      core.track(land(end));
    },
    abandoned() {
      core.track(land({ kind: 'refused', reason: 'incomplete' }));
    },
  });
  x.forward();

  async function land(end: End): Promise<void> {
    const detail = await store(x, core, running, head, end, verdict, receivedAt);
    core.leases.drop(running.lease);
    if (detail !== undefined) await core.store.release(running.lease);
    flight.land();
    report(x, core, { kind: 'forward', fwd, stored: detail === undefined, ...(detail && { detail }) });
  }
}

/** Commits a complete response that may be stored. Returns why it was not, or nothing when it was. */
async function store(
  x: Exchange,
  core: Core,
  running: Fill,
  head: Head | undefined,
  end: End,
  verdict: Verdict | Promise<Verdict>,
  receivedAt: number,
): Promise<string | undefined> {
  try {
    const judgement = await verdict;
    if ('refused' in judgement) return judgement.refused;
    if (end.kind === 'refused' || !head) return end.kind === 'refused' ? end.reason : 'no-head';
    const commit = commitOf(x, running, head, end.chunks, judgement.lifetime, receivedAt, core.clock());
    const startedAt = performance.now();
    const committed = await core.store.commit(commit);
    x.took.store = performance.now() - startedAt;
    if (committed instanceof Fault) return committed.code;
    return committed ? undefined : 'purged';
  } catch (error) {
    core.events.fault({ step: 'store', code: 'error', message: String(error) });
    return 'error';
  }
}

/** The verdict on a head. A function of the user's that throws is a reason not to store, and no error of the app's. */
function judged(x: Exchange, core: Core, running: Fill, head: Head, now: number): Verdict | Promise<Verdict> {
  const failed = (error: unknown): Verdict => {
    core.events.fault({ step: 'option', code: 'error', message: String(error) });
    return { refused: 'error' };
  };
  try {
    const verdict = judge(x, running, head, now);
    return verdict instanceof Promise ? verdict.catch(failed) : verdict;
  } catch (error) {
    return failed(error);
  }
}

/** What a head can say of a verdict. Whether a body of unknown length is stored shows only at its end. */
function statusOf(verdict: Verdict | Promise<Verdict>, head: Head): { stored?: boolean; detail?: string } {
  if (verdict instanceof Promise || ('lifetime' in verdict && head.length === undefined)) return {};
  return 'lifetime' in verdict ? { stored: true } : { detail: verdict.refused };
}
