import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

/* A server that a bundler makes one file of, as for AWS Lambda. No node_modules are beside it. */

const run = promisify(execFile);
const ROOT = join(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'rrc-bundle-'));
const server = join(folder, 'server.cjs');

const SOURCE = `
import { Redis } from 'ioredis';
import { redisCache } from ${JSON.stringify(join(ROOT, 'src/index.ts'))};
const url = 'redis://127.0.0.1:1';
const cases = {
  client: () => redisCache({ redis: new Redis(url, { lazyConnect: true }) }),
  url: () => redisCache({ redis: url }),
  typo: () => redisCache({ tttl: 1 }),
};
cases[process.argv[2]]();
console.log('made');
`;

beforeAll(async () => {
  const source = join(folder, 'server.mjs');
  writeFileSync(source, SOURCE);
  const esbuild = join(ROOT, 'node_modules/esbuild/bin/esbuild');
  const options = ['--bundle', '--platform=node', '--target=node20', '--log-level=error'];
  const env = { ...process.env, NODE_PATH: join(ROOT, 'node_modules') };
  await run(esbuild, [source, ...options, `--outfile=${server}`], { env });
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the server writes, in one of the cases. */
async function output(name: string): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, [server, name], { cwd: folder }).catch((failure) => failure);
}

test('a bundled server caches with a client of its own', async () => {
  expect(await output('client')).toEqual({ stdout: 'made\n', stderr: '' });
});

test('a bundled server with a URL of Redis is refused with what to write', async () => {
  expect((await output('url')).stderr).toContain(
    'DependencyError: The option "redis" cannot load a client library from a bundle: give it a client, such as new Redis(url)\n',
  );
});

test('a bundled server prints the documented class of an uncaught error', async () => {
  expect((await output('typo')).stderr).toMatch(/^OptionError: Unknown option "tttl"/m);
});
