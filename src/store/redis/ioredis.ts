import { createRequire } from 'node:module';
import type * as Ioredis from 'ioredis';
import { DependencyError } from '../../errors.ts';

/** ioredis is needed only for connections of the cache's own: without Redis, or with a client of the user's, it may be missing. */

let loaded: typeof Ioredis | undefined;

/** @throws {DependencyError} where ioredis is not installed. */
export function ioredis(): typeof Ioredis {
  try {
    loaded ??= createRequire(import.meta.url)('ioredis') as typeof Ioredis;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause;
    throw new DependencyError('The option "redis" needs ioredis: npm install ioredis', { cause });
  }
  return loaded;
}
