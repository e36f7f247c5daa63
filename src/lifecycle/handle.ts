import { randomUUID } from 'node:crypto';
import type { Exchange } from '../exchange/exchange.ts';
import { requestView } from '../exchange/guard/views.ts';
import { isUnsafe } from '../http/invalidation.ts';
import { reuse } from '../http/reuse.ts';
import { type Identity, identify } from '../key/identify.ts';
import { selects } from '../key/variant.ts';
import type { ForwardReason, Outcome } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import { Fault } from '../store/fault.ts';
import { type Core, forward } from './core.ts';
import { answeredBy, answeredNear, weigh } from './decide.ts';
import { begun, lead } from './fill.ts';
import type { Flight } from './flights.ts';
import { bypass, gate } from './gate.ts';
import { forwardHead } from './head-request.ts';
import { forwardUnsafe } from './invalidate.ts';
import type { Found } from './lookup.ts';
import { answeredByPrevious } from './previous.ts';
import { invalidated } from './purge-request.ts';
import { leave, refine, setAside } from './refine.ts';
import type { Refresh } from './refresh.ts';
import { chosen, negotiated } from './representation.ts';
import { answerWith, unsatisfied } from './serve.ts';
import { shadow } from './shadow.ts';
import { answerInstead, mayStandIn, standIn } from './stale-if-error.ts';
import { askedBy } from './storability.ts';
import { LOOK_EVERY, looksWithin, within } from './with-timeout.ts';

/**
 * The life of one request. Whatever fails on the way, short of the app itself, ends in the app's own answer.
 */
export async function handle(x: Exchange, policy: Policy, core: Core): Promise<void> {
  if (core.reporter.isListening) x.keepContext();
  try {
    await live(x, policy, core);
  } catch (error) {
    core.reporter.fault({ step: 'request', code: 'error', message: String(error) });
    // Nothing that was thrown comes from the app, so the app has either been called or still answers.
    if (!x.forwarded && !x.res.headersSent)
      forward(x, core, { kind: 'forward', fwd: 'bypass', detail: 'error' });
  }
}

async function live(x: Exchange, policy: Policy, core: Core): Promise<void> {
  const running = core.fills.get(x.req);
  const { enabled } = policy;
  const ask = (): unknown => enabled?.(x.req, x.res);
  if (enabled && !(await (running ? running.watch.aside(ask) : ask()))) return leave(x, running, core);
  if (policy.compress) x.askByOwnTags();
  if (running && running.policy.identity === policy.identity) return refine(x, policy, running, core);
  // A route that makes another key of the request than the cache in front: only the route knows what it covers.
  if (running) setAside(running, core);

  const refresh = core.refreshes.of(x.req);
  // It is for a route that makes another key, or has answered in the cache's place, which is yet to come.
  if (refresh && (refresh.policy !== policy.identity || refresh.depth !== x.depth))
    return forward(x, core, bypass('refresh'));
  if (core.invalidation && (await invalidated(x, policy, core))) return;
  if (!policy.methods.has(x.method) && isUnsafe(x.method)) return forwardUnsafe(x, policy, core);
  const gated = gate(x, policy);
  if (gated) return pass(x, core, gated, refresh);
  if (policy.when && !(await applies(x, policy.when))) return pass(x, core, bypass('when'), refresh);

  const identified = identify(x, policy);
  const identity = identified instanceof Promise ? await identified : identified;
  if (typeof identity === 'string') return pass(x, core, bypass(identity), refresh);

  x.key = identity.key;
  const known = core.routes.policyAt(x, policy, identity);
  if (!known && !refresh) return forward(x, core, bypass('route'));
  return answer(x, known ?? policy, core, identity, looksWithin(policy.collapse.wait));
}

/** Lets the app answer, unless nobody asked: what is not to be stored is then of no use. */
function pass(x: Exchange, core: Core, outcome: Outcome, refresh: Refresh | undefined): void {
  if (refresh) refresh.result = 'another-key';
  if (refresh) x.drop();
  else forward(x, core, outcome);
}

