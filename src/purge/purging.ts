import type { Reporter } from '../observe/reporter.ts';
import type { Storage } from '../store/storage.ts';

/** What a purge works with. */
export interface Purging extends Storage {
  readonly reporter: Reporter;
}
