// Builds the package from the current sources into bench/dist; `dist` is left as it is.

import { fileURLToPath } from 'node:url';

/** @returns the URL of the built module. */
export async function build() {
  // tsup resolves all paths from the working directory at its import.
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  const { build: bundle } = await import('tsup');
  await bundle({
    config: false,
    silent: true,
    entry: ['src/index.ts'],
    outDir: 'bench/dist',
    format: 'esm',
    target: 'node20',
    // The profile names source files and lines.
    sourcemap: true,
    clean: true,
  });
  return new URL('./dist/index.js', import.meta.url).href;
}
