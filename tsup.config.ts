import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  target: 'node20',
  clean: true,
  // TypeScript 6 deprecates the `baseUrl` that the declaration bundler sets.
  dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
});
