import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import config from './jest.config.mjs';

/*
 * What `npm test` leaves out or makes shorter, at full length: files that end in .long.test.ts, and those that take
 * their sizes from test/support/long.ts. Before a release: npm run test:long
 */

process.env.TEST_LONG = '1';

const files = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter((file) => {
  if (!file.endsWith('.test.ts')) return false;
  const sizes = /\/long\.ts'|\bfewFrameworks\b|\borders\b/;
  return file.endsWith('.long.test.ts') || sizes.test(readFileSync(join('test', file), 'utf8'));
});

export default {
  ...config,
  testMatch: files.map((file) => `<rootDir>/test/${file}`),
  testPathIgnorePatterns: [],
  testTimeout: 600_000,
};
