import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until it is true: every 20 ms, and more often at first. */
export async function until(probe: () => boolean | Promise<boolean>, within = 10_000): Promise<void> {
  const startedAt = performance.now();
  for (let wait = 1; !(await probe()); wait = Math.min(2 * wait, 20)) {
    await sleep(wait);
    if (performance.now() - startedAt > within) throw new Error(`not true within ${within} ms: ${probe}`);
  }
}
