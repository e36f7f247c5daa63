/** The share of look-ups of new places that find nothing, from which on nothing is expected there. */
const EXPECTED_SHARE = 0.9;
/** The share is about that of so many look-ups, the last ones. */
const MEASURED_LOOKUPS = 16;

/** Whether a process that looks up what it has not looked up before can expect to find nothing. */
export class MissExpectation {
  /** 0 in a new process, which may find what others have stored. */
  #share = 0;

  /** Whether most look-ups have found nothing lately. */
  get isMiss(): boolean {
    return this.#share >= EXPECTED_SHARE;
  }

  /** The outcome of the first look-up of a place. */
  note(found: boolean): void {
    this.#share += ((found ? 0 : 1) - this.#share) / MEASURED_LOOKUPS;
  }

  /** Whatever was noted tells nothing about the next look-ups. */
  reset(): void {
    this.#share = 0;
  }
}
