/** Waits for a promise, but no longer than `ms` milliseconds; resolves to `undefined` when that was too short. */
export async function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  const first = await Promise.race([promise, timedOut]);
  clearTimeout(timer);
  return first;
}

/** A timer counts whole milliseconds, so it may end so many milliseconds early. */
const EARLY_MS = 2;

/** Whether a wait until this instant, by `performance.now()`, is over. */
export function isOver(until: number): boolean {
  return performance.now() >= until - EARLY_MS;
}
