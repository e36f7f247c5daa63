import { Random } from '../../coherence/model/random.ts';
import type { Method, Target } from './history.ts';
import { type Site, siteOf } from './site.ts';

export interface Ask {
  readonly caller: number;
  readonly page: number;
  readonly process: number;
  readonly method: Method;
}

/** One step. The next begins when the one before has come to rest: answered, or waiting for something. */
export type Step =
  /** Requests at once. */
  | { readonly kind: 'ask'; readonly asks: readonly Ask[] }
  /** Lets one of the runs that wait go on: which, is a part of one. */
  | { readonly kind: 'release'; readonly which: number }
  | { readonly kind: 'later'; readonly ms: number }
  /** One of the clients that wait goes away. */
  | { readonly kind: 'leave'; readonly which: number }
  /** The next run fails: it answers 500. */
  | { readonly kind: 'fail' }
  /** The data of a page change. */
  | { readonly kind: 'change'; readonly page: number }
  /** They change, and what is stored of them is purged. */
  | { readonly kind: 'purge'; readonly target: Target; readonly soft: boolean; readonly process: number }
  /** Lets all go on until nothing is under way. */
  | { readonly kind: 'settle' };

export interface Schedule {
  readonly seed: number;
  readonly site: Site;
  readonly steps: readonly Step[];
}

export function scheduleOf(seed: number, { length, near }: { length: number; near: boolean }): Schedule {
  const random = new Random(seed);
  const site = siteOf(random, near && random.chance(0.6));
  const steps = Array.from({ length }, () => stepOf(random, site));
  return { seed, site, steps: [...steps, { kind: 'settle' }] };
}

function stepOf(random: Random, site: Site): Step {
  const page = (): number => Math.floor(random.next() ** 1.3 * site.pages.length);
  const process = (): number => random.int(0, site.processes - 1);
  const method = (): Method => (random.chance(0.07) ? 'HEAD' : 'GET');
  const ask = (on: number): Ask => ({
    caller: random.int(0, site.callers.length - 1),
    page: on,
    process: process(),
    method: method(),
  });
  const chance = random.next();
  if (chance < 0.5) return { kind: 'ask', asks: [ask(page())] };
  if (chance < 0.62) {
    const on = page();
    return { kind: 'ask', asks: Array.from({ length: random.int(2, 8) }, () => ask(on)) };
  }
  if (chance < 0.84) return { kind: 'release', which: random.next() };
  if (chance < 0.85) return { kind: 'leave', which: random.next() };
  if (chance < 0.86) return { kind: 'fail' };
  if (chance < 0.92) {
    const ms = random.chance(0.85) ? random.int(200, 25_000) : random.pick([61_000, 130_000, 660_000]);
    return { kind: 'later', ms };
  }
  if (chance < 0.94) return { kind: 'change', page: page() };
  if (chance < 0.97) {
    const by = random.pick(['url', 'url', 'url', 'tag', 'all'] as const);
    const target: Target = by === 'url' ? { by, page: page() } : { by };
    return { kind: 'purge', target, soft: random.chance(0.3), process: process() };
  }
  return { kind: 'settle' };
}
