import { defineConfig } from 'tsup';

export default defineConfig([
  {
    entry: ['src/index.ts', 'src/prometheus.ts', 'src/otel.ts'],
    format: ['esm', 'cjs'],
    target: 'node20',
    // Both are built at once: what the other has built stays.
    clean: ['!cli.js'],
    // TypeScript 6 deprecates the `baseUrl` that the declaration bundler sets.
    dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
  },
  { entry: ['src/cli.ts'], format: ['esm'], target: 'node20' },
]);
