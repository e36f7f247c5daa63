// node scripts/build.mjs     builds dist/ and packs package.tgz, each unless it is newer than all that it is made of

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['package.json', 'tsconfig.json', 'tsup.config.ts', 'scripts/declarations.mjs', 'src'];
/** The declarations are written last. */
const OUTPUTS = ['dist/cli.js', ...declaredFiles()];
const LLMS = ['website/llms.mjs', 'website/site-index.mjs'];
const PACKED = [
  'package.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'SECURITY.md',
  'docs',
  'examples',
  ...LLMS,
  ...OUTPUTS,
];
const TARBALL = 'package.tgz';
/** One build at a time in a checkout: whoever waits for it finds it done. */
const LOCK = join(tmpdir(), `rrc-build-${createHash('sha1').update(ROOT).digest('hex').slice(0, 12)}.lock`);

try {
  await locked(() => {
    if (!isFresh(OUTPUTS, SOURCES)) npm('run', 'build');
    if (!isFresh([TARBALL], PACKED)) pack();
  });
} catch (error) {
  process.stderr.write(`${error.stdout ?? ''}${error.stderr ?? error.stack}`);
  process.exitCode = 1;
}

/** `prepack` would build once more. */
function pack() {
  const folder = mkdtempSync(join(tmpdir(), 'rrc-pack-'));
  try {
    execFileSync(process.execPath, [join(ROOT, 'website/llms.mjs')]);
    npm('pack', '--ignore-scripts', '--pack-destination', folder);
    copyFileSync(join(folder, readdirSync(folder)[0]), join(ROOT, TARBALL));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function npm(...args) {
  execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' });
}

function isFresh(outputs, inputs) {
  const times = outputs.map((path) => modified(path) ?? 0);
  return Math.min(...times) > Math.max(...inputs.map(newest));
}

/** A folder is as new as the last change of its list of files. */
function newest(path) {
  if (!statSync(join(ROOT, path)).isDirectory()) return modified(path);
  return Math.max(modified(path), ...readdirSync(join(ROOT, path)).map((name) => newest(join(path, name))));
}

/** The files that package.json's `exports` name. */
function declaredFiles() {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const filesOf = (entry) => (typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(filesOf));
  return filesOf(exports)
    .filter((file) => file.startsWith('./dist/'))
    .map((file) => file.slice(2));
}

function modified(path) {
  return statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs;
}

async function locked(work) {
  while (!acquire()) await sleep(200);
  try {
    work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function acquire() {
  try {
    const file = openSync(LOCK, 'wx');
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  // A process that was killed has left its lock behind.
  if (!isRunning(Number(read(LOCK)))) rmSync(LOCK, { force: true });
  return false;
}

function isRunning(pid) {
  // Nothing is written yet, or the lock has just gone.
  if (!pid) return true;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
