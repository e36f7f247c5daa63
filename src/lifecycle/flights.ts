import type { StoredResponse } from '../codec/stored-response.ts';

/** How a fill ended, for those who waited for it. */
export type Landing =
  /** It was committed, and this is what. */
  | { readonly kind: 'stored'; readonly stored: StoredResponse }
  /** There is nothing to share; `'failed'`: since the app failed, and something stale stood in for it. */
  | { readonly kind: 'nothing' | 'failed' }
  /** Look again: it was committed where only the store knows, or its right to be was revoked. */
  | { readonly kind: 'again' };

/** The fills under way in this process, by place: what a second request for the same thing can know at once. */
export class Flights {
  readonly #flights = new Map<string, Flight>();

  get(place: string): Flight | undefined {
    return this.#flights.get(place);
  }

  begin(place: string): Flight {
    const flight = new Flight(() => {
      if (this.#flights.get(place) === flight) this.#flights.delete(place);
    });
    this.#flights.set(place, flight);
    return flight;
  }
}

/** One fill: under way, then storing, then landed. */
export class Flight {
  /** Whether the response is complete and on its way to the store, so that it will be there in a moment. */
  storing = false;
  /** Whether the fill before it had nothing to share, so that it is not worth waiting for. */
  futile = false;
  /** Whether its client is gone, so that it may never end: nobody else should begin to wait for it. */
  orphaned = false;
  readonly #onLand: () => void;
  #landing: Landing | undefined;
  #landed: Promise<Landing> | undefined;
  #resolve: (landing: Landing) => void = () => {};

  constructor(onLand: () => void) {
    this.#onLand = onLand;
  }

  /** Whether anybody has asked how it ends: of most fills nobody does. */
  get isAwaited(): boolean {
    return this.#landed !== undefined;
  }

  /** Resolves when the fill is over, however it ended. */
  get landed(): Promise<Landing> {
    this.#landed ??= new Promise((resolve) => {
      if (this.#landing) resolve(this.#landing);
      else this.#resolve = resolve;
    });
    return this.#landed;
  }

  land(landing: Landing): void {
    this.#onLand();
    this.#landing ??= landing;
    this.#resolve(landing);
  }
}
