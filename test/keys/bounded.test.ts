import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encode } from '../../src/codec/format.ts';
import { Keyring } from '../../src/codec/keyring.ts';
import { Generations } from '../../src/generations.ts';
import { Lookup } from '../../src/lifecycle/lookup.ts';
import type { PendingInvalidations } from '../../src/lifecycle/pending-invalidations.ts';
import { Evictable, SecondChance } from '../../src/second-chance.ts';
import { enclose, parseValue } from '../../src/store/redis/envelope.ts';
import type { StoredValue } from '../../src/store/store.ts';
import { HEAD } from '../support/stored-head.ts';

/* What is remembered within a bound. */

describe('generations', () => {
  test('have at most twice as many entries as one has, and forget what was not asked for', () => {
    const map = new Generations<number, { n: number }>(10);
    map.set(-1, { n: -1 });
    for (let n = 0; n < 100; n++) {
      map.set(n, { n });
      expect(map.get(-1)).toEqual({ n: -1 });
    }
    const left = Array.from({ length: 100 }, (_, n) => map.get(n)).filter(Boolean);
    expect(left.length).toBeLessThanOrEqual(20);
    expect(map.get(99)).toEqual({ n: 99 });
    expect(map.get(0)).toBeUndefined();
  });
});

class Item extends Evictable {}

describe('a second chance', () => {
  test('evicts what was not used before what was', () => {
    const evicted: Item[] = [];
    const kept = new SecondChance<Item>(3, (item) => evicted.push(item));
    const [used, unused, other, next] = [new Item(), new Item(), new Item(), new Item()];
    for (const item of [used, unused, other]) kept.keep(item, 1);
    for (const item of [unused, other]) item.isUsed = false;
    kept.keep(next, 1);
    expect(evicted).toEqual([unused]);
  });

  test('gives up what is larger than its bound', () => {
    const evicted: Item[] = [];
    const kept = new SecondChance<Item>(3, (item) => evicted.push(item));
    const large = new Item();
    kept.keep(large, 4);
    expect([evicted, large.size]).toEqual([[large], 0]);
  });

  test('keeps exactly what it has not evicted, within its bound, whatever comes and goes', () => {
    const step = fc.record({
      item: fc.nat(9),
      act: fc.constantFrom('keep', 'use', 'remove', 'clear'),
      size: fc.nat(40),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const items = Array.from({ length: 10 }, () => new Item());
        const sizes = new Map<Item, number>();
        const kept = new SecondChance<Item>(100, (item) => sizes.delete(item));
        for (const { item: i, act, size } of steps) {
          const item = items[i] as Item;
          if (act === 'use') item.isUsed = true;
          else if (act === 'remove') {
            kept.remove(item);
            sizes.delete(item);
          } else if (act === 'clear') {
            kept.clear();
            sizes.clear();
          } else {
            sizes.set(item, size);
            if (size === 0) sizes.delete(item);
            kept.keep(item, size);
          }
          const sum = [...sizes.values()].reduce((all, one) => all + one, 0);
          expect(sum).toBeLessThanOrEqual(100);
          for (const each of items) expect(each.size).toBe(sizes.get(each) ?? 0);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('an identity', () => {
  const body = encode({ ...HEAD, headers: [], selectors: [], variant: '["",[],[]]' }, []);
  const stored = parseValue(Buffer.from(enclose({ bytes: body }, 'version'))) as StoredValue;

  /** Look-ups of one URL by these identities: which of them are remembered. */
  async function remembered(values: readonly (StoredValue | undefined)[], names: string): Promise<string> {
    let at = 0;
    let noted = '';
    const responses = { get: async () => [values[at++]], getNear: () => undefined };
    const pending = { includes: () => false, includesTag: () => false } as unknown as PendingInvalidations;
    const lookup = new Lookup(responses, new Keyring([], 'rrc:', () => {}), pending);
    const identities = new Map<string, object>();
    for (const name of names) {
      const made = {
        key: HEAD.key,
        id: 'id',
        declared: '',
        declaredVariant: '',
        place: 'id\n',
        remember: () => (noted += name),
      };
      const identity = identities.get(name) ?? made;
      identities.set(name, identity);
      const request = { identity, policy: {}, exchange: { cacheLevel: 1 }, headers: {}, placed: () => null };
      await lookup.find(request as unknown as Parameters<Lookup['find']>[0]);
    }
    return noted;
  }

  test.each<[string, string, (StoredValue | undefined)[], string]>([
    ['is not remembered where nothing is stored', 'ab', [undefined, undefined], ''],
    ['is remembered once', 'aaa', [stored, stored, stored], 'a'],
    ['is remembered once something is found', 'aaa', [undefined, undefined, stored], 'a'],
    ['that was forgotten and made anew is remembered again', 'aabb', [stored, stored, stored, stored], 'ab'],
  ])('%s', async (_what, names, values, expected) => {
    expect(await remembered(values, names)).toBe(expected);
  });
});
