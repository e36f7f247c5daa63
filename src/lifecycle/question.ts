import type { Answer } from '../sharing/answer.ts';
import type { Lease } from '../store/store.ts';
import type { Flight } from './collapse.ts';

/** What the app has answered, and what selects that answer. */
export interface MadeAnswer extends Answer {
  readonly variant: string;
}

/** Of a fill for a request with credentials: what the app is asked as a stranger, under the same lease. */
export class Question {
  readonly #lease: Lease;
  readonly #flight: Flight;
  readonly answer: MadeAnswer;
  readonly shape: string;
  /** What the stranger got: the same, another answer, or one that is not stored. `undefined` where nobody was asked. */
  result: 'same' | 'different' | 'not-stored' | undefined;
  /** Whether the cache's own request has reached the cache: it ends what the lease and the flight are for. */
  isTaken = false;

  constructor(lease: Lease, flight: Flight, answer: MadeAnswer, shape: string) {
    this.#lease = lease;
    this.#flight = flight;
    this.answer = answer;
    this.shape = shape;
  }

  /** Nobody waits for the answer any more. */
  release(): void {
    this.#flight.release();
  }

  take(): { readonly lease: Lease; readonly flight: Flight } {
    this.isTaken = true;
    return { lease: this.#lease, flight: this.#flight };
  }
}
