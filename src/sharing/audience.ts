import type { Audience } from '../codec/stored-response.ts';

/**
 * Who may have a stored response. One without an audience is for everyone who selects it. Any other was made for a request
 * without credentials, and is given to the shapes of requests for which the app was seen to give the same answer.
 */

/** Whether a request of a shape may have a stored response: seen to get the same, seen to get another, or not seen yet. */
export type Standing = 'same' | 'different' | 'unseen';

/** A stored response remembers at most this many shapes of each kind; the oldest makes room. */
const MAX_SHAPES = 24;
/** For this many milliseconds a shape that got another answer is not compared again. */
const DIFFERENT_MS = 600_000;

/** @param now milliseconds since 1970. */
export function standingOf(audience: Audience | undefined, shape: () => string, now: number): Standing {
  if (!audience) return 'same';
  const own = shape();
  if (audience.same.includes(own)) return 'same';
  const seen = audience.different.find(([different]) => different === own);
  return seen && seen[1] > now ? 'different' : 'unseen';
}

/** The audience once the app was seen to give a shape the same answer, or another one. */
export function withFinding(audience: Audience, shape: string, isSame: boolean, now: number): Audience {
  const same = audience.same.filter((other) => other !== shape);
  const different = audience.different.filter(([other, until]) => other !== shape && until > now);
  return isSame
    ? { same: [...same, shape].slice(-MAX_SHAPES), different }
    : { same, different: [...different, [shape, now + DIFFERENT_MS] as const].slice(-MAX_SHAPES) };
}

/** The shapes for which the app gave another answer not long ago. @param now milliseconds since 1970. */
export function differentAt({ different }: Audience, now: number): string[] {
  return different.filter(([, until]) => until > now).map(([shape]) => shape);
}
