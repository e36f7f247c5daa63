// The package as its sources are now, beside `dist` and not in its place.

import { fileURLToPath } from 'node:url';
import { build as bundle } from 'tsup';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** @returns the URL of the built module. */
export async function build() {
  await bundle({
    config: false,
    silent: true,
    entry: [path('../src/index.ts')],
    tsconfig: path('../tsconfig.json'),
    outDir: path('dist'),
    format: 'esm',
    target: 'node20',
    clean: true,
  });
  return new URL('./dist/index.js', import.meta.url).href;
}
