import { createHash, randomUUID } from 'node:crypto';
import type { StoredResponse } from '../codec/stored-response.ts';
import { capture, type End, type Head } from '../exchange/capture.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { addCacheStatus } from '../exchange/replay.ts';
import { joined } from '../http/cache-control.ts';
import { field, type StoredFields } from '../http/headers.ts';
import { reuse } from '../http/reuse.ts';
import { type Fields, nominated } from '../http/vary.ts';
import { redisId } from '../key/cache-key.ts';
import type { Identity } from '../key/identify.ts';
import { variantText } from '../key/variant.ts';
import { cacheStatus } from '../observe/cache-status.ts';
import type { Difference } from '../observe/shadow-stats.ts';
import type { Policy } from '../options/policy.ts';
import { Fault } from '../store/fault.ts';
import type { Lease } from '../store/store.ts';
import { commit, judged, readAtEnd } from './commit.ts';
import { type Core, forward, report } from './core.ts';
import { begun } from './fill.ts';
import { bypass } from './gate.ts';
import type { Found } from './lookup.ts';
import { isWorthRefreshing } from './refresh.ts';
import { represented } from './representation.ts';
import { askedBy, commitOf, fieldsToStore, type Verdict } from './storability.ts';

/** So many answers are kept at once to be compared; of more, nothing is compared. */
const COMPARED = 64;
/** Fields that say what a body is. Dates, ages and ids differ from answer to answer and make none of them wrong. */
const SIGNIFICANT = [
  ...['content-type', 'content-encoding', 'content-language', 'content-disposition', 'location', 'vary'],
] as const;
/** Of a request that asks for less than the whole. */
const LESS = ['range', 'if-none-match', 'if-modified-since'] as const;

const comparing = new WeakMap<Core, number>();

/**
 * With `mode: 'shadow'` the app answers, with the request as it came, whatever is stored. What would have been sent is
 * compared with that behind the answer, and what would have been stored is. Who asks for less than the whole (a range, or
 * only what has changed) is counted, and nothing else.
 */
