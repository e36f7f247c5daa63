import type { Audience } from '../codec/stored-response.ts';

/**
 * Who may have a stored response. One without an audience is for everyone who selects it. Any other was made for a request
 * without credentials, and is given to the shapes of requests for which the app was seen to give the same answer.
 */

/** Whether a request of a shape may have a stored response: seen to get the same, seen to get another, or not seen yet. */
export type Standing = 'same' | 'different' | 'unseen';

/** A stored response remembers at most this many shapes of each kind. */
const MAX_SHAPES = 24;
/** The first of them stay, so that a client who makes up cookies cannot take the place of others. */
const KEPT_SHAPES = 16;
const MAX_NEWER = MAX_SHAPES - KEPT_SHAPES - 1;
/** For this many milliseconds a shape that got another answer than a stranger at the same time is not compared again. */
const DIFFERENT_MS = 600_000;
/** The same where the stranger's answer was older, so that the data may have changed in between. */
const MAYBE_DIFFERENT_MS = 60_000;

/** What was seen of a shape. `maybe-different`: what it was compared with may be older than the data. */
export type Finding = 'same' | 'different' | 'maybe-different';

/** @param now milliseconds since 1970. */
export function standingOf(audience: Audience | undefined, shape: () => string, now: number): Standing {
  if (!audience) return 'same';
  const own = shape();
  if (audience.same.includes(own)) return 'same';
  const seen = audience.different.find(([different]) => different === own);
  return seen && seen[1] > now ? 'different' : 'unseen';
}

/** The audience once the app was seen to give a shape the same answer, or another one. */
export function withFinding(audience: Audience, shape: string, finding: Finding, now: number): Audience {
  const isKnown = audience.same.includes(shape);
  const same = finding === 'same' ? audience.same : audience.same.filter((other) => other !== shape);
  const different = audience.different.filter(([other, until]) => other !== shape && until > now);
  if (finding === 'same' && isKnown) return { same, different };
  if (finding === 'same')
    return {
      same: [...same.slice(0, KEPT_SHAPES), ...same.slice(KEPT_SHAPES).slice(-MAX_NEWER), shape],
      different,
    };
  const until = now + (finding === 'different' ? DIFFERENT_MS : MAYBE_DIFFERENT_MS);
  return { same, different: [...different, [shape, until] as const].slice(-MAX_SHAPES) };
}

/** The shapes for which the app gave another answer not long ago. @param now milliseconds since 1970. */
export function differentAt({ different }: Audience, now: number): string[] {
  return different.filter(([, until]) => until > now).map(([shape]) => shape);
}
