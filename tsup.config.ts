import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineConfig, type Options } from 'tsup';

/** The files of the inspector's page are text to the server that sends them. */
const page: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'page',
  setup(build) {
    // tsup would take what ends in `.css` for its own.
    build.onResolve({ filter: /^\.\/page\// }, ({ path, resolveDir }) => ({
      path: join(resolveDir, `${path}?text`),
      namespace: 'page',
    }));
    build.onLoad({ filter: /./, namespace: 'page' }, async ({ path }) => ({
      contents: await readFile(path.replace(/\?text$/, ''), 'utf8'),
      loader: 'text',
    }));
  },
};

export default defineConfig([
  {
    entry: {
      index: 'src/index.ts',
      prometheus: 'src/observe/prometheus.ts',
      otel: 'src/observe/otel.ts',
      inspector: 'src/inspector/index.ts',
      testing: 'src/testing/index.ts',
    },
    format: ['esm', 'cjs'],
    target: 'node20',
    // `import.meta.url` for CommonJS.
    shims: true,
    // Both are built at once: what the other has built stays.
    clean: ['!cli.js'],
    // TypeScript 6 deprecates the `baseUrl` that the declaration bundler sets.
    dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
    esbuildPlugins: [page],
  },
  { entry: ['src/cli.ts'], format: ['esm'], target: 'node20' },
]);
