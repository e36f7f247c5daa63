import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Progress } from '../../../src/cli/progress.ts';

let written: string[];
beforeEach(() => {
  written = [];
  jest.useFakeTimers();
});
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

function progressOn(terminal: { isTTY?: boolean; columns?: number }, total?: number): Progress {
  return new Progress({ ...terminal, write: (text: string) => written.push(text) }, total);
}

const CLEARED = '\r\x1b[K';

test('draws a bar on a terminal ten times a second, and clears it at the end', () => {
  const progress = progressOn({ isTTY: true, columns: 100 }, 1200);
  jest.advanceTimersByTime(100);
  progress.update(590, 10);
  jest.advanceTimersByTime(74_900);
  progress.end();
  expect(written).toHaveLength(751);
  expect(written[0]).toBe(`\r[${'.'.repeat(30)}] 0/1,200  0.0/s  0:00\x1b[K`);
  expect(written[749]).toBe(`\r[${'#'.repeat(15)}${'.'.repeat(15)}] 600/1,200  8.0/s  10 failed  1:15\x1b[K`);
  expect(written[750]).toBe(CLEARED);
});

test.each<[string, number, number | undefined, string]>([
  ['a shorter bar on a narrow terminal', 40, 1000, '[#######.......] 500/1,000  500/s  0:01'],
  ['no bar on a very narrow terminal', 30, 1000, '500/1,000  500/s  0:01'],
  ['no bar without a total', 100, undefined, '500  500/s  0:01'],
])('draws %s', (_what, columns, total, line) => {
  const progress = progressOn({ isTTY: true, columns }, total);
  progress.update(500, 0);
  jest.advanceTimersByTime(1000);
  progress.end();
  expect(written[9]).toBe(`\r${line}\x1b[K`);
  expect(line.length).toBeLessThan(columns);
});

test('writes a line every five seconds to a pipe', () => {
  const progress = progressOn({}, 100_000);
  progress.update(2500, 1);
  jest.advanceTimersByTime(5000);
  progress.update(50_000, 1);
  jest.advanceTimersByTime(3_695_000);
  progress.end();
  expect(written).toHaveLength(740);
  expect(written[0]).toBe('2,501/100,000  500/s  1 failed  0:05\n');
  expect(written[739]).toBe('50,001/100,000  14/s  1 failed  1:01:40\n');
});
