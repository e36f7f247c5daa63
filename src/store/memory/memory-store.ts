import type { Store } from '../store.ts';
import { MemoryEntries } from './memory-entries.ts';
import { memoryInventory } from './memory-inventory.ts';
import { LeaseTable, memoryLeases } from './memory-leases.ts';
import { memoryResponses } from './memory-responses.ts';

/**
 * A store in this process with the semantics of the one in Redis: for development and for single processes.
 * @param now a clock in milliseconds.
 */
export function memoryStore(now: () => number, maxEntries: number = Number.POSITIVE_INFINITY): Store {
  const entries = new MemoryEntries(now, maxEntries);
  const leases = new LeaseTable(now);
  return {
    responses: memoryResponses(entries, leases),
    leases: memoryLeases(leases, entries),
    inventory: memoryInventory(entries),
    connection: {
      isReachable: () => true,
      ping: async () => {},
      onReady: () => () => {},
      async close() {
        leases.clear();
        entries.clear();
      },
    },
  };
}
