import { createRequire } from 'node:module';
import type * as Ioredis from 'ioredis';
import { DependencyError } from '../../errors.ts';
import type { OwnNodeRedis } from './clients/node-redis.ts';

/**
 * The client library that is installed. One is needed for connections of the cache's own: without Redis, or with a client of the
 * user's, none may be there.
 */

type Installed =
  | { readonly name: 'ioredis'; readonly module: typeof Ioredis }
  | { readonly name: 'redis'; readonly module: { createClient(options: object): OwnNodeRedis } };

/** In the order of preference. iovalkey has the interface of ioredis. */
const LIBRARIES = ['ioredis', 'iovalkey', 'redis'] as const;

let found: Installed | undefined;

/** @throws {DependencyError} where no client library is installed. */
export function installed(): Installed {
  found ??= find();
  return found;
}

/** ioredis, or iovalkey. @throws {DependencyError} where neither is installed. */
export function ioredisModule(): typeof Ioredis {
  const library = installed();
  if (library.name === 'ioredis') return library.module;
  throw new DependencyError(
    'Options of ioredis and the nodes of a Cluster need ioredis or iovalkey: npm install ioredis',
  );
}

function find(): Installed {
  let missing: unknown;
  for (const library of LIBRARIES) {
    try {
      const module = createRequire(import.meta.url)(library) as object;
      if (library === 'redis' && !('createSentinel' in module))
        throw new DependencyError('The option "redis" needs node-redis 5 or 6: npm install redis@6');
      return { name: library === 'redis' ? library : 'ioredis', module } as Installed;
    } catch (cause) {
      if (cause instanceof DependencyError) throw cause;
      const { code } = cause as NodeJS.ErrnoException;
      // In a bundle of the form of CommonJS, `import.meta.url` is undefined.
      if (code === 'ERR_INVALID_ARG_VALUE')
        throw new DependencyError(
          'The option "redis" cannot load a client library from a bundle: give it a client, such as new Redis(url)',
          { cause },
        );
      if (code !== 'MODULE_NOT_FOUND') throw cause;
      missing ??= cause;
    }
  }
  throw new DependencyError('The option "redis" needs a client: npm install ioredis, or redis, or iovalkey', {
    cause: missing,
  });
}
