import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { versionOf } from '../../src/codec/format.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { Commit, Lease, PurgeMode, ReachableStore as Store } from '../../src/store/store.ts';
import { startCluster } from '../support/cluster.ts';
import { sized } from '../support/long.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { clientOf, clusterOf, storeOf } from '../support/store.ts';
import { MINUTE, purgeAll, purgeTag, response } from './support/values.ts';

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
  stamp: fc.constant(0),
  since: fc.constant(0),
});
const commit: fc.Arbitrary<Commit> = fc
  .record({
    lease,
    slot: fc.constantFrom(...SLOTS),
    names: fc.constantFrom(...NAMES),
    value: fc.constantFrom(...VALUES),
    text: fc.constantFrom('x', 'y', 'z'),
    ttl: fc.integer({ min: 5, max: 9 }).map((minutes) => minutes * MINUTE),
  })
  .map(({ names, slot, value, text, ...rest }) => {
    return {
      ...rest,
      names,
      slot,
      tags: TAGS[rest.lease.id as 'a'],
      variant: variantOf(slot, names, value),
      bytes: response(text),
    };
  });

const SOFT = { staleSince: 1e12 };

/** Redis may revoke leases of an id under which nothing has the tag yet, so afterwards there are none. */
async function purgeUnder(store: Store, tag: string, mode?: PurgeMode): Promise<number> {
  const count = await purgeTag(store, tag, mode);
  for (const [id, tags] of Object.entries(TAGS)) if (tags.includes(tag)) await store.purge(id, mode);
  return count;
}

/** Whoever takes a lease has looked before, mostly. */
const acquire = fc.tuple(lease, fc.constantFrom('seen', 'seen', 'seen', 'nothing', 'x')).map(
  ([lease, saw]): Verb =>
    async (store) => {
      const [there] = await store.get(lease.id, [lease.variant]);
      const bytes = { seen: there, nothing: undefined, x: response('x') }[saw];
      return (await store.acquire(lease, versionOf(bytes), MINUTE)).kind;
    },
);
const verb: fc.Arbitrary<[string, Verb]> = fc.oneof(
  { weight: 6, arbitrary: acquire.map((acquire): [string, Verb] => ['acquire', acquire]) },
  { weight: 6, arbitrary: named('commit', commit, (store, commit) => store.commit(commit)) },
  // A fill that nothing came between.
  {
    weight: 6,
    arbitrary: named('fill', commit, async (store, commit) => {
      const [there] = await store.get(commit.lease.id, [commit.lease.variant]);
      const { kind, stamp } = await store.acquire(commit.lease, versionOf(there), MINUTE);
      return [kind, await store.commit({ ...commit, lease: { ...commit.lease, stamp } })];
    }),
  },
  named('renew', lease, (store, lease) => store.renew(lease, MINUTE)),
  named('release', lease, (store, lease) => store.release(lease, 0)),
  named('discard', place, (store, place) => store.discard(place)),
  named('get', place, (store, { id, variant }) => store.get(id, [variant, 'none', ''])),
  named('purge', id, (store, id) => store.purge(id)),
  named('purge softly', id, (store, id) => store.purge(id, SOFT)),
  named('purge but for a lease', lease, (store, lease) => store.purge(lease.id, 'delete', lease)),
  named('put', fc.constantFrom('x', 'y'), (store, text) =>
    store.put({ id: 'value', key: 'key', bytes: response(text), ttl: MINUTE }),
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

function variantOf(slot: string, names: readonly string[], value: string): string {
  return `${slot}.${names}.${names.length > 0 ? value : ''}`;
}

async function everything(store: Store): Promise<unknown> {
  return Promise.all([...IDS, 'value'].map((id) => store.get(id, VARIANTS)));
}

let redis: RedisProcess;
let cluster: RedisProcess;
beforeAll(async () => {
  [redis, cluster] = await Promise.all([startRedis(), startCluster()]);
});
afterAll(() => Promise.all([redis.stop(), cluster.stop()]));

describe.each([
  ['Redis', () => clientOf(redis, { keyPrefix: 'app:' })],
  ['a Cluster', () => clusterOf(cluster)],
])('%s', (_name, clientFor) => {
  test('answers as the in-process store does', async () => {
    const client = clientFor();
    const run = fc.asyncProperty(fc.array(verb, { maxLength: 40, size: 'max' }), async (verbs) => {
      const memory = new MemoryStore(Date.now);
      // Whatever tags were purged before is remembered for long.
      const store = storeOf(client, uniquePrefix());
      for (const [name, verb] of verbs) {
        expect([name, await verb(store)]).toEqual([name, await verb(memory)]);
      }
      expect(await everything(store)).toEqual(await everything(memory));
    });
    await fc.assert(run, { seed: 20_250_601, numRuns: sized(80, 200) });
    client.disconnect();
  }, 60_000);
});
