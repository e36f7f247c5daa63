import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import type { Commit, Lease, PurgeMode, Store, ToStore, VariantRef } from '../../src/store/store.ts';
import { sharedCluster } from '../support/cluster.ts';
import { sized } from '../support/long.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { clientOf, clusterOf, stagingStoreOf, storeOf } from '../support/store.ts';
import { MINUTE, purgeAll, purgeTag, response, valueAt } from './support/values.ts';

/* Any sequence of verbs has the same answers in process and in Redis, and leaves the same behind. */

const IDS = ['a', 'b'];
/** The tags of all that is ever stored for an id: Redis may take an id for one that still has a tag it once had. */
const TAGS = { a: ['t'], b: ['t', 'u'] };
const SLOTS = ['', 's'];
const NAMES = [[], ['dnt'], ['accept'], ['accept', 'dnt']];
const VALUES = ['0', '1'];
/** Every place that the verbs below may write to. */
const VARIANTS = [
  ...SLOTS,
  ...SLOTS.flatMap((slot) => NAMES.flatMap((names) => VALUES.map((value) => variantOf(slot, names, value)))),
];

type Verb = (store: Store) => Promise<unknown>;

const id = fc.constantFrom(...IDS);
const place = fc.record({ id, variant: fc.constantFrom(...VARIANTS) });
const lease: fc.Arbitrary<Lease> = fc.record({
  id,
  // Mostly where fills do go.
  variant: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...SLOTS) }, fc.constantFrom(...VARIANTS)),
  token: fc.constantFrom('one', 'two'),
  key: fc.constant('key'),
  purgeState: fc.constant(''),
});
const commit: fc.Arbitrary<ToStore<Commit>> = fc
  .record({
    lease,
    declaredVariant: fc.constantFrom(...SLOTS),
    names: fc.constantFrom(...NAMES),
    value: fc.constantFrom(...VALUES),
    text: fc.constantFrom('x', 'y', 'z'),
    ttlMs: fc.integer({ min: 5, max: 9 }).map((minutes) => minutes * MINUTE),
  })
  .map(({ names, declaredVariant, value, text, ...rest }) => {
    return {
      ...rest,
      names,
      declaredVariant,
      tags: TAGS[rest.lease.id as 'a'],
      variant: variantOf(declaredVariant, names, value),
      bytes: response(text),
      headBytes: 20,
    };
  });

const SOFT = { staleSince: 1e12 };

/** Redis may revoke leases of an id under which nothing has the tag yet, so afterwards there are none. */
async function purgeUnder(store: Store, tag: string, mode?: PurgeMode): Promise<number> {
  const count = await purgeTag(store, tag, mode);
  for (const [id, tags] of Object.entries(TAGS))
    if (tags.includes(tag)) await store.responses.purge(id, mode);
  return count;
}

/** What each store wants to be told when the last lease that it gave is committed. */
const purgeStates = new WeakMap<Store, string>();

