import { LRUCache } from 'lru-cache';

/** What would have come of requests in shadow mode, by route. */

/** The figures of shadow mode, of a route or of all. */
export interface ShadowFigures {
  readonly requests: number;
  /** Requests that would have been answered with what is stored. */
  readonly hits: number;
  readonly hitRatio: number;
  /** Milliseconds that the app took to answer those. */
  readonly saved: number;
  /** Of those, the ones whose answer was compared with what would have been sent. */
  readonly compared: number;
  /**
   * Of those, the ones where they differ: in status, in body, in a header field that says what the body is. `youngest` and
   * `oldest`: the ages, in milliseconds, of what would have been sent.
   */
  readonly wrong: {
    readonly total: number;
    readonly status: number;
    readonly headers: number;
    readonly body: number;
    readonly youngest: number | undefined;
    readonly oldest: number | undefined;
  };
  /** How long the same was answered, in milliseconds, as far as requests could see; of the last 64 changes. */
  readonly unchanged: {
    readonly changes: number;
    readonly shortest: number | undefined;
    readonly median: number | undefined;
    /** The longest time without a change, whether it has ended or not. */
    readonly longest: number | undefined;
    /** A `ttl` that nine changes of ten came later than; without a change, the longest time that was seen without. */
    readonly advice: number | undefined;
  };
}

/** What would have come of the requests so far. */
export interface ShadowStats {
  readonly total: ShadowFigures;
  /** By Express's route pattern, `/users/:id`; at most 200, then `other`. `(none)` where no route is known. */
  readonly routes: Readonly<Record<string, ShadowFigures>>;
}

/** How what was answered differs from what would have been sent. */
export interface Difference {
  readonly status: boolean;
  readonly headers: boolean;
  readonly body: boolean;
}

/** One request in shadow mode. */
export interface Shadowed {
  readonly route: string;
  readonly hit: boolean;
  /** How long the app took, in milliseconds. */
  readonly took: number;
  /** Of what would have been sent, in milliseconds. */
  readonly age: number;
  readonly difference: Difference | undefined;
  /** What was answered, where it is whole: the place of its response, a hash of it, and when. */
  readonly seen: { readonly place: string; readonly hash: string; readonly at: number } | undefined;
}

const ROUTES = 200;
const CHANGES = 64;
const PLACES = 10_000;

export class Shadows {
  readonly #total = new Figures();
  readonly #routes = new Map<string, Figures>();
  /** What was answered last, and since when it was the same. */
  readonly #last = new LRUCache<string, { hash: string; since: number }>({
    maxSize: PLACES,
    sizeCalculation: () => 1,
  });

  get any(): boolean {
    return this.#total.requests > 0;
  }

  add(one: Shadowed): void {
    const lasted = one.seen && this.#lasted(one.seen);
    for (const figures of [this.#total, this.#of(one.route)]) figures.add(one, lasted);
  }

  snapshot(): ShadowStats {
    const routes = [...this.#routes].map(([route, figures]) => [route, figures.snapshot()]);
    return { total: this.#total.snapshot(), routes: Object.fromEntries(routes) };
  }

  #of(route: string): Figures {
    const name = this.#routes.has(route) || this.#routes.size < ROUTES ? route : 'other';
    const figures = this.#routes.get(name) ?? new Figures();
    this.#routes.set(name, figures);
    return figures;
  }

  /** How long the same was answered there, and whether that has just ended. */
  #lasted({ place, hash, at }: NonNullable<Shadowed['seen']>): Lasted | undefined {
    const last = this.#last.get(place);
    if (last?.hash !== hash) this.#last.set(place, { hash, since: at });
    return last && { ms: Math.max(0, at - last.since), ended: last.hash !== hash };
  }
}

interface Lasted {
  readonly ms: number;
  readonly ended: boolean;
}

class Figures {
  requests = 0;
  #hits = 0;
  #saved = 0;
  #compared = 0;
  readonly #wrong = { total: 0, status: 0, headers: 0, body: 0 };
  #youngest: number | undefined;
  #oldest: number | undefined;
  #changes = 0;
  readonly #lengths: number[] = [];
  #longest: number | undefined;

  add({ hit, took, age, difference }: Shadowed, lasted: Lasted | undefined): void {
    this.requests++;
    if (hit) this.#hits++;
    if (hit) this.#saved += took;
    if (difference) this.#compare(difference, age);
    if (!lasted) return;
    this.#longest = Math.max(this.#longest ?? 0, lasted.ms);
    if (lasted.ended) this.#lengths[this.#changes++ % CHANGES] = lasted.ms;
  }

  #compare({ status, headers, body }: Difference, age: number): void {
    this.#compared++;
    if (!status && !headers && !body) return;
    this.#wrong.total++;
    if (status) this.#wrong.status++;
    if (headers) this.#wrong.headers++;
    if (body) this.#wrong.body++;
    this.#youngest = Math.min(this.#youngest ?? age, age);
    this.#oldest = Math.max(this.#oldest ?? age, age);
  }

  snapshot(): ShadowFigures {
    const lengths = this.#lengths.toSorted((a, b) => a - b);
    const at = (share: number): number | undefined => lengths[Math.floor(share * lengths.length)];
    const longest = this.#longest;
    return {
      requests: this.requests,
      hits: this.#hits,
      hitRatio: this.requests === 0 ? 0 : this.#hits / this.requests,
      saved: this.#saved,
      compared: this.#compared,
      wrong: { ...this.#wrong, youngest: this.#youngest, oldest: this.#oldest },
      unchanged: {
        changes: this.#changes,
        shortest: lengths[0],
        median: at(0.5),
        longest,
        advice: this.#changes > 0 ? at(0.1) : longest || undefined,
      },
    };
  }
}
