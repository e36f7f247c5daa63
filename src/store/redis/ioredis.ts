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
    const { code } = cause as NodeJS.ErrnoException;
    // In a bundle of the form of CommonJS, `import.meta.url` is undefined.
    if (code === 'ERR_INVALID_ARG_VALUE')
      throw new DependencyError(
        'The option "redis" cannot load ioredis from a bundle: give it a client, such as new Redis(url)',
        { cause },
      );
    if (code !== 'MODULE_NOT_FOUND') throw cause;
    throw new DependencyError('The option "redis" needs ioredis: npm install ioredis', { cause });
  }
  return loaded;
}
