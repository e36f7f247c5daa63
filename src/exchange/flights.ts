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
  /** Resolves when the fill is over, however it ended. */
  readonly landed: Promise<void>;
  #land: () => void = () => {};

  constructor(onLand: () => void) {
    this.landed = new Promise((resolve) => {
      this.#land = () => {
        onLand();
        resolve();
      };
    });
  }

  land(): void {
    this.#land();
  }
}
