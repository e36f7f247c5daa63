import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { expect } from '@jest/globals';

/** A key prefix for the calling test file alone, so that files can share one Redis and run at once. */
export function uniquePrefix(): string {
  const file = basename(expect.getState().testPath ?? 'test', '.test.ts');
  return `${file}-${randomBytes(4).toString('hex')}:`;
}
