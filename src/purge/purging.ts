import type { Events } from '../observe/events.ts';
import type { Storage } from '../store/storage.ts';

/** What a purge works with. */
export interface Purging extends Storage {
  readonly events: Events;
}
