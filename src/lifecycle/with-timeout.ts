/** Waits for a promise, but no longer than this many milliseconds; `undefined` when that was too short. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  const first = await Promise.race([promise, late]);
  clearTimeout(timer);
  return first;
}

/** A process that gives a lease back says so; in case nobody hears it, those who wait look this often (in ms). */
export const LOOK_EVERY = 500;

/** How often one who waits may look: every time that there is nothing yet brings it closer to doing without. */
export function looksWithin(wait: number): number {
  return 32 + Math.ceil(wait / LOOK_EVERY);
}
