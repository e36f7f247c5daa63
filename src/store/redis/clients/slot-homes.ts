import slotOf from 'cluster-key-slot';
import type { Home } from '../client.ts';

/** Where the keys of a Cluster are, by the client's table of slots. There is one object for each slot and master. */
export function slotHomes(masterOf: (slot: number) => string | undefined): (key: string) => Home | undefined {
  const homes: (Home | undefined)[] = [];
  return (key) => {
    const slot = slotOf(key);
    const server = masterOf(slot);
    if (server === undefined) return undefined;
    const home = homes[slot];
    if (home?.server === server) return home;
    const moved: Home = { server, isStill: () => masterOf(slot) === server };
    homes[slot] = moved;
    return moved;
  };
}
