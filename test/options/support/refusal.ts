import { expect } from '@jest/globals';
import { OptionError } from '../../../src/errors.ts';

/** The OptionError that a call throws. */
export function thrownBy(call: () => unknown): OptionError {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(OptionError);
  expect((thrown as OptionError).code).toBe('ERR_RRC_OPTION');
  return thrown as OptionError;
}

/**
 * Asserts that a call refuses the value of an option, by a message that has the option's name, the value and what to
 * write instead.
 * @param shown the value as the message shows it; `undefined` where the message says that the option is missing.
 * @param accepted part of what to write instead.
 */
export function refuses(
  call: () => unknown,
  option: string,
  shown: string | undefined,
  accepted: string,
): void {
  const error = thrownBy(call);
  expect(error.option).toBe(option);
  const begin = shown === undefined ? 'is missing: it must be ' : `is ${shown}, but must be `;
  expect(error.message.slice(0, `Option "${option}" ${begin}`.length)).toBe(`Option "${option}" ${begin}`);
  expect(error.message).toContain(accepted);
  expect(error.message).toMatch(/\.$/);
}
