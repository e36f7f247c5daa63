// node scripts/size.mjs     prints the size of each entry with all of its dependencies; fails above a budget

import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'tsup';

const ENTRIES = {
  index: 'src/index.ts',
  prometheus: 'src/observe/prometheus.ts',
  otel: 'src/observe/otel.ts',
  testing: 'src/testing/index.ts',
};
/**
 * In kB (1000 bytes), minified and gzipped, without peer dependencies. A budget is a few percent above the size at the time
 * it was set.
 */
const BUDGETS = { index: 120, prometheus: 4, otel: 4, testing: 125 };

for (const [name, size] of await measureSizes()) {
  const budget = BUDGETS[name];
  console.log(`${name.padEnd(12)}${size.toFixed(1).padStart(6)} kB of ${budget} kB`);
  if (size > budget) process.exitCode = 1;
}

async function measureSizes() {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  const outDir = await mkdtemp(join(tmpdir(), 'rrc-size-'));
  const names = Object.keys(BUDGETS);
  await build({
    config: false,
    silent: true,
    entry: ENTRIES,
    outDir,
    format: 'esm',
    target: 'node20',
    minify: true,
    // Each entry contains all of its code, as if it were the only one.
    splitting: false,
    noExternal: [/^(?!ioredis|prom-client|@opentelemetry)/],
  });
  const sizeOf = (name) => gzipSync(readFileSync(join(outDir, `${name}.js`)), { level: 9 }).length / 1000;
  const sizes = names.map((name) => [name, sizeOf(name)]);
  rmSync(outDir, { recursive: true });
  return sizes;
}
