// What `redis-response-cache` means to the examples of a checkout: the sources, so that they run without a build.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
require('../test/support/typescript.cjs');

export const { redisCache } = require('../src/index.ts');
