import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until it is true. */
export async function until(probe: () => boolean | Promise<boolean>, within = 10_000): Promise<void> {
  for (const startedAt = performance.now(); !(await probe()); await sleep(20)) {
    if (performance.now() - startedAt > within) throw new Error(`not true within ${within} ms: ${probe}`);
  }
}