/** Whoever takes a lease has looked before, mostly. */
const acquire = fc.tuple(lease, fc.constantFrom('seen', 'seen', 'seen', 'nothing', 'one')).map(
  ([lease, saw]): Verb =>
    async (store) => {
      const there = await valueAt(store, lease.id, lease.variant);
      const seen = { seen: there, nothing: undefined, one: { version: 'one' } }[saw];
      const { kind, purgeState } = await store.leases.acquire(lease, seen, MINUTE);
      if (kind === 'leader') purgeStates.set(store, purgeState);
      return kind;
    },
);
const verb: fc.Arbitrary<[string, Verb]> = fc.oneof(
  { weight: 6, arbitrary: acquire.map((acquire): [string, Verb] => ['acquire', acquire]) },
  {
    weight: 6,
    arbitrary: named('commit', commit, (store, { lease, ...commit }) =>
      store.responses.commit({ ...commit, lease: { ...lease, purgeState: purgeStates.get(store) ?? '' } }),
    ),
  },
  // A fill that nothing came between.
  {
    weight: 6,
    arbitrary: named('fill', commit, async (store, commit) => {
      const there = await valueAt(store, commit.lease.id, commit.lease.variant);
      const { kind, purgeState, isFirst } = await store.leases.acquire(commit.lease, there, MINUTE);
      const given = { ...commit.lease, purgeState, isFirst };
      return [kind, await store.responses.commit({ ...commit, lease: given })];
    }),
  },
  named('renew', lease, (store, lease) => store.leases.renew(lease, MINUTE)),
  named('release', lease, (store, lease) => store.leases.release(lease, 0)),
  named('discard', place, (store, place) => store.responses.discard(place)),
  named('get', place, (store, { id, variant }) => contentAt(store, id, [variant, 'none', ''])),
  named('replace', fc.tuple(place, fc.constantFrom(undefined, SOFT.staleSince)), replaceAt),
  named('purge', id, (store, id) => store.responses.purge(id)),
  named('purge softly', id, (store, id) => store.responses.purge(id, SOFT)),
  named('put', fc.constantFrom('x', 'y'), (store, text) =>
    store.responses.put({ id: 'value', key: 'key', bytes: response(text), headBytes: 20, ttlMs: MINUTE }),
  ),
  named('purgeTag', fc.constantFrom('t', 'u'), (store, tag) => purgeUnder(store, tag)),
  named('purgeTag softly', fc.constantFrom('t', 'u'), (store, tag) => purgeUnder(store, tag, SOFT)),
  named('purgeAll', fc.constant(undefined), (store) => purgeAll(store)),
);

function named<T>(
  name: string,
  arguments_: fc.Arbitrary<T>,
  run: (store: Store, argument: T) => Promise<unknown>,
): fc.Arbitrary<[string, Verb]> {
  return arguments_.map((argument) => [
    `${name} ${JSON.stringify(argument)}`,
    (store) => run(store, argument),
  ]);
}

function variantOf(declaredVariant: string, names: readonly string[], value: string): string {
  return `${declaredVariant}.${names}.${names.length > 0 ? value : ''}`;
}

async function everything(store: Store): Promise<unknown> {
  return Promise.all([...IDS, 'value'].map((id) => contentAt(store, id, VARIANTS)));
}

/** What is stored at some variants, but for the versions that a store has made up. */
async function contentAt(store: Store, id: string, variants: readonly string[]): Promise<unknown> {
  const values = await store.responses.get(id, variants);
  return values.map((value) => value && [value.bytes.toString('latin1'), value.staleSince, value.specs]);
}

/** An edit of the response that is stored at a place. */
async function replaceAt(
  store: Store,
  [place, staleSince]: [VariantRef, number | undefined],
): Promise<unknown> {
  const there = await valueAt(store, place.id, place.variant);
  if (!there || there.specs) return undefined;
  const { version } = there;
  const edit = { bytes: response('edited'), headBytes: 20, tags: TAGS[place.id as 'a'], staleSince };
  const isReplaced = await store.responses.replace({ ...place, ...edit, version, ttlMs: 7 * MINUTE });
  return [isReplaced, await store.responses.replace({ ...place, ...edit, version, ttlMs: MINUTE })];
}

let redis: RedisProcess;
let cluster: Pick<RedisProcess, 'url'>;
beforeAll(async () => {
  redis = await startRedis();
  const [url] = (await sharedCluster()) as [string];
  cluster = { url };
});
afterAll(() => redis.stop());

describe.each([
  ['Redis', () => clientOf(redis, { keyPrefix: 'app:' }), storeOf],
  ['Redis, values staged,', () => clientOf(redis, { keyPrefix: 'app:' }), stagingStoreOf],
  ['a Cluster', () => clusterOf(cluster), storeOf],
])('%s', (_name, clientFor, open) => {
  test('answers as the in-process store does', async () => {
    const client = clientFor();
    const run = fc.asyncProperty(fc.array(verb, { maxLength: 40, size: 'max' }), async (verbs) => {
      const memory = memoryStore(Date.now);
      // Whatever tags were purged before is remembered for long.
      const store = open(client, uniquePrefix());
      for (const [name, verb] of verbs) {
        expect([name, await verb(store)]).toEqual([name, await verb(memory)]);
      }
      expect(await everything(store)).toEqual(await everything(memory));
    });
    await fc.assert(run, { seed: 20_250_601, numRuns: sized(80, 200) });
    client.disconnect();
  }, 60_000);
});
