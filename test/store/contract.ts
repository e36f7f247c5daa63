import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeMarker, encodeMarker, fingerprint, MAX_SPECS } from '../../src/entry.ts';
import { MAX_VARIANTS, type ReachableStore as Store } from '../../src/store/store.ts';
import { at, commitOf, fill, lease, MINUTE, NOTHING, purgeAll, response } from './values.ts';

/** What every store promises, whatever it is made of. Each test has its own tag. */
export function contract(name: string, open: () => Store | Promise<Store>): void {
  describe(name, () => {
    let store: Store;
    let count = 0;
    const newTag = (): string => `tag${count++}`;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store.close());

    describe('get', () => {
      test('gives the bytes of each variant in order, and undefined for what is not stored', async () => {
        const tag = newTag();
        await fill(store, tag, { slot: 'a', bytes: response('A') });
        await fill(store, tag, { slot: 'b', bytes: response('B') });
        expect(await store.get(tag, ['a'])).toEqual([response('A')]);
        expect(await store.get(tag, ['b', 'none', 'a'])).toEqual([response('B'), undefined, response('A')]);
        expect(await store.get(tag, ['none'])).toEqual([undefined]);
        expect(await store.get(newTag(), ['a', 'b'])).toEqual([undefined, undefined]);
      });

      test('gives every byte back as it was', async () => {
        const tag = newTag();
        const bytes = Buffer.from([1, ...Array.from({ length: 256 }, (_, byte) => byte), 0]);
        await fill(store, tag, { bytes });
        expect(await at(store, tag)).toEqual(bytes);
      });
    });

    describe('acquire', () => {
      test('makes one fill the leader, and holds the others off', async () => {
        const tag = newTag();
        expect(await store.acquire(lease(tag, '', 'one'), NOTHING, MINUTE)).toBe('leader');
        expect(await store.acquire(lease(tag, '', 'two'), NOTHING, MINUTE)).toBe('held');
        expect(await store.acquire(lease(tag, '', 'one'), NOTHING, MINUTE)).toBe('held');
      });

      test('leases every variant by itself', async () => {
        const tag = newTag();
        const variants = Array.from({ length: 40 }, (_, i) => `v${i}`);
        for (const variant of variants) {
          expect(await store.acquire(lease(tag, variant), NOTHING, MINUTE)).toBe('leader');
        }
        for (const variant of variants) {
          expect(await store.acquire(lease(tag, variant, 'other'), NOTHING, MINUTE)).toBe('held');
        }
      });

      test('lets another lead once the lease has run out', async () => {
        const tag = newTag();
        // A longer lease beside it keeps the place of both in being.
        await store.acquire(lease(tag, 'long'), NOTHING, MINUTE);
        expect(await store.acquire(lease(tag, 'short', 'one'), NOTHING, 60)).toBe('leader');
        await sleep(80);
        expect(await store.acquire(lease(tag, 'short', 'two'), NOTHING, MINUTE)).toBe('leader');
        expect(await store.commit(commitOf(tag, { slot: 'short', token: 'one' }))).toBe(false);
        expect(await store.commit(commitOf(tag, { slot: 'short', token: 'two' }))).toBe(true);
      });

      test('tells whoever saw something else that it has changed, and takes no lease', async () => {
        const tag = newTag();
        await fill(store, tag, { bytes: response('new') });
        const [seen, gone] = [response('new'), response('old')].map(fingerprint) as [Buffer, Buffer];
        expect(await store.acquire(lease(tag), NOTHING, MINUTE)).toBe('changed');
        expect(await store.acquire(lease(tag), gone, MINUTE)).toBe('changed');
        expect(await store.acquire(lease(tag), seen, MINUTE)).toBe('leader');
        await store.purge(tag);
        expect(await store.acquire(lease(tag), seen, MINUTE)).toBe('changed');
        expect(await store.acquire(lease(tag), NOTHING, MINUTE)).toBe('leader');
      });
    });

    describe('renew', () => {
      test('keeps a lease beyond its time', async () => {
        const tag = newTag();
        await store.acquire(lease(tag, '', 'one'), NOTHING, 500);
        expect(await store.renew(lease(tag, '', 'one'), MINUTE)).toBe(true);
        await sleep(520);
        expect(await store.acquire(lease(tag, '', 'two'), NOTHING, MINUTE)).toBe('held');
        expect(await store.commit(commitOf(tag, { token: 'one' }))).toBe(true);
      });

      test('never takes a lease, nor makes one anew', async () => {
        const tag = newTag();
        expect(await store.renew(lease(tag, '', 'one'), MINUTE)).toBe(false);
        await store.acquire(lease(tag, '', 'one'), NOTHING, MINUTE);
        expect(await store.renew(lease(tag, '', 'two'), MINUTE)).toBe(false);
        expect(await store.renew(lease(tag, 'elsewhere', 'one'), MINUTE)).toBe(false);
        await store.purge(tag);
        expect(await store.renew(lease(tag, '', 'one'), MINUTE)).toBe(false);
        expect(await store.acquire(lease(tag, '', 'two'), NOTHING, MINUTE)).toBe('leader');
      });
    });

    describe('release', () => {
      test('gives back its own lease alone', async () => {
        const tag = newTag();
        await store.acquire(lease(tag, '', 'one'), NOTHING, MINUTE);
        await store.release(lease(tag, '', 'two'), 0);
        await store.release(lease(tag, 'elsewhere', 'one'), 0);
        expect(await store.acquire(lease(tag, '', 'two'), NOTHING, MINUTE)).toBe('held');
        await store.release(lease(tag, '', 'one'), 0);
        expect(await store.commit(commitOf(tag, { token: 'one' }))).toBe(false);
        expect(await store.acquire(lease(tag, '', 'two'), NOTHING, MINUTE)).toBe('leader');
      });
    });

    describe('commit', () => {
      test('stores for its time, and gives the lease back', async () => {
        const tag = newTag();
        expect(await fill(store, tag, { ttl: 100 })).toBe(true);
        const seen = fingerprint(await at(store, tag));
        expect(await store.acquire(lease(tag, '', 'next'), seen, MINUTE)).toBe('leader');
        await sleep(120);
        expect(await at(store, tag)).toBeUndefined();
      });

      test('is refused without the lease: never taken, purged, or another fill has it', async () => {
        const tag = newTag();
        expect(await store.commit(commitOf(tag))).toBe(false);
        await store.acquire(lease(tag), NOTHING, MINUTE);
        await store.purge(tag);
        expect(await store.commit(commitOf(tag))).toBe(false);
        await store.acquire(lease(tag, '', 'other'), NOTHING, MINUTE);
        expect(await store.commit(commitOf(tag))).toBe(false);
        await store.release(lease(tag, '', 'other'), 0);
        await store.acquire(lease(tag), NOTHING, MINUTE);
        await purgeAll(store);
        expect(await store.commit(commitOf(tag))).toBe(false);
        expect(await at(store, tag)).toBeUndefined();
      });

      test('of a response that varies leaves a marker in the slot, and the response at its target', async () => {
        const tag = newTag();
        await fill(store, tag, { bytes: response('unvaried') });
        await fill(store, tag, { names: ['accept', 'dnt'], variant: 'v1', bytes: response('one') });
        expect(await at(store, tag)).toEqual(encodeMarker([['accept', 'dnt']]));
        expect(await at(store, tag, 'v1')).toEqual(response('one'));
      });

      test('keeps the newest sets of names, the last used in front', async () => {
        const tag = newTag();
        const specs = Array.from({ length: MAX_SPECS + 2 }, (_, i) => [`x-${i}`]);
        for (const names of specs) await fill(store, tag, { names, variant: `v-${names}` });
        const newest = specs.slice(-MAX_SPECS).reverse();
        expect(await marker(tag)).toEqual(newest);
        await fill(store, tag, { names: newest[2] as string[], variant: 'v' });
        expect(await marker(tag)).toEqual([newest[2], newest[0], newest[1], newest[3]]);
      });

      test('of one that does not vary goes to its target where others vary', async () => {
        const tag = newTag();
        await fill(store, tag, { names: ['dnt'], variant: 'v1', bytes: response('one') });
        await fill(store, tag, { bytes: response('plain'), variant: 'unvaried', field: 'unvaried' });
        expect(await marker(tag)).toEqual([[], ['dnt']]);
        expect(await at(store, tag, 'unvaried')).toEqual(response('plain'));
        expect(await at(store, tag, 'v1')).toEqual(response('one'));
        expect(await store.purge(tag)).toBe(2);
      });

      test('keeps a marker at least as long as the variants it leads to', async () => {
        const tag = newTag();
        await fill(store, tag, { names: ['dnt'], variant: 'long' });
        await fill(store, tag, { names: ['dnt'], variant: 'short', ttl: 60 });
        await sleep(80);
        expect(await at(store, tag, 'short')).toBeUndefined();
        expect(await marker(tag)).toEqual([['dnt']]);
      });

      test('keeps a bounded number of variants, and drops those that expire first', async () => {
        const tag = newTag();
        const variants = Array.from({ length: MAX_VARIANTS + 10 }, (_, i) => `v${i}`);
        for (const [i, variant] of variants.entries()) {
          await fill(store, tag, { names: ['dnt'], variant, field: variant, ttl: MINUTE + i * 1000 });
        }
        const kept = (await store.get(tag, variants)).map((bytes) => bytes !== undefined);
        expect(kept.indexOf(true)).toBeGreaterThanOrEqual(variants.length - MAX_VARIANTS);
        expect(kept.slice(-(MAX_VARIANTS - 1))).toEqual(Array(MAX_VARIANTS - 1).fill(true));
        expect(await store.purge(tag)).toBe(kept.filter(Boolean).length);
      });
    });

    test('discard deletes one value and leaves leases alone', async () => {
      const tag = newTag();
      await fill(store, tag, { slot: 'a' });
      await fill(store, tag, { slot: 'b' });
      await store.acquire(lease(tag, 'c'), NOTHING, MINUTE);
      await store.discard({ tag, variant: 'a' });
      await store.discard({ tag: newTag(), variant: '' });
      expect(await store.get(tag, ['a', 'b'])).toEqual([undefined, response('text')]);
      expect(await store.commit(commitOf(tag, { slot: 'c' }))).toBe(true);
    });

    test('purge deletes all variants of one tag, its leases, and counts responses alone', async () => {
      const [tag, other] = [newTag(), newTag()];
      await fill(store, other);
      await fill(store, tag, { names: ['dnt'], variant: 'v1' });
      await fill(store, tag, { names: ['dnt'], variant: 'v2', field: 'v2' });
      await fill(store, tag, { slot: 'declared' });
      await store.acquire(lease(tag, 'v3'), NOTHING, MINUTE);
      expect(await store.purge(tag)).toBe(3);
      expect(await store.get(tag, ['', 'v1', 'v2', 'declared'])).toEqual(Array(4).fill(undefined));
      expect(await store.commit(commitOf(tag, { slot: 'v3' }))).toBe(false);
      expect(await store.purge(tag)).toBe(0);
      expect(await at(store, other)).toEqual(response('text'));
    });

    test('purgeAll deletes every response and lease, and counts responses alone', async () => {
      await purgeAll(store);
      const tags = Array.from({ length: 30 }, newTag);
      for (const tag of tags) await fill(store, tag, { names: ['dnt'], variant: 'v1' });
      const pending = newTag();
      await store.acquire(lease(pending), NOTHING, MINUTE);
      expect(await purgeAll(store)).toBe(30);
      for (const tag of tags) expect(await store.get(tag, ['', 'v1'])).toEqual([undefined, undefined]);
      expect(await store.commit(commitOf(pending))).toBe(false);
      expect(await purgeAll(store)).toBe(0);
    });

    test('answers a ping', () => store.ping());

    const marker = async (tag: string) => decodeMarker((await at(store, tag)) ?? NOTHING);
  });
}
