import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { build } from '../support/build.ts';

/*
 * The programs of test/types/ against the packed declarations, in projects outside this repository: with the types of
 * Express 5, of Express 4, and with none.
 */

const run = promisify(execFile);
const ROOT = join(__dirname, '../..');
const NAME = 'redis-response-cache';
const folder = mkdtempSync(join(tmpdir(), 'rrc-types-'));

const EVERYWHERE = ['options.ts', 'events.ts', 'node.ts', 'packed/commonjs.cts'];
const OF_EXPRESS = [...EVERYWHERE, 'express.ts', 'packed/first-minute.ts'];
/** The programs of each project, and the package that has its types of Express. */
const PROJECTS: Readonly<Record<string, { programs: readonly string[]; types?: string }>> = {
  'Express 5': { programs: OF_EXPRESS, types: '@types/express' },
  'Express 4': { programs: OF_EXPRESS, types: '@types/express4' },
  'no types of Express': { programs: [...EVERYWHERE, 'packed/without-express.ts'] },
};
const MODULES: Readonly<Record<string, object>> = {
  node16: { module: 'node16' },
  nodenext: { module: 'nodenext' },
  bundler: { module: 'preserve', moduleResolution: 'bundler' },
};

const projectOf = (name: string): string => join(folder, name.replaceAll(' ', '-'));

beforeAll(async () => {
  const { tarball } = await build();
  for (const [name, { programs, types }] of Object.entries(PROJECTS)) {
    const project = projectOf(name);
    const installed = join(project, 'node_modules', NAME);
    mkdirSync(installed, { recursive: true });
    await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
    const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    const names = [
      ...Object.keys(dependencies),
      'ioredis',
      'prom-client',
      '@opentelemetry/api',
      '@types/node',
    ];
    if (types) link(project, '@types/express', types);
    for (const dependency of names) link(project, dependency);
    for (const program of programs) cpSync(join(ROOT, 'test/types', program), join(project, program));
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  }
}, 300_000);

function link(project: string, name: string, target = name): void {
  const path = join(project, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules', target), path);
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cases = Object.keys(PROJECTS).flatMap((project) =>
  Object.keys(MODULES).map((module) => [project, module] as const),
);

test.each(cases)(
  'programs compile strictly with %s and module resolution %s',
  async (name, module) => {
    const project = projectOf(name);
    const config = join(project, `tsconfig.${module}.json`);
    const compilerOptions = {
      ...MODULES[module],
      target: 'es2022',
      lib: ['es2023'],
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      // The declarations must be sound in themselves.
      skipLibCheck: false,
      noEmit: true,
    };
    writeFileSync(config, JSON.stringify({ compilerOptions, files: PROJECTS[name]?.programs }));
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, '-p', config]).catch((failure) => failure);
    expect(stdout).toBe('');
  },
  120_000,
);
