import { StoreError } from '../errors.ts';
import { Fault } from './fault.ts';

/** What the store said, where it said it. @throws {StoreError} */
export function confirmed<T>(answer: T | Fault): T {
  if (answer instanceof Fault) throw new StoreError(`the store did not confirm it: ${answer.message}`);
  return answer;
}
