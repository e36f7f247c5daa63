import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until it is true: every 20 ms, and more often at first. */
export async function until(probe: () => boolean | Promise<boolean>, within = 10_000): Promise<void> {
  const startedAt = performance.now();
  for (let wait = 1; !(await probe()); wait = Math.min(2 * wait, 20)) {
    await sleep(wait);
    if (performance.now() - startedAt > within) throw new Error(`not true within ${within} ms: ${probe}`);
  }
}

/**
 * Waits in many short steps: a process that is stopped meanwhile, or a busy one, loses one step and not the whole time.
 * For what must not happen: what has happened can be waited for with `until`.
 */
export async function awake(ms: number): Promise<void> {
  for (let step = 0; step < ms; step += 5) await sleep(5);
}