/** Asks the `when` option, with a note of what it did not find. */
function applies(x: Exchange, when: NonNullable<Policy['when']>): boolean | Promise<boolean> {
  const note = (word: string): unknown => word.startsWith('no ') && x.missed.add(word);
  return when(
    requestView(x.req, note, undefined, (name) => x.asked.add(name)),
    x.res,
  );
}

/**
 * Looks up and answers from what was found, or lets the app answer.
 * @param policy to look up by: what is made anew is made by that of the identity, until a route refines it.
 * @param looks how often it may yet.
 */
async function answer(
  x: Exchange,
  policy: Policy,
  core: Core,
  identity: Identity,
  looks: number,
): Promise<void> {
  const refresh = core.refreshes.of(x.req);
  const serves = policy.mode === 'serve' || refresh !== undefined;
  if (x.startsMs.lookup === undefined && !refresh && serves && answeredNear(x, policy, core, identity))
    return;
  const startedAt = performance.now();
  x.startsMs.lookup = startedAt - x.startedAt;
  let found = await core.lookup.find(identity, x.headers, policy.hash, x.depth);
  x.durationsMs.lookup = performance.now() - startedAt;
  if (found instanceof Fault) return refresh ? elsewhere(x, refresh) : forward(x, core, bypass(found.code));
  if (found.stored?.encodings && !refresh) found = await negotiated(x, policy, found, !serves);
  for (const place of found.damaged) {
    core.reporter.fault({
      step: 'decode',
      code: 'corrupt',
      message: 'a damaged value',
      key: `${place.id} ${place.variant}`,
    });
    core.track(core.store.discard(place));
  }

  if (!serves) return shadow(x, policy, core, identity, found);
  if (refresh) return refreshed(x, policy, core, identity, found, refresh);
  const weighed = weigh(x, policy, core, found);
  if (answeredBy(x, policy, core, identity, found, weighed)) return;
  const { stored, usable, canRefresh } = weighed;
  if (stored && usable?.kind === 'validate' && usable.fwd === 'stale' && canRefresh && looks > 0) {
    const stood = await standIn(x, policy, core, identity, found, stored);
    if (stood === 'answered') return;
    if (stood === 'again') return answer(x, policy, core, identity, looks - 1);
  }
  if (!stored && !found.otherVariants && (await answeredByPrevious(x, policy, core, identity, found))) return;
  const missed = found.stored?.status === 206 ? 'partial' : found.otherVariants ? 'vary-miss' : 'uri-miss';
  const fwd = usable?.kind === 'validate' ? usable.fwd : missed;
  // "The client only wishes to obtain a stored response" (RFC 9111 §5.2.1.7).
  if (askedBy(x, policy)?.has('only-if-cached')) return unsatisfied(x, core, fwd);
  // A HEAD has no body to store; what GET stores answers it.
  if (x.method === 'HEAD') return forwardHead(x, core, identity, found, fwd);
  return fill(x, policy, core, identity, found, fwd, looks);
}

/** A request that the cache itself makes: the app is asked again, unless somebody was faster or is at it. */
async function refreshed(
  x: Exchange,
  policy: Policy,
  core: Core,
  identity: Identity,
  found: Found,
  refresh: Refresh,
): Promise<void> {
  if (identity.key !== refresh.key || identity.declared !== refresh.declared) refresh.result = 'another-key';
  else if (!found.seen.equals(refresh.seen)) refresh.result = 'not-needed';
  else return fill(x, policy, core, identity, found, 'stale', 0);
  x.drop();
}

