import { randomUUID } from 'node:crypto';
import { decode, versionOf } from '../codec/format.ts';
import { redisId } from '../key/cache-key.ts';
import { idOfTag } from '../key/tags.ts';
import { cacheKeyOfValue } from '../key/value-key.ts';
import type { Core } from '../lifecycle/core.ts';
import { FUTILE } from '../lifecycle/fill.ts';
import type { Flight } from '../lifecycle/flights.ts';
import { LOOK_EVERY, looksWithin, within } from '../lifecycle/with-timeout.ts';
import type { WrapOptions } from '../options/cache.ts';
import type { Policy } from '../options/policy.ts';
import type { KeyPart } from '../options/types.ts';
import { areTags } from '../options/values.ts';
import { Fault } from '../store/fault.ts';
import type { Lease } from '../store/store.ts';
import { decodeValue, encodeValue, freshValue } from './value.ts';
import { lifetimeOf } from './value-store.ts';

/** A call of `wrap`, its options read. */
interface Call<T> {
  readonly id: string;
  readonly key: string;
  readonly run: () => T | Promise<T>;
  readonly ttl: number;
  readonly tags: readonly string[];
}

/** Gives what is stored for the key, or runs the function and stores what it gives: one run for all who ask. */
export async function wrap<T>(
  core: Core,
  policy: Policy,
  key: KeyPart,
  run: () => T | Promise<T>,
  options: WrapOptions,
): Promise<T> {
  const text = cacheKeyOfValue(key);
  const { tags = [] } = options;
  if (!areTags(tags)) throw new TypeError('tags must be strings of up to 256 characters');
  const call = {
    id: redisId(text, core.hash),
    key: text,
    run,
    ttl: lifetimeOf(options),
    tags: tags.map(idOfTag),
  };
  const until = performance.now() + policy.collapse.wait;
  for (let looks = looksWithin(policy.collapse.wait); looks > 0; looks--) {
    const left = Math.max(0, until - performance.now());
    const found = await attempt(core, policy, call, left);
    if (found === 'run') break;
    if (found !== 'again') return found.value as T;
  }
  return run();
}

/** One look: the value, or that there is no waiting for one, or that it is worth looking again. */
async function attempt<T>(
  core: Core,
  policy: Policy,
  call: Call<T>,
  patience: number,
): Promise<{ value: unknown } | 'run' | 'again'> {
  const place = { id: call.id, variant: '' };
  const read = await core.store.get(place.id, [place.variant]);
  if (read instanceof Fault) return 'run';
  const [bytes] = read;
  const stored = freshValue(call.key, bytes && core.keyring.decode(call.id, bytes), core.clock());
  if (stored) return { value: decodeValue(stored) };

  const other = core.flights.get(place.id);
  if (other) return follow(core, call, other, patience);
  let flight = core.flights.begin(place.id);
  const claim = { ...place, key: call.key, token: randomUUID() };
  const acquired = await core.store.acquire(claim, versionOf(bytes), policy.collapse.lease);
  if (!(acquired instanceof Fault) && (acquired.kind === 'leader' || acquired.kind === 'alone')) {
    if (acquired.kind === 'alone') {
      // Those who wait already run it themselves; those who come see that it is in vain to wait.
      flight.land({ kind: 'nothing' });
      flight = core.flights.begin(place.id);
      flight.futile = true;
    }
    const lease = { ...claim, stamp: acquired.stamp, since: performance.now() };
    return { value: await lead(core, policy, call, flight, lease) };
  }
  const held = !(acquired instanceof Fault) && acquired.kind === 'held' && patience > 0;
  if (held) await core.store.wait(place, Math.min(patience, LOOK_EVERY));
  flight.land({ kind: 'again' });
  if (acquired instanceof Fault) return 'run';
  return held || acquired.kind === 'changed' ? 'again' : 'run';
}

/** Waits for another's run, by the rules that requests wait by. */
async function follow<T>(
  core: Core,
  call: Call<T>,
  flight: Flight,
  patience: number,
): Promise<{ value: unknown } | 'run' | 'again'> {
  const late = flight.storing;
  const wait = flight.futile && !late ? 0 : Math.max(patience, late ? core.timeout : 0);
  const landing = wait > 0 ? await within(flight.landed, wait) : undefined;
  if (!landing || landing.kind === 'nothing') return 'run';
  return landing.kind === 'stored' && !late && landing.stored.key === call.key
    ? { value: decodeValue(landing.stored) }
    : 'again';
}

async function lead<T>(
  core: Core,
  policy: Policy,
  { id, key, run, ttl, tags }: Call<T>,
  flight: Flight,
  lease: Lease,
): Promise<unknown> {
  core.leases.keep(lease, policy.collapse.lease);
  let bytes: Buffer | undefined;
  let stored: boolean | Fault = false;
  try {
    const value = await run();
    bytes = encodeValue(key, value, { ttl, tags, now: core.clock() });
    if (bytes && bytes.length > policy.maxBodySize) bytes = undefined;
    flight.storing = bytes !== undefined;
    const where = { lease, slot: '', variant: '', names: [], tags };
    core.leases.drop(lease);
    if (bytes) stored = await core.store.commit({ ...where, bytes, ttl });
    const response = bytes && decode(bytes);
    // Who asks first is given what the others will be.
    return response ? decodeValue(response) : value;
  } finally {
    core.leases.drop(lease);
    const response = stored === true && bytes ? decode(bytes) : undefined;
    // One that was revoked says nothing of the next.
    const futile = stored === true || (bytes && stored === false) ? 0 : FUTILE;
    if (stored !== true) core.track(core.store.release({ ...lease, id }, futile));
    if (response) flight.land({ kind: 'stored', stored: response });
    else flight.land({ kind: futile > 0 ? 'nothing' : 'again' });
  }
}