export async function shadow(
  x: Exchange,
  policy: Policy,
  core: Core,
  identity: Identity,
  found: Found,
): Promise<void> {
  const stored = found.stored?.status === 206 ? undefined : found.stored;
  const canRefresh = stored !== undefined && isWorthRefreshing(stored, policy);
  const usable = stored && reuse(stored, askedBy(x, policy), core.clock(), canRefresh);
  const hit = usable?.kind === 'send' ? stored : undefined;
  const missed = usable?.kind === 'validate' ? usable.fwd : found.otherVariants ? 'vary-miss' : 'uri-miss';
  const would = `shadow: ${hit ? 'hit' : missed}`;
  const age = usable?.age ?? 0;
  const startedAt = performance.now();
  let verdict: Verdict | Promise<Verdict> = { refused: 'fill-under-way' };
  let head: Head | undefined;
  let receivedAt = 0;
  if (x.method !== 'GET' || LESS.some((name) => x.headers[name] !== undefined)) {
    x.res.once('close', () => note(undefined));
    return forward(x, core, bypass(would));
  }
  // What would have been refreshed behind the answer is stored anew.
  const behind = usable?.kind === 'send' && usable.refresh;
  const lease = hit && !behind ? undefined : await leased(core, policy, identity, found);
  const busy = comparing.get(core) ?? 0;
  const compares = busy < COMPARED;
  if (compares) comparing.set(core, busy + 1);

  const none = { ...found.place, key: identity.key, token: '', stamp: 0, since: 0 };
  const running = begun(x, policy, core, identity, lease ?? none);

  x.at.origin = startedAt - x.startedAt;
  x.keepHeaders();
  x.lead();
  if (lease) core.leases.keep(lease, policy.collapse.lease);
  core.fills.set(x.req, running);
  if (lease && policy.guard !== 'off') running.watch.begin(x.req);
  capture(x.res, {
    limit: () => running.policy.maxBodySize,
    outside: (run) => running.watch.outside(run),
    head(sent) {
      head = sent;
      receivedAt = core.clock();
      if (lease) verdict = judged(x, core, running, facts(sent));
      const refused = lease && !(verdict instanceof Promise) ? verdict.refused : undefined;
      const detail = refused === undefined ? would : `${would}; ${refused}`;
      const isStored = lease !== undefined && !(verdict instanceof Promise) && refused === undefined;
      const outcome = { ...bypass(detail), ...(isStored && sent.length !== undefined && { stored: true }) };
      addCacheStatus(x.res, cacheStatus(core.name, outcome, core.showKey ? x.key : undefined));
      const stores = lease && (verdict instanceof Promise || refused === undefined);
      return stores || compares ? 'keep' : 'pass';
    },
    end(end) {
      x.took.origin = performance.now() - startedAt;
      core.track(settle(end));
    },
    orphaned() {
      if (lease) core.leases.drop(lease);
    },
    abandoned() {
      core.track(settle(undefined));
    },
  });
  x.forward();

  function facts(sent: Head) {
    const headers = sent.headers as Fields;
    return { ...sent, headers, dated: headers, receivedAt };
  }

  /** Behind the answer, when the app has had its turn. */
  async function settle(end: End | undefined): Promise<void> {
    const route = routeOf(x);
    running.watch.end();
    if (lease) core.leases.drop(lease);
    try {
      const chunks = end?.kind === 'complete' ? end.chunks : undefined;
      const refused = lease && (await store(lease, chunks).catch(() => 'error'));
      if (refused !== undefined) core.stats.refuse(refused);
      const isStored = lease !== undefined && refused === undefined;
      report(x, core, { ...bypass(would), ...(isStored && { stored: true }) });
      await new Promise((resolve) => setImmediate(resolve));
      note(compares ? chunks : undefined, route);
    } finally {
      if (compares) comparing.set(core, (comparing.get(core) ?? 1) - 1);
    }
  }

  /** Resolves to why it was not stored, or to nothing. */
  async function store(lease: Lease, chunks: readonly Buffer[] | undefined): Promise<string | undefined> {
    const judgement = await verdict;
    const read = head && readAtEnd(x, core, running, facts(head), judgement);
    const refused =
      judgement.refused ?? read ?? (head && chunks && head.status !== 206 ? undefined : 'incomplete');
    if (judgement.refused !== undefined || refused !== undefined || !head || !chunks) {
      await core.store.release(lease, 0);
      return refused ?? 'incomplete';
    }
    const { headers, removedFields } = fieldsToStore(x, running, head, receivedAt);
    const length = String(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    const stated = head.headers['content-length'] !== undefined || head.status === 204;
    const complete = {
      ...{ status: head.status, message: head.message, removedFields, vary: (head.headers as Fields).vary },
      headers: stated ? headers : [...headers, 'Content-Length', length],
      encodings: undefined,
    };
    const body = head.status === 204 ? [] : chunks;
    return commit(x, core, commitOf(x, running, complete, body, judgement, core.clock()));
  }

  function note(chunks: readonly Buffer[] | undefined, route: string = routeOf(x)): void {
    const whole = head && chunks ? { head, chunks } : undefined;
    core.stats.shadows.add({
      ...{ route, age, hit: hit !== undefined, took: x.took.origin ?? performance.now() - startedAt },
      difference: whole && hit && differenceOf(hit, fieldsOf(whole.head), whole),
      seen: whole && { place: placeOf(whole.head), hash: hashOf(whole.head, whole.chunks), at: receivedAt },
    });
  }

  /** Of what was answered those that would be stored, without what middleware in front has set. */
  function fieldsOf(sent: Head): StoredFields {
    return fieldsToStore(x, running, sent, receivedAt).headers;
  }

  /** Where such an answer belongs, which is known when its `Vary` is. */
  function placeOf({ headers }: Head): string {
    const names = nominated((headers as Fields).vary);
    return redisId(
      `${identity.id} ${variantText(identity.declared, names === '*' ? [] : names, x.headers)}`,
      'sha1',
    );
  }
}

/** The right to store, where nobody else has it. Nobody waits for it: the app answers each. */
async function leased(
  core: Core,
  policy: Policy,
  identity: Identity,
  found: Found,
): Promise<Lease | undefined> {
  const claim = { ...found.place, key: identity.key, token: randomUUID() };
  const acquired = await core.store.acquire(claim, found.seen, policy.collapse.lease);
  if (acquired instanceof Fault || (acquired.kind !== 'leader' && acquired.kind !== 'alone'))
    return undefined;
  return { ...claim, stamp: acquired.stamp, since: performance.now() };
}

function differenceOf(
  stored: StoredResponse,
  fields: StoredFields,
  { head, chunks }: { readonly head: Head; readonly chunks: readonly Buffer[] },
): Difference {
  const headers = SIGNIFICANT.some((name) => field(stored.headers, name) !== field(fields, name));
  return { status: stored.status !== head.status, headers, body: !isSame(represented(stored).body, chunks) };
}

function isSame(body: Buffer, chunks: readonly Buffer[]): boolean {
  let at = 0;
  for (const chunk of chunks) {
    if (!body.subarray(at, at + chunk.length).equals(chunk)) return false;
    at += chunk.length;
  }
  return at === body.length;
}

function hashOf(head: Head, chunks: readonly Buffer[]): string {
  const hash = createHash('sha1').update(`${head.status} ${joined(head.headers['content-type']) ?? ''}\n`);
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('base64');
}

/** The pattern of the route that answers, as far as Express tells: `/users/:id`. */
function routeOf(x: Exchange): string {
  const { baseUrl = '', route } = x.req as { baseUrl?: string; route?: { path?: unknown } };
  return route?.path === undefined ? '(none)' : `${baseUrl}${String(route.path)}`;
}
