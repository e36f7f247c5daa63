import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MAX_SPECS } from '../../../src/store/marker.ts';
import { MAX_VARIANTS, type Store } from '../../../src/store/store.ts';
import {
  acquire,
  allAt,
  at,
  commitOf,
  fill,
  lease,
  MINUTE,
  NOTHING,
  purgeAll,
  response,
  valueAt,
} from './values.ts';

/** What every store promises, whatever it is made of. Each test has its own id. */
export function contract(name: string, open: () => Store | Promise<Store>): void {
  describe(name, () => {
    let store: Store;
    let count = 0;
    const newId = (): string => `id${count++}`;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store.connection.close());

    describe('get', () => {
      test('gives the bytes of each variant in order, and undefined for what is not stored', async () => {
        const id = newId();
        await fill(store, id, { declaredVariant: 'a', bytes: response('A') });
        await fill(store, id, { declaredVariant: 'b', bytes: response('B') });
        expect(await allAt(store, id, ['a'])).toEqual([response('A')]);
        expect(await allAt(store, id, ['b', 'none', 'a'])).toEqual([response('B'), undefined, response('A')]);
        expect(await allAt(store, id, ['none'])).toEqual([undefined]);
        expect(await allAt(store, newId(), ['a', 'b'])).toEqual([undefined, undefined]);
      });

      test('gives every byte back as it was', async () => {
        const id = newId();
        const bytes = Buffer.from([1, ...Array.from({ length: 256 }, (_, byte) => byte), 0]);
        await fill(store, id, { bytes });
        expect(await at(store, id)).toEqual(bytes);
      });
    });

    describe('acquire', () => {
      test('makes one fill the leader, and holds the others off', async () => {
        const id = newId();
        expect(await acquire(store, lease(id, '', 'one'), NOTHING, MINUTE)).toBe('leader');
        expect(await acquire(store, lease(id, '', 'two'), NOTHING, MINUTE)).toBe('in-progress');
        // Sent again, since its answer was lost.
        expect(await acquire(store, lease(id, '', 'one'), NOTHING, MINUTE)).toBe('leader');
      });

      test('leases every variant by itself', async () => {
        const id = newId();
        const variants = Array.from({ length: 40 }, (_, i) => `v${i}`);
        for (const variant of variants) {
          expect(await acquire(store, lease(id, variant), NOTHING, MINUTE)).toBe('leader');
        }
        for (const variant of variants) {
          expect(await acquire(store, lease(id, variant, 'other'), NOTHING, MINUTE)).toBe('in-progress');
        }
      });

      test('lets another lead once the lease has run out', async () => {
        const id = newId();
        // A longer lease beside it keeps the place of both in being.
        await store.leases.acquire(lease(id, 'long'), NOTHING, MINUTE);
        expect(await acquire(store, lease(id, 'short', 'one'), NOTHING, 60)).toBe('leader');
        await sleep(80);
        expect(await acquire(store, lease(id, 'short', 'two'), NOTHING, MINUTE)).toBe('leader');
        expect(await store.responses.commit(commitOf(id, { declaredVariant: 'short', token: 'one' }))).toBe(
          false,
        );
        expect(await store.responses.commit(commitOf(id, { declaredVariant: 'short', token: 'two' }))).toBe(
          true,
        );
      });

      test('tells whoever saw something else that it has changed, and takes no lease', async () => {
        const id = newId();
        await fill(store, id, { bytes: response('new') });
        const gone = { version: 'gone' };
        const seen = await valueAt(store, id);
        expect(await acquire(store, lease(id), NOTHING, MINUTE)).toBe('changed');
        expect(await acquire(store, lease(id), gone, MINUTE)).toBe('changed');
        expect(await acquire(store, lease(id), seen, MINUTE)).toBe('leader');
        await store.responses.purge(id);
        expect(await acquire(store, lease(id), seen, MINUTE)).toBe('changed');
        expect(await acquire(store, lease(id), NOTHING, MINUTE)).toBe('leader');
      });
    });

    describe('renew', () => {
      test('keeps a lease beyond its time', async () => {
        const id = newId();
        await store.leases.acquire(lease(id, '', 'one'), NOTHING, 2000);
        expect(await store.leases.renew(lease(id, '', 'one'), MINUTE)).toBe(true);
        await sleep(2020);
        expect(await acquire(store, lease(id, '', 'two'), NOTHING, MINUTE)).toBe('in-progress');
        expect(await store.responses.commit(commitOf(id, { token: 'one' }))).toBe(true);
      });

      test('never takes a lease, nor makes one anew', async () => {
        const id = newId();
        expect(await store.leases.renew(lease(id, '', 'one'), MINUTE)).toBe(false);
        await store.leases.acquire(lease(id, '', 'one'), NOTHING, MINUTE);
        expect(await store.leases.renew(lease(id, '', 'two'), MINUTE)).toBe(false);
        expect(await store.leases.renew(lease(id, 'elsewhere', 'one'), MINUTE)).toBe(false);
        await store.responses.purge(id);
        expect(await store.leases.renew(lease(id, '', 'one'), MINUTE)).toBe(false);
        expect(await acquire(store, lease(id, '', 'two'), NOTHING, MINUTE)).toBe('leader');
      });
    });

    describe('release', () => {
      test('gives back its own lease alone', async () => {
        const id = newId();
        await store.leases.acquire(lease(id, '', 'one'), NOTHING, MINUTE);
        await store.leases.release(lease(id, '', 'two'), 0);
        await store.leases.release(lease(id, 'elsewhere', 'one'), 0);
        expect(await acquire(store, lease(id, '', 'two'), NOTHING, MINUTE)).toBe('in-progress');
        await store.leases.release(lease(id, '', 'one'), 0);
        expect(await store.responses.commit(commitOf(id, { token: 'one' }))).toBe(false);
        expect(await acquire(store, lease(id, '', 'two'), NOTHING, MINUTE)).toBe('leader');
      });
    });

    describe('commit', () => {
      test('stores for its time, and gives the lease back', async () => {
        const id = newId();
        expect(await fill(store, id, { ttlMs: 1500 })).toBe(true);
        const seen = await valueAt(store, id);
        expect(await acquire(store, lease(id, '', 'next'), seen, MINUTE)).toBe('leader');
        await sleep(1520);
        expect(await at(store, id)).toBeUndefined();
      });

      test('is refused without the lease: never taken, purged, or another fill has it', async () => {
        const id = newId();
        expect(await store.responses.commit(commitOf(id))).toBe(false);
        await store.leases.acquire(lease(id), NOTHING, MINUTE);
        await store.responses.purge(id);
        expect(await store.responses.commit(commitOf(id))).toBe(false);
        await store.leases.acquire(lease(id, '', 'other'), NOTHING, MINUTE);
        expect(await store.responses.commit(commitOf(id))).toBe(false);
        await store.leases.release(lease(id, '', 'other'), 0);
        await store.leases.acquire(lease(id), NOTHING, MINUTE);
        await purgeAll(store);
        expect(await store.responses.commit(commitOf(id))).toBe(false);
        expect(await at(store, id)).toBeUndefined();
      });

      test('of a response that varies leaves a marker in the slot, and the response at its target', async () => {
        const id = newId();
        await fill(store, id, { bytes: response('unvaried') });
        await fill(store, id, { names: ['accept', 'dnt'], variant: 'v1', bytes: response('one') });
        expect(await marker(id)).toEqual([['accept', 'dnt']]);
        expect(await at(store, id)).toEqual(Buffer.alloc(0));
        expect(await at(store, id, 'v1')).toEqual(response('one'));
      });

      test('keeps the newest sets of names, the last used in front', async () => {
        const id = newId();
        const specs = Array.from({ length: MAX_SPECS + 2 }, (_, i) => [`x-${i}`]);
        for (const names of specs) await fill(store, id, { names, variant: `v-${names}` });
        const newest = specs.slice(-MAX_SPECS).reverse();
        expect(await marker(id)).toEqual(newest);
        await fill(store, id, { names: newest[2] as string[], variant: 'v' });
        expect(await marker(id)).toEqual([newest[2], newest[0], newest[1], newest[3]]);
      });

      test('of one that does not vary goes to its target where others vary', async () => {
        const id = newId();
        await fill(store, id, { names: ['dnt'], variant: 'v1', bytes: response('one') });
        await fill(store, id, { bytes: response('plain'), variant: 'unvaried', field: 'unvaried' });
        expect(await marker(id)).toEqual([[], ['dnt']]);
        expect(await at(store, id, 'unvaried')).toEqual(response('plain'));
        expect(await at(store, id, 'v1')).toEqual(response('one'));
        expect(await store.responses.purge(id)).toBe(2);
      });

      test('keeps a marker at least as long as the variants it leads to', async () => {
        const id = newId();
        await fill(store, id, { names: ['dnt'], variant: 'long' });
        await fill(store, id, { names: ['dnt'], variant: 'short', ttlMs: 60 });
        await sleep(80);
        expect(await marker(id)).toEqual([['dnt']]);
      });

      test('keeps a bounded number of variants, and drops those that expire first', async () => {
        const id = newId();
        const variants = Array.from({ length: MAX_VARIANTS + 10 }, (_, i) => `v${i}`);
        for (const [i, variant] of variants.entries()) {
          await fill(store, id, { names: ['dnt'], variant, field: variant, ttlMs: MINUTE + i * 1000 });
        }
        const kept = (await allAt(store, id, variants)).map((bytes) => bytes !== undefined);
        expect(kept.indexOf(true)).toBeGreaterThanOrEqual(variants.length - MAX_VARIANTS);
        expect(kept.slice(-(MAX_VARIANTS - 1))).toEqual(Array(MAX_VARIANTS - 1).fill(true));
        expect(await store.responses.purge(id)).toBe(kept.filter(Boolean).length);
      });
    });

    test('discard deletes one value and leaves leases alone', async () => {
      const id = newId();
      await fill(store, id, { declaredVariant: 'a' });
      await fill(store, id, { declaredVariant: 'b' });
      await store.leases.acquire(lease(id, 'c'), NOTHING, MINUTE);
      await store.responses.discard({ id, variant: 'a' });
      await store.responses.discard({ id: newId(), variant: '' });
      expect(await allAt(store, id, ['a', 'b'])).toEqual([undefined, response('text')]);
      expect(await store.responses.commit(commitOf(id, { declaredVariant: 'c' }))).toBe(true);
    });

    test('purge deletes all variants of one id, its leases, and counts responses alone', async () => {
      const [id, other] = [newId(), newId()];
      await fill(store, other);
      await fill(store, id, { names: ['dnt'], variant: 'v1' });
      await fill(store, id, { names: ['dnt'], variant: 'v2', field: 'v2' });
      await fill(store, id, { declaredVariant: 'declared' });
      await store.leases.acquire(lease(id, 'v3'), NOTHING, MINUTE);
      expect(await store.responses.purge(id)).toBe(3);
      expect(await allAt(store, id, ['', 'v1', 'v2', 'declared'])).toEqual(Array(4).fill(undefined));
      expect(await store.responses.commit(commitOf(id, { declaredVariant: 'v3' }))).toBe(false);
      expect(await store.responses.purge(id)).toBe(0);
      expect(await at(store, other)).toEqual(response('text'));
    });

    test('purgeAll deletes every response and lease, and counts responses alone', async () => {
      await purgeAll(store);
      const ids = Array.from({ length: 30 }, newId);
      for (const id of ids) await fill(store, id, { names: ['dnt'], variant: 'v1' });
      const pending = newId();
      await store.leases.acquire(lease(pending), NOTHING, MINUTE);
      expect(await purgeAll(store)).toBe(30);
      for (const id of ids) expect(await allAt(store, id, ['', 'v1'])).toEqual([undefined, undefined]);
      expect(await store.responses.commit(commitOf(pending))).toBe(false);
      expect(await purgeAll(store)).toBe(0);
    });

    test('answers a ping', () => store.connection.ping());

    const marker = async (id: string) => (await valueAt(store, id))?.specs;
  });
}