/** Lets the app answer, in the cache's name: takes the lease, and leads if it was given. */
async function fill(
  x: Exchange,
  policy: Policy,
  core: Core,
  identity: Identity,
  found: Found,
  fwd: ForwardReason,
  looks: number,
): Promise<void> {
  const place = `${found.place.id} ${found.place.variant}`;
  const other = core.flights.get(place);
  const refresh = core.refreshes.of(x.req);
  if (refresh && other) return elsewhere(x, refresh);
  if (other && (!other.orphaned || other.storing))
    return follow(x, policy, core, identity, found, other, fwd, looks);

  let flight = core.flights.begin(place);
  const claim = { ...found.place, key: identity.key, token: randomUUID() };
  const acquired = await core.store.acquire(claim, found.seen, identity.policy.collapse.lease);
  const kind = acquired instanceof Fault ? 'fault' : acquired.kind;
  if (kind === 'alone') {
    // Those who wait already go on, unless something stale may stand in; those who come see that it is in vain.
    flight.land({ kind: mayStandIn(x, policy, core, found) ? 'again' : 'nothing' });
    flight = core.flights.begin(place);
    flight.futile = true;
  }
  // One that came to nothing a moment ago is not tried again for nobody.
  if (refresh && kind !== 'leader') {
    if (kind === 'alone') core.track(core.store.release(claim, 0));
    flight.land({ kind: 'again' });
    return elsewhere(x, refresh);
  }
  if (!(acquired instanceof Fault) && (kind === 'leader' || kind === 'alone')) {
    const lease = { ...claim, stamp: acquired.stamp, since: performance.now() };
    return lead(x, core, begun(x, identity.policy, core, identity, lease), flight, fwd, found.stored);
  }
  const worthWaiting = kind === 'held' || (kind === 'futile' && mayStandIn(x, policy, core, found));
  const patience = worthWaiting && !other ? left(x, policy) : 0;
  if (patience > 0) await core.store.wait(found.place, Math.min(patience, LOOK_EVERY));
  flight.land({ kind: 'again' });
  if (acquired instanceof Fault) return forward(x, core, { kind: 'forward', fwd, detail: acquired.code });
  if (looks > 0 && (kind === 'changed' || patience > 0)) return answer(x, policy, core, identity, looks - 1);
  return forward(x, core, { kind: 'forward', fwd, detail: 'fill-under-way' });
}

/**
 * Waits for the fill that another request leads, and is answered by what it commits. Who came before the commit was
 * sent was there before any purge that could revoke it; who came later looks for himself.
 */
async function follow(
  x: Exchange,
  policy: Policy,
  core: Core,
  identity: Identity,
  found: Found,
  flight: Flight,
  fwd: ForwardReason,
  looks: number,
): Promise<void> {
  const late = flight.storing;
  // Storing takes a moment, not as long as a handler.
  const standsIn = mayStandIn(x, policy, core, found);
  const vain = flight.futile && !late && !standsIn;
  const patience = vain ? 0 : Math.max(left(x, policy), late ? core.timeout : 0);
  const landing = patience > 0 ? await within(flight.landed, patience) : undefined;
  if (landing?.kind === 'failed' && found.stored && standsIn) {
    return answerInstead(x, core, found.stored, { fwd, detail: 'stale-if-error', collapsed: true });
  }
  if (!landing || landing.kind === 'nothing' || landing.kind === 'failed' || looks === 0) {
    return forward(x, core, {
      kind: 'forward',
      fwd,
      detail: landing ? 'nothing-to-share' : 'fill-under-way',
    });
  }
  if (landing.kind === 'stored' && !late && selects(identity, x, landing.stored)) {
    const stored = landing.stored.encodings ? await chosen(x, policy, landing.stored) : landing.stored;
    const usable = stored && reuse(stored, askedBy(x, policy), core.clock(), false);
    const outcome: Outcome = { kind: 'forward', fwd, collapsed: true };
    if (stored && usable?.kind === 'send') return answerWith(x, core, stored, usable.age, outcome);
  }
  return answer(x, policy, core, identity, looks - 1);
}

function elsewhere(x: Exchange, refresh: Refresh): void {
  refresh.result = 'elsewhere';
  x.drop();
}

/** How many milliseconds a request may yet wait for another's fill. */
function left(x: Exchange, policy: Policy): number {
  if (x.isLed) return 0;
  const now = performance.now();
  x.waitsUntil ??= now + policy.collapse.wait;
  return Math.max(0, x.waitsUntil - now);
}
