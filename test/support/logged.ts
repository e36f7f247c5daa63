import { format } from 'node:util';
import { afterEach } from '@jest/globals';
import debug from 'debug';

const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

/** What is logged from now on, until the test is over. */
export function logged(): string[] {
  const lines: string[] = [];
  const { log } = debug;
  debug.log = (...args: unknown[]) => void lines.push(format(...args));
  debug.enable('redis-response-cache:*');
  undo.push(() => {
    debug.disable();
    debug.log = log;
  });
  return lines;
}
