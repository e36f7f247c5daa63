// The package as its sources are now, beside `dist` and not in its place.

import { fileURLToPath } from 'node:url';

/** @returns the URL of the built module. */
export async function build() {
  // All paths count from where tsup was loaded.
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  const { build: bundle } = await import('tsup');
  await bundle({
    config: false,
    silent: true,
    entry: ['src/index.ts'],
    outDir: 'bench/dist',
    format: 'esm',
    target: 'node20',
    // For the profile, which tells a file of the sources from another.
    sourcemap: true,
    clean: true,
  });
  return new URL('./dist/index.js', import.meta.url).href;
}
