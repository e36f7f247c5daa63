import { expect } from '@jest/globals';
import { OptionError } from '../../../src/errors.ts';

/** What a call throws, which must be an OptionError. */
export function thrownBy(call: () => unknown): OptionError {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(OptionError);
  return thrown as OptionError;
}

/** Asserts that a call is refused by a message with all three: the option's name, its value, what is accepted. */
export function refuses(call: () => unknown, option: string, shown: string, accepted: string): void {
  const error = thrownBy(call);
  expect(error.option).toBe(option);
  expect(error.code).toBe('ERR_RRC_OPTION');
  const [before, after] = error.message.split(', but must be ');
  expect(before).toBe(`redisCache: option ${option} is ${shown}`);
  expect(after).toContain(accepted);
}
