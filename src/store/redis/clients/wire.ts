import type { Argument } from '../client.ts';

/** For clients that take the words of a command as texts and buffers. */

type Word = string | Buffer;

export function toWire(arg: Argument): Word {
  return typeof arg === 'number' ? String(arg) : arg;
}

/** The words of EVAL or EVALSHA. @param code the text of the script, or its hash. */
export function scriptWords(
  name: 'EVAL' | 'EVALSHA',
  code: string,
  keys: readonly string[],
  args: readonly Argument[],
): Word[] {
  const words: Word[] = [name, code, String(keys.length), ...keys];
  for (const arg of args) words.push(toWire(arg));
  return words;
}
