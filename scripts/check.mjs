// node scripts/check.mjs [ARGUMENT OF JEST...]     the static checks, and jest beside them

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** In this order, one at a time: the tests need the build. */
const CHECKS = ['types', 'package', 'api', 'knip', 'lint', 'size'];

const folder = mkdtempSync(join(tmpdir(), 'rrc-check-'));
const summaryFile = join(folder, 'summary');
try {
  const [failed, { code }] = await Promise.all([
    failedChecks(),
    run('jest', process.argv.slice(2), {
      stdio: 'inherit',
      env: { ...process.env, SUMMARY_FILE: summaryFile },
    }),
  ]);
  for (const { name, output } of failed) console.error(`\nnpm run ${name} failed:\n${output.trim()}`);
  console.error(`\nstatic checks: ${CHECKS.length - failed.length} passed, ${failed.length} failed`);
  process.exitCode = code || (failed.length > 0 ? 1 : 0);
  // The last line of all tells whether everything is well.
  console.error(`\n${summary(failed.length)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function failedChecks() {
  const failed = [];
  for (const name of CHECKS) {
    const { code, output } = await run('npm', ['run', '--silent', name], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (code !== 0) failed.push({ name, output });
  }
  return failed;
}

/** What jest's reporter says, with the static checks that failed among the failures. */
function summary(failures) {
  let line = '0 passed, 1 failed';
  try {
    line = readFileSync(summaryFile, 'utf8');
  } catch {
    // Jest ended before it ran anything.
  }
  return line.replace(/(\d+) failed/, (_, count) => `${Number(count) + failures} failed`);
}

function run(command, args, options) {
  return new Promise((resolve, reject) => {
    let output = '';
    const child = spawn(command, args, { cwd: ROOT, ...options });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
