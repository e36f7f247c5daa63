import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Random } from '../../coherence/model/random.ts';
import type { SlowNetwork } from '../../support/chaos.ts';
import type { RedisProcess } from '../../support/redis.ts';
import { awake } from '../../support/until.ts';
import { brought, type Origin, type Process, purged, urlOf } from './stage.ts';

/**
 * A fleet asks, changes and purges at random, over networks that are slow and break. At the end, every process answers with
 * what is current, near or not.
 * @param networks one for each process.
 */
export async function crossing(
  random: Random,
  redis: RedisProcess,
  origin: Origin,
  fleet: readonly Process[],
  networks: readonly SlowNetwork[],
): Promise<void> {
  const paths = ['/1', '/2', '/vary'];
  await Promise.all(fleet.map((process) => brought(process, '/1')));
  const doing: Promise<unknown>[] = [];
  for (let step = 0; step < 150; step++) {
    const process = random.pick(fleet);
    const path = random.pick(paths);
    const what = random.next();
    if (what < 0.7) doing.push(process.get(path));
    else if (what < 0.85) {
      origin.change(path);
      doing.push(process.cache.purge({ url: urlOf(path) }).catch(() => {}));
    } else if (what < 0.95) random.pick(networks).delay = random.int(0, 15);
    else doing.push(redis.cli('CLIENT', 'KILL', 'TYPE', random.pick(['pubsub', 'normal'])).catch(() => {}));
    if (random.chance(0.5)) await sleep(random.int(0, 5));
  }
  await Promise.all(doing);
  for (const network of networks) network.delay = 0;
  // What was purged last may have been purged while its process had no connection.
  for (const path of paths) await purged(fleet[0] as Process, path);
  await awake(200);
  for (const process of fleet) {
    for (const path of paths) {
      expect((await process.get(path)).version).toBe(origin.version(path));
      expect((await brought(process, path)).version).toBe(origin.version(path));
    }
  }
}
