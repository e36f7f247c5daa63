import type { Store } from '../store.ts';
import { memoryInventory } from './memory-inventory.ts';
import { LeaseTable, memoryLeases } from './memory-leases.ts';
import { memoryResponses } from './memory-responses.ts';
import { MemoryValues } from './memory-values.ts';

/**
 * A store in this process with the semantics of the one in Redis: for development and for single processes.
 * @param now a clock in milliseconds.
 */
export function memoryStore(now: () => number, maxEntries: number = Number.POSITIVE_INFINITY): Store {
  const values = new MemoryValues(now, maxEntries);
  const leases = new LeaseTable(now);
  return {
    responses: memoryResponses(values, leases),
    leases: memoryLeases(leases, values),
    inventory: memoryInventory(values),
    connection: {
      isReachable: () => true,
      ping: async () => {},
      async close() {
        leases.clear();
        values.clear();
      },
    },
  };
}
