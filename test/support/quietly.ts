import { afterEach, beforeEach, expect, jest } from '@jest/globals';

/**
 * For each test of a file: nothing may be printed, by the cache or in its name.
 * (An unhandled rejection or an uncaught exception fails a test by itself.)
 */
export function quietly(): void {
  const printed: unknown[][] = [];
  const warned = (warning: Error): void => void printed.push([warning]);
  beforeEach(() => {
    printed.length = 0;
    for (const method of ['debug', 'info', 'log', 'warn', 'error'] as const) {
      jest.spyOn(console, method).mockImplementation((...args) => void printed.push(args));
    }
    jest.spyOn(process.stderr, 'write').mockImplementation((...args) => printed.push(args) > 0);
    jest.spyOn(process.stdout, 'write').mockImplementation((...args) => printed.push(args) > 0);
    process.on('warning', warned);
  });
  afterEach(() => {
    process.off('warning', warned);
    jest.restoreAllMocks();
    expect(printed).toEqual([]);
  });
}
