import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Generations } from '../../src/generations.ts';
import { Evictable, SecondChance } from '../../src/second-chance.ts';

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
